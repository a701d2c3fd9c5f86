"""The budget of one private run: reserved before the data are read, found again when a killed run is resumed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from privacy.dp_checkpoint import DpCheckpoint
from privacy.events import Event
from privacy.ledger import Ledger, Reservation, Spent
from training.errors import NothingToResume, PrivateRunUnfinished
from training.resuming import LAST_CHECKPOINT, PRIVATE_RUN

LINEAGE: Final = "shop-customers"  # everyone in this house's lake: another ingest holds the same people
WHAT: Final = "two-tower, private: popularity, vocabulary and weights"
_COUNTS: Final = "released_counts.npz"
_STEPS_IN_BLOCK: Final = 5  # steps that a kill loses at most; they stay charged


class Releases(Protocol):
    """A plan: all that a run will release."""

    @property
    def events(self) -> tuple[Event, ...]:
        """What the ledger is charged with."""
        ...


class _State(BaseModel):
    """What a killed run leaves behind besides checkpoints: nothing secret, nothing drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reservation_id: str


@dataclass(frozen=True, eq=False)
class KeptCounts:
    """Released counts, which anyone may see.

    Attributes:
        values: (2 N,) noisy sums over customers: recent purchases by product, then first purchases.
        noise_std: Standard deviation of the noise on each.
        secure: Whether nobody can foretell the noise; False, as in tests, makes the promise void.
    """

    values: npt.NDArray[np.float64]
    noise_std: float
    secure: bool


@dataclass(frozen=True)
class ChargedRun:
    """A run with its budget and its folder.

    Attributes:
        ledger: Where it is charged.
        reservation: What it is charged.
        folder: Its checkpoints: released counts and noisy weights alone, no random state.
    """

    ledger: Ledger
    reservation: Reservation
    folder: Path

    @classmethod
    def open(
        cls, ledger: Ledger, plan: Releases, folder: Path, *, run: str, lineage: str, resume: bool, what: str = WHAT
    ) -> "ChargedRun":
        """Reserve budget for everything the plan releases, or take up what a killed run had reserved.

        Args:
            ledger: Of this house.
            plan: All releases.
            folder: Checkpoints of the run.
            run: Name in the ledger.
            lineage: Whose customers.
            resume: Go on with the killed run in the folder; nothing is reserved anew.
            what: What is released, in the ledger's words.

        Raises:
            BudgetExceeded: If the window has not enough left.
            NothingToResume: If no run of this plan was killed here.
            PrivateRunUnfinished: If one was and is not to be resumed: its budget is spent, and starting over would
                spend it again.
            LedgerBroken, ClockMovedBack: If the ledger cannot be trusted.
        """
        state = folder / PRIVATE_RUN
        if resume:
            return cls(ledger, _found(ledger, plan, state), folder)
        if state.exists():
            raise PrivateRunUnfinished(folder=folder)
        reservation = ledger.reserve(run, what, plan.events, lineage)
        folder.mkdir(parents=True, exist_ok=True)
        state.write_text(_State(reservation_id=reservation.reservation_id).model_dump_json(), encoding="utf-8")
        return cls(ledger, reservation, folder)

    @property
    def checkpoint(self) -> DpCheckpoint:
        """Where the training keeps its progress."""
        return DpCheckpoint(self.folder / LAST_CHECKPOINT, run=self.reservation.reservation_id, every=_STEPS_IN_BLOCK)

    @property
    def began_to_train(self) -> bool:
        """Whether a killed run left steps behind."""
        return self.checkpoint.path.exists()

    def access(self) -> None:
        """Note that purchases are about to be read; from now on nothing is given back."""
        if self.reservation.state != "committed":  # a run killed after its last release reads, but releases no more
            self.ledger.access(self.reservation)

    def commit(self, plan: Releases) -> Spent:
        """Note that everything is released, and tell what the customers' budget stands at."""
        if self.reservation.state != "committed":
            self.ledger.commit(self.reservation, plan.events)
        return self.ledger.spent(self.reservation.lineage)

    def counts(self) -> KeptCounts | None:
        """Read the counts that a killed run had released; None if it had not come so far."""
        path = self.folder / _COUNTS
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as kept:
            return KeptCounts(kept["values"], float(kept["noise_std"]), bool(kept["secure"]))

    def keep(self, counts: KeptCounts) -> None:
        """Keep the counts as released, so that a resumed run does not release others."""
        draft = self.folder / f".{_COUNTS}"
        with draft.open("wb") as file:
            np.savez(file, values=counts.values, noise_std=counts.noise_std, secure=counts.secure)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / _COUNTS)


def _found(ledger: Ledger, plan: Releases, state: Path) -> Reservation:
    try:
        left = _State.model_validate_json(state.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        raise NothingToResume(checkpoint=state) from None
    reservation = ledger.find(left.reservation_id)
    if reservation.events != plan.events:
        raise NothingToResume(checkpoint=state)
    return reservation
