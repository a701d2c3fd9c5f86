"""Hand-made rows and a hand-made scorer, and a made-up town that a small model learns from, ingested once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from configs.loading import load_settings
from configs.settings import Settings
from features.ingest import ingest_files
from privacy.keys import write_secret
from tests.unit.training.conftest import SHELF, Row, make_row, make_table
from training.catalogue import Catalogue, build_catalogue
from training.feature_rows import customer_rows
from training.histories import Histories, from_arrow
from training.two_tower.fit import Fitted, TrainingData, fit, snapshot_times
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.repeat_head import RepeatHead
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources, prepare_sources
from training.two_tower.together import N_COMPANIONS
from training.two_tower.towers import Shape, TwoTower

MakeHistories = Callable[..., Histories]


_TRAIN_UNTIL = datetime(2025, 5, 12, tzinfo=UTC)
_SMALL = (
    "features.n_training_snapshots=5",
    "features.snapshot_step_days=7",
    "two_tower.target_days=7",
    "two_tower.min_buyers=3",
    "two_tower.embedding_dim=8",
    "two_tower.hidden_dim=16",
    "two_tower.batch_size=32",
    "two_tower.max_epochs=3",
    "two_tower.learning_rate=0.01",
    "two_tower.head.hidden_dim=16",
    "two_tower.head.n_windows=2",
    "two_tower.head.n_epochs=3",
    "two_tower.head.batch_size=256",
    "evaluation.test_weeks=2",
    "evaluation.n_bootstrap=100",
    "ranker.target_days=7",
    "ranker.step_days=7",
    "ranker.repeat.n_windows=1",
    "ranker.repeat.n_trees=10",
    "ranker.novel.n_windows=2",
    "ranker.novel.n_trees=10",
)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """These models are too small to share among threads: waiting for each other takes most of the time."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def histories_of(shelf: Catalogue) -> MakeHistories:
    """Make a batch of customers from what each bought."""

    def make(*bought: Sequence[str] | Row | None) -> Histories:
        rows = [entry if entry is None or isinstance(entry, dict) else make_row(entry) for entry in bought]
        return from_arrow(make_table(rows), shelf)

    return make


def make_scorer(n_products: int, product_ids: Sequence[str], *, seed: int = 3, dim: int = 4) -> Scorer:
    """A scorer with random weights in every place, none left at its start."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model, head = TwoTower(Shape(n_products, [3, 4, 2, 3, 5], dim, 6)), RepeatHead(7)
    for module, spread in ((model, 0.1), (head, 0.4)):
        for values in module.state_dict().values():
            values.copy_(torch.randn(values.shape) * spread)
        for name, values in module.named_buffers():
            if name.endswith("std"):
                values.copy_(torch.rand(values.shape) + 0.5)
    content = np.column_stack([rng.integers(0, size, n_products) for size in model.shape.content_sizes])
    together_idx = np.full((n_products, N_COMPANIONS), -1, dtype=np.int64)
    together_scores = np.zeros((n_products, N_COMPANIONS), dtype=np.float32)
    together_idx[1, :3], together_scores[1, :3] = (5, 3, 4), (0.5, 0.4, 0.1)  # bread goes with milk, eggs, jam
    texts = {name: np.array([f"{name}-{i % 3}" for i in range(n_products)]) for name in ("department", "category")}
    texts |= {name: np.array([f"{name}-{i % 2}" for i in range(n_products)]) for name in ("product_type", "brand")}
    return Scorer(
        model,
        head,
        Catalogue(np.array(product_ids)),
        content=content.astype(np.int64),
        numeric=rng.normal(size=(n_products, len(NUMERIC_FIELDS))).astype(np.float32),
        products={
            **texts,
            "manufacturer_id": np.array([str(i) for i in range(n_products)]),
            "price_usd": np.linspace(1, 3, n_products),
            "popularity": np.array([(i * 3) % n_products for i in range(n_products)], dtype=np.float64),
        },
        together=(together_idx, together_scores),
    )


@pytest.fixture
def scorer() -> Scorer:
    """Eight products, random weights; popularity 0, 3, 6, 1, 4, 7, 2, 5."""
    return make_scorer(len(SHELF), SHELF)


@pytest.fixture
def scorer_of() -> Callable[..., Scorer]:
    """Make a scorer of any size."""
    return make_scorer


@dataclass(frozen=True)
class Town:
    """The made-up town: where it lies, its small settings, and what a run reads of it."""

    settings: Settings
    sources: Sources

    @property
    def data(self) -> TrainingData:
        """What a fit reads."""
        purchases = self.sources.training_purchases
        customer_ids = sorted(purchases["customer_id"].unique())
        return TrainingData(self.sources.store, purchases, customer_ids, self.sources.train_until)

    @property
    def catalogue(self) -> Catalogue:
        """What a fit can recommend."""
        settings = self.settings.two_tower
        return build_catalogue(self.data.purchases, self.sources.train_until, settings.min_buyers)

    def rows(self, customer_ids: Sequence[str]) -> list[Row]:
        """Customers' features at the cut-off."""
        rows = customer_rows(self.sources.store, customer_ids, [self.sources.train_until])
        return list(rows.to_pylist())

    def fit(self, checkpoints: Path, *overrides: str, **options: Any) -> Fitted:
        """Fit with some settings changed."""
        settings = town_settings(self.settings.storage.root, *overrides)
        return fit(self.data, settings.features, settings.two_tower, checkpoints, **options)


def town_settings(root: Path, *overrides: str) -> Settings:
    """Settings small enough for a fit in a second."""
    return load_settings("test", [f"storage.root={root}", *_SMALL, *overrides])


@pytest.fixture(scope="session")
def town_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ingested town: 48 households of three kinds, 120 products, 20 weeks; copy it before writing to it."""
    root = tmp_path_factory.mktemp("town")
    settings = town_settings(root / "var")
    write_secret(settings.storage.keys / "pseudonym_v1.key", bytes(range(32)))  # the same customer order every time
    _write_town(root / "source")
    ingest_files(root / "source", settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return root / "var"


@pytest.fixture(scope="session")
def town(town_var: Path) -> Town:
    """The town as of two weeks before its data ends."""
    settings = town_settings(town_var)
    moments = snapshot_times(_TRAIN_UNTIL, settings.features, settings.two_tower)
    return Town(settings, prepare_sources(settings.storage, settings.features, _TRAIN_UNTIL, moments, lambda _: None))


@pytest.fixture(scope="session")
def fitted(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A model fitted on the town in one go."""
    return town.fit(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def settings_of_town() -> Callable[..., Settings]:
    """Make the town's settings with another root."""
    return town_settings


def _write_town(folder: Path) -> None:
    """Each household has a kind, which decides its 40 products, and five favourites, which it buys again."""
    rng = np.random.default_rng(5)
    start = datetime(2025, 1, 6, tzinfo=UTC)
    shares = 1 / np.arange(1, 41) ** 0.7
    shares /= shares.sum()
    lines = []
    for household in range(48):
        own_shelf = household % 3 * 40 + np.arange(40)
        favourites = rng.choice(own_shelf, 5, replace=False, p=shares)
        for week in range(20):
            basket = {int(product) for product in favourites if rng.random() < 0.6}
            basket |= {int(product) for product in rng.choice(own_shelf, 3, p=shares)} | {int(rng.integers(120))}
            at = start + timedelta(weeks=week, days=int(rng.integers(7)), hours=int(rng.integers(8, 20)))
            place = (f"store{household % 2}", f"b{household:02d}-{week:02d}", at.isoformat())
            lines += [(f"n{household:02d}", f"item{p:03d}", *place, 1, 1 + p / 50) for p in sorted(basket)]
    columns = ["customer_id", "product_id", "store_id", "basket_id", "event_timestamp", "quantity", "paid_amount"]
    products = [(f"item{i:03d}", f"D{i // 40}", f"C{i // 10}", f"T{i // 5}", "Own", f"M{i % 7}") for i in range(120)]
    texts = ["product_id", "department", "category", "product_type", "brand", "manufacturer_id"]
    refusals = {("n44", "personalization"), ("n45", "model_training")}  # n47 was never asked
    consents = [
        (f"n{i:02d}", purpose, (f"n{i:02d}", purpose) not in refusals, "2025-01-01T00:00:00Z")
        for i in range(47)
        for purpose in ("personalization", "model_training")
    ]
    folder.mkdir()
    pd.DataFrame(lines, columns=columns).to_csv(folder / "transactions.csv", index=False)
    pd.DataFrame(products, columns=texts).to_csv(folder / "products.csv", index=False)
    asked = ["customer_id", "purpose", "granted", "event_timestamp"]
    pd.DataFrame(consents, columns=asked).to_csv(folder / "consents.csv", index=False)
