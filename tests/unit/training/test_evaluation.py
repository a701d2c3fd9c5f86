"""Backtests: who is judged, what they are shown without consent, and the figures against a slow twin."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from configs.settings import EvaluationSettings
from training.baselines import Histories, PersonalFrequency, Popularity, Ranked, Task
from training.catalogue import Catalogue
from training.errors import HistoryUnavailable, NobodyToJudge, RankingMalformed, ScoreUnknown
from training.evaluation import Rankings, TestSet, build_test_set, evaluate, mark_hits, rank_as_served
from training.evaluation_results import Evaluation
from training.splits import Holdout

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)
HOLDOUT = Holdout(CUTOFF, datetime(2017, 3, 15, tzinfo=UTC))
EVERYONE = {"ann", "bob", "cyd", "dee"}


@pytest.fixture
def test_set(purchases: pd.DataFrame, catalogue: Catalogue) -> TestSet:
    return build_test_set(purchases, catalogue, HOLDOUT, EVERYONE - {"bob"})


@pytest.fixture
def popularity(purchases: pd.DataFrame, catalogue: Catalogue) -> Popularity:
    return Popularity(purchases, Histories(purchases, catalogue, CUTOFF), CUTOFF, days=14)


@pytest.fixture
def frequency(purchases: pd.DataFrame, catalogue: Catalogue) -> PersonalFrequency:
    histories = Histories(purchases, catalogue, CUTOFF, half_life_days=90)
    return PersonalFrequency(purchases, histories, CUTOFF, half_life_days=90)


@pytest.fixture
def evaluated(
    test_set: TestSet,
    popularity: Popularity,
    frequency: PersonalFrequency,
    evaluation_settings: EvaluationSettings,
) -> tuple[Evaluation, Rankings]:
    return evaluate(
        [frequency, popularity],
        popularity,
        test_set,
        evaluation_settings,
        popularity=popularity.counts,
        data_snapshot_digest="5" * 64,
        provenance="made up",
    )


def test_everyone_with_a_history_is_ranked_and_those_with_targets_are_judged(test_set: TestSet) -> None:
    assert test_set.customer_ids.tolist() == ["ann", "bob", "cyd", "dee"]
    assert test_set.judged.tolist() == [True, True, True, False]
    assert test_set.consenting.tolist() == [True, False, True, True]
    assert test_set.n_baskets.tolist() == [2, 2, 1, 1]


def test_novel_targets_are_those_never_bought(test_set: TestSet, catalogue: Catalogue) -> None:
    found = {
        str(customer): [str(catalogue.product_ids[product]) for product in np.flatnonzero(row)]
        for customer, row in zip(test_set.customer_ids, test_set.relevant["novel"].toarray(), strict=True)
    }
    assert found == {"ann": ["chips"], "bob": [], "cyd": ["bread"], "dee": []}


def test_without_consent_every_method_shows_the_same_list(
    test_set: TestSet, popularity: Popularity, frequency: PersonalFrequency
) -> None:
    served = rank_as_served(frequency, popularity, test_set, task="all", k=5)[0]
    plain = popularity.rank(["bob"], task="all", k=5)[0][0]
    own = frequency.rank(["bob"], task="all", k=5)[0][0]
    assert served[1].tolist() == plain.tolist() != own.tolist()
    assert served[0].tolist() == frequency.rank(["ann"], task="all", k=5)[0][0].tolist()


def test_novel_lists_hold_nothing_bought_even_without_consent(
    evaluated: tuple[Evaluation, Rankings], test_set: TestSet, purchases: pd.DataFrame, catalogue: Catalogue
) -> None:
    lines = purchases[purchases["event_timestamp"] < CUTOFF]
    before = set(zip(lines["customer_id"], lines["product_id"], strict=True))
    shown = 0
    for ranked in evaluated[1].values():
        for customer, row in zip(test_set.customer_ids, ranked["novel"][0], strict=True):
            listed = {(str(customer), str(catalogue.product_ids[product])) for product in row if product >= 0}
            shown += len(listed)
            assert not listed & before
    assert shown


def slow_ndcg(ranked: Sequence[int], relevant: set[int], k: int) -> float:
    gain = sum(1 / math.log2(rank + 2) for rank, product in enumerate(ranked[:k]) if product in relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(len(relevant), k)))


@pytest.mark.parametrize("task", ["all", "novel"])
def test_scores_equal_their_slow_twin(evaluated: tuple[Evaluation, Rankings], test_set: TestSet, task: Task) -> None:
    evaluation, rankings = evaluated
    for method in ("personal_frequency", "popularity"):
        values = []
        for row, relevant in zip(rankings[method][task][0], test_set.relevant[task].toarray(), strict=True):
            wanted = set(np.flatnonzero(relevant).tolist())
            if wanted:
                values.append(slow_ndcg(row.tolist(), wanted, 10))
        score = evaluation.score(method, task=task, metric="ndcg@10")
        assert score.value == pytest.approx(sum(values) / len(values))
        assert score.n_customers == len(values)
        assert score.low <= score.value <= score.high


def test_differences_are_those_of_the_scores(evaluated: tuple[Evaluation, Rankings]) -> None:
    evaluation = evaluated[0]
    ours = evaluation.score("personal_frequency", task="all", metric="ndcg@10").value
    theirs = evaluation.score("popularity", task="all", metric="ndcg@10").value
    difference = evaluation.difference("popularity", task="all", metric="ndcg@10")
    assert difference.value == pytest.approx(ours - theirs)
    assert difference.relative == pytest.approx(ours / theirs - 1)
    assert difference.low <= difference.value <= difference.high
    assert difference.method == "personal_frequency"


def test_subsets_split_the_judged(evaluated: tuple[Evaluation, Rankings]) -> None:
    evaluation = evaluated[0]
    counted = {
        score.subset: score.n_customers
        for score in evaluation.scores
        if (score.method, score.task, score.metric) == ("popularity", "all", "ndcg@10")
    }
    assert counted == {"everyone": 3, "consenting": 2, "warm": 2, "cold": 1}
    assert (evaluation.n_customers, evaluation.n_judged, evaluation.n_without_consent) == (4, 3, 1)


def test_metrics_longer_than_the_lists_are_left_out(evaluated: tuple[Evaluation, Rankings]) -> None:
    assert {score.metric for score in evaluated[0].scores} == {"ndcg@10", "hit_rate@10"}
    with pytest.raises(ScoreUnknown, match=r"no recall@100 of 'popularity'.*personal_frequency, popularity"):
        evaluated[0].score("popularity", task="all", metric="recall@100")
    with pytest.raises(ScoreUnknown):
        evaluated[0].difference("ease", task="all", metric="ndcg@10")


def test_the_same_seed_gives_the_same_evaluation_and_it_survives_json(
    evaluated: tuple[Evaluation, Rankings],
    test_set: TestSet,
    popularity: Popularity,
    frequency: PersonalFrequency,
    evaluation_settings: EvaluationSettings,
) -> None:
    again, _ = evaluate(
        [frequency, popularity],
        popularity,
        test_set,
        evaluation_settings,
        popularity=popularity.counts,
        data_snapshot_digest="5" * 64,
        provenance="made up",
    )
    assert again.model_dump_json() == evaluated[0].model_dump_json()
    assert Evaluation.model_validate_json(again.model_dump_json()).model_dump_json() == again.model_dump_json()


def test_the_headline_is_the_models(evaluated: tuple[Evaluation, Rankings]) -> None:
    evaluation = evaluated[0]
    assert set(evaluation.headline()) == {"all.ndcg@10", "all.hit_rate@10", "novel.ndcg@10", "novel.hit_rate@10"}
    assert (
        evaluation.headline()["all.ndcg@10"]
        == evaluation.score("personal_frequency", task="all", metric="ndcg@10").value
    )
    assert evaluation.best_baseline(task="all", metric="ndcg@10").method == "popularity"


def test_padding_is_never_a_hit(test_set: TestSet) -> None:
    lists = np.full((4, 2), -1, dtype=np.int64)
    lists[0, 0] = 4  # ann bought milk
    assert mark_hits(lists, test_set.relevant["all"]).tolist() == [[True, False]] + [[False, False]] * 3


def test_lists_of_another_length_are_refused(test_set: TestSet, popularity: Popularity) -> None:
    class Short:
        name = "short"

        def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
            return popularity.rank(customer_ids, task=task, k=k - 1)

    with pytest.raises(RankingMalformed, match=r"'short' answered with lists of shape \(3, 4\); \(3, 5\)"):
        rank_as_served(Short(), popularity, test_set, task="all", k=5)


def test_no_history_and_no_targets_are_refused(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    early = Holdout(datetime(2016, 1, 1, tzinfo=UTC), datetime(2016, 2, 1, tzinfo=UTC))
    with pytest.raises(HistoryUnavailable, match="nothing was bought before 2016-01-01"):
        build_test_set(purchases, catalogue, early, EVERYONE)
    late = Holdout(datetime(2017, 4, 1, tzinfo=UTC), datetime(2017, 5, 1, tzinfo=UTC))
    with pytest.raises(NobodyToJudge, match="none of the 5 customers"):
        build_test_set(purchases, catalogue, late, EVERYONE)
