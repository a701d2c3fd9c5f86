"""What elasticities say of themselves, and what they say of products they have never seen."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from training.artifact import write_bundle
from training.demand.elasticities import Elasticities
from training.errors import BundleItemUnknown
from training.manifest import ManifestFacts

FACTS = ManifestFacts(
    trained_at=datetime(2017, 3, 20, tzinfo=UTC),
    train_until=datetime(2017, 3, 1, tzinfo=UTC),
    data_snapshot_digest="5" * 64,
    code_commit="c" * 40,
    lock_digest="d" * 64,
    feature_service="price_v1",
    consent_digest="e" * 64,
    settings={},
    metrics={},
    provenance="made up for a test",
)


@pytest.fixture
def elasticities() -> Elasticities:
    """Three products of two categories: a sure one, a doubtful one, and one whose normal lies above 0."""
    return Elasticities(
        product_ids=np.array(["ale", "bun", "cod"]),
        location=np.array([-2.0, -0.5, 0.3]),
        scale=np.array([0.2, 0.5, 0.6]),
        sources=np.array(["product", "category", "chain"]),
        identified=np.array([True, True, False]),
        categories=np.array(["drinks", "food"]),
        category_location=np.array([-1.8, -1.1]),
        category_scale=np.array([0.7, 0.8]),
        chain_location=-1.5,
        chain_scale=1.0,
    )


def cut_off(elasticities: Elasticities, place: int) -> stats.rv_continuous:
    """The same posterior from scipy."""
    location, scale = elasticities.location[place], elasticities.scale[place]
    return stats.truncnorm(-np.inf, -location / scale, loc=location, scale=scale)


def test_values_and_quantiles_are_those_of_a_normal_cut_off_at_0(elasticities: Elasticities) -> None:
    for place in range(len(elasticities)):
        expected = cut_off(elasticities, place)
        assert elasticities.value[place] == pytest.approx(expected.mean())
        for level in (0.05, 0.5, 0.95):
            assert elasticities.quantile(level)[place] == pytest.approx(expected.ppf(level))


def test_an_interval_leaves_as_much_below_as_above(elasticities: Elasticities) -> None:
    low, high = elasticities.interval(0.9)
    for place in range(len(elasticities)):
        assert cut_off(elasticities, place).cdf([low[place], high[place]]) == pytest.approx([0.05, 0.95])


def test_draws_follow_the_posterior_and_the_seed(elasticities: Elasticities) -> None:
    draws = elasticities.draws(20_000, seed=3)
    assert draws.shape == (20_000, 3)
    assert draws.max() < 0
    assert draws.mean(axis=0) == pytest.approx(elasticities.value, abs=0.02)
    assert np.quantile(draws, 0.05, axis=0) == pytest.approx(elasticities.quantile(0.05), abs=0.03)
    assert np.array_equal(draws, elasticities.draws(20_000, seed=3))
    assert not np.array_equal(draws, elasticities.draws(20_000, seed=4))


def test_a_posterior_all_but_above_0_still_gives_numbers_below_0() -> None:
    one = np.ones(1)
    far = Elasticities(
        np.array(["odd"]),
        50 * one,
        one,
        np.array(["product"]),
        np.array([True]),
        np.array([], dtype=np.str_),
        np.array([]),
        np.array([]),
        -1.0,
        1.0,
    )
    assert -0.1 < far.value[0] < 0
    assert np.isfinite(far.draws(100, seed=1)).all()
    assert far.draws(100, seed=1).max() < 0


def test_products_unknown_to_the_fit_fall_back_to_category_then_chain(elasticities: Elasticities) -> None:
    asked = elasticities.of(["bun", "new", "odd", "ale", "old"], ["food", "food", "toys", "food", ""])
    assert asked.product_ids.tolist() == ["bun", "new", "odd", "ale", "old"]
    assert asked.location.tolist() == [-0.5, -1.1, -1.5, -2.0, -1.5]
    assert asked.scale.tolist() == [0.5, 0.8, 1.0, 0.2, 1.0]
    assert asked.sources.tolist() == ["category", "category", "chain", "product", "chain"]
    assert asked.identified.tolist() == [True, False, False, True, False]


def test_nothing_known_leaves_the_chain(elasticities: Elasticities) -> None:
    nobody = elasticities.of([], [])
    assert len(nobody) == 0
    assert nobody.of(["new"], ["food"]).sources.tolist() == ["category"]
    assert elasticities.of(["new"], ["toys"]).value[0] == pytest.approx(
        stats.truncnorm(-np.inf, 1.5, loc=-1.5, scale=1.0).mean()
    )


def test_the_table_is_that_of_the_file_contract(elasticities: Elasticities) -> None:
    table = elasticities.table()
    assert table.column_names == ["product_id", "value", "low_80", "high_80", "low_90", "high_90", "source"]
    assert table["product_id"].to_pylist() == ["ale", "bun", "cod"]
    assert table["source"].to_pylist() == ["product", "category", "chain"]
    for row in table.to_pylist():
        assert row["low_90"] < row["low_80"] < row["value"] < row["high_80"] < row["high_90"] < 0


def test_a_bundle_gives_back_what_it_was_given(elasticities: Elasticities, tmp_path: Path) -> None:
    frames = elasticities.bundle_parts()
    bundle = write_bundle(
        tmp_path / "1", name="demand", version="1", facts=FACTS, tensors={}, arrays={}, frames=frames, texts={}
    )
    loaded = Elasticities.load(bundle)
    for name in vars(elasticities):
        assert np.array_equal(getattr(loaded, name), getattr(elasticities, name)), name


def test_a_bundle_without_elasticities_says_so(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path / "1", name="demand", version="1", facts=FACTS, tensors={}, arrays={}, frames={}, texts={}
    )
    with pytest.raises(BundleItemUnknown, match="elasticities"):
        Elasticities.load(bundle)
