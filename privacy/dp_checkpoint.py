"""Where a private training stands, so that a killed run neither starts over nor touches the data twice for a step."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch
from torch import Tensor

from privacy.dp_plan import DpPlan
from privacy.errors import DpCheckpointMismatch
from privacy.events import STEPS, require

_KEYS: Final = {"run", "plan", "steps_taken", "steps_done", "weights", "optimizer"}


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        steps_taken: Steps of the plan that are used up: those done and those lost when a run was killed.
        steps_done: Steps that are in the weights.
    """

    steps_taken: int
    steps_done: int


@dataclass(frozen=True)
class DpCheckpoint:
    """A file with weights that are private already, and how many steps are used up. It holds no random state.

    Without random state nobody who reads the file can draw the noise again and take it off. The price is that a step
    cannot be repeated: a block of steps counts as taken before its first customer is read, and what a kill leaves of
    the block is lost, not done again. So data is touched at most as often as the plan says, whatever happens.

    Attributes:
        path: The file; written whole or not at all.
        run: Whose reservation in the budget ledger pays for the steps; no other run goes on from the file.
        every: Steps in a block; a whole number from 1. More saves time and loses more at a kill.

    Raises:
        PrivacyParameterInvalid: If blocks have no step.
    """

    path: Path
    run: str
    every: int

    def __post_init__(self) -> None:
        require("every", self.every, *STEPS)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out, or two would take the same steps.

        Raises:
            DpCheckpointMismatch: If another process is at it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DpCheckpointMismatch(path=self.path, problem="another process is at it") from None
            yield

    def refuse_begun(self) -> None:
        """Let a run begin once only.

        Raises:
            DpCheckpointMismatch: If the file is there and of the same run, or damaged.
        """
        if self.path.exists() and self._read()["run"] == self.run:
            raise DpCheckpointMismatch(path=self.path, problem=f"run {self.run!r} has begun and can only be resumed")

    def save(
        self, plan: DpPlan, progress: Progress, weights: Mapping[str, Tensor], optimizer: Mapping[str, Any]
    ) -> None:
        """Replace the file and wait until it is on disk."""
        content = {
            "run": self.run,
            "plan": dict(plan.facts()),
            "steps_taken": progress.steps_taken,
            "steps_done": progress.steps_done,
            "weights": {name: values.detach() for name, values in weights.items()},
            "optimizer": dict(optimizer),
        }
        draft = self.path.with_name(f".{self.path.name}")
        with draft.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def load(
        self, plan: DpPlan, like: Mapping[str, Tensor]
    ) -> tuple[Progress, Mapping[str, Tensor], Mapping[str, Any]]:
        """Read where the run stood.

        Args:
            plan: The plan it must have been made under.
            like: Trainable weights of the shapes it must hold.

        Returns:
            Its progress, its weights and the state of the optimizer.

        Raises:
            DpCheckpointMismatch: If there is none, it is damaged, or it was made for another run, plan or model, which
                another reservation paid for.
        """
        content = self._read()
        if content["run"] != self.run:
            raise DpCheckpointMismatch(path=self.path, problem=f"it is of run {content['run']!r}, not {self.run!r}")
        changed = [name for name, value in plan.facts().items() if content["plan"].get(name) != value]
        if changed:
            raise DpCheckpointMismatch(path=self.path, problem=f"it was made with another {', '.join(changed)}")
        weights = content["weights"]
        if _shapes(weights) != _shapes(like):
            raise DpCheckpointMismatch(path=self.path, problem="it was made for a model of other shapes")
        return Progress(content["steps_taken"], content["steps_done"]), weights, content["optimizer"]

    def _read(self) -> dict[str, Any]:
        try:
            content = torch.load(self.path, weights_only=True)
        except FileNotFoundError:
            raise DpCheckpointMismatch(path=self.path, problem="there is no such file") from None
        except (RuntimeError, EOFError, UnpicklingError):
            raise DpCheckpointMismatch(path=self.path, problem="it is damaged") from None
        if not isinstance(content, dict) or content.keys() != _KEYS:
            raise DpCheckpointMismatch(path=self.path, problem="it is no checkpoint of a private training")
        return content


def block_from(progress: Progress, plan: DpPlan, every: int) -> Progress:
    """Count the next block of steps as taken."""
    return replace(progress, steps_taken=min(progress.steps_taken + every, plan.steps))


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: values.shape for name, values in weights.items()}
