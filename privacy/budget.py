"""What is left of the privacy budget, from the figures that stand in the ledger; needs no accountant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from configs.privacy import BudgetSettings
from privacy.ledger_book import Row, State, Window, charged, microseconds, states, window_of


@dataclass(frozen=True)
class Charge:
    """One reservation, or what was released beyond one.

    Attributes:
        sequence: Its row in the ledger; newer ones have higher numbers.
        reservation: Its id.
        run: Who asked for it.
        what: What is released.
        lineage: Whose customers.
        state: Whether the data were accessed and the run finished; all but `released` count in full.
        charged_at: When.
        epsilon_alone: What it would cost by itself, at `delta`; such figures do not add up to the whole.
        delta: See there.
    """

    sequence: int
    reservation: str
    run: str
    what: str
    lineage: str
    state: State
    charged_at: datetime
    epsilon_alone: float
    delta: float


@dataclass(frozen=True)
class LineageBudget:
    """What one lineage has cost in a window.

    Attributes:
        lineage: Whose customers.
        epsilon: All releases of the window composed, at `delta`.
        remaining: The cap less epsilon, from 0.
        sum_of_epsilons: What adding up would say; for comparison.
        lifetime_epsilon: All releases of all windows composed.
        delta: At which the figures hold.
        n_charges: Reservations of the window that count.
    """

    lineage: str
    epsilon: float
    remaining: float
    sum_of_epsilons: float
    lifetime_epsilon: float
    delta: float
    n_charges: int


@dataclass(frozen=True)
class Budget:
    """The budget now.

    Attributes:
        window: The window that now lies in.
        cap_epsilon: Most that it may cost.
        delta: At which charges are reckoned from now on.
        lineages: What each lineage has cost; empty while nothing was ever charged.
        charges: Every charge, of earlier windows too, newest first.
    """

    window: Window
    cap_epsilon: float
    delta: float
    lineages: tuple[LineageBudget, ...]
    charges: tuple[Charge, ...]


def budget_of(rows: Sequence[Row], settings: BudgetSettings, now: datetime) -> Budget:
    """Read the budget out of the ledger's rows.

    Args:
        rows: All of them, from `LedgerBook.rows`.
        settings: Cap, delta and length of a window.
        now: Tells the window.
    """
    window = window_of(now, settings)
    state_of = states(rows)
    charges = tuple(
        _charge(row, state_of[row.reservation]) for row in reversed(rows) if row.kind in ("reserve", "surplus")
    )
    lineages = sorted({row.lineage for row in rows})
    return Budget(
        window=window,
        cap_epsilon=settings.cap_epsilon,
        delta=settings.delta,
        lineages=tuple(_lineage(name, rows, settings, window) for name in lineages),
        charges=charges,
    )


def _lineage(lineage: str, rows: Sequence[Row], settings: BudgetSettings, window: Window) -> LineageBudget:
    mine = [row for row in rows if row.lineage == lineage]
    costing = [row for row in charged(mine) if window.holds(row.at)]
    spent = _epsilon(mine, costing, window)
    return LineageBudget(
        lineage=lineage,
        epsilon=spent,
        remaining=max(settings.cap_epsilon - spent, 0.0),
        sum_of_epsilons=sum(row.epsilon_alone for row in costing),
        lifetime_epsilon=mine[-1].epsilon_lifetime,
        delta=mine[-1].delta,
        n_charges=len(costing),
    )


def _epsilon(mine: Sequence[Row], costing: Sequence[Row], window: Window) -> float:
    """Give the figure that the last row about a window holds.

    Where windows had another length when the rows were written, the figure of all windows stands in: never too small.
    """
    if not costing:
        return 0.0
    length = (window.end - window.start).days
    same = [row for row in mine if row.window_start_us == microseconds(window.start) and row.window_days == length]
    if {row.sequence for row in costing} - {row.sequence for row in same}:
        return mine[-1].epsilon_lifetime
    return same[-1].epsilon_window


def _charge(row: Row, state: State) -> Charge:
    return Charge(
        sequence=row.sequence,
        reservation=row.reservation,
        run=row.run,
        what=row.what,
        lineage=row.lineage,
        state=state,
        charged_at=row.at,
        epsilon_alone=row.epsilon_alone,
        delta=row.delta,
    )
