"""A basket table small enough to check by eye, and one tracker for the whole session."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from configs.loading import load_settings
from configs.settings import DemandPromotionSettings, EvaluationSettings, PromotionSettings, StorageSettings
from training.artifact import Bundle, bundle_directory, write_bundle
from training.catalogue import Catalogue
from training.evaluation_results import Difference, Evaluation, Score
from training.histories import PAIR_FIELDS, PROFILE_FIELDS
from training.manifest import ManifestFacts
from training.registry import RegisteredVersion, Tracker, version_tags

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)
END = datetime(2017, 3, 15, tzinfo=UTC)
SNAPSHOT = "5" * 64

Row = dict[str, Any]
MakeRow = Callable[..., Row]

SHELF = ("beer", "bread", "chips", "eggs", "jam", "milk", "salt", "tea")  # positions 0 to 7
_PURCHASE_TYPES = {"n_baskets": pa.int64()}
_PROFILE = (10, 6, 2, 25.5, 12.75, 3.0, 7.5, 90.0)

# customer, product, basket, day of 2017
_LINES = (
    ("ann", "milk", "a1", "2017-01-10"),
    ("ann", "bread", "a1", "2017-01-10"),
    ("ann", "milk", "a2", "2017-02-20"),
    ("ann", "milk", "a2", "2017-02-20"),  # a second line of the same basket
    ("ann", "eggs", "a2", "2017-02-20"),
    ("bob", "milk", "b1", "2017-02-10"),
    ("bob", "beer", "b1", "2017-02-10"),
    ("bob", "chips", "b2", "2017-02-25"),
    ("bob", "beer", "b2", "2017-02-25"),
    ("cyd", "beer", "c1", "2017-02-27"),
    ("cyd", "chips", "c1", "2017-02-27"),
    ("dee", "bread", "d1", "2017-01-05"),
    ("dee", "eggs", "d1", "2017-01-05"),
    ("dee", "caviar", "d1", "2017-01-05"),  # one buyer only
    ("ann", "milk", "a3", "2017-03-02"),
    ("ann", "chips", "a3", "2017-03-02"),
    ("bob", "beer", "b3", "2017-03-05"),
    ("cyd", "bread", "c2", "2017-03-06"),
    ("cyd", "caviar", "c2", "2017-03-06"),
    ("eve", "milk", "e1", "2017-03-07"),  # no history
)


@pytest.fixture
def purchases() -> pd.DataFrame:
    """20 lines, 14 of them before the cut-off."""
    rows = [(*line[:3], "s1", pd.Timestamp(line[3], tz="UTC")) for line in _LINES]
    return pd.DataFrame(rows, columns=["customer_id", "product_id", "basket_id", "store_id", "event_timestamp"])


@pytest.fixture
def catalogue() -> Catalogue:
    """What at least two customers bought before the cut-off: beer 0, bread 1, chips 2, eggs 3, milk 4."""
    return Catalogue(np.array(["beer", "bread", "chips", "eggs", "milk"]))


@pytest.fixture
def evaluation_settings() -> EvaluationSettings:
    """Short lists, few resamples."""
    return EvaluationSettings(
        policy=load_settings("test").evaluation.policy,
        test_weeks=2,
        list_length=10,
        n_bootstrap=200,
        confidence=0.9,
        warm_min_baskets=2,
        frequency_half_life_days=90,
        popularity_days=14,
        ease_lambda=1.0,
        seed=3,
    )


@pytest.fixture
def promotion_settings() -> PromotionSettings:
    """Any gain passes, two months old data at most."""
    demand = DemandPromotionSettings(max_wql_over_smoothing=0.0, min_coverage=0.75, max_coverage=0.85)
    return PromotionSettings(min_gain_all=0.0, min_gain_novel=0.0, max_data_age_days=60, demand=demand)


def make_facts(**changes: object) -> ManifestFacts:
    """Facts of a sound bundle, with some of them changed."""
    facts: dict[str, object] = {
        "trained_at": datetime(2017, 3, 20, tzinfo=UTC),
        "train_until": CUTOFF,
        "data_snapshot_digest": SNAPSHOT,
        "code_commit": "c" * 40,
        "lock_digest": "d" * 64,
        "feature_service": "customer_v1",
        "consent_digest": "e" * 64,
        "settings": {"two_tower": {"seed": 7}},
        "metrics": {"all.ndcg@20": 0.4, "novel.ndcg@20": 0.06},
        "provenance": "made up for a test",
    }
    return ManifestFacts.model_validate({**facts, **changes})


def make_evaluation(*, all_gain: float = 0.1, novel_gain: float = 0.1, **changes: object) -> Evaluation:
    """An evaluation in which the model beats each baseline by a relative gain."""
    scores: list[Score] = []
    differences: list[Difference] = []
    bases = {"all": {"popularity": 0.15, "ease": 0.3}, "novel": {"popularity": 0.05, "ease": 0.06}}
    for task, gain, rival in (("all", all_gain, "ease"), ("novel", novel_gain, "popularity")):
        ours = bases[task][rival] * (1 + gain)
        common = {"task": task, "subset": "everyone", "metric": "ndcg@20", "n_customers": 50}
        for method, value in {"two-tower": ours, **bases[task]}.items():
            scores.append(Score(method=method, value=value, low=value * 0.9, high=value * 1.1, **common))
        for baseline, value in bases[task].items():
            relative = ours / value - 1
            differences.append(
                Difference(
                    method="two-tower",
                    baseline=baseline,
                    value=ours - value,
                    low=ours - value - 0.01,
                    high=ours - value + 0.01,
                    relative=relative,
                    relative_low=relative - 0.02,
                    relative_high=relative + 0.02,
                    **common,
                )
            )
    facts: dict[str, object] = {
        "model": "two-tower",
        "train_until": CUTOFF,
        "test_end": END,
        "data_snapshot_digest": SNAPSHOT,
        "provenance": "made up for a test",
        "n_products": 5,
        "n_customers": 60,
        "n_judged": 50,
        "n_without_consent": 2,
        "confidence": 0.9,
        "n_bootstrap": 200,
        "seed": 3,
        "warm_min_baskets": 2,
        "scores": scores,
        "differences": differences,
        "spreads": [],
    }
    return Evaluation.model_validate({**facts, **changes})


def make_bundle(
    bundles_dir: Path, version: str = "1", *, evaluation: Evaluation | None = None, **changes: object
) -> Bundle:
    """Write a small bundle with one of each kind of part."""
    texts = {} if evaluation is None else {"evaluation.json": evaluation.model_dump_json()}
    return write_bundle(
        bundle_directory(bundles_dir, "two-tower", version),
        name="two-tower",
        version=version,
        facts=make_facts(**changes),
        tensors={"layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3)},
        arrays={"product_ids": np.array(["beer", "milk"])},
        frames={},
        texts=texts,
    )


@pytest.fixture
def facts_of() -> Callable[..., ManifestFacts]:
    """Make manifest facts with changes."""
    return make_facts


@pytest.fixture
def evaluation_of() -> Callable[..., Evaluation]:
    """Make an evaluation with given relative gains."""
    return make_evaluation


@pytest.fixture
def bundle_of() -> Callable[..., Bundle]:
    """Write a small bundle."""
    return make_bundle


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """One SQLite tracker: its first use takes tens of seconds of migrations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield Tracker(StorageSettings(root=tmp_path_factory.mktemp("tracking"), min_free_gb=0))


@pytest.fixture(scope="module")
def _tracked(tracker: Tracker) -> Iterator[None]:
    """Jobs track where the session's tracker does, which spares a second database its migrations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", tracker.tracking_uri)
        yield


class FakeTracker:
    """A registry in memory that can lose power when an alias moves."""

    def __init__(self) -> None:
        self.registered: list[RegisteredVersion] = []
        self.aliases: dict[str, RegisteredVersion] = {}
        self.moves = 0
        self.tagged: dict[str, dict[str, str]] = {}

    def register(self, bundle: Bundle, **tags: str) -> None:
        """Register a bundle with some tags changed."""
        number = str(len(self.registered) + 1)
        version = RegisteredVersion("two-tower", number, "run", {**version_tags(bundle), **tags})
        self.registered.append(version)

    def find_bundle(self, bundle: Bundle) -> RegisteredVersion | None:
        """Look for the digest."""
        return next((v for v in reversed(self.registered) if v.tags["bundle_digest"] == bundle.digest), None)

    def aliased(self, name: str, alias: str) -> RegisteredVersion | None:
        """Look up an alias."""
        return self.aliases.get(alias) if name == "two-tower" else None

    def set_alias(self, version: RegisteredVersion, alias: str) -> None:
        """Move an alias."""
        self.aliases[alias] = version
        self.moves += 1

    def set_version_tags(self, version: RegisteredVersion, tags: Mapping[str, str]) -> None:
        """Remember the tags of a version."""
        self.tagged.setdefault(version.number, {}).update(tags)


@pytest.fixture
def registry_in_memory() -> FakeTracker:
    """A registry without MLflow."""
    return FakeTracker()


@pytest.fixture
def shelf() -> Catalogue:
    """Beer 0, bread 1, chips 2, eggs 3, jam 4, milk 5, salt 6, tea 7."""
    return Catalogue(np.array(SHELF))


def make_row(bought: Sequence[str] = (), *, session: Sequence[str] = (), **profile: float | None) -> Row:
    """One customer's features: the first product bought lately and often, each later one less so."""
    ages = [2.0 + 5 * i for i in range(len(bought))]
    counts = [max(5 - i, 1) for i in range(len(bought))]
    return {
        "product_ids": list(bought),
        "n_baskets": counts,
        "decayed_short": [n * 2 ** (-age / 30) for n, age in zip(counts, ages, strict=True)],
        "decayed_long": [n * 2 ** (-age / 90) for n, age in zip(counts, ages, strict=True)],
        "days_since_last": ages,
        "days_since_first": [age + 20 * (n - 1) for n, age in zip(counts, ages, strict=True)],
        "session_product_ids": list(session),
        "store_id": "s1",
        **dict(zip(PROFILE_FIELDS, _PROFILE, strict=True)),
        **profile,
    }


def make_table(rows: Sequence[Row | None]) -> pa.Table:
    """The same rows as the feature store gives them for training; None is a customer it does not know."""
    lists = {field: pa.list_(_PURCHASE_TYPES.get(field, pa.float64())) for field in PAIR_FIELDS}
    ids = {field: pa.list_(pa.string()) for field in ("product_ids", "session_product_ids")}
    types: dict[str, Any] = {**ids, **lists, "store_id": pa.string(), **dict.fromkeys(PROFILE_FIELDS, pa.float64())}
    columns = {name: [None if row is None else row[name] for row in rows] for name in types}
    return pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})


@pytest.fixture
def row_of() -> MakeRow:
    """Make one customer's features."""
    return make_row


@pytest.fixture
def table_of() -> Callable[[Sequence[Row | None]], pa.Table]:
    """Make a table of customers' features."""
    return make_table
