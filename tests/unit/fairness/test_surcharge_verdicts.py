"""A scan that found nothing passes only where it would have found something."""

from typing import Any

import numpy as np
import pytest

from configs.loading import load_settings
from fairness.groups import Grouping
from fairness.measures import UNKNOWN, Measure
from fairness.policy import Policy
from fairness.price_definitions import SURCHARGED_PRODUCTS
from fairness.price_metrics import Floats, Ints, Lines, compare_prices
from fairness.surcharge_verdicts import judge_scan

POLICY = Policy(load_settings("test").fairness, "demand")
N_CUSTOMERS, N_PRODUCTS = 300, 120
CODES: Ints = np.random.default_rng(2).choice(3, N_CUSTOMERS, p=[0.3, 0.4, 0.3])
NAMES = tuple(f"p{code}" for code in range(N_PRODUCTS))


def sales(n: int) -> Lines:
    rng = np.random.default_rng(8)
    shelf = np.full(n, 2.0)
    return Lines(
        customer=rng.integers(0, N_CUSTOMERS, n),
        category=np.zeros(n, np.int64),
        product=rng.integers(0, N_PRODUCTS, n),
        store=rng.integers(0, 3, n),
        week=rng.integers(0, 6, n),
        quantity=np.ones(n),
        shelf=shelf,
        discount=np.zeros(n),
        out_of_pocket=shelf,
        single=np.ones(n, np.bool_),
    )


def judged(prices: Floats | None = None, *, n: int = 15_000, codes: Ints = CODES, **changes: Any) -> Measure:
    lines = sales(n)
    compared = compare_prices(lines, lines.shelf if prices is None else prices)
    grouping = Grouping("income", ("low", "high", UNKNOWN), codes)
    return judge_scan(SURCHARGED_PRODUCTS, compared, compared.product, NAMES, grouping, changes.get("policy", POLICY))


def dearer(group: int, n_products: int, n: int = 15_000) -> Floats:
    lines = sales(n)
    return np.where((CODES[lines.customer] == group) & (lines.product < n_products), 2.04, 2.0)


def test_one_price_for_all_passes_and_says_what_would_have_been_found() -> None:
    measure = judged()
    assert measure.verdict == "PASS"
    assert measure.family == "primary"
    assert measure.margin == 0
    assert measure.contrast is not None
    assert measure.contrast.value == 0
    assert measure.contrast.p_value == 1
    assert measure.contrast.minimum_detectable is not None
    assert measure.contrast.minimum_detectable <= 0.05 * N_PRODUCTS
    assert "120 products were scanned" in measure.note
    assert [group.value for group in measure.groups] == [0, 0, 0]


@pytest.mark.parametrize(("group", "name"), [(0, "low"), (2, UNKNOWN)])
def test_a_surcharge_fails_for_the_unknown_too_and_names_the_products(group: int, name: str) -> None:
    measure = judged(dearer(group, 6))
    assert measure.verdict == "FAIL"
    assert measure.contrast is not None
    assert measure.contrast.worst_group == name
    assert measure.contrast.value is not None
    assert 1 <= measure.contrast.value <= 6
    assert measure.contrast.p_value is not None
    assert 9 * measure.contrast.p_value < 0.05  # Holm over the whole primary family
    assert f"{name}: surcharged on at least" in measure.note
    assert "by 1." in measure.note  # 2%, and nothing beside others of the group
    assert "p0" in measure.note or "p1" in measure.note


def test_few_comparisons_are_no_evidence() -> None:
    measure = judged(n=900)
    assert measure.verdict == "INSUFFICIENT"
    assert "may go unseen" in measure.note or "not even a surcharge on all" in measure.note


def test_customers_who_never_meet_cannot_be_compared() -> None:
    measure = judged(n=0)
    assert measure.verdict == "INSUFFICIENT"
    assert "No two customers bought the same" in measure.note
    assert measure.contrast is None


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (np.full(N_CUSTOMERS, 2), "is known"),
        (np.where(CODES == 0, 1, CODES), "in one group"),
    ],
)
def test_groups_that_cannot_be_compared_are_no_pass(codes: Ints, reason: str) -> None:
    measure = judged(codes=codes)
    assert measure.verdict == "INSUFFICIENT"
    assert reason in measure.note


def test_small_groups_are_hidden_with_another_and_not_scanned() -> None:
    codes = np.where(np.arange(N_CUSTOMERS) < 4, 0, np.where(CODES == 2, 2, 1))
    measure = judged(codes=codes)
    low = measure.groups[0]
    assert low.suppressed
    assert low.value is None
    assert low.n is None
    assert sum(group.suppressed for group in measure.groups) >= 2
    assert "a group that is not shown" in measure.note
    assert "low" not in measure.note
