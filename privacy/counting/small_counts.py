"""Counts of customers with noise, for people outside the audit role: a segment's size, a line of a report.

The noise is OpenDP's discrete Laplace, drawn from the operating system's generator and whole-numbered throughout, so
no floating point leaks through low digits. A question is answered once: asking again gives the same answer and costs
nothing, so nobody averages the noise away. Each new answer is charged to the ledger before the data are counted. The
cells of a table in which every customer is counted once at most cost as much as one count.

What it protects: that one customer is or is not among those counted, up to epsilon = 1/scale per answer and up to the
ledger's cap over all of them. What it does not: a group of customers that acts alike, and the order or wording of
questions, which are the asker's own.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import opendp.prelude as dp
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from configs.privacy import SmallCountSettings
from privacy.counting.errors import CountNotWhole
from privacy.events import DiscreteLaplace
from privacy.ledger import Ledger

_METADATA: Final = sa.MetaData()
_ANSWERS: Final = sa.Table(
    "small_counts",
    _METADATA,
    sa.Column("question", sa.String(64), primary_key=True),
    sa.Column("what", sa.String(128), nullable=False),
    sa.Column("lineage", sa.String(128), nullable=False),
    sa.Column("noisy", sa.BigInteger, nullable=False),
    sa.Column("scale", sa.Float, nullable=False),
    sa.Column("answered_at", sa.String(32), nullable=False),
)
_LARGEST: Final = 2**53
_RUN: Final = "small count"


@dataclass(frozen=True)
class Question:
    """What is counted, spelled out: two questions with the same parts are the same question.

    Attributes:
        what: What is counted, in a few words; goes into the ledger.
        lineage: Whose customers, as the ledger knows them.
        parts: Everything the count depends on: the segment's definition, the data snapshot, the day.
    """

    what: str
    lineage: str
    parts: Mapping[str, str]

    @property
    def key(self) -> str:
        """SHA-256 of the question."""
        text = json.dumps([self.what, self.lineage, dict(self.parts)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Table:
    """Counts that share one charge, since no customer is in two of them: the groups of one attribute.

    Attributes:
        question: What is counted, without the cell.
        cells: Names of the cells; they must be known without looking at who is in them.
        count: Counts the distinct customers of each cell; called only where a cell is new, after the charge.
    """

    question: Question
    cells: tuple[str, ...]
    count: Callable[[], Mapping[str, int]]

    def of(self, cell: str) -> Question:
        """Give the question that one cell answers."""
        return replace(self.question, parts={**self.question.parts, "cell": cell})

    @property
    def questions(self) -> tuple[Question, ...]:
        """The question of each cell."""
        return tuple(self.of(cell) for cell in self.cells)

    def counts(self) -> tuple[int, ...]:
        """Count every cell, in their order; nobody is in one that `count` does not name."""
        counted = self.count()
        return tuple(counted.get(cell, 0) for cell in self.cells)


@dataclass(frozen=True)
class NoisyCount:
    """An answer that may be shown.

    Attributes:
        value: The count with noise, from 0.
        half_width_95: The count lies within this of `value` with a chance of 95% or more.
        epsilon: What the answer cost when it was first given.
        answered_at: When that was, RFC 3339.
    """

    value: int
    half_width_95: int
    epsilon: float
    answered_at: str


@dataclass(frozen=True)
class _Asked:
    """Questions that one charge pays for, and what counts them."""

    questions: tuple[Question, ...]
    counts: Callable[[], Sequence[int]]


class SmallCounts:
    """Answers questions about how many customers there are.

    Args:
        engine: Database that remembers answers; it never holds a count without noise.
        ledger: Ledger for each new answer.
        settings: Scale of the noise.
    """

    def __init__(self, engine: sa.Engine, ledger: Ledger, settings: SmallCountSettings) -> None:
        self._engine = engine
        self._ledger = ledger
        self._settings = settings
        _METADATA.create_all(engine)

    def answer(self, question: Question, count: Callable[[], int]) -> NoisyCount:
        """Give the answer on file, or count, add noise, and keep what came out.

        Args:
            question: What is asked.
            count: Counts distinct customers, each at most once; called only for a new question, after the charge.

        Raises:
            BudgetExceeded: If the ledger does not allow another answer; nothing is counted then.
            CountNotWhole: If `count` gives no whole number from 0.
        """
        self._ask([_Asked((question,), lambda: (count(),))])
        return self._kept(question)

    def tables(self, asked: Sequence[Table]) -> list[dict[str, NoisyCount]]:
        """Give each table's cells: those on file, and the others at the price of one count for each table with any.

        Args:
            asked: Tables about customers of one lineage.

        Returns:
            By cell, in the order asked.

        Raises:
            BudgetExceeded: If the ledger does not allow them all; nothing is counted then.
            CountNotWhole: If a table gives no whole numbers from 0.
        """
        self._ask([_Asked(table.questions, table.counts) for table in asked])
        return [{cell: self._kept(table.of(cell)) for cell in table.cells} for table in asked]

    def _ask(self, asked: Sequence[_Asked]) -> None:
        """Answer what is not on file yet; of two that ask at once, the first one's answer stays."""
        new = [one for one in asked if any(self._known(question) is None for question in one.questions)]
        if not new:
            return
        scale, first = self._settings.scale, new[0].questions[0]
        events = (DiscreteLaplace(scale=scale),) * len(new)
        reservation = self._ledger.reserve(_RUN, first.what, events, first.lineage)
        self._ledger.access(reservation)
        for one in new:
            for question, count in zip(one.questions, one.counts(), strict=True):
                self._keep(question, with_noise(count, scale))
        self._ledger.commit(reservation, events)

    def _kept(self, question: Question) -> NoisyCount:
        kept = self._known(question)
        if kept is None:
            raise LookupError(question.key)
        return kept

    def _known(self, question: Question) -> NoisyCount | None:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_ANSWERS).where(_ANSWERS.c.question == question.key)).first()
        if row is None:
            return None
        return NoisyCount(max(row.noisy, 0), half_width(row.scale), 1 / row.scale, row.answered_at)

    def _keep(self, question: Question, noisy: int) -> None:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        row = {
            "question": question.key,
            "what": question.what,
            "lineage": question.lineage,
            "noisy": noisy,
            "scale": self._settings.scale,
            "answered_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._engine.begin() as connection:
            connection.execute(dialect.insert(_ANSWERS).values(row).on_conflict_do_nothing())


def with_noise(count: int, scale: float) -> int:
    """Add discrete Laplace noise: P(k) is proportional to exp(-|k|/scale).

    Args:
        count: A whole number from 0, which one customer changes by at most 1.
        scale: 1/epsilon.

    Raises:
        CountNotWhole: If it is something else.

    Source: Ghosh, Roughgarden and Sundararajan (2009), the geometric mechanism; OpenDP's `make_laplace` on integers.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= _LARGEST:
        raise CountNotWhole(kind=type(count).__name__)
    dp.enable_features("contrib")
    mechanism = dp.m.make_laplace(dp.atom_domain(T="i64"), dp.absolute_distance(T="i64"), scale=scale)
    return int(mechanism(count))


def half_width(scale: float) -> int:
    """Give the smallest h for which the noise exceeds h in size with a chance of 5% at most.

    >>> half_width(10.0)
    30
    """
    ratio = math.exp(-1 / scale)
    return max(math.ceil(math.log(0.05 * (1 + ratio) / 2) / math.log(ratio)) - 1, 0)
