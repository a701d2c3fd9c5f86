"""What a contest found: every figure as a row, and how each method came to take part or not."""

from datetime import datetime
from typing import Any, Literal

from training.benchmarks import Benchmark, BenchmarkRow
from training.contest.errors import DisciplineUnknown
from training.errors import ScoreUnknown
from training.evaluation_results import Result

Discipline = Literal["lists", "basket", "cold"]
DISCIPLINES: tuple[Discipline, ...] = ("lists", "basket", "cold")


def discipline_of(name: str) -> Discipline:
    """Look a discipline up by name.

    Raises:
        DisciplineUnknown: If there is none of that name.
    """
    for known in DISCIPLINES:
        if known == name:
            return known
    raise DisciplineUnknown(name=name, known=DISCIPLINES)


class Method(Result):
    """One contender.

    Attributes:
        name: As its rows are named.
        title: As tables show it.
        ours: Whether it is compared with the others.
        chosen: Hyper-parameters by task, as validation chose them; empty where there are none.
        validated: What they reached on the validation days, by task; empty where nothing was tuned.
        n_tried: Points of the grid that were tried.
        validated_from, validated_until: Purchases between the two chose; None where nothing was tuned.
        recorded: Whether the points are those of an earlier run, whose budget is told.
        left_out: Why it did not take part; None if it did.
    """

    name: str
    title: str
    ours: bool
    chosen: dict[str, dict[str, Any]]
    validated: dict[str, float]
    n_tried: int
    validated_from: datetime | None = None
    validated_until: datetime | None = None
    recorded: bool = False
    left_out: str | None


class Contest(Benchmark):
    """All rows of one contest.

    Attributes:
        discipline: `lists` for those of each customer, `basket` for their completion, `cold` for what has no past.
        n_judged: Customers whose purchases judge.
        judged_by: The figure by which validation chose.
        notes: What a reader must know beside the figures.
    """

    discipline: Discipline
    train_until: datetime
    test_end: datetime
    data_snapshot_digest: str
    provenance: str
    n_products: int
    n_judged: int
    judged_by: str
    notes: tuple[str, ...]
    methods: tuple[Method, ...]

    @property
    def ranked(self) -> list[Method]:
        """Who took part, in the order of the run."""
        return [method for method in self.methods if method.left_out is None]

    def value(self, name: str, figure: str) -> BenchmarkRow:
        """Look up a method's own row.

        Raises:
            ScoreUnknown: If it was not measured.
        """
        return self._row(name, figure, compared=False)

    def against_best_peer(self, name: str, figure: str) -> BenchmarkRow:
        """Look up one of our rows that is compared with the best peer.

        Raises:
            ScoreUnknown: If it was not.
        """
        return self._row(name, figure, compared=True)

    def _row(self, name: str, figure: str, *, compared: bool) -> BenchmarkRow:
        for row in self.rows:
            if (row.name, row.figure, row.ratio_to is not None) == (name, figure, compared):
                return row
        known = [method.name for method in self.methods]
        raise ScoreUnknown(method=name, task=self.discipline, metric=figure, subset="everyone", known=known)
