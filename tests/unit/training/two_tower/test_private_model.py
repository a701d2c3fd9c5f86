"""The private model by slow, obvious versions, and its place in the scorer."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from training.artifact import Bundle, bundle_directory, write_bundle
from training.catalogue import Catalogue
from training.evaluation_results import TASKS
from training.histories import Histories, from_row
from training.manifest import ManifestFacts
from training.two_tower.bundling import bundle_parts
from training.two_tower.private_model import FrozenProducts, OwnRateHead, PrivateTowers
from training.two_tower.private_popularity import ReleasedPopularity
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.scorer import Scorer
from training.two_tower.together import N_COMPANIONS

IDS = ("beer", "bread", "chips", "eggs", "jam", "milk", "salt", "tea")
NONE: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
COUNTS = np.array([5.0, 40, 8, 20, 3, 60, 2, 9])
FIRST = np.array([2.0, 9, 8, 4, 3, 6, 1, 9])
GROUPS = [[0, 2], [0, 3], [1, 3], [1, 4], [0, 4], [1, 2], [0, 2], [1, 4]]
CONSTANTS = [30.0, 0.6, -0.2, 0.3, 0.25]


@pytest.fixture
def private_scorer() -> Scorer:
    """Eight products in groups of two levels, released counts, random scales."""
    generator = torch.Generator().manual_seed(4)
    vectors = torch.nn.functional.normalize(torch.randn(8, 3, generator=generator), dim=1)
    signals = torch.from_numpy(ReleasedPopularity(COUNTS, FIRST, np.arange(8)).signals)
    frozen = FrozenProducts(vectors, torch.tensor(GROUPS), torch.rand(5, generator=generator) + 0.2, signals)
    towers = PrivateTowers(frozen, torch.tensor(CONSTANTS), torch.tensor([[0.7, 0.4]]))
    head = OwnRateHead.of(half_life_long_days=90, window_days=14, known_products=2, new_products=5)
    numeric = np.zeros((8, len(NUMERIC_FIELDS)), dtype=np.float32)
    numeric[:, 0] = np.log(COUNTS / COUNTS.sum())
    texts = {name: np.array([f"{name}-{i % 2}" for i in range(8)]) for name in ("department", "category", "brand")}
    return Scorer(
        towers,
        head,
        Catalogue(np.array(IDS)),
        content=np.zeros((8, 0), dtype=np.int64),
        numeric=numeric,
        products={
            **texts,
            "product_type": texts["category"],
            "manufacturer_id": np.array(["1"] * 8),
            "price_usd": np.full(8, np.nan),
            "popularity": COUNTS,
        },
        together=(np.full((8, N_COMPANIONS), -1), np.zeros((8, N_COMPANIONS), dtype=np.float32)),
    )


def slow_score(towers: PrivateTowers, histories: Histories, row: int, product: int) -> float:
    """What the history says of each of the product's groups, and the customer's mix of the two signals."""
    rarity = towers.products.rarity.numpy()
    mine = range(histories.offsets[row], histories.offsets[row + 1])
    session = histories.session_idx[histories.session_offsets[row] : histories.session_offsets[row + 1]]
    score = 0.0
    for level, scale in enumerate((0.7, 0.4)):
        group = GROUPS[product][level]
        own = sum(0.5 ** (histories.pairs[i, 3] / 30) for i in mine if GROUPS[histories.product_idx[i]][level] == group)
        own += sum(GROUPS[bought][level] == group for bought in session)
        score += scale * np.log1p(own * rarity[group])
    active = float(np.clip(np.log1p(len(mine)) - 5.5, -2.5, 1.5))
    popular, first = (0.6 - 0.2 * active, 0.3 + 0.25 * active) if len(mine) else (1.0, 0.0)
    prior = popular * np.log(COUNTS[product] / COUNTS.sum()) + first * np.log(FIRST[product] / FIRST.sum())
    return float(score + prior)


def test_the_score_is_that_of_the_slow_obvious_version(
    private_scorer: Scorer, histories_of: Callable[..., Histories], row_of: Callable[..., dict[str, Any]]
) -> None:
    histories = histories_of(["milk", "beer", "tea"], [], row_of(["bread"], session=["salt"]))
    towers = private_scorer.model
    assert isinstance(towers, PrivateTowers)
    with torch.no_grad():
        scores = towers.queries(private_scorer.history_vectors, histories) @ private_scorer.product_vectors
    for row in range(3):
        for product in range(8):
            assert scores[row, product].item() == pytest.approx(slow_score(towers, histories, row, product), rel=1e-5)


def test_fresh_towers_share_what_is_frozen_and_start_over(private_scorer: Scorer) -> None:
    towers = private_scorer.model
    assert isinstance(towers, PrivateTowers)
    fresh = towers.fresh(0.3)
    assert fresh.products is towers.products
    assert fresh.adapter.weight.tolist() == [[pytest.approx(0.3)] * 2]
    assert towers.adapter.weight.tolist() != fresh.adapter.weight.tolist()


def test_a_customer_without_history_sees_the_released_popularity(
    private_scorer: Scorer, histories_of: Callable[..., Histories]
) -> None:
    histories = histories_of([])
    with torch.no_grad():
        queries = private_scorer.model.queries(private_scorer.history_vectors, histories)
        shares = (queries @ private_scorer.product_vectors).softmax(1)
    np.testing.assert_allclose(shares[0], COUNTS / COUNTS.sum(), rtol=1e-5)
    assert private_scorer.rank_popular(allowed=None, k=3).product_idx.tolist() == [5, 1, 3]


def chance(long: float, share: float) -> float:
    return float(1 - np.exp(-14 * np.log(2) / 90 * long - 2 * share))


def test_repeats_are_judged_by_own_rates_and_new_products_by_their_share(
    private_scorer: Scorer, row_of: Callable[..., dict[str, Any]]
) -> None:
    row = row_of(["milk", "beer"])
    ranking = private_scorer.rank(row, basket_idx=NONE, allowed=None, task="all", k=8)
    found = dict(zip(ranking.product_idx.tolist(), ranking.scores.tolist(), strict=True))
    histories = from_row(row, private_scorer.catalogue)
    with torch.no_grad():
        queries = private_scorer.model.queries(private_scorer.history_vectors, histories)
        shares = (queries @ private_scorer.product_vectors).softmax(1)[0]
    for place, product in enumerate((5, 0)):
        expected = chance(row["decayed_long"][place], float(shares[product]))
        assert found[product] == pytest.approx(expected, rel=1e-3)
    for product in (1, 2, 3, 4, 6, 7):
        assert found[product] == pytest.approx(float(1 - torch.exp(-5 * shares[product])), rel=1e-3)
    assert [s for p, s in zip(ranking.product_idx, ranking.sources, strict=True) if p in (5, 0)] == ["repeat"] * 2


@pytest.mark.parametrize("bought", [[], ["milk"], ["milk", "beer", "tea"]])
def test_scores_are_finite_and_fall(
    private_scorer: Scorer, row_of: Callable[..., dict[str, Any]], bought: Sequence[str]
) -> None:
    for task in TASKS:
        ranking = private_scorer.rank(row_of(bought), basket_idx=np.array([2]), allowed=None, task=task, k=8)
        assert np.isfinite(ranking.scores).all()
        assert (np.diff(ranking.scores) <= 0).all()
        assert 2 not in ranking.product_idx


def test_extreme_rates_stay_finite() -> None:
    head = OwnRateHead.of(half_life_long_days=90, window_days=14, known_products=2, new_products=5)
    features = torch.zeros(3, 27)
    features[:, 7] = torch.tensor([1.0, 1.0, 0.0])  # known
    features[:, 1] = features[:, 2] = torch.tensor([np.log(1e-3), np.log(1e6), 0.0])
    features[:, 8] = -200  # log of the towers' share
    odds = head(features)
    assert torch.isfinite(odds).all()
    assert odds[0] < -15
    assert odds[1] > 15
    assert odds[2] < -15


def test_nothing_is_bought_together_because_that_would_be_a_release(private_scorer: Scorer) -> None:
    assert not len(private_scorer.together(1, allowed=None, k=5).product_idx)
    basket = private_scorer.rank_basket(np.array([1]), allowed=None, k=5)
    assert set(basket.sources) == {"two_tower"}
    assert len(private_scorer.similar(1, allowed=None, k=5).product_idx) == 5


def test_it_comes_back_from_its_bundle_and_ranks_identically(
    private_scorer: Scorer, facts_of: Callable[..., ManifestFacts], tmp_path: Any, row_of: Callable[..., dict[str, Any]]
) -> None:
    directory = bundle_directory(tmp_path, "two-tower", "1")
    tensors, arrays, frames, texts = bundle_parts(private_scorer)
    assert set(tensors) == {
        "model.adapter.weight",
        "model.constants",
        "model.products.vectors",
        "model.products.groups",
        "model.products.rarity",
        "model.products.signals",
        "head.constants",
    }
    parts: dict[str, Any] = {"tensors": tensors, "arrays": arrays, "frames": frames}
    write_bundle(directory, name="two-tower", version="1", facts=facts_of(), texts=texts, **parts)
    loaded = Scorer.load(Bundle.open(directory))
    row = row_of(["milk", "beer"], session=["tea"])
    for task in TASKS:
        ours, theirs = (s.rank(row, basket_idx=NONE, allowed=None, task=task, k=8) for s in (private_scorer, loaded))
        assert ours.product_idx.tolist() == theirs.product_idx.tolist()
        assert (ours.scores == theirs.scores).all()
        assert ours.because_idx.tolist() == theirs.because_idx.tolist()
