"""The privacy budget for whoever asks over HTTP or at the command line: stored figures, no accountant."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from configs.privacy import BudgetSettings
from privacy.budget import Budget, Charge, budget_of
from privacy.ledger_book import UNIT, LedgerBook
from privacy.statement import ADJACENCY
from serving.lists import rfc3339
from serving.paging import page_of


class BudgetDesk:
    """Shows the ledger; charges nothing.

    Args:
        book: The ledger.
        settings: Cap, delta and length of a window.
        now: Tells the time.
    """

    def __init__(self, book: LedgerBook, settings: BudgetSettings, now: Callable[[], datetime]) -> None:
        self._book = book
        self._settings = settings
        self._now = now

    def page(self, *, limit: int, cursor: str | None) -> dict[str, Any]:
        """Show the budget and one page of charges, newest first.

        Raises:
            FieldsInvalid: If the cursor is none of ours.
            LedgerBroken: If the ledger is not as it was written.
        """
        budget = budget_of(self._book.rows(), self._settings, self._now())
        shown, after = page_of(budget.charges, lambda charge: str(charge.sequence), limit=limit, cursor=cursor)
        return {**_totals(budget), "charges": [_charge(charge) for charge in shown], "next_cursor": after}


def _totals(budget: Budget) -> dict[str, Any]:
    return {
        "unit": UNIT,
        "adjacency": ADJACENCY,
        "cap_epsilon": budget.cap_epsilon,
        "delta": budget.delta,
        "window_start": rfc3339(budget.window.start),
        "window_end": rfc3339(budget.window.end),
        "lineages": [vars(lineage) for lineage in budget.lineages],
    }


def _charge(charge: Charge) -> dict[str, Any]:
    return {**vars(charge), "charged_at": rfc3339(charge.charged_at)}
