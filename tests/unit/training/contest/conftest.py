"""A contest made up by hand, and the hand-worked baskets as ground for one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from configs.settings import Settings
from features.ingest import ingest_files
from privacy.keys import write_secret
from training.baselines import Histories, Popularity
from training.benchmarks import BenchmarkRow
from training.catalogue import Catalogue
from training.contest.job import run_contest
from training.contest.lists import Ground
from training.contest.result import Contest, Method
from training.contest.wish import Wish
from training.evaluation import build_test_set
from training.splits import Holdout

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)
END = datetime(2017, 3, 15, tzinfo=UTC)


@pytest.fixture
def ground(purchases: pd.DataFrame, catalogue: Catalogue) -> Ground:
    """Four people with a history, of whom dee did not agree to personalisation; chips and milk are cold."""
    test_set = build_test_set(purchases, catalogue, Holdout(CUTOFF, END), {"ann", "bob", "cyd"})
    popularity = Popularity(purchases, Histories(purchases, catalogue, CUTOFF), CUTOFF, days=14)
    return Ground(
        test_set=test_set,
        fallback=popularity,
        popularity=popularity.counts,
        cold=np.array([False, False, True, False, True]),
        data_snapshot_digest="5" * 64,
        provenance="made up for a test",
    )


def row(name: str, figure: str, value: float, **others: Any) -> BenchmarkRow:
    """One row; without interval and comparison unless given."""
    facts = {"unit": "", "ratio_to": None, "ratio": None, "interval_95": None, **others}
    return BenchmarkRow(name=name, figure=figure, value=value, **facts)


def method(name: str, **others: Any) -> Method:
    """One method that took part."""
    facts = {"ours": False, "chosen": {}, "validated": {}, "n_tried": 0, "left_out": None, **others}
    return Method(name=name, title=name.upper(), **facts)


@pytest.fixture
def contest() -> Contest:
    """Ours, a tuned peer and one left out; only NDCG@20 and costs were measured."""
    point = {"days": 7}
    return Contest(
        rows=(
            row("mine", "all.ndcg@20", 0.31, interval_95=(0.3, 0.32)),
            row("mine", "all.ndcg@20", 0.31, ratio_to="pop", ratio=1.24, interval_95=(1.2, 1.28)),
            row("mine", "novel.ndcg@20", 0.06, interval_95=(0.05, 0.07)),
            row("mine", "fit_cpu_s", 120.5, unit="s"),
            row("pop", "all.ndcg@20", 0.25, interval_95=(0.24, 0.26)),
            row("pop", "novel.ndcg@20", 0.07, interval_95=(0.06, 0.08)),
            row("pop", "peak_memory_gb", 1.5, unit="GB"),
        ),
        machine={"processor": "some processor", "n_cpus": 2, "memory_gb": 8.0},
        versions={"python": "3.11.9"},
        discipline="lists",
        train_until=CUTOFF,
        test_end=END,
        data_snapshot_digest="5" * 64,
        provenance="made up for a test",
        n_products=5,
        n_judged=3,
        judged_by="ndcg@20",
        notes=("3 of 4 customers bought something.",),
        methods=(
            method("mine", ours=True),
            method(
                "pop", chosen={"all": point, "novel": {"days": 14}}, validated={"all": 0.2, "novel": 0.1}, n_tried=3
            ),
            method("gone", left_out="gone is left out: not installed."),
        ),
    )


SMALL = (
    "features.n_training_snapshots=4",
    "features.snapshot_step_days=7",
    "two_tower.target_days=7",
    "two_tower.min_buyers=3",
    "two_tower.embedding_dim=4",
    "two_tower.hidden_dim=8",
    "two_tower.batch_size=16",
    "two_tower.max_epochs=1",
    "two_tower.head.hidden_dim=8",
    "two_tower.head.n_windows=1",
    "two_tower.head.n_epochs=1",
    "two_tower.head.batch_size=256",
    "evaluation.test_weeks=2",
    "evaluation.list_length=30",
    "evaluation.n_bootstrap=100",
    "bench.validation_days=7",
    "bench.max_baskets=100",
    "ranker.target_days=7",
    "ranker.step_days=7",
    "ranker.repeat.n_windows=1",
    "ranker.repeat.n_trees=10",
    "ranker.novel.n_windows=1",
    "ranker.novel.n_trees=10",
)


@pytest.fixture(scope="session")
def village(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """24 households of two kinds, 40 products, 16 weeks; n22 refused personalisation, n23 model training.

    Six products come in the 14th week, six more in the weeks after it.
    """
    root = tmp_path_factory.mktemp("village")
    settings = load_settings("test", [f"storage.root={root / 'var'}", *SMALL])
    write_secret(settings.storage.keys / "pseudonym_v1.key", bytes(range(32)))
    _write_village(root / "source")
    ingest_files(root / "source", settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return settings


@pytest.fixture(scope="session")
def hold(village: Settings) -> Callable[..., Contest]:
    """Hold a contest in the village: of lists, without peers, unless asked for otherwise."""

    def _hold(progress: Callable[[str], None] = lambda _: None, **changes: Any) -> Contest:
        cutoff = datetime(2025, 4, 14, tzinfo=UTC)
        asked = {"task": "lists", "train_until": cutoff, "peers": [], "version": None, "ours": True, "tune": False}
        return run_contest(Wish(**{"settings": village, **asked, **changes}), progress)

    return _hold


def _launch(household: int, week: int) -> str:
    """Name the new product of a household's kind: one of three of the 14th week, or of three after it."""
    return f"{'early' if week == 13 else 'late'}{household % 2}{household % 3}"


def _write_village(folder: Path) -> None:
    """Each household buys two favourites again and again, and others of its kind's twenty products."""
    random = np.random.default_rng(8)
    start = datetime(2025, 1, 6, tzinfo=UTC)
    lines = []
    for household in range(24):
        shelf = household % 2 * 20 + np.arange(20)
        favourites = random.choice(shelf, 2, replace=False)
        for week in range(16):
            basket = {*favourites.tolist(), *random.choice(shelf, 3).tolist()}
            at = start + timedelta(weeks=week, days=int(random.integers(7)), hours=12)
            place = ("store", f"b{household:02d}-{week:02d}", at.isoformat())
            lines += [(f"n{household:02d}", f"item{one:02d}", *place, 1, 1 + one / 9) for one in sorted(basket)]
            if week >= 13:
                lines.append((f"n{household:02d}", _launch(household, week), *place, 1, 2.0))
    columns = ["customer_id", "product_id", "store_id", "basket_id", "event_timestamp", "quantity", "paid_amount"]
    refused = {("n22", "personalization"), ("n23", "model_training")}
    consents = [
        (f"n{one:02d}", purpose, (f"n{one:02d}", purpose) not in refused, "2025-01-01T00:00:00Z")
        for one in range(24)
        for purpose in ("personalization", "model_training")
    ]
    folder.mkdir()
    pd.DataFrame(lines, columns=columns).to_csv(folder / "transactions.csv", index=False)
    items = [(f"item{one:02d}", f"shelf {one // 20}") for one in range(40)]
    items += [(_launch(one, week), f"shelf {one % 2}") for one in range(6) for week in (13, 14)]
    products = pd.DataFrame(items, columns=["product_id", "category"]).assign(department="D")
    products.to_csv(folder / "products.csv", index=False)
    asked = ["customer_id", "purpose", "granted", "event_timestamp"]
    pd.DataFrame(consents, columns=asked).to_csv(folder / "consents.csv", index=False)
