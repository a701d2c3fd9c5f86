"""Room for suppliers in lists: one code path, the same weights for everybody, and through the bundle unchanged."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from fairness.rerank import ClassWeights
from fairness.suppliers import LARGE, PRIVATE_LABEL, SMALL, SUPPLIER_CLASSES
from training.artifact import Bundle, bundle_directory, write_bundle
from training.baselines import Task
from training.histories import Histories
from training.manifest import ManifestFacts
from training.two_tower.backtest import ServedFallback
from training.two_tower.bundling import bundle_parts
from training.two_tower.exposure import FRAME, SUPPLIER_CLASS, SupplierExposure
from training.two_tower.pairs import Pairs
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer

NONE: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
TASKS: tuple[Task, ...] = ("all", "novel")
CLASSES = np.array([SMALL, LARGE, PRIVATE_LABEL, SMALL, LARGE, PRIVATE_LABEL, SMALL, LARGE])  # beer 0 to tea 7
EVEN = dict.fromkeys(SUPPLIER_CLASSES, 1 / 3)
LOGS: dict[Task, tuple[float, float, float]] = {
    "all": (0.0, -0.4, -1.5),
    "novel": (0.0, -0.7, -0.2),
}


def exposure_of(strength: float = 1.0) -> SupplierExposure:
    weights = {
        task: ClassWeights(dict(zip(SUPPLIER_CLASSES, logs, strict=True)), EVEN, EVEN, EVEN, met=True)
        for task, logs in LOGS.items()
    }
    return SupplierExposure(CLASSES, weights, strength)


@pytest.fixture
def roomy(scorer: Scorer) -> Scorer:
    """The hand-made scorer with weights that reorder its lists."""
    return scorer.with_exposure(exposure_of())


def factor(task: Task, product: int, strength: float = 1.0) -> float:
    return float(np.exp(strength * LOGS[task][SUPPLIER_CLASSES.index(str(CLASSES[product]))]))


def expected(plain: Any, task: Task, strength: float = 1.0) -> list[tuple[int, float]]:
    """Multiply each score by its class's factor and sort by hand."""
    pairs = zip(plain.product_idx.tolist(), plain.scores.tolist(), strict=True)
    rescored = [(product, score * factor(task, product, strength)) for product, score in pairs]
    return sorted(rescored, key=lambda pair: -pair[1])


def assert_list(ranking: Any, wanted: Sequence[tuple[int, float]]) -> None:
    assert ranking.product_idx.tolist() == [product for product, _ in wanted]
    np.testing.assert_allclose(ranking.scores, [score for _, score in wanted], rtol=1e-5)
    assert (np.diff(ranking.scores) <= 0).all()


@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize("task", TASKS)
def test_lists_are_the_model_s_times_the_weight_of_each_class(
    scorer: Scorer, row_of: Callable[..., Any], task: Task, strength: float
) -> None:
    row = row_of(["milk", "beer", "tea"])
    plain = scorer.rank(row, basket_idx=NONE, allowed=None, task=task, k=8)
    roomy = scorer.with_exposure(exposure_of(strength))
    ours = roomy.rank(row, basket_idx=NONE, allowed=None, task=task, k=8)
    assert_list(ours, expected(plain, task, strength))
    assert roomy.rank(row, basket_idx=NONE, allowed=None, task=task, k=3).product_idx.tolist() == [
        product for product, _ in expected(plain, task, strength)[:3]
    ]
    sources = dict(zip(plain.product_idx.tolist(), plain.sources, strict=True))
    assert list(ours.sources) == [sources[product] for product in ours.product_idx.tolist()]


def test_the_weights_do_reorder_lists(scorer: Scorer, roomy: Scorer, row_of: Callable[..., Any]) -> None:
    row = row_of(["milk", "beer", "tea"])
    for task in TASKS:
        lists = [
            s.rank(row, basket_idx=NONE, allowed=None, task=task, k=8).product_idx.tolist() for s in (scorer, roomy)
        ]
        assert lists[0] != lists[1]
        for name in SUPPLIER_CLASSES:
            own = [[product for product in listed if CLASSES[product] == name] for listed in lists]
            assert own[0] == own[1]


def test_popular_lists_and_what_follows_companions_make_room_too_and_never_rise(scorer: Scorer, roomy: Scorer) -> None:
    assert_list(roomy.rank_popular(allowed=None, k=8), expected(scorer.rank_popular(allowed=None, k=8), "all"))
    ours = roomy.rank_basket(np.array([1]), allowed=None, k=8)  # bread goes with milk, eggs, jam
    assert set(ours.product_idx[:3].tolist()) == {5, 3, 4}
    assert ours.sources[:3] == ("together",) * 3
    assert (np.diff(ours.scores) <= 0).all()
    plain = {int(p): float(s) for p, s in zip(*_scored(scorer, np.array([1])), strict=True)}
    for product, score, source in zip(ours.product_idx, ours.scores, ours.sources, strict=True):
        expected_score = plain[int(product)] + 1  # what goes with the basket stays as it is
        if source == "two_tower":
            expected_score = plain[int(product)] * factor("novel", int(product))
        assert score == pytest.approx(expected_score, rel=1e-4)


def _scored(scorer: Scorer, basket: npt.NDArray[np.int64]) -> tuple[Any, Any]:
    plain = scorer.rank_basket(basket, allowed=None, k=8)
    together = np.array([source == "together" for source in plain.sources])
    return plain.product_idx, plain.scores - together


def test_similar_and_together_answer_about_a_product_and_stay(scorer: Scorer, roomy: Scorer) -> None:
    for ours, theirs in ((roomy.similar, scorer.similar), (roomy.together, scorer.together)):
        assert ours(1, allowed=None, k=8).product_idx.tolist() == theirs(1, allowed=None, k=8).product_idx.tolist()


def test_strength_0_and_no_weights_at_all_are_the_model_s_own_lists(
    scorer: Scorer, roomy: Scorer, row_of: Callable[..., Any]
) -> None:
    row = row_of(["milk"])
    plain = scorer.rank(row, basket_idx=NONE, allowed=None, task="all", k=8)
    for other in (roomy.with_exposure(None), roomy.with_exposure(exposure_of(0.0))):
        same = other.rank(row, basket_idx=NONE, allowed=None, task="all", k=8)
        assert same.product_idx.tolist() == plain.product_idx.tolist()
        assert same.scores.tolist() == plain.scores.tolist()
        assert other.exposure_strength == 0
    assert roomy.exposure_strength == 1
    assert scorer.exposure is None


def test_equal_scores_after_rounding_keep_the_model_s_order(roomy: Scorer) -> None:
    tiny = np.float32(1e-45)
    pairs = Pairs(np.zeros(2, dtype=np.int64), np.array([2, 5]), np.array([tiny, 2 * tiny]), np.zeros(2, dtype=bool))
    assert roomy.ordered(pairs, task="all").product_idx.tolist() == [5, 2]


def test_a_bundle_brings_weights_classes_and_strength_back(
    roomy: Scorer, facts_of: Callable[..., ManifestFacts], row_of: Callable[..., Any], tmp_path: Path
) -> None:
    loaded = Scorer.load(_bundled(roomy.with_exposure(exposure_of(0.6)), facts_of, tmp_path))
    assert loaded.exposure is not None
    assert loaded.exposure_strength == 0.6
    assert loaded.exposure.classes.tolist() == loaded.products[SUPPLIER_CLASS].tolist() == CLASSES.tolist()
    for task in TASKS:
        assert loaded.exposure.weights[task] == exposure_of().weights[task]
    row = row_of(["milk", "beer"])
    lists = [
        s.rank(row, basket_idx=NONE, allowed=None, task="novel", k=8)
        for s in (loaded, roomy.with_exposure(exposure_of(0.6)))
    ]
    assert lists[0].product_idx.tolist() == lists[1].product_idx.tolist()
    assert lists[0].scores.tolist() == lists[1].scores.tolist()


def test_a_bundle_from_before_there_was_room_loads_without(
    scorer: Scorer, facts_of: Callable[..., ManifestFacts], tmp_path: Path
) -> None:
    bundle = _bundled(scorer, facts_of, tmp_path)
    assert f"frames/{FRAME}.parquet" not in bundle.manifest.files
    loaded = Scorer.load(bundle)
    assert loaded.exposure is None
    assert loaded.exposure_strength == 0
    assert SUPPLIER_CLASS not in loaded.products


def _bundled(scorer: Scorer, facts_of: Callable[..., ManifestFacts], folder: Path) -> Bundle:
    directory = bundle_directory(folder, "two-tower", "1")
    tensors, arrays, frames, texts = bundle_parts(scorer)
    parts: dict[str, Any] = {"tensors": tensors, "arrays": arrays, "frames": frames}
    return write_bundle(directory, name="two-tower", version="1", facts=facts_of(), texts=texts, **parts)


@pytest.mark.parametrize("task", TASKS)
def test_backtests_make_the_room_that_serving_makes(
    roomy: Scorer, scorer: Scorer, histories_of: Callable[..., Histories], row_of: Callable[..., Any], task: Task
) -> None:
    bought: list[list[str]] = [["milk", "beer"], [], ["eggs", "salt", "tea"]]
    histories, customers = histories_of(*bought), ["ann", "bob", "cyd"]
    known = sparse.lil_array((3, 8), dtype=bool)
    for customer, positions_bought in enumerate(([5, 0], [], [3, 6, 7])):
        known[customer, positions_bought] = True
    recommender = TwoTowerRecommender(roomy, customers, histories, sparse.csr_array(known))
    positions, scores = recommender.rank(customers, task=task, k=8)
    for row, products in enumerate(bought):
        live = roomy.rank(row_of(products), basket_idx=NONE, allowed=None, task=task, k=8)
        n = len(live.product_idx)
        assert positions[row, :n].tolist() == live.product_idx.tolist()
        np.testing.assert_allclose(scores[row, :n], live.scores, rtol=1e-5)
    both = recommender.rank_by((scorer, roomy), customers, task=task, k=8)
    assert both[1][0].tolist() == positions.tolist()
    plain = TwoTowerRecommender(scorer, customers, histories, sparse.csr_array(known)).rank(customers, task=task, k=8)
    assert both[0][0].tolist() == plain[0].tolist()
    everyone, _ = ServedFallback(roomy, recommender).rank(["bob"], task=task, k=8)
    assert everyone[0].tolist() == roomy.rank_popular(allowed=None, k=8).product_idx.tolist()


def test_figures_hold_exposure_against_demand() -> None:
    demand, after = {SMALL: 0.2, LARGE: 0.8, PRIVATE_LABEL: 0.0}, {SMALL: 0.1, LARGE: 0.9, PRIVATE_LABEL: 0.0}
    weights = {task: ClassWeights(EVEN, demand, EVEN, after, met=True) for task in TASKS}
    figures = SupplierExposure(CLASSES, weights, 1.0).figures()
    assert figures["exposure_small_all"] == 0.5
    assert figures["exposure_large_novel"] == pytest.approx(1.125)
    assert "exposure_private_label_all" not in figures
