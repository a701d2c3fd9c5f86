"""Ranking: the same list whichever way it is asked for, and nothing that may not be shown."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from training.artifact import Bundle, bundle_directory, write_bundle
from training.baselines import Task
from training.histories import Histories, from_row
from training.manifest import ManifestFacts
from training.two_tower import scorer as scorer_module
from training.two_tower.bundling import bundle_parts
from training.two_tower.fit import Fitted
from training.two_tower.pairs import Ranking
from training.two_tower.repeat_head import RepeatHead
from training.two_tower.scorer import PRODUCT_NUMBERS, PRODUCT_TEXTS, Scorer

Row = dict[str, Any]
MakeRow = Callable[..., Row]
Indices = npt.NDArray[np.int64]
NONE: Indices = np.empty(0, dtype=np.int64)
TASKS: tuple[Task, ...] = ("all", "novel")


def rank(
    scorer: Scorer, row: Row, *, basket: Sequence[int] = (), hidden: Sequence[int] = (), task: Task = "all", k: int = 8
) -> Ranking:
    allowed = np.ones(len(scorer.catalogue), dtype=bool)
    allowed[list(hidden)] = False
    basket_idx = np.array(basket, dtype=np.int64)
    return scorer.rank(row, basket_idx=basket_idx, allowed=allowed if hidden else None, task=task, k=k)


def assert_same(ours: Ranking, theirs: Ranking) -> None:
    assert ours.product_idx.tolist() == theirs.product_idx.tolist()
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-6)
    assert ours.sources == theirs.sources
    assert ours.because_idx.tolist() == theirs.because_idx.tolist()


def assert_well_formed(ranking: Ranking, k: int) -> None:
    n = len(ranking.product_idx)
    assert n <= k
    assert len(ranking.scores) == len(ranking.sources) == len(ranking.because_idx) == n
    assert len(set(ranking.product_idx.tolist())) == n
    assert (np.diff(ranking.scores) <= 0).all()
    assert ranking.scores.dtype == np.float32


def test_a_scorer_comes_back_from_its_bundle_and_ranks_identically(
    fitted: Fitted, facts_of: Callable[..., ManifestFacts], tmp_path: Path, row_of: MakeRow
) -> None:
    scorer = fitted.scorer
    directory = bundle_directory(tmp_path, "two-tower", "1")
    tensors, arrays, frames, texts = bundle_parts(scorer)
    parts: dict[str, Any] = {"tensors": tensors, "arrays": arrays, "frames": frames}
    write_bundle(directory, name="two-tower", version="1", facts=facts_of(), texts=texts, **parts)
    loaded = Scorer.load(Bundle.open(directory))
    assert loaded.catalogue.product_ids.tolist() == scorer.catalogue.product_ids.tolist()
    for name in (*PRODUCT_TEXTS, *PRODUCT_NUMBERS):
        np.testing.assert_array_equal(loaded.products[name], scorer.products[name])
    row = row_of(["item003", "item015", "item041"], session=["item007"])
    allowed = np.arange(len(scorer.catalogue)) % 3 > 0
    asked: list[Callable[[Scorer], Ranking]] = [
        lambda s: s.rank(row, basket_idx=np.array([9]), allowed=None, task="all", k=100),
        lambda s: s.rank(row, basket_idx=NONE, allowed=allowed, task="novel", k=50),
        lambda s: s.rank_basket(np.array([1, 40]), allowed=None, k=30),
        lambda s: s.rank_popular(allowed=None, k=30),
        lambda s: s.similar(4, allowed=None, k=30),
        lambda s: s.together(0, allowed=None, k=30),
    ]
    for ask in asked:
        ours, theirs = ask(scorer), ask(loaded)
        assert len(ours.product_idx)
        assert (ours.scores == theirs.scores).all()
        assert_same(ours, theirs)


@pytest.mark.parametrize("task", TASKS)
def test_one_customer_alone_ranks_as_in_a_batch(fitted: Fitted, town: Any, task: Task) -> None:
    scorer = fitted.scorer
    rows = town.rows(town.data.customer_ids)
    parts = [from_row(row, scorer.catalogue) for row in rows]
    batch = Histories(
        offsets=np.concatenate([[0], np.cumsum([len(part.product_idx) for part in parts])]),
        product_idx=np.concatenate([part.product_idx for part in parts]),
        pairs=np.concatenate([part.pairs for part in parts]),
        profiles=np.concatenate([part.profiles for part in parts]),
        session_offsets=np.zeros(len(parts) + 1, dtype=np.int64),
        session_idx=NONE,
        stores=np.full(len(parts), ""),
    )
    pairs = scorer.score(batch, task=task)
    for customer, row in enumerate(rows):
        alone = rank(scorer, row, task=task, k=500)
        mine = pairs.customer == customer
        in_batch = dict(zip(pairs.product_idx[mine].tolist(), pairs.scores[mine].tolist(), strict=True))
        assert set(alone.product_idx) == in_batch.keys()
        scores = [in_batch[product] for product in alone.product_idx]
        np.testing.assert_allclose(alone.scores, scores, atol=1e-5)
        assert np.diff(scores).max() <= 1e-6  # the same order, but for ties that rounding decides
        bought = set(pairs.product_idx[mine & pairs.bought])
        sources = zip(alone.product_idx, alone.sources, strict=True)
        assert {product for product, source in sources if source == "repeat"} == (bought if task == "all" else set())


def test_all_scores_are_the_head_s_and_novel_scores_the_towers_probabilities(scorer: Scorer, row_of: MakeRow) -> None:
    row = row_of(["milk", "beer"])
    histories = from_row(row, scorer.catalogue)
    with torch.no_grad():
        log_p = (scorer.model.queries(scorer.history_vectors, histories) @ scorer.product_vectors).log_softmax(1)[0]
        pairs = scorer.candidates(histories, task="all")
        chance = torch.sigmoid(scorer.head(pairs.features))
    everything, novel = rank(scorer, row), rank(scorer, row, task="novel")
    expected = sorted(zip(chance.tolist(), (-pairs.product_idx).tolist(), strict=True), reverse=True)
    assert everything.product_idx.tolist() == [-product for _, product in expected]
    np.testing.assert_allclose(everything.scores, [score for score, _ in expected], rtol=1e-5)
    unbought = sorted(set(range(8)) - {5, 0}, key=lambda product: -float(log_p[product]))
    assert novel.product_idx.tolist() == unbought
    np.testing.assert_allclose(novel.scores, log_p[unbought].exp(), rtol=1e-5)


def test_all_ranks_everything_and_novel_nothing_that_was_bought(scorer: Scorer, row_of: MakeRow) -> None:
    row = row_of(["milk", "caviar", "beer"], session=["tea"])
    everything, novel = rank(scorer, row), rank(scorer, row, task="novel")
    assert set(everything.product_idx) == set(range(8))
    assert set(novel.product_idx) == set(range(8)) - {0, 5}
    for ranking in (everything, novel):
        assert_well_formed(ranking, 8)
    assert {p for p, s in zip(everything.product_idx, everything.sources, strict=True) if s == "repeat"} == {0, 5}
    assert set(novel.sources) == {"two_tower"}


@pytest.mark.parametrize("task", TASKS)
def test_hidden_products_and_the_basket_are_never_shown(scorer: Scorer, row_of: MakeRow, task: Task) -> None:
    row = row_of(["milk", "beer"], session=["tea"])
    ranking = rank(scorer, row, basket=[1, 5], hidden=[0, 2, 6], task=task)
    assert set(ranking.product_idx) == {3, 4, 7}
    assert set(rank(scorer, row, basket=[1, 5], task=task).product_idx) <= {0, 2, 3, 4, 6, 7}
    assert set(scorer.rank_basket(np.array([1, 3]), allowed=None, k=8).product_idx) == {0, 2, 4, 5, 6, 7}
    nothing = np.zeros(8, dtype=bool)
    for empty in (
        scorer.rank(row, basket_idx=NONE, allowed=nothing, task=task, k=5),
        scorer.rank_basket(np.array([1]), allowed=nothing, k=5),
        scorer.rank_popular(allowed=nothing, k=5),
        scorer.similar(1, allowed=nothing, k=5),
        scorer.together(1, allowed=nothing, k=5),
    ):
        assert_well_formed(empty, 0)


def test_the_mask_given_is_left_as_it_was(scorer: Scorer, row_of: MakeRow) -> None:
    allowed = np.ones(8, dtype=bool)
    scorer.rank(row_of(["milk"]), basket_idx=np.array([3]), allowed=allowed, task="all", k=3)
    scorer.rank_basket(np.array([3]), allowed=allowed, k=3)
    assert allowed.all()


def test_a_filter_leaves_the_order_of_the_rest(scorer: Scorer, row_of: MakeRow) -> None:
    row = row_of(["milk", "beer", "salt"])
    whole, part = rank(scorer, row), rank(scorer, row, hidden=[5, 3])
    assert part.product_idx.tolist() == [product for product in whole.product_idx if product not in (5, 3)]


def test_a_list_is_as_long_as_asked_or_as_what_is_allowed(scorer: Scorer, row_of: MakeRow) -> None:
    row = row_of(["milk"])
    assert len(rank(scorer, row, k=3).product_idx) == 3
    assert rank(scorer, row, k=3).product_idx.tolist() == rank(scorer, row).product_idx[:3].tolist()
    for longer in (rank(scorer, row, hidden=[1, 2], k=100), scorer.rank_basket(np.array([0, 1]), allowed=None, k=100)):
        assert_well_formed(longer, 100)
        assert len(longer.product_idx) == 6
    assert len(scorer.rank_popular(allowed=None, k=100).product_idx) == 8
    assert len(scorer.similar(0, allowed=None, k=100).product_idx) == 7
    assert len(scorer.together(1, allowed=None, k=100).product_idx) == 3


def test_only_the_best_new_products_are_judged_but_the_whole_history(
    scorer_of: Callable[..., Scorer], row_of: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = scorer_of(40, [f"p{i:02d}" for i in range(40)])
    row = row_of([f"p{i:02d}" for i in range(0, 20, 2)])
    whole = rank(scorer, row, task="novel", k=40)
    monkeypatch.setattr(scorer_module, "N_NEW_CANDIDATES", 6)
    novel, everything = rank(scorer, row, task="novel", k=40), rank(scorer, row, k=40)
    assert len(whole.product_idx) == 30
    assert novel.product_idx.tolist() == whole.product_idx[:6].tolist()
    assert set(everything.product_idx) == set(range(0, 20, 2)) | set(novel.product_idx)
    assert everything.sources.count("repeat") == 10


def test_reasons_point_at_the_nearest_known_product(scorer: Scorer, row_of: MakeRow) -> None:
    row = row_of(["milk", "beer"], session=["tea"])
    ranking = rank(scorer, row, basket=[3])
    vectors = scorer.history_vectors / scorer.history_vectors.norm(dim=1, keepdim=True)
    for product, source, because in zip(ranking.product_idx, ranking.sources, ranking.because_idx, strict=True):
        if source == "repeat":
            assert because == product
        else:
            assert because == max((5, 0, 3, 7), key=lambda known: float(vectors[product] @ vectors[known]))


def test_a_customer_without_history_gets_what_is_popular(scorer: Scorer, row_of: MakeRow) -> None:
    no_features = {**row_of(), "product_ids": None, "n_baskets": None, "session_product_ids": None}
    for row in (row_of(), row_of(["caviar"]), no_features):
        ranking = rank(scorer, row, k=4)
        assert ranking.product_idx.tolist() == [5, 2, 7, 4]
        assert ranking.scores.tolist() == [7, 6, 5, 4]
        assert set(ranking.sources) == {"popular"}
        assert ranking.because_idx.tolist() == [-1] * 4
        assert_same(ranking, scorer.rank_popular(allowed=None, k=4))
    assert rank(scorer, row_of(), hidden=[2, 5], k=3).product_idx.tolist() == [7, 4, 1]
    assert set(rank(scorer, row_of(session=["tea"])).sources) == {"two_tower"}
    visitor = rank(scorer, row_of(), basket=[1])  # bread goes with milk, eggs and jam
    assert visitor.sources[:4] == ("together", "together", "together", "two_tower")
    assert set(visitor.product_idx[:3]) == {3, 4, 5}


def test_ties_go_by_position(scorer_of: Callable[..., Scorer], row_of: MakeRow) -> None:
    product_ids = [f"p{i:02d}" for i in range(40)]
    scorer = scorer_of(40, product_ids)
    assert isinstance(scorer.head, RepeatHead)
    last = scorer.head.net[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.zeros_(last.weight)  # every pair is as likely as every other
    everything = rank(scorer, row_of(["p31", "p07", "p20"]), k=40)
    assert everything.product_idx.tolist() == list(range(40))
    assert len(set(everything.scores.tolist())) == 1
    tied = Scorer(
        scorer.model,
        scorer.head,
        scorer.catalogue,
        content=scorer.content,
        numeric=scorer.numeric.numpy(),
        products={**scorer.products, "popularity": np.repeat([1.0, 2.0], 20)},
        together=scorer.companions,
    )
    assert tied.rank_popular(allowed=None, k=40).product_idx.tolist() == [*range(20, 40), *range(20)]


def test_a_basket_puts_its_companions_first_and_explains_them(scorer: Scorer) -> None:
    ranking = scorer.rank_basket(np.array([1, 6]), allowed=None, k=8)  # bread goes with milk, eggs and jam
    assert set(ranking.product_idx[:3]) == {5, 3, 4}
    assert ranking.sources == ("together",) * 3 + ("two_tower",) * 3
    assert (ranking.scores[:3] >= 1).all()
    assert (ranking.scores[3:] < 1).all()
    assert_well_formed(ranking, 8)
    assert set(ranking.because_idx) <= {1, 6}
    filtered = scorer.rank_basket(np.array([1, 6]), allowed=np.arange(8) != 3, k=4)
    assert filtered.sources == ("together", "together", "two_tower", "two_tower")
    assert_same(scorer.rank_basket(NONE, allowed=None, k=3), scorer.rank_popular(allowed=None, k=3))


def test_similar_is_by_cosine_and_leaves_itself_out(scorer: Scorer) -> None:
    vectors = scorer.history_vectors.numpy().astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for product in range(8):
        ranking = scorer.similar(product, allowed=None, k=8)
        others = [other for other in range(8) if other != product]
        assert ranking.product_idx.tolist() == sorted(others, key=lambda other: -(vectors[other] @ vectors[product]))
        np.testing.assert_allclose(ranking.scores, vectors[ranking.product_idx] @ vectors[product], atol=1e-6)
        assert set(ranking.because_idx) == {product}
        assert set(ranking.sources) == {"similar"}
    assert set(scorer.similar(2, allowed=np.arange(8) < 4, k=8).product_idx) == {0, 1, 3}


def test_together_lists_the_companions(scorer: Scorer) -> None:
    ranking = scorer.together(1, allowed=None, k=2)
    assert ranking.product_idx.tolist() == [5, 3]
    assert ranking.scores.tolist() == pytest.approx([0.5, 0.4])
    assert ranking.sources == ("together", "together")
    assert ranking.because_idx.tolist() == [1, 1]
    assert scorer.together(1, allowed=np.arange(8) != 5, k=2).product_idx.tolist() == [3, 4]
    assert_well_formed(scorer.together(0, allowed=None, k=5), 0)


def place(ranking: Ranking, product: int) -> int:
    return int(np.flatnonzero(ranking.product_idx == product)[0])


def bought_now(row: Row, product_id: str, n_baskets: int) -> Row:
    """The same customer after that many more weekly baskets with one more product, the last half a day ago."""
    days_ago = [0.5 + 7 * i for i in range(n_baskets)]
    first = {
        "product_ids": product_id,
        "n_baskets": n_baskets,
        "decayed_short": sum(2 ** (-days / 30) for days in days_ago),
        "decayed_long": sum(2 ** (-days / 90) for days in days_ago),
        "days_since_last": days_ago[0],
        "days_since_first": days_ago[-1],
    }
    lists = {name: [value, *row[name]] for name, value in first.items()}
    return {**row, **lists, "n_baskets_total": row["n_baskets_total"] + n_baskets}


def test_a_purchase_becomes_a_repeat_and_a_habit_rises(fitted: Fitted, town: Any) -> None:
    scorer = fitted.scorer
    rows = town.rows(town.data.customer_ids)
    for row in rows[:12]:
        before = rank(scorer, row, k=500)
        chosen = int(before.product_idx[np.array(before.sources) == "two_tower"][20])
        product_id = str(scorer.catalogue.product_ids[chosen])
        once = rank(scorer, bought_now(row, product_id, 1), k=500)
        weekly = rank(scorer, bought_now(row, product_id, 8), k=500)
        for after in (once, weekly):
            assert after.sources[place(after, chosen)] == "repeat"
            assert after.because_idx[place(after, chosen)] == chosen
            assert set(after.product_idx) == set(before.product_idx)
        assert place(weekly, chosen) < min(place(once, chosen), place(before, chosen))
        assert chosen in rank(scorer, row, task="novel", k=500).product_idx
        assert chosen not in rank(scorer, bought_now(row, product_id, 1), task="novel", k=500).product_idx
        others = [product for product in before.product_idx if product != chosen]
        moved = [once.scores[place(once, p)] - before.scores[place(before, p)] for p in others]
        assert np.abs(moved).max() > 1e-5  # the rest of the list saw the purchase too


def test_fresh_sales_figures_change_the_ranking(scorer: Scorer, row_of: MakeRow) -> None:
    row = row_of(["milk"])
    before = rank(scorer, row, task="novel")
    last = int(before.product_idx[-1])
    numeric = scorer.numeric.numpy().copy()
    sales_weight = scorer.model.queries(scorer.history_vectors, from_row(row, scorer.catalogue))[0, 4]
    numeric[last, 0] += 100 * float(np.sign(sales_weight.item()))
    scorer.refresh(numeric)
    after = rank(scorer, row, task="novel")
    assert after.product_idx[0] == last
    assert after.product_idx[1:].tolist() == before.product_idx[:-1].tolist()


def test_price_and_popularity_are_those_of_the_cut_off(fitted: Fitted, town: Any) -> None:
    purchases = town.data.purchases
    recent = purchases[purchases["event_timestamp"] >= town.sources.train_until - timedelta(days=14)]
    for position in range(0, len(fitted.scorer.catalogue), 7):
        product_id = str(fitted.scorer.catalogue.product_ids[position])
        lines = recent[recent["product_id"] == product_id]
        n_baskets = len(lines.drop_duplicates(["customer_id", "basket_id"]))
        assert fitted.scorer.products["popularity"][position] == n_baskets
        assert fitted.scorer.products["price_usd"][position] == pytest.approx(1 + int(product_id[4:]) / 50)
