"""Erasure: one protocol that every store answers to, and the run that takes people out of all of them.

A run may be killed anywhere and taken up again: what was asked for is on disk before anything is done, each step is
noted when it is finished, and doing a step twice changes nothing. The person's names leave the book last.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from privacy.forgetting.erasure_book import SEALING, Entry, ErasureBook, Step, Ticket
from privacy.forgetting.errors import ErasureIncomplete
from privacy.forgetting.modes import ANONYMISE, ERASE, Mode
from privacy.forgetting.receipts import ModelPlan, Receipt, ReceiptDesk, StoreResult
from privacy.forgetting.subjects import Subject
from privacy.forgetting.tombstones import Tombstones

LOCK: Final = ".erasure.lock"
MODES: Final[tuple[Mode, ...]] = (ERASE, ANONYMISE)

Progress = Callable[[str], None]
Rows = Sequence[Mapping[str, Any]]


class Erasable(Protocol):
    """A store that may hold rows about people.

    `erase` and `anonymise` leave nothing behind that a later `count` finds, and may be called again at any time.
    """

    @property
    def name(self) -> str:
        """Name of the store, as receipts show it."""

    def action(self, mode: Mode) -> str:
        """Say in words what happens here."""

    def find(self, subject: Subject) -> Rows:
        """Give all that is held about a person, as plain values."""

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count the rows held about each person; None where nobody here can look."""

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove every row about these people."""

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Remove or unlink every row about these people."""


class Models(Protocol):
    """The models on disk, which may have learnt from erased people."""

    def snapshots(self) -> Sequence[str]:
        """Give the digests of the lake as it is now and as it was before earlier erasures."""

    def plans(self, erased_at: datetime, stale: Sequence[str]) -> Sequence[ModelPlan]:
        """List the models that may have learnt from people erased at a moment, and until when they may serve."""


class Naming(Protocol):
    """Works out the names of a person."""

    def subject(self, source_id: str, stand_in: str | None = None) -> Subject:
        """Collect a customer's names; the stand-in is a new one unless it is given."""


@dataclass(frozen=True)
class House:
    """What an erasure goes through.

    Args:
        stores: Every store, in the order to go through them: what others are made from comes first, the vault last.
        models: What rests on the data.
        names: Works out the names of a person.
        compact: Makes databases forget what was deleted; called once per run, after the names were forgotten.
        lock: File that one run at a time holds, whichever process it is in.
    """

    stores: tuple[Erasable, ...]
    models: Models
    names: Naming
    compact: Callable[[], None]
    lock: Path


@dataclass
class _Case:
    """One erasure under way."""

    entry: Entry
    subject: Subject
    steps: dict[str, Step]

    @property
    def erasure_id(self) -> str:
        return self.entry.erasure_id


class Erasures:
    """Takes requests, and runs them through every store.

    Args:
        book: What was asked for and how far it has got.
        tombstones: Turn away what arrives later.
        house: What there is to go through.
        desk: Signs the receipts.
        now: The wall clock.
    """

    def __init__(
        self, *, book: ErasureBook, tombstones: Tombstones, house: House, desk: ReceiptDesk, now: Callable[[], datetime]
    ) -> None:
        self.book = book
        self.tombstones = tombstones
        self.house = house
        self._desk = desk
        self._now = now

    def request(self, source_id: str, mode: Mode, *, by: str, key: str | None = None) -> str:
        """Write a request down; nobody is looked up, so an unknown id is answered like any other.

        Args:
            source_id: The shop's own customer id.
            mode: `erase` or `anonymise`.
            by: Who asks: a role or the name of an API key.
            key: Idempotency key; the same one with the same request gives the erasure it started.

        Returns:
            The id of the erasure.

        Raises:
            ErasureKeyReused: If the key came with another request before.
            KeyMissing, KeyUnusable, KeyPairMismatch: If no receipt could be signed; nothing is written down then.
        """
        self._desk.signer()
        ticket = None
        if key is not None:
            asked = f"{mode}\x00{source_id}"
            ticket = Ticket(self.tombstones.digest(f"{by}\x00{key}"), self.tombstones.digest(asked))
        return self.book.open(source_id, mode, by=by, at=self._now(), ticket=ticket)

    def run(self, progress: Progress = lambda _: None) -> list[str]:
        """Finish every erasure that was asked for, those of killed runs among them.

        Returns:
            Ids of the erasures that this call finished.

        Raises:
            ErasureIncomplete: If a store still holds rows after two passes.
            CompactionBlocked: If a database stays busy. Both leave the erasures unfinished; run again.
        """
        with _alone(self.house.lock):
            for mode in MODES:
                waiting = [entry for entry in self.book.unfinished() if entry.mode == mode]
                if waiting:
                    self._run(waiting, mode, progress)
            sealed = [entry.erasure_id for entry in self.book.unfinished(SEALING)]
            if sealed:
                progress("databases: rewriting them without what was deleted")
                self.house.compact()
                self.book.close()
        return sealed

    def _run(self, entries: Sequence[Entry], mode: Mode, progress: Progress) -> None:
        cases = self._cases(entries)
        progress(f"tombstones: {len(cases)} person(s)")
        self.tombstones.lay([case.subject for case in cases], mode, self._now())
        self.book.begin([case.erasure_id for case in cases], self.house.models.snapshots())
        for store in self.house.stores:
            progress(f"{store.name}: {store.action(mode)}")
            self._step(store, [case for case in cases if not _is_done(case, store)], mode)
        cases = self._cases([self.book.get(case.erasure_id) for case in cases])  # keys may have been rotated meanwhile
        subjects = [case.subject for case in cases]
        self.tombstones.lay(subjects, mode, self._now())
        left = {store.name: _swept(store, subjects, mode) for store in self.house.stores}
        finished_at = self._now()
        stale = {case.entry.stale_snapshots for case in cases}
        plans = {one: tuple(self.house.models.plans(finished_at, one)) for one in stale}
        self.book.seal([self._receipt(case, place, left, finished_at, plans) for place, case in enumerate(cases)])

    def _cases(self, entries: Sequence[Entry]) -> list[_Case]:
        return [
            _Case(entry, self.house.names.subject(entry.source_id, entry.stand_in), dict(entry.steps))
            for entry in entries
            if entry.source_id is not None
        ]

    def _step(self, store: Erasable, cases: Sequence[_Case], mode: Mode) -> None:
        """Go through one store; what was found is noted before anything is changed, so a kill does not lose it."""
        if not cases:
            return
        new = [case for case in cases if store.name not in case.steps]
        for case, found in zip(new, store.count([case.subject for case in new]), strict=True):
            case.steps[store.name] = Step(found, done=False)
        self._note(cases)
        _apply(store, [case.subject for case in cases], mode)
        for case in cases:
            case.steps[store.name] = Step(case.steps[store.name].found, done=True)
        self._note(cases)

    def _note(self, cases: Sequence[_Case]) -> None:
        self.book.note({case.erasure_id: case.steps for case in cases})

    def _receipt(
        self,
        case: _Case,
        place: int,
        left: Mapping[str, Sequence[int | None]],
        finished_at: datetime,
        plans: Mapping[tuple[str, ...], tuple[ModelPlan, ...]],
    ) -> Receipt:
        results = tuple(
            StoreResult(
                store=store.name,
                action=store.action(case.entry.mode),
                found=case.steps[store.name].found,
                removed=case.steps[store.name].found,
                left=left[store.name][place],
            )
            for store in self.house.stores
        )
        concerned = any(result.found for result in results)
        return self._desk.write(
            erasure_id=case.erasure_id,
            mode=case.entry.mode,
            subject_mark=self.tombstones.mark(case.subject.source_id),
            requested_at=case.entry.requested_at,
            finished_at=finished_at,
            stores=results,
            models=plans[case.entry.stale_snapshots] if concerned else (),
        )


def _is_done(case: _Case, store: Erasable) -> bool:
    return store.name in case.steps and case.steps[store.name].done


def _swept(store: Erasable, subjects: Sequence[Subject], mode: Mode) -> list[int | None]:
    """Look again when all stores are done: what was under way when a step ran is found here."""
    left = store.count(subjects)
    if any(left):
        _apply(store, subjects, mode)
        left = store.count(subjects)
    n_left = sum(number or 0 for number in left)
    if n_left:
        raise ErasureIncomplete(store=store.name, n_left=n_left)
    return left


def _apply(store: Erasable, subjects: Sequence[Subject], mode: Mode) -> None:
    if mode == ANONYMISE:
        store.anonymise(subjects)
    else:
        store.erase(subjects)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other run goes on, in this process or another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
