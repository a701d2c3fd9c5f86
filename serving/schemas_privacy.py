"""Answers about the privacy budget."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from privacy.ledger_book import State
from serving.schemas import Answer, Request


class BudgetQuery(Request):
    """Which charges to show."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: Annotated[str, Field(min_length=1, max_length=512)] | None = None


class LineageBudgetOut(Answer):
    """What all releases about the customers of one data lineage have cost in the window."""

    lineage: str
    epsilon: float = Field(description="All releases of the window composed as distributions, at `delta`.")
    remaining: float = Field(description="The cap less `epsilon`, from 0.")
    sum_of_epsilons: float = Field(description="What adding the releases up would say; for comparison alone.")
    lifetime_epsilon: float = Field(description="All releases of all windows composed.")
    delta: float
    n_charges: int = Field(description="Reservations of the window that count.")


class ChargeOut(Answer):
    """One reservation of budget."""

    sequence: int
    reservation: str
    run: str
    what: str
    lineage: str
    state: State = Field(description="`released` was given back before the data were read; all else counts in full.")
    charged_at: datetime
    epsilon_alone: float = Field(description="What it would cost by itself.")
    delta: float


class BudgetOut(Answer):
    """The privacy budget now, and what was charged to it, newest first."""

    unit: str = Field(description="Who is protected.")
    adjacency: str = Field(description="Which two data sets must be hard to tell apart.")
    cap_epsilon: float = Field(description="Most that the window may cost, per lineage.")
    delta: float
    window_start: datetime
    window_end: datetime
    lineages: tuple[LineageBudgetOut, ...]
    charges: tuple[ChargeOut, ...]
    next_cursor: str | None
