"""Backtests rank as live requests do, block by block as one by one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from training import baselines
from training.baselines import Task
from training.feature_rows import customer_rows
from training.histories import Histories, from_arrow
from training.splits import bought_before
from training.two_tower.backtest import ServedFallback
from training.two_tower.fit import Fitted
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer

NONE: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
CUSTOMERS = ["ann", "bob", "cyd", "dee", "eve"]


@pytest.fixture
def recommender(scorer: Scorer, histories_of: Callable[..., Histories]) -> TwoTowerRecommender:
    """The histories hold less than was ever bought: ann's jam and cyd's tea are too long ago."""
    histories = histories_of(["milk", "beer"], None, ["eggs"], ["milk", "tea", "salt"], ["bread"])
    bought = sparse.lil_array((5, 8), dtype=bool)
    for customer, products in enumerate(([5, 0, 4], [], [3, 7], [5, 7, 6], [1])):
        bought[customer, products] = True
    return TwoTowerRecommender(scorer, CUSTOMERS, histories, sparse.csr_array(bought))


def slow_lists(
    scorer: Scorer, histories: Histories, bought: npt.NDArray[np.bool_], task: Task, k: int
) -> list[list[tuple[int, float]]]:
    """One customer after another, sorted by hand."""
    lists = []
    for customer in range(len(histories)):
        alone = histories.take(np.array([customer]))
        pairs = scorer.score(alone, task=task)
        found = list(zip(pairs.product_idx.tolist(), pairs.scores.tolist(), strict=True))
        if not len(alone.product_idx):
            found = list(enumerate(scorer.products["popularity"].tolist()))
        kept = [pair for pair in found if task == "all" or not bought[customer, pair[0]]]
        lists.append(sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:k])
    return lists


@pytest.mark.parametrize("task", ["all", "novel"])
@pytest.mark.parametrize("k", [3, 12])
def test_it_equals_a_slow_loop_over_customers(
    recommender: TwoTowerRecommender,
    scorer: Scorer,
    histories_of: Callable[..., Histories],
    monkeypatch: pytest.MonkeyPatch,
    task: Task,
    k: int,
) -> None:
    histories = histories_of(["milk", "beer"], None, ["eggs"], ["milk", "tea", "salt"], ["bread"])
    expected = slow_lists(scorer, histories, recommender.bought(CUSTOMERS).toarray(), task, k)
    asked = [4, 0, 1, 3, 2, 0]
    for block_rows in (256, 2):
        monkeypatch.setattr(baselines, "BLOCK_ROWS", block_rows)
        positions, scores = recommender.rank([CUSTOMERS[i] for i in asked], task=task, k=k)
        assert positions.shape == scores.shape == (6, k)
        assert positions.dtype == np.int64
        assert scores.dtype == np.float32
        for row, customer in enumerate(asked):
            n = len(expected[customer])
            assert positions[row].tolist() == [product for product, _ in expected[customer]] + [-1] * (k - n)
            np.testing.assert_allclose(scores[row, :n], [score for _, score in expected[customer]], atol=1e-6)
            assert np.isneginf(scores[row, n:]).all()


def test_novel_leaves_out_purchases_older_than_the_history(recommender: TwoTowerRecommender) -> None:
    novel, _ = recommender.rank(CUSTOMERS, task="novel", k=8)
    everything, _ = recommender.rank(CUSTOMERS, task="all", k=8)
    assert set(novel[0]) == {1, 2, 3, 6, 7, -1}  # neither milk and beer nor the jam of long ago
    assert 7 not in novel[2]
    assert set(everything[0]) == set(range(8))


def test_a_customer_without_history_gets_what_is_popular(recommender: TwoTowerRecommender, scorer: Scorer) -> None:
    positions, scores = recommender.rank(["bob"], task="all", k=8)
    popular = scorer.rank_popular(allowed=None, k=8)
    assert positions[0].tolist() == popular.product_idx.tolist()
    assert scores[0].tolist() == popular.scores.tolist()


def test_a_customer_nobody_prepared_is_refused_without_a_name(recommender: TwoTowerRecommender) -> None:
    with pytest.raises(KeyError, match="1 customers have no history here") as refused:
        recommender.rank(["ann", "zoe"], task="all", k=3)
    assert "zoe" not in str(refused.value)


def test_nobody_asked_nothing_answered(recommender: TwoTowerRecommender) -> None:
    positions, scores = recommender.rank([], task="all", k=3)
    assert positions.shape == scores.shape == (0, 3)


def test_the_fallback_shows_everyone_the_same_but_for_novel_what_is_new_to_them(
    recommender: TwoTowerRecommender, scorer: Scorer
) -> None:
    fallback = ServedFallback(scorer, recommender)
    everyone = scorer.rank_popular(allowed=None, k=8).product_idx.tolist()
    positions, _ = fallback.rank(["bob", "ann"], task="all", k=8)
    assert positions.tolist() == [everyone, everyone]
    novel, _ = fallback.rank(["ann"], task="novel", k=8)
    assert novel[0].tolist() == [product for product in everyone if product not in (5, 0, 4)] + [-1] * 3


@pytest.mark.parametrize("task", ["all", "novel"])
def test_backtests_rank_as_live_requests_do(fitted: Fitted, town: Any, task: Task) -> None:
    """From the same row of the feature store, the backtest's list is the service's list."""
    scorer = fitted.scorer
    customer_ids: Sequence[str] = [*town.data.customer_ids, "c1_nobody"]
    table = customer_rows(town.sources.store, customer_ids, [town.sources.train_until])
    bought = bought_before(town.sources.purchases, scorer.catalogue, customer_ids, town.sources.train_until)
    recommender = TwoTowerRecommender(scorer, customer_ids, from_arrow(table, scorer.catalogue), bought)
    positions, scores = recommender.rank(customer_ids, task=task, k=150)
    for row, features in enumerate(table.to_pylist()):
        live = scorer.rank(features, basket_idx=NONE, allowed=None, task=task, k=150)
        listed = dict(zip(positions[row].tolist(), scores[row].tolist(), strict=True))
        listed.pop(-1)
        assert set(live.product_idx) == listed.keys()
        backtested = [listed[product] for product in live.product_idx]
        np.testing.assert_allclose(live.scores, backtested, atol=1e-5)
        assert np.diff(backtested).max() <= 1e-6  # the same order, but for ties that rounding decides
