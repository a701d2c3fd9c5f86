"""Lists of a made-up shop, some of them bent on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse

from configs.fairness import AttributeSettings, FairnessSettings
from configs.loading import load_settings
from fairness.errors import ListsMalformed, TallyMismatch
from fairness.groups import Grouping, grouping_of
from fairness.measures import UNKNOWN, Measure
from fairness.policy import Policy
from fairness.ranking_metrics import mark_hits, ndcg_at_k, rank_discounts
from fairness.recommendation_definitions import DEFINITIONS, TASKS, Task
from fairness.recommendations import RecommendationEvidence, recommendation_measures, require_lists
from fairness.suppliers import SUPPLIER_CLASSES

N_CUSTOMERS, N_PRODUCTS, N_PLACES = 600, 240, 100
KEYS = ("customer_ids", "lists", "relevant", "history", "products", "trade_off")
BY_CUSTOMER = {d.measure for d in DEFINITIONS if "exposure" not in d.measure}


def made_policy() -> Policy:
    settings: FairnessSettings = load_settings("test", []).fairness
    quick = settings.statistics.model_copy(update={"n_draws": 300})
    return Policy(settings.model_copy(update={"statistics": quick}), "two-tower")


def made_lists(rng: np.random.Generator, wanted: npt.NDArray[np.bool_], pull: float) -> npt.NDArray[np.int64]:
    """Order products by chance, those that will be bought a little higher."""
    scores = rng.gumbel(size=wanted.shape) + pull * wanted
    return np.argsort(-scores, axis=1)[:, :N_PLACES].astype(np.int64)


def made_evidence(seed: int = 0, **changes: Any) -> RecommendationEvidence:
    """Everyone is served alike, and every class of suppliers is shown as often as it is bought."""
    rng = np.random.default_rng(seed)
    history = rng.random((N_CUSTOMERS, N_PRODUCTS)) < 0.1
    bought = rng.random((N_CUSTOMERS, N_PRODUCTS)) < 0.1
    novel = bought & ~history
    products = pd.DataFrame(
        {
            "product_id": [f"p{i:03d}" for i in range(N_PRODUCTS)],
            "category": [f"C{i % 12}" for i in range(N_PRODUCTS)],
            "price_usd": rng.uniform(1, 9, N_PRODUCTS),
            "popularity": rng.integers(1, 90, N_PRODUCTS).astype(float),
            "supplier_class": [SUPPLIER_CLASSES[i % 3] for i in range(N_PRODUCTS)],
        }
    )
    parts: dict[str, Any] = {
        "customer_ids": np.array([f"c{i:04d}" for i in range(N_CUSTOMERS)]),
        "lists": {"all": made_lists(rng, bought, 3.0), "novel": made_lists(rng, novel, 2.0)},
        "relevant": {"all": sparse.csr_array(bought), "novel": sparse.csr_array(novel)},
        "history": sparse.csr_array(history),
        "products": products,
        "trade_off": pd.DataFrame(),
    }
    return RecommendationEvidence(**(parts | changes))


def with_parts(evidence: RecommendationEvidence, **changes: Any) -> RecommendationEvidence:
    return RecommendationEvidence(**({key: getattr(evidence, key) for key in KEYS} | changes))


def made_grouping(attribute: str = "income", sizes: Sequence[int] = (180, 180, 140)) -> Grouping:
    """Groups of chance, and the rest unknown."""
    codes = np.repeat(np.arange(len(sizes) + 1), [*sizes, N_CUSTOMERS - sum(sizes)])
    shuffled = np.random.default_rng([len(attribute), len(sizes)]).permutation(codes)
    return Grouping(attribute, (*(f"{attribute} {i}" for i in range(len(sizes))), UNKNOWN), shuffled.astype(np.int64))


def by_key(measures: Sequence[Measure]) -> dict[str, Measure]:
    return {measure.key: measure for measure in measures}


@pytest.fixture(scope="module")
def evidence() -> RecommendationEvidence:
    return made_evidence()


@pytest.fixture(scope="module")
def groupings() -> list[Grouping]:
    return [made_grouping("income"), made_grouping("age", (250, 250)), made_grouping("household_comp", (200, 200))]


@pytest.fixture(scope="module")
def judged(evidence: RecommendationEvidence, groupings: list[Grouping]) -> dict[str, Measure]:
    return by_key(recommendation_measures(evidence, groupings, made_policy()))


def test_every_measure_is_judged_by_every_attribute(judged: dict[str, Measure]) -> None:
    attributes = ("income", "age", "household_comp")
    wanted = {f"{name} by {attribute}" for name in BY_CUSTOMER for attribute in attributes}
    wanted |= {f"ndcg_at_10_{task} by {pair}" for task in TASKS for pair in ("income x age", "income x household_comp")}
    wanted |= {f"{d.measure} by supplier_class" for d in DEFINITIONS if "exposure" in d.measure}
    assert set(judged) == wanted | {"ndcg_at_10_all by known_demographics"}


def test_everything_registered_for_the_recommender_is_judged_under_its_margin(judged: dict[str, Measure]) -> None:
    for entry in made_policy().primary:
        measure = judged[f"{entry.measure} by {entry.attribute}"]
        assert (measure.family, measure.margin) == ("primary", entry.margin)
    assert judged["recall_at_100_all by income"].family == "exploratory"


def test_people_served_alike_pass(judged: dict[str, Measure]) -> None:
    assert {measure.verdict for measure in judged.values() if measure.family == "primary"} == {"PASS"}


def test_a_group_is_the_mean_over_its_customers(
    judged: dict[str, Measure], evidence: RecommendationEvidence, groupings: list[Grouping]
) -> None:
    figures = ndcg_at_k(evidence.lists["all"], evidence.relevant["all"], 10)
    bought = np.diff(evidence.relevant["all"].indptr)
    for place, group in enumerate(judged["ndcg_at_10_all by income"].groups):
        members = groupings[0].codes == place
        assert group.value == pytest.approx(np.nanmean(figures[members]))
        assert (group.n, group.events) == (int(members.sum()), int(bought[members].sum()))
        assert group.interval_95 is not None
        assert group.interval_95[0] < np.nanmean(figures[members]) < group.interval_95[1]


def test_who_bought_nothing_is_not_counted(groupings: list[Grouping]) -> None:
    evidence = made_evidence()
    marks = evidence.relevant["all"].toarray()
    marks[:300] = False
    fewer = with_parts(evidence, relevant={**evidence.relevant, "all": sparse.csr_array(marks)})
    measure = by_key(recommendation_measures(fewer, groupings, made_policy()))["hit_rate_at_10_all by income"]
    assert sum(group.n or 0 for group in measure.groups) == 300


def worse_for(evidence: RecommendationEvidence, grouping: Grouping, cut: float, seed: int) -> RecommendationEvidence:
    """Swap hits in the first ten places of one group for products that nobody in the shop buys."""
    rng, lists = np.random.default_rng(seed), evidence.lists["all"].copy()
    marks = evidence.relevant["all"]
    hits = mark_hits(lists[:, :10], marks)
    dropped = hits & (rng.random(hits.shape) < cut) & (grouping.codes == 0)[:, None]
    for customer, place in zip(*dropped.nonzero(), strict=True):
        unwanted = np.setdiff1d(np.arange(N_PRODUCTS), np.concatenate([lists[customer], marks[[customer]].indices]))
        lists[customer, place] = rng.choice(unwanted)
    return with_parts(evidence, lists={**evidence.lists, "all": lists})


@pytest.mark.parametrize("seed", range(6))
def test_a_group_cut_by_a_quarter_never_passes_in_silence(seed: int) -> None:
    grouping = made_grouping(sizes=(200, 200, 200))
    worse = worse_for(made_evidence(seed), grouping, 0.25, seed)
    measure = by_key(recommendation_measures(worse, [grouping], made_policy()))["ndcg_at_10_all by income"]
    assert measure.verdict in ("FAIL", "INSUFFICIENT")
    assert measure.contrast is not None
    assert measure.contrast.worst_group == "income 0"
    assert measure.contrast.p_value is not None
    assert measure.contrast.p_value < 0.05
    assert measure.contrast.minimum_detectable is not None


@pytest.mark.parametrize("seed", range(3))
def test_a_group_cut_by_half_fails(seed: int) -> None:
    grouping = made_grouping(sizes=(200, 200, 200))
    worse = worse_for(made_evidence(seed), grouping, 0.5, seed)
    assert (
        by_key(recommendation_measures(worse, [grouping], made_policy()))["ndcg_at_10_all by income"].verdict == "FAIL"
    )


def test_a_group_that_is_never_hit_fails_instead_of_having_too_few_events() -> None:
    grouping = made_grouping(sizes=(200, 200, 200))
    worse = worse_for(made_evidence(), grouping, 1.0, 0)
    measures = by_key(recommendation_measures(worse, [grouping], made_policy()))
    assert measures["ndcg_at_10_all by income"].groups[0].value == 0
    assert {measures[f"{name} by income"].verdict for name in ("ndcg_at_10_all", "hit_rate_at_10_all")} == {"FAIL"}


def slow_exposure(evidence: RecommendationEvidence, task: Task, supplier_class: str) -> float:
    chosen = (evidence.products["supplier_class"] == supplier_class).to_numpy()
    exposure = sum(
        chosen[product] * discount
        for listed in evidence.lists[task]
        for product, discount in zip(listed[:10], rank_discounts(10), strict=True)
    )
    marks = evidence.relevant[task].toarray()
    demand = marks[:, chosen].sum() / marks.sum()
    return float(exposure / (len(evidence.customer_ids) * rank_discounts(10).sum()) / demand)


@pytest.mark.parametrize("task", TASKS)
def test_exposure_over_demand_is_that_of_the_slow_version(
    judged: dict[str, Measure], evidence: RecommendationEvidence, task: Task
) -> None:
    small = judged[f"small_supplier_exposure_{task} by supplier_class"]
    own = judged[f"private_label_exposure_{task} by supplier_class"]
    assert [group.group for group in small.groups] == list(SUPPLIER_CLASSES)
    for group in small.groups:
        assert group.value == pytest.approx(slow_exposure(evidence, task, group.group))
        assert group.n == N_CUSTOMERS
    assert small.groups == own.groups
    assert small.contrast is not None
    assert own.contrast is not None
    assert small.contrast.value == pytest.approx(small.groups[0].value)
    assert own.contrast.value == pytest.approx((own.groups[2].value or 0) - 1)
    assert small.contrast.best_group == own.contrast.best_group == "demand share"


def shown_only(supplier_classes: Sequence[str]) -> RecommendationEvidence:
    """Lists whose first ten places hold products of some classes alone."""
    evidence = made_evidence()
    places = {name: np.flatnonzero(evidence.products["supplier_class"] == name) for name in SUPPLIER_CLASSES}
    lists = np.concatenate([places[name] for name in supplier_classes])[:N_PLACES]
    rest = np.setdiff1d(np.arange(N_PRODUCTS), lists)
    row = np.concatenate([np.random.default_rng(0).permutation(lists), rest])[:N_PLACES]
    return with_parts(evidence, lists=dict.fromkeys(TASKS, np.tile(row, (N_CUSTOMERS, 1))))


def test_suppliers_that_are_never_shown_fail() -> None:
    measures = by_key(recommendation_measures(shown_only(["large", "private_label"]), [], made_policy()))
    assert measures["small_supplier_exposure_all by supplier_class"].verdict == "FAIL"


def test_too_much_room_is_harm_for_the_shop_s_own_brands_and_none_for_small_suppliers() -> None:
    own = by_key(recommendation_measures(shown_only(["private_label"]), [], made_policy()))
    small = by_key(recommendation_measures(shown_only(["small"]), [], made_policy()))
    assert own["private_label_exposure_all by supplier_class"].verdict == "FAIL"
    assert small["small_supplier_exposure_all by supplier_class"].verdict == "PASS"
    assert small["private_label_exposure_all by supplier_class"].verdict == "FAIL"


def test_a_class_that_nobody_buys_is_insufficient(evidence: RecommendationEvidence) -> None:
    products = evidence.products.assign(supplier_class="large")
    measures = by_key(recommendation_measures(with_parts(evidence, products=products), [], made_policy()))
    assert {measure.verdict for measure in measures.values()} == {"INSUFFICIENT"}
    assert "fewer than" in measures["small_supplier_exposure_all by supplier_class"].note


def test_people_of_whom_nothing_is_known_are_held_against_the_others(groupings: list[Grouping]) -> None:
    everywhere = groupings[0].codes == 3
    unknown = [replace(g, codes=np.where(everywhere, len(g.labels) - 1, np.minimum(g.codes, 1))) for g in groupings]
    as_first = Grouping("nobody knows", ("x", UNKNOWN), 1 - everywhere.astype(np.int64))
    worse = worse_for(made_evidence(), as_first, 0.7, 0)
    measure = by_key(recommendation_measures(worse, unknown, made_policy()))["ndcg_at_10_all by known_demographics"]
    assert [(group.group, group.n) for group in measure.groups] == [("known", 500), ("not known", 100)]
    assert measure.contrast is not None
    assert measure.contrast.worst_group == "not known"
    assert measure.verdict == "FAIL"


def no_demographics() -> list[Grouping]:
    attributes = load_settings("test", []).fairness.attributes
    ids = [f"c{i:04d}" for i in range(N_CUSTOMERS)]
    return [grouping_of(None, ids, attribute, made_policy().statistics) for attribute in attributes]


def one_group() -> list[Grouping]:
    return [Grouping("income", ("all the same", UNKNOWN), np.zeros(N_CUSTOMERS, dtype=np.int64))]


def three_hundred_levels() -> list[Grouping]:
    ids = [f"c{i:04d}" for i in range(N_CUSTOMERS)]
    table = pd.DataFrame({"customer_id": ids, "income": [str(i % 300) for i in range(N_CUSTOMERS)]})
    attribute = AttributeSettings(name="income", column="income", groups={})
    return [grouping_of(table, ids, attribute, made_policy().statistics)]


@pytest.mark.parametrize("made", [no_demographics, one_group, three_hundred_levels])
def test_groups_that_cannot_be_compared_are_insufficient(
    made: Callable[[], list[Grouping]], evidence: RecommendationEvidence
) -> None:
    measures = recommendation_measures(evidence, made(), made_policy())
    of_people = [measure for measure in measures if measure.attribute != "supplier_class"]
    assert {measure.verdict for measure in of_people} == {"INSUFFICIENT"}
    assert all(measure.note for measure in of_people)


def test_an_empty_window_is_insufficient(groupings: list[Grouping], evidence: RecommendationEvidence) -> None:
    nothing = sparse.csr_array((N_CUSTOMERS, N_PRODUCTS), dtype=bool)
    empty = with_parts(evidence, relevant=dict.fromkeys(TASKS, nothing))
    measures = by_key(recommendation_measures(empty, groupings, made_policy()))
    deciding = [measure for measure in measures.values() if measure.family == "primary"]
    assert {measure.verdict for measure in deciding} == {"INSUFFICIENT"}
    assert "Nobody bought" in measures["ndcg_at_10_all by income"].note


def test_short_lists_are_judged_by_what_they_have(groupings: list[Grouping], evidence: RecommendationEvidence) -> None:
    short = with_parts(evidence, lists={task: lists[:, :10] for task, lists in evidence.lists.items()})
    measures = by_key(recommendation_measures(short, groupings, made_policy()))
    full = by_key(recommendation_measures(evidence, groupings, made_policy()))
    assert measures["ndcg_at_10_all by income"] == full["ndcg_at_10_all by income"]
    for name in ("recall_at_100_all", "category_calibration", "price_tier_calibration"):
        assert measures[f"{name} by income"].verdict == "INSUFFICIENT"
        assert "The lists have 10 places" in measures[f"{name} by income"].note
    shortest = with_parts(evidence, lists={task: lists[:, :5] for task, lists in evidence.lists.items()})
    lift = by_key(recommendation_measures(shortest, groupings, made_policy()))["popularity_lift by income"]
    assert (lift.verdict, "places" in lift.note) == ("INSUFFICIENT", True)


def test_a_grouping_of_other_customers_is_refused(evidence: RecommendationEvidence) -> None:
    stranger = Grouping("income", ("a", "b", UNKNOWN), np.zeros(5, dtype=np.int64))
    with pytest.raises(TallyMismatch):
        recommendation_measures(evidence, [stranger], made_policy())


def bent(change: Callable[[npt.NDArray[np.int64]], object]) -> npt.NDArray[np.int64]:
    lists = np.arange(12, dtype=np.int64).reshape(3, 4)
    change(lists)
    return lists


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (bent(lambda lists: lists.__setitem__((1, 2), 12)), "1 of 3 hold a position outside -1 to 11"),
        (bent(lambda lists: lists.__setitem__((1, 2), -2)), "1 of 3 hold a position outside -1 to 11"),
        (bent(lambda lists: lists.__setitem__((2, 3), 8)), "1 of 3 hold a product twice"),
        (bent(lambda lists: lists.__setitem__((0, 1), -1)), "1 of 3 go on after they ended"),
        (np.empty((3, 0), dtype=np.int64), "no places"),
    ],
)
def test_malformed_lists_are_refused(lists: npt.NDArray[np.int64], message: str) -> None:
    with pytest.raises(ListsMalformed, match=message):
        require_lists("novel", lists, n_products=12)


def test_a_model_that_shows_nobody_anything_is_refused_but_not_a_kind_of_list_that_nobody_asked_for() -> None:
    empty = np.full((3, 4), -1, dtype=np.int64)
    with pytest.raises(ListsMalformed, match="3 of 3 are empty"):
        require_lists("novel", empty, n_products=12, scores=np.full((3, 4), -np.inf))
    require_lists("novel", empty, n_products=12)


def test_scores_that_are_no_numbers_are_refused() -> None:
    lists = np.array([[0, 1], [2, -1]])
    require_lists("all", lists, n_products=3, scores=np.array([[0.5, 0.1], [0.3, -np.inf]]))
    with pytest.raises(ListsMalformed, match="1 of 2 hold a score that is not finite"):
        require_lists("all", lists, n_products=3, scores=np.array([[0.5, np.nan], [0.3, -np.inf]]))


def test_parts_that_do_not_fit_each_other_are_refused(evidence: RecommendationEvidence) -> None:
    fewer = sparse.csr_array((5, N_PRODUCTS), dtype=bool)
    for changes, message in (
        ({"history": fewer}, "the history are"),
        ({"relevant": {**evidence.relevant, "novel": fewer}}, "the purchases are"),
        ({"lists": {"all": evidence.lists["all"]}}, "there are none"),
        ({"lists": {**evidence.lists, "all": evidence.lists["all"][:7]}}, "7 lists for 600"),
        ({"products": evidence.products.drop(columns="supplier_class")}, "no column supplier_class"),
        ({"products": evidence.products.assign(supplier_class="tiny")}, "tiny"),
    ):
        with pytest.raises(ListsMalformed, match=message):
            with_parts(evidence, **changes)
