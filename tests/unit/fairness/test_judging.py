"""From sums over customers to a verdict: planted harm is found, chance is not taken for it, silence is no pass."""

import resource
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from configs.fairness import FairnessSettings
from fairness import bootstrap
from fairness.bootstrap import Resampling, Tally, mean_tally
from fairness.groups import Grouping, intersection
from fairness.judging import judged
from fairness.measures import Definition
from fairness.policy import Policy
from fairness.verdict import adjust

RATE = Definition("segments", "selection_rate", "t", "m", "share", 1.0, "ratio", "s")
SPENT = Definition("prices", "paid_over_shelf", "t", "m", "share", 1.0, "ratio", "s", more_is_better=False)
NDCG = Definition("recommendations", "ndcg_at_10_all", "t", "m", "NDCG", 1.0, "ratio", "s")


def policy(n_draws: int = 300) -> Policy:
    content = yaml.safe_load((Path(__file__).parents[3] / "configs" / "fairness.yaml").read_text(encoding="utf-8"))
    content["statistics"]["n_draws"] = n_draws
    return Policy(FairnessSettings.model_validate(content), "two-tower")


POLICY = policy()


def grouping(codes: npt.NDArray[np.int64], attribute: str = "income") -> Grouping:
    return Grouping(attribute, ("low", "middle", "high", "unknown"), codes)


def test_the_registered_family_and_margin_are_taken() -> None:
    rng = np.random.default_rng(1)
    tally = mean_tally(rng.random(900))
    by_income = judged(NDCG, tally, grouping(np.arange(900) % 3), POLICY, note="one market only.")
    assert (by_income.family, by_income.margin, by_income.verdict) == ("primary", 0.75, "PASS")
    assert by_income.note.startswith("One market only. The ratio between")
    by_kids = judged(NDCG, tally, grouping(np.arange(900) % 3, "kids"), POLICY)
    assert (by_kids.family, by_kids.margin) == ("exploratory", 0.8)


def test_a_grouping_or_its_resampling_give_the_same() -> None:
    where, tally = grouping(np.arange(900) % 4), mean_tally(np.random.default_rng(1).random(900))
    resampling = Resampling(where, n_draws=300, seed=POLICY.statistics.seed)
    assert judged(NDCG, tally, where, POLICY) == judged(NDCG, tally, resampling, POLICY)


def test_an_intersection_has_pooled_cells_and_everybody_bounds() -> None:
    rng = np.random.default_rng(1)
    pair = intersection(grouping(rng.integers(0, 4, 2000)), grouping(rng.integers(0, 4, 2000), "age"))
    measure = judged(NDCG, mean_tally(rng.random(2000)), pair, POLICY)
    assert measure.attribute == "income x age"
    for group in measure.groups[:-1]:
        assert group.pooled is not None
        assert group.bounds is not None
        assert group.value is not None
        assert group.bounds[0] < group.value < group.bounds[1]
    assert measure.groups[-1].pooled is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full(300, np.nan), "nothing to judge"),
        (np.append(np.full(299, 0.5), np.inf), "NaN or infinite"),
    ],
)
def test_values_that_are_none_give_insufficient_with_the_reason(values: npt.NDArray[np.float64], words: str) -> None:
    measure = judged(NDCG, mean_tally(values), grouping(np.arange(300) % 3), POLICY)
    assert measure.verdict == "INSUFFICIENT"
    assert words in measure.note


def test_predictions_that_are_nan_do_not_pass() -> None:
    tally = mean_tally(np.random.default_rng(1).random(300))
    tally.numerator[7] = np.nan
    measure = judged(NDCG, tally, grouping(np.arange(300) % 3), POLICY)
    assert measure.verdict == "INSUFFICIENT"
    assert "1 of 300 customers" in measure.note


@pytest.mark.parametrize(
    ("codes", "words"),
    [(np.full(300, 3), "none of the 300 customers"), (np.zeros(300, dtype=np.int64), "in one group")],
)
def test_no_demographics_and_one_group_are_insufficient(codes: npt.NDArray[np.int64], words: str) -> None:
    measure = judged(NDCG, mean_tally(np.full(300, 0.5)), grouping(codes), POLICY)
    assert measure.verdict == "INSUFFICIENT"
    assert words in measure.note
    assert judged(NDCG, None, grouping(codes), POLICY).verdict == "INSUFFICIENT"


def test_an_impact_ratio_of_six_tenths_is_caught() -> None:
    caught = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        codes = np.repeat([0, 1], 1000)
        selected = rng.random(2000) < np.where(codes == 0, 0.3, 0.5)
        measures = [judged(RATE, mean_tally(selected.astype(float)), grouping(codes), POLICY)]
        measures += [judged(RATE, mean_tally(rng.random(2000)), grouping(codes), POLICY) for _ in range(2)]
        caught += adjust(measures, 0.05)[0].verdict == "FAIL"
    assert caught >= 54


def test_an_impact_ratio_of_nine_tenths_of_thousands_passes_and_of_few_is_open() -> None:
    def verdict(n: int) -> str:
        codes = np.repeat([0, 1], n)
        share = np.where(codes == 0, 0.45, 0.5)
        return judged(
            RATE, mean_tally((np.arange(2 * n) % 20 < 20 * share).astype(float)), grouping(codes), POLICY
        ).verdict

    assert verdict(8000) == "PASS"
    assert verdict(100) == "INSUFFICIENT"


def shopping(
    n_customers: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows of a few large and many small customers, each with habits of its own: customer, shelf amount, paid."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n_customers), rng.negative_binomial(1, 0.03, n_customers) + 3)
    habit = rng.beta(6, 3, n_customers)
    shelf = rng.lognormal(1, 0.7, customer.size)
    return customer, shelf, shelf * np.clip(habit[customer] + 0.1 * rng.standard_normal(customer.size), 0.05, 1)


def relabelled(n_relabelings: int, rows: bool) -> list[float]:
    """Smallest adjusted p-value over three attributes, with customers' groups dealt out at random.

    With `rows` every purchase is taken for a customer of its own, which is what a bootstrap of rows does.
    """
    customer, shelf, paid = shopping(500, 1)
    n = customer.max() + 1
    unit = np.arange(customer.size) if rows else customer
    events = np.bincount(unit).astype(np.float64)
    numerator, denominator = (np.bincount(unit, weights=amount).astype(np.float64) for amount in (paid, shelf))
    tally = Tally(numerator, denominator, events, events > 0)
    rng, smallest = np.random.default_rng(2), []
    for _ in range(n_relabelings):
        measures = []
        for attribute in ("income", "age", "household_comp"):
            codes = rng.permutation(np.arange(n) % 3).astype(np.int64)
            where = grouping(codes[customer] if rows else codes, attribute)
            measures.append(judged(NDCG, tally, where, POLICY))
        p_values = [m.contrast.p_adjusted for m in adjust(measures, 0.05) if m.contrast and m.contrast.p_adjusted]
        smallest.append(min(p_values))
    return smallest


def test_customers_dealt_into_random_groups_raise_no_alarm_though_rows_would() -> None:
    clustered = np.mean([p < 0.05 for p in relabelled(60, rows=False)])
    assert clustered <= 0.15  # 60 relabelings at a rate of 5%: more than 15% is one in a thousand
    by_row = np.mean([p < 0.05 for p in relabelled(6, rows=True)])
    assert by_row >= 0.8


def test_a_hundred_judgements_are_quick_and_small() -> None:
    full = policy(2000)
    rng = np.random.default_rng(1)
    where = [grouping(rng.choice(4, 2469, p=[0.09, 0.15, 0.09, 0.67])) for _ in range(5)]
    tallies = [mean_tally(rng.random(2469)) for _ in range(20)]
    bootstrap.resampling_of.cache_clear()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for grouped in where:
        for tally in tallies:
            judged(SPENT, tally, grouped, full)
    assert time.process_time() - start < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB
