"""Counts with noise: their distribution, their memory, and their price."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from scipy import stats

from configs.loading import load_settings
from configs.privacy import BudgetSettings, SmallCountSettings
from configs.settings import StorageSettings
from privacy.accounting import epsilon
from privacy.counting.errors import CountNotWhole
from privacy.counting.small_counts import Question, SmallCounts, Table, half_width, with_noise
from privacy.errors import BudgetExceeded
from privacy.events import DiscreteLaplace
from privacy.ledger import Ledger, open_ledger
from privacy.state import open_state

SCALE = 2.0
SEGMENT = Question("size of a segment", "shop", {"segment": "buys oat milk", "snapshot": "s1"})


@pytest.fixture
def storage(tmp_path: Path) -> StorageSettings:
    return load_settings("test", [f"storage.root={tmp_path}"]).storage


@pytest.fixture
def engine(storage: StorageSettings) -> Iterator[sa.Engine]:
    made = open_state(storage.state_db)
    yield made
    made.dispose()


def ledger_of(storage: StorageSettings, cap: float = 8.0) -> Ledger:
    budget = load_settings("test").privacy.budget.model_dump()
    return open_ledger(storage, BudgetSettings(**{**budget, "cap_epsilon": cap}))


@pytest.fixture
def counts(engine: sa.Engine, storage: StorageSettings) -> SmallCounts:
    return SmallCounts(engine, ledger_of(storage), SmallCountSettings(scale=SCALE, period_days=30))


def mass(k: int, scale: float) -> float:
    """The definition: exp(-|k|/scale) over its sum."""
    ratio = math.exp(-1 / scale)
    return (1 - ratio) / (1 + ratio) * ratio ** abs(k)


def test_the_noise_is_discrete_laplace_of_that_scale() -> None:
    n = 20_000
    seen = Counter(with_noise(100, SCALE) - 100 for _ in range(n))
    edge = 10
    bins = [sum(seen[k] for k in seen if k <= -edge), *(seen[k] for k in range(-edge + 1, edge))]
    bins.append(n - sum(bins))
    tail = sum(mass(k, SCALE) for k in range(edge, 400))
    expected = [tail, *(mass(k, SCALE) for k in range(-edge + 1, edge)), tail]
    total = sum(expected)
    # The generator cannot be seeded: a right one fails this once in a million runs.
    assert stats.chisquare(bins, [n * share / total for share in expected]).pvalue > 1e-6
    wrong = [mass(k, SCALE / 2) for k in range(-edge, edge + 1)]
    assert stats.chisquare(bins, [n * share / sum(wrong) for share in wrong]).pvalue < 1e-6


def test_the_price_of_an_answer_is_that_of_its_noise() -> None:
    worst = max(mass(k, SCALE) / mass(k - 1, SCALE) for k in range(-30, 30))
    assert math.log(worst) == pytest.approx(1 / SCALE)
    assert epsilon([DiscreteLaplace(scale=SCALE)], 1e-12) == pytest.approx(1 / SCALE, rel=0.01)


@pytest.mark.parametrize("scale", [0.2, 1.0, 2.0, 10.0, 77.7])
def test_the_half_width_covers_at_least_95_percent_and_no_less_would(scale: float) -> None:
    half = half_width(scale)
    assert sum(mass(k, scale) for k in range(-half, half + 1)) >= 0.95
    assert half == 0 or sum(mass(k, scale) for k in range(-half + 1, half)) < 0.95


def test_the_same_question_has_one_answer_and_one_price(counts: SmallCounts, storage: StorageSettings) -> None:
    first = counts.answer(SEGMENT, lambda: 100)
    price = ledger_of(storage).spent("shop").epsilon
    again = [counts.answer(SEGMENT, lambda: pytest.fail("counted again")) for _ in range(5)]
    assert set(again) == {first}
    assert ledger_of(storage).spent("shop").epsilon == price == pytest.approx(1 / SCALE, rel=0.01)


def sizes(counted: list[str], *cells: str, attribute: str = "income", n: int = 400) -> Table:
    """A table whose cells have equally many customers; notes each time that it is counted."""

    def count() -> dict[str, int]:
        counted.append(attribute)
        return dict.fromkeys(cells, n)

    return Table(Question("customers by group", "shop", {"attribute": attribute}), cells, count)


def test_the_cells_of_a_table_cost_as_much_as_one_count(counts: SmallCounts, storage: StorageSettings) -> None:
    counted: list[str] = []
    asked = [sizes(counted, "low", "high", "unknown"), sizes(counted, "young", "old", attribute="age")]
    first = counts.tables(asked)
    assert [set(table) for table in first] == [{"low", "high", "unknown"}, {"young", "old"}]
    assert all(abs(cell.value - 400) < 100 for table in first for cell in table.values())
    assert len({cell.value for table in first for cell in table.values()}) > 1, "each cell has its own noise"
    assert ledger_of(storage).spent("shop").events == (DiscreteLaplace(scale=SCALE),) * 2
    assert counts.tables(asked) == first
    assert counted == ["income", "age"]
    assert len(ledger_of(storage).spent("shop").events) == 2


def test_one_customer_changes_one_cell_of_a_table_by_one() -> None:
    """Why that is enough: neighbouring tables differ in one cell, so the likelihood ratio is that of one count."""
    with_them, without = (5, 3), (5, 2)
    worst = max(
        math.log(mass(a - with_them[0], SCALE) * mass(b - with_them[1], SCALE))
        - math.log(mass(a - without[0], SCALE) * mass(b - without[1], SCALE))
        for a in range(-20, 20)
        for b in range(-20, 20)
    )
    assert worst == pytest.approx(1 / SCALE)


def test_a_new_cell_of_a_known_table_is_charged_and_the_known_ones_stay(
    counts: SmallCounts, storage: StorageSettings
) -> None:
    first = counts.tables([sizes([], "low", "high")])[0]
    wider = counts.tables([sizes([], "low", "high", "middle", n=9)])[0]
    assert {cell: wider[cell] for cell in first} == first
    assert len(ledger_of(storage).spent("shop").events) == 2


def test_tables_that_do_not_fit_the_budget_are_not_counted(engine: sa.Engine, storage: StorageSettings) -> None:
    tight = SmallCounts(engine, ledger_of(storage, cap=0.6), SmallCountSettings(scale=SCALE, period_days=30))
    counted: list[str] = []
    with pytest.raises(BudgetExceeded):
        tight.tables([sizes(counted, "low"), sizes(counted, "old", attribute="age")])
    assert counted == []


def test_another_process_gives_the_same_answer(storage: StorageSettings, engine: sa.Engine) -> None:
    settings = SmallCountSettings(scale=SCALE, period_days=30)
    first = SmallCounts(engine, ledger_of(storage), settings).answer(SEGMENT, lambda: 100)
    other = SmallCounts(open_state(storage.state_db), ledger_of(storage), settings)
    reworded = Question("size of a segment", "shop", {"snapshot": "s1", "segment": "buys oat milk"})
    assert other.answer(reworded, lambda: 5) == first


def test_another_snapshot_is_another_question(counts: SmallCounts, storage: StorageSettings) -> None:
    counts.answer(SEGMENT, lambda: 100)
    counts.answer(Question(SEGMENT.what, "shop", {**SEGMENT.parts, "snapshot": "s2"}), lambda: 100)
    assert len(ledger_of(storage).spent("shop").events) == 2


def test_nothing_is_counted_once_the_budget_is_spent(engine: sa.Engine, storage: StorageSettings) -> None:
    counts = SmallCounts(engine, ledger_of(storage, cap=0.6), SmallCountSettings(scale=SCALE, period_days=30))
    counts.answer(SEGMENT, lambda: 100)
    with pytest.raises(BudgetExceeded):
        counts.answer(Question("another", "shop", {}), lambda: pytest.fail("counted"))
    assert counts.answer(SEGMENT, lambda: 0).value >= 0


def test_no_store_holds_the_count_without_noise(counts: SmallCounts, engine: sa.Engine) -> None:
    counts.answer(SEGMENT, lambda: 987_654_321)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM small_counts").mappings().all()
    assert set(rows[0]) == {"question", "what", "lineage", "noisy", "scale", "answered_at"}


def test_an_answer_is_never_below_nothing(counts: SmallCounts) -> None:
    for number in range(6):
        assert counts.answer(Question("nobody", "shop", {"n": str(number)}), lambda: 0).value >= 0


@pytest.mark.parametrize("count", [-1, 1.5, True, 2**60])
def test_what_is_no_count_is_refused(count: object) -> None:
    with pytest.raises(CountNotWhole):
        with_noise(count, SCALE)  # type: ignore[arg-type]
