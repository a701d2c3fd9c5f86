"""Switch-backs: steps by hand, an exact bound under heavy tails, intervals that hold the effect."""

import math

import numpy as np
import pytest

from training.experiments.assignment import switch_back_arm
from training.experiments.sequential import bound, tuned
from training.experiments.switch_back import PairLooks, foreseen_squares, look_by_pair, treated_first

ALPHA = 0.05


def test_steps_are_treatment_minus_control_within_a_pair() -> None:
    outcomes = np.array([[5.0, 8.0, 1.0, 2.0, 99.0], [3.0, 3.0, 7.0, 4.0, 99.0]])
    looks = look_by_pair(treated_first("x", ["north", "south"], 2), outcomes)
    control = []
    for at, unit in enumerate(("north", "south")):
        for pair in (0, 1):
            values = {switch_back_arm("x", unit, 2 * pair + k): outcomes[at, 2 * pair + k] for k in (0, 1)}
            assert looks.steps[pair, at] == values[1] - values[0]
            control.append(values[0])
    assert looks.control == pytest.approx(np.mean(control))
    assert looks.steps.shape == (2, 2)  # the odd block waits


def planted(effect: float, seed: int, n_stores: int = 12, n_blocks: int = 40) -> PairLooks:
    """Stores of very different size with heavy tails and a trend."""
    generator = np.random.default_rng(seed)
    size = generator.gamma(2, 50, n_stores)[:, None]
    outcomes = size * (1 + 0.3 * generator.standard_t(2, (n_stores, n_blocks))) + np.arange(n_blocks)
    units = [f"{seed}-{store}" for store in range(n_stores)]
    arms = np.array([[switch_back_arm("x", unit, block) for block in range(n_blocks)] for unit in units])
    return look_by_pair(treated_first("x", units, n_blocks // 2), outcomes + effect * arms)


def test_false_alarms_are_rare_whatever_the_sales_look_like() -> None:
    rho = tuned(float((planted(0.0, 999).steps ** 2).sum()), ALPHA)
    alarms = [planted(0.0, seed).p_values(rho)[-1] <= ALPHA for seed in range(150)]
    assert sum(alarms) <= 13  # 7.5 are allowed on average; 14 or more have a probability of 2%


def test_an_effect_is_found_and_lies_in_its_interval() -> None:
    held = found = 0
    for seed in range(40):
        looks = planted(40.0, seed)
        rho = tuned(float(foreseen_squares(looks.steps.T.repeat(2, axis=1), 20)) or 1e5, ALPHA)
        low, high = looks.interval(1e5, ALPHA)
        held += low <= 40.0 <= high
        found += looks.p_values(1e5)[-1] <= ALPHA
        assert rho > 0
        assert low < looks.difference < high
    assert held >= 36
    assert found >= 15


def test_the_ends_of_the_interval_are_where_the_bound_is_met() -> None:
    looks = planted(10.0, 3)
    for end in looks.interval(1e5, ALPHA):
        left = looks.steps - end
        assert abs(left.sum()) == pytest.approx(bound(np.array([(left**2).sum()]), 1e5, ALPHA)[0], rel=1e-6)


def test_too_few_pairs_leave_the_interval_open() -> None:
    low, high = PairLooks(np.array([[3.0]]), 10.0).interval(1.0, ALPHA)
    assert (low, high) == (-math.inf, math.inf)


def test_squares_are_foreseen_by_hand() -> None:
    history = np.array([[1.0, 3.0, 5.0, 5.0, 9.0], [2.0, 2.0, 0.0, 1.0, 9.0]])
    assert foreseen_squares(history, 10) == pytest.approx((4 + 0 + 0 + 1) / 2 * 10)
    assert foreseen_squares(np.zeros((2, 2)), 5) > 0
