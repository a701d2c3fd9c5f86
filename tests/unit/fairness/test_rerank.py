"""Weights of suppliers' classes: bounds met at the least loss, against trying every list."""

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from configs.fairness import SupplierSettings
from configs.loading import load_settings
from fairness.errors import CandidatesMalformed
from fairness.rerank import MAX_LOG_WEIGHT, ClassWeights, demand_shares, exposure_bounds, fit_weights
from fairness.suppliers import LARGE, PRIVATE_LABEL, SMALL, SUPPLIER_CLASSES

SETTINGS = load_settings("test").fairness.suppliers
DEMAND = {SMALL: 0.15, LARGE: 0.55, PRIVATE_LABEL: 0.3}

Candidates = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.str_]]


def policy(**changes: Any) -> SupplierSettings:
    return SETTINGS.model_copy(update=changes)


def town(n_customers: int = 400, n_candidates: int = 60, seed: int = 1) -> Candidates:
    """Small manufacturers' products are judged less likely, the shop's own more."""
    rng = np.random.default_rng(seed)
    shape = (n_customers, n_candidates)
    classes = rng.choice(SUPPLIER_CLASSES, shape, p=[0.3, 0.5, 0.2])
    handicap = np.where(classes == SMALL, -1.2, np.where(classes == PRIVATE_LABEL, 0.8, 0.0))
    scores = 1 / (1 + np.exp(3 - rng.normal(size=shape) - handicap))
    return np.repeat(np.arange(n_customers), n_candidates), scores.ravel(), classes.ravel()


def slow_shares(candidates: Candidates, weights: ClassWeights, strength: float, length: int) -> dict[str, float]:
    """Sort each customer's candidates one by one and add up what each class is shown."""
    shown = dict.fromkeys(SUPPLIER_CLASSES, 0.0)
    customers, scores, classes = candidates
    for customer in np.unique(customers):
        mine = [i for i in range(len(customers)) if customers[i] == customer]
        mine.sort(key=lambda i: -scores[i] * math.exp(strength * weights.log_weights[str(classes[i])]))
        for rank, i in enumerate(mine[:length], start=1):
            shown[classes[i]] += 1 / math.log2(1 + rank)
    total = sum(shown.values())
    return {name: value / total for name, value in shown.items()}


def test_classes_come_within_their_bounds_and_the_record_is_what_sorting_gives() -> None:
    candidates = town(150)
    weights = fit_weights(*candidates, DEMAND, SETTINGS)
    before, after = (slow_shares(candidates, weights, strength, SETTINGS.list_length) for strength in (0.0, 1.0))
    assert weights.before == pytest.approx(before, abs=1e-9)
    assert weights.after == pytest.approx(after, abs=1e-6)
    assert before[SMALL] < 0.3 * DEMAND[SMALL]
    assert before[PRIVATE_LABEL] > 1.4 * DEMAND[PRIVATE_LABEL]
    assert weights.met
    assert SETTINGS.small_target * DEMAND[SMALL] <= after[SMALL] < (SETTINGS.small_target + 0.02) * DEMAND[SMALL]
    assert 1.13 * DEMAND[PRIVATE_LABEL] < after[PRIVATE_LABEL] <= 1.15 * DEMAND[PRIVATE_LABEL]
    assert max(weights.log_weights.values()) == weights.log_weights[SMALL] == 0
    assert weights.log_weights[PRIVATE_LABEL] < weights.log_weights[LARGE] < 0


def test_no_choice_of_lists_gives_as_much_room_at_less_loss() -> None:
    """Everett (1963): what weighted sorting shows is best among all lists that give the classes no less room."""
    customers = np.repeat(np.arange(3), 4)
    classes = np.array([LARGE, LARGE, SMALL, PRIVATE_LABEL] * 3)
    scores = np.array([0.5, 0.4, 0.2, 0.1, 0.9, 0.3, 0.25, 0.2, 0.6, 0.5, 0.1, 0.05])
    demand = {SMALL: 0.5, LARGE: 0.5, PRIVATE_LABEL: 0.0}
    settings = policy(small_target=0.4, list_length=2)
    weights = fit_weights(customers, scores, classes, demand, settings)
    rescored = weights.apply(scores, classes, 1.0)
    discounts = (1.0, 1 / math.log2(3))

    def outcome(lists: tuple[tuple[int, int], ...]) -> tuple[float, float]:
        """Discounted sum of log-scores, and the small manufacturers' share of exposure."""
        places = [(i, weight) for pair in lists for i, weight in zip(pair, discounts, strict=True)]
        small = sum(weight for i, weight in places if classes[i] == SMALL) / sum(weight for _, weight in places)
        return sum(weight * math.log(scores[i]) for i, weight in places), small

    def ranked(customer: int) -> tuple[int, int]:
        first, second = sorted(range(4 * customer, 4 * customer + 4), key=lambda i: -rescored[i])[:2]
        return first, second

    ours, room = outcome((ranked(0), ranked(1), ranked(2)))
    choices = [list(itertools.permutations(range(4 * c, 4 * c + 4), 2)) for c in range(3)]
    everything = [outcome(lists) for lists in itertools.product(*choices)]
    assert room >= 0.2 > outcome(((0, 1), (4, 5), (8, 9)))[1]
    assert ours == pytest.approx(max(value for value, small in everything if small >= room - 1e-9))


def test_bounds_that_already_hold_cost_nothing() -> None:
    customers, scores, classes = town()
    asleep = policy(small_target=0.0, private_label_tolerance=1.0)
    weights = fit_weights(customers, scores, classes, {SMALL: 0.1, LARGE: 0.4, PRIVATE_LABEL: 0.5}, asleep)
    assert set(weights.log_weights.values()) == {0.0}
    assert weights.before == weights.after
    assert weights.met


def test_private_label_that_gets_too_little_is_raised() -> None:
    customers, scores, classes = town()
    weights = fit_weights(customers, scores, classes, {SMALL: 0.0, LARGE: 0.2, PRIVATE_LABEL: 0.8}, SETTINGS)
    assert weights.log_weights[PRIVATE_LABEL] == 0
    assert weights.log_weights[LARGE] < 0
    assert weights.after[PRIVATE_LABEL] == pytest.approx(0.85 * 0.8, abs=0.005)


def test_a_class_without_candidates_is_left_alone_and_the_record_says_so() -> None:
    customers, scores, classes = town()
    kept = classes != SMALL
    weights = fit_weights(customers[kept], scores[kept], classes[kept], DEMAND, SETTINGS)
    assert not weights.met
    assert weights.after[SMALL] == 0
    assert weights.log_weights[SMALL] == weights.log_weights[LARGE]  # nothing pulls small products up
    assert weights.after[PRIVATE_LABEL] <= 1.15 * DEMAND[PRIVATE_LABEL]


def test_no_weight_goes_past_the_limit() -> None:
    customers = np.repeat(np.arange(5), 3)
    scores, classes = np.array([0.9, 0.8, 1e-9] * 5), np.array([LARGE, PRIVATE_LABEL, SMALL] * 5)
    weights = fit_weights(customers, scores, classes, DEMAND, policy(list_length=1))
    assert not weights.met
    assert min(weights.log_weights.values()) >= -2 * MAX_LOG_WEIGHT
    assert weights.after[SMALL] == 0


def test_people_with_few_candidates_and_scores_of_zero_are_fitted_with() -> None:
    customers = np.array([7, 7, 9])
    weights = fit_weights(customers, np.array([0.0, 0.5, 0.0]), np.array([SMALL, LARGE, LARGE]), DEMAND, SETTINGS)
    assert weights.before == {SMALL: 0.0, LARGE: 1.0, PRIVATE_LABEL: 0.0}
    nobody = fit_weights(np.array([], dtype=np.int64), np.array([]), np.array([], dtype=str), DEMAND, SETTINGS)
    assert set(nobody.log_weights.values()) == {0.0}
    assert not nobody.met


def test_strength_takes_part_of_the_weights() -> None:
    customers, scores, classes = town()
    weights = fit_weights(customers, scores, classes, DEMAND, SETTINGS)
    np.testing.assert_array_equal(weights.apply(scores, classes, 0.0), scores)
    halves = weights.apply(weights.apply(scores, classes, 0.5), classes, 0.5)
    np.testing.assert_allclose(halves, weights.apply(scores, classes, 1.0), rtol=1e-6)
    assert (weights.apply(scores, classes, 1.0) <= scores).all()
    assert weights.factors(np.array(["unheard of"]), 1.0).tolist() == [1.0]


def test_the_policy_sets_the_bounds() -> None:
    bounds = exposure_bounds(DEMAND, policy(small_target=0.6, private_label_tolerance=0.15))
    assert list(bounds[SMALL]) == pytest.approx([0.09, math.inf])
    assert list(bounds[LARGE]) == [0, math.inf]
    assert list(bounds[PRIVATE_LABEL]) == pytest.approx([0.255, 0.345])


def test_demand_is_shared_out() -> None:
    classes = np.array([SMALL, LARGE, LARGE, PRIVATE_LABEL])
    assert demand_shares(np.array([1, 2, 3, 4]), classes) == {SMALL: 0.1, LARGE: 0.5, PRIVATE_LABEL: 0.4}
    assert set(demand_shares(np.zeros(4), classes).values()) == {0.0}


@pytest.mark.parametrize(
    ("customers", "scores", "classes", "problem"),
    [
        ([1, 2], [0.5], [SMALL, SMALL], "2 customers, 1 scores and 2 classes"),
        ([1, 2], [0.5, np.nan], [SMALL, SMALL], "1 of 2 scores are negative or not finite"),
        ([1, 2], [0.5, -0.1], [SMALL, SMALL], "1 of 2 scores are negative or not finite"),
        ([1, 2], [0.5, 0.1], [SMALL, "tiny"], "classes .'tiny'. are not among"),
    ],
)
def test_malformed_candidates_are_refused(
    customers: list[int], scores: list[float], classes: list[str], problem: str
) -> None:
    with pytest.raises(CandidatesMalformed, match=problem):
        fit_weights(np.array(customers), np.array(scores), np.array(classes), DEMAND, SETTINGS)
