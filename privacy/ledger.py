"""The privacy budget: reserve before the data are read, commit after; what was read is never given back.

One budget is kept per data lineage (one shop's customers, whatever snapshot of them), unit and window. All releases are
composed as distributions. A reservation counts in full from the moment it is made; it is given back only if its run
never touched the data. So a crash can waste budget but never overspend it.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from configs.privacy import BudgetSettings
from configs.settings import StorageSettings
from privacy.accounting import epsilon
from privacy.errors import (
    BudgetExceeded,
    ChargeExceedsReservation,
    ClockMovedBack,
    LedgerTextInvalid,
    ReservationClosed,
    ReservationUnknown,
)
from privacy.events import Event, exceeding, require, to_json
from privacy.ledger_book import (
    CHARGING,
    GENESIS,
    UNIT,
    Clock,
    Kind,
    LedgerBook,
    Row,
    State,
    Window,
    charged,
    microseconds,
    open_book,
    states,
    window_of,
)

_LONGEST: Final = 128  # characters of a run, of what is released, and of a lineage
_MOST_EVENTS: Final = 10_000
_MOVES: Final[Mapping[Kind, str]] = {"access": "accessed", "commit": "committed", "release": "given back"}


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Reservation:
    """Budget set aside for one run.

    Attributes:
        reservation_id: Finds it again, for instance when a killed run is resumed.
        run: Who asked.
        what: What will be released.
        lineage: Whose customers.
        events: The releases, as the accountant sees them.
        reserved_at: When; says to which window it belongs.
        state: Where it stood when it was read.
    """

    reservation_id: str
    run: str
    what: str
    lineage: str
    events: tuple[Event, ...]
    reserved_at: datetime
    state: State


@dataclass(frozen=True)
class Spent:
    """What one lineage has cost in a window.

    Attributes:
        lineage: Whose customers.
        unit: Who is protected.
        window: From when to when.
        epsilon: All releases of the window composed.
        delta: The delta at which epsilon holds.
        cap_epsilon: Most that the window may cost.
        remaining: The cap less epsilon, from 0. What fits in can be more: composed releases cost less than their sum.
        sum_of_epsilons: What adding them up would say, for comparison; never decides anything.
        lifetime_epsilon: All releases of all windows composed.
        events: Every release of the window.
    """

    lineage: str
    unit: str
    window: Window
    epsilon: float
    delta: float
    cap_epsilon: float
    remaining: float
    sum_of_epsilons: float
    lifetime_epsilon: float
    events: tuple[Event, ...]


class Ledger:
    """Charges releases against the budget; safe with any number of processes at once.

    Args:
        book: The rows, on disk.
        settings: Cap, delta and length of a window.
        now: Tells the time.
    """

    def __init__(self, book: LedgerBook, settings: BudgetSettings, now: Clock = utc_now) -> None:
        self._book = book
        self._settings = settings
        self._now = now

    def reserve(self, run: str, what: str, events: Sequence[Event], lineage: str) -> Reservation:
        """Set budget aside for releases, before anything is read.

        Args:
            run: Who asks; a run id, no person.
            what: What will be released, in a few words.
            events: Every release there may be, retries and lost steps included.
            lineage: Whose customers: the same for every snapshot of one shop's data.

        Raises:
            BudgetExceeded: If the window would cost more than the cap with them.
            ClockMovedBack: If the clock shows a time before the last entry.
            LedgerBroken: If the ledger is not as it was written.
            LedgerTextInvalid: If a name cannot be written down.
            PrivacyParameterInvalid: If there are no events, or too many.
        """
        for field, text in (("run", run), ("what", what), ("lineage", lineage)):
            _check_text(field, text)
        require("the number of releases", len(events), 1, _MOST_EVENTS)
        wanted = Reservation(f"res_{secrets.token_hex(12)}", run, what, lineage, tuple(events), self._now(), "reserved")
        while True:
            rows = self._book.rows()
            made = replace(wanted, reserved_at=self._time(rows))
            row = self._row(rows, "reserve", made, made.events, at=made.reserved_at)
            if row.epsilon_window > self._settings.cap_epsilon:
                spent = self._spent(rows, lineage, made.reserved_at)
                raise BudgetExceeded(
                    run=run,
                    requested=row.epsilon_alone,
                    remaining=spent.remaining,
                    cap=spent.cap_epsilon,
                    delta=spent.delta,
                )
            if self._book.append(row):
                return made

    def access(self, reservation: Reservation) -> None:
        """Note that the data are about to be read: from now on the reservation counts for good.

        A run that is resumed calls it again; that changes nothing.

        Raises:
            ReservationClosed: If it was given back or committed.
            ReservationUnknown: If there is no such reservation.
            ClockMovedBack, LedgerBroken: As `reserve`.
        """
        self._move(reservation, "access", allowed=("reserved",), settled=("accessed",))

    def commit(self, reservation: Reservation, events: Sequence[Event]) -> None:
        """Note what was released in the end; less than was reserved gives nothing back.

        Raises:
            ChargeExceedsReservation: If more was released than reserved; the surplus is charged all the same.
            ReservationClosed: If the data were never accessed under it, or it was committed before.
            ReservationUnknown: If there is no such reservation.
            ClockMovedBack, LedgerBroken: As `reserve`.
        """
        found = self.find(reservation.reservation_id)
        _require_state(found, "commit", ("accessed",))
        surplus = exceeding(events, found.events)
        if surplus:  # first, so that no crash leaves it uncharged
            self._append("surplus", found, surplus)
        self._move(found, "commit", allowed=("accessed",), events=events)
        if surplus:
            delta = self._settings.delta
            raise ChargeExceedsReservation(
                run=found.run, reserved=epsilon(found.events, delta), spent=epsilon(events, delta)
            )

    def release(self, reservation: Reservation) -> None:
        """Give budget back that was never used.

        Raises:
            ReservationClosed: If the data were accessed under it, whatever became of the run.
            ReservationUnknown: If there is no such reservation.
            ClockMovedBack, LedgerBroken: As `reserve`.
        """
        self._move(reservation, "release", allowed=("reserved",))

    def find(self, reservation_id: str) -> Reservation:
        """Look a reservation up, for instance to resume its run without spending twice.

        Raises:
            ReservationUnknown: If there is no such reservation.
            LedgerBroken: If the ledger is not as it was written.
        """
        return _find(self._book.rows(), reservation_id)

    def spent(self, lineage: str, at: datetime | None = None) -> Spent:
        """Tell what a window has cost, composed anew.

        Args:
            lineage: Whose customers.
            at: A moment in the window; None for now.

        Raises:
            LedgerBroken: If the ledger is not as it was written.
        """
        return self._spent(self._book.rows(), lineage, at or self._now())

    def verify(self) -> int:
        """Check the whole ledger.

        Returns:
            How many rows it has.

        Raises:
            LedgerBroken: If it is not as it was written.
        """
        return len(self._book.rows())

    def _move(
        self,
        reservation: Reservation,
        kind: Kind,
        *,
        allowed: tuple[State, ...],
        settled: tuple[State, ...] = (),
        events: Sequence[Event] = (),
    ) -> None:
        while True:
            rows = self._book.rows()
            found = _find(rows, reservation.reservation_id)
            if found.state in settled:
                return
            _require_state(found, kind, allowed)
            if self._book.append(self._row(rows, kind, found, events, at=self._time(rows))):
                return

    def _append(self, kind: Kind, reservation: Reservation, events: Sequence[Event]) -> None:
        while True:
            rows = self._book.rows()
            if self._book.append(self._row(rows, kind, reservation, events, at=self._time(rows))):
                return

    def _row(
        self, rows: Sequence[Row], kind: Kind, reservation: Reservation, events: Sequence[Event], *, at: datetime
    ) -> Row:
        """Draft the next row, with what everything costs once it is there."""
        delta = self._settings.delta
        window = window_of(at if kind in CHARGING else reservation.reserved_at, self._settings)
        draft = Row(
            sequence=len(rows) + 1,
            at_us=microseconds(at),
            kind=kind,
            reservation=reservation.reservation_id,
            run=reservation.run,
            what=reservation.what,
            lineage=reservation.lineage,
            unit=UNIT,
            window_start_us=microseconds(window.start),
            window_days=self._settings.window_days,
            events=to_json(events),
            epsilon_alone=epsilon(events, delta),
            epsilon_window=0.0,
            epsilon_lifetime=0.0,
            delta=delta,
            cap_epsilon=self._settings.cap_epsilon,
            previous=rows[-1].digest if rows else GENESIS,
        )
        after = [row for row in charged((*rows, draft)) if row.lineage == reservation.lineage]
        return replace(
            draft,
            epsilon_window=epsilon(_events_in(after, window), delta),
            epsilon_lifetime=epsilon(_all_events(after), delta),
        )

    def _spent(self, rows: Sequence[Row], lineage: str, at: datetime) -> Spent:
        window, delta, cap = window_of(at, self._settings), self._settings.delta, self._settings.cap_epsilon
        mine = [row for row in charged(rows) if row.lineage == lineage]
        events = _events_in(mine, window)
        total = epsilon(events, delta)
        return Spent(
            lineage=lineage,
            unit=UNIT,
            window=window,
            epsilon=total,
            delta=delta,
            cap_epsilon=cap,
            remaining=max(cap - total, 0.0),
            sum_of_epsilons=sum(epsilon(row.charges, delta) for row in mine if window.holds(row.at)),
            lifetime_epsilon=epsilon(_all_events(mine), delta),
            events=events,
        )

    def _time(self, rows: Sequence[Row]) -> datetime:
        """Tell the time, never before the last entry.

        Raises:
            ClockMovedBack: If the clock is further behind than two clocks may disagree.
        """
        now = self._now()
        if not rows or now >= rows[-1].at:
            return now
        if rows[-1].at - now > timedelta(seconds=self._settings.clock_tolerance_s):
            raise ClockMovedBack(now=now, last=rows[-1].at)
        return rows[-1].at


def open_ledger(storage: StorageSettings, settings: BudgetSettings) -> Ledger:
    """Open the ledger of this house, made on first use."""
    return Ledger(open_book(storage), settings)


def _find(rows: Sequence[Row], reservation_id: str) -> Reservation:
    for row in rows:
        if row.kind == "reserve" and row.reservation == reservation_id:
            state = states(rows)[reservation_id]
            return Reservation(row.reservation, row.run, row.what, row.lineage, row.charges, row.at, state)
    raise ReservationUnknown(reservation=reservation_id)


def _require_state(found: Reservation, kind: Kind, allowed: tuple[State, ...]) -> None:
    if found.state not in allowed:
        raise ReservationClosed(reservation=found.reservation_id, state=found.state, move=_MOVES[kind])


def _events_in(rows: Sequence[Row], window: Window) -> tuple[Event, ...]:
    return _all_events([row for row in rows if window.holds(row.at)])


def _all_events(rows: Sequence[Row]) -> tuple[Event, ...]:
    return tuple(event for row in rows for event in row.charges)


def _check_text(field: str, text: str) -> None:
    if not (0 < len(text) <= _LONGEST and text.isprintable() and text.strip()):
        raise LedgerTextInvalid(field=field, length=len(text), limit=_LONGEST)
