"""Baselines against slow twins on the hand-worked baskets, and against known figures on the real data."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from configs.loading import load_settings
from configs.settings import EvaluationSettings
from features.lake import Lake
from training import baselines
from training.baselines import Ease, Histories, PersonalFrequency, Popularity, Recommender, standard_baselines
from training.catalogue import Catalogue, build_catalogue
from training.evaluation import build_test_set, evaluate
from training.evaluation_results import Evaluation
from training.purchases import load_purchases
from training.splits import Holdout

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)
CUSTOMERS = ["bob", "ann", "stranger"]


def ids(catalogue: Catalogue, positions: Sequence[int]) -> list[str]:
    return [str(catalogue.product_ids[position]) if position >= 0 else "" for position in positions]


def test_histories_count_baskets_not_lines(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    rows = Histories(purchases, catalogue, CUTOFF).rows(CUSTOMERS).toarray()
    assert rows.tolist() == [[2, 0, 1, 0, 1], [0, 1, 0, 1, 2], [0, 0, 0, 0, 0]]


def test_histories_decay_by_age(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    rows = Histories(purchases, catalogue, CUTOFF, half_life_days=9).rows(["ann"]).toarray()
    assert rows[0, 4] == pytest.approx(2 ** (-50 / 9) + 2 ** (-9 / 9))  # 10 January and 20 February


def test_popularity_counts_customers_in_the_window(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    start = CUTOFF - timedelta(days=14)
    buyers: dict[str, set[str]] = {}
    for line in purchases.to_dict("records"):
        if start <= line["event_timestamp"] < CUTOFF:
            buyers.setdefault(line["product_id"], set()).add(line["customer_id"])
    expected = [len(buyers.get(product, ())) for product in catalogue.product_ids]
    popularity = Popularity(purchases, Histories(purchases, catalogue, CUTOFF), CUTOFF, days=14)
    assert popularity.counts.tolist() == expected == [2, 0, 2, 1, 1]
    positions, scores = popularity.rank(CUSTOMERS, task="all", k=3)
    assert [ids(catalogue, row) for row in positions] == [["beer", "chips", "eggs"]] * 3
    assert scores[0].tolist() == [2, 2, 1]


def test_people_outside_training_do_not_make_products_popular(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    training = purchases[purchases["customer_id"] != "cyd"]
    popularity = Popularity(training, Histories(purchases, catalogue, CUTOFF), CUTOFF, days=14)
    assert popularity.counts.tolist() == [1, 0, 1, 1, 1]


def test_personal_frequency_puts_own_products_first(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    histories = Histories(purchases, catalogue, CUTOFF, half_life_days=90)
    frequency = PersonalFrequency(purchases, histories, CUTOFF, half_life_days=90)

    def slow(customer: str | None) -> dict[str, float]:
        lines = purchases[purchases["event_timestamp"] < CUTOFF]
        lines = lines if customer is None else lines[lines["customer_id"] == customer]
        weights: dict[str, float] = defaultdict(float)
        for line in lines.drop_duplicates(["customer_id", "basket_id", "product_id"]).to_dict("records"):
            weights[line["product_id"]] += 2 ** (-((CUTOFF - line["event_timestamp"]).days) / 90)
        return weights

    own, general = slow("ann"), slow(None)
    expected = sorted(catalogue.product_ids, key=lambda product: (-own[product], -general[product]))
    assert ids(catalogue, frequency.rank(["ann"], task="all", k=5)[0][0]) == expected
    stranger = sorted(catalogue.product_ids, key=lambda product: -general[product])
    assert ids(catalogue, frequency.rank(["stranger"], task="all", k=5)[0][0]) == stranger


def test_ease_equals_the_inverse_over_products(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    histories = Histories(purchases, catalogue, CUTOFF)
    counts = np.log1p(histories.rows(["ann", "bob", "cyd", "dee"]).toarray())
    inverse = np.linalg.inv(counts.T @ counts + 0.7 * np.eye(5))
    weights = np.eye(5) - inverse / np.diag(inverse)[None, :]
    assert np.diag(weights) == pytest.approx(np.zeros(5), abs=1e-9)
    scored = Ease(histories, histories, regularization=0.7).score(histories.rows(CUSTOMERS))
    np.testing.assert_allclose(scored, counts[[1, 0, 0]] @ weights * [[1], [1], [0]], atol=1e-9)


def test_ease_learns_from_those_who_agreed_and_ranks_for_all(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    everyone = Histories(purchases, catalogue, CUTOFF)
    agreed = Histories(purchases[purchases["customer_id"] != "cyd"], catalogue, CUTOFF)
    with_cyd = Ease(everyone, everyone, regularization=1.0).score(everyone.rows(["cyd"]))
    without = Ease(agreed, everyone, regularization=1.0).score(everyone.rows(["cyd"]))
    assert without.any()
    assert not np.allclose(with_cyd, without)


@pytest.fixture
def all_three(purchases: pd.DataFrame, catalogue: Catalogue) -> list[Recommender]:
    counts = Histories(purchases, catalogue, CUTOFF)
    decayed = Histories(purchases, catalogue, CUTOFF, half_life_days=90)
    return [
        Popularity(purchases, counts, CUTOFF, days=14),
        PersonalFrequency(purchases, decayed, CUTOFF, half_life_days=90),
        Ease(counts, counts, regularization=1.0),
    ]


def test_novel_leaves_out_what_was_bought_and_pads(all_three: list[Recommender], catalogue: Catalogue) -> None:
    for recommender in all_three:
        positions, scores = recommender.rank(["ann", "stranger"], task="novel", k=5)
        assert sorted(ids(catalogue, positions[0])) == ["", "", "", "beer", "chips"], recommender.name
        assert np.isneginf(scores[0, 2:]).all()
        assert (positions[1] >= 0).all()


def test_the_future_changes_nothing(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    def lists(lines: pd.DataFrame) -> list[npt.NDArray[np.int64]]:
        counts = Histories(lines, catalogue, CUTOFF)
        recommenders: list[Recommender] = [
            Popularity(lines, counts, CUTOFF, days=14),
            PersonalFrequency(lines, counts, CUTOFF, half_life_days=90),
            Ease(counts, counts, regularization=1.0),
        ]
        return [recommender.rank(CUSTOMERS, task="all", k=5)[0] for recommender in recommenders]

    past = purchases[purchases["event_timestamp"] < CUTOFF]
    for with_future, without in zip(lists(purchases), lists(past), strict=True):
        assert (with_future == without).all()


def test_blocks_do_not_change_the_result(all_three: list[Recommender], monkeypatch: pytest.MonkeyPatch) -> None:
    for recommender in all_three:
        whole = recommender.rank(CUSTOMERS, task="all", k=5)
        monkeypatch.setattr(baselines, "BLOCK_ROWS", 2)
        cut = recommender.rank(CUSTOMERS, task="all", k=5)
        monkeypatch.undo()
        assert (whole[0] == cut[0]).all()
        np.testing.assert_allclose(whole[1], cut[1], rtol=1e-6)


def test_the_standard_baselines_follow_the_settings(
    purchases: pd.DataFrame, catalogue: Catalogue, evaluation_settings: EvaluationSettings, all_three: list[Recommender]
) -> None:
    standard: Sequence[Recommender] = standard_baselines(purchases, purchases, catalogue, CUTOFF, evaluation_settings)
    assert [baseline.name for baseline in standard] == ["popularity", "personal_frequency", "ease"]
    for ours, theirs in zip(standard, all_three, strict=True):
        np.testing.assert_array_equal(
            ours.rank(CUSTOMERS, task="all", k=5)[1], theirs.rank(CUSTOMERS, task="all", k=5)[1]
        )


@pytest.fixture(scope="module")
def real_evaluation(complete_journey_lake: Lake) -> Evaluation:
    """The baselines at the published cut-off, for everyone regardless of consent, as the published figures are."""
    cutoff = datetime(2017, 12, 4, tzinfo=UTC)
    purchases = load_purchases(complete_journey_lake, until=None, customers=None)
    catalogue = build_catalogue(purchases, cutoff, 5)
    holdout = Holdout(cutoff, complete_journey_lake.manifest.data_end + timedelta(seconds=1))
    test_set = build_test_set(purchases, catalogue, holdout, set(purchases["customer_id"]))
    settings = EvaluationSettings(
        policy=load_settings("test").evaluation.policy,
        test_weeks=4,
        list_length=100,
        n_bootstrap=100,
        confidence=0.95,
        warm_min_baskets=10,
        frequency_half_life_days=90,
        popularity_days=14,
        ease_lambda=100.0,
        seed=11,
    )
    recommenders = standard_baselines(purchases, purchases, catalogue, cutoff, settings)
    popularity = recommenders[0]
    evaluation, _ = evaluate(
        recommenders,
        popularity,
        test_set,
        settings,
        popularity=popularity.counts,
        data_snapshot_digest="",
        provenance="",
    )
    return evaluation


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("method", "task", "metric", "published"),
    [
        ("popularity", "all", "ndcg@10", 0.1754),
        ("popularity", "all", "ndcg@20", 0.1475),
        ("popularity", "all", "recall@100", 0.1368),
        ("popularity", "novel", "ndcg@20", 0.0414),
        ("personal_frequency", "all", "ndcg@10", 0.4131),
        ("personal_frequency", "all", "ndcg@20", 0.3559),
        ("personal_frequency", "all", "recall@100", 0.2952),
        ("ease", "all", "ndcg@10", 0.3900),
        ("ease", "all", "ndcg@20", 0.3352),
        ("ease", "all", "recall@100", 0.2944),
        ("ease", "novel", "ndcg@10", 0.0515),
        ("ease", "novel", "ndcg@20", 0.0482),
    ],
)
def test_baselines_reach_their_published_figures(
    real_evaluation: Evaluation, method: str, task: baselines.Task, metric: str, published: float
) -> None:
    score = real_evaluation.score(method, task=task, metric=metric)
    assert score.value == pytest.approx(published, abs=0.003)
    assert score.low < score.value < score.high


@pytest.mark.real_data
def test_the_published_protocol_is_met(real_evaluation: Evaluation) -> None:
    assert real_evaluation.n_judged == 1979
    assert real_evaluation.n_products == pytest.approx(24_376, abs=5)  # adapters draw merchandise a little differently
