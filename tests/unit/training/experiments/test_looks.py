"""Daily looks: the mean difference, what history takes off, and what is foreseen."""

import numpy as np
import pytest

from training.experiments.looks import Looks, foreseen_variance, look_daily


def slow(outcomes: np.ndarray, before: np.ndarray, treated: np.ndarray, day: int) -> tuple[float, float]:
    """Difference and variance of one day, by regression within the arms written out."""
    y = outcomes[:, : day + 1].mean(axis=1)
    top = bottom = 0.0
    for arm in (False, True):
        rows = treated == arm
        x = before[rows] - before[rows].mean()
        top += (x * (y[rows] - y[rows].mean())).sum()
        bottom += (x * x).sum()
    corrected = y - (top / bottom if bottom else 0.0) * before
    parts = [corrected[treated == arm] for arm in (False, True)]
    return parts[1].mean() - parts[0].mean(), sum(part.var(ddof=1) / len(part) for part in parts)


@pytest.fixture
def made() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    level = generator.gamma(1, 5, 300)
    outcomes = generator.poisson(level[:, None], (300, 10)).astype(float)
    return outcomes, generator.poisson(level[:, None], (300, 20)).mean(axis=1), generator.random(300) < 0.4


def test_every_look_is_the_slow_one(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    looks = look_daily(*made)
    for day in (0, 4, 9):
        difference, variance = slow(*made, day)
        assert looks.difference[day] == pytest.approx(difference)
        assert looks.variance[day] == pytest.approx(variance)
    outcomes, _, treated = made
    assert looks.control[-1] == pytest.approx(outcomes[~treated].mean())


def test_history_takes_most_of_the_variance_off(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    outcomes, before, treated = made
    without = look_daily(outcomes, np.zeros_like(before), treated)
    assert look_daily(outcomes, before, treated).variance[-1] < 0.2 * without.variance[-1]
    assert without.difference[-1] == pytest.approx(outcomes[treated].mean() - outcomes[~treated].mean())


def test_an_effect_is_found_and_its_interval_shrinks(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    outcomes, before, treated = made
    looks = look_daily(outcomes + 2.0 * treated[:, None], before, treated)
    low, high = looks.intervals(rho=30.0, alpha=0.05)
    assert (low[1:] <= 2.0).all()
    assert (high >= 2.0).all()
    assert (high - low)[-1] < 0.6 * (high - low)[0]
    assert looks.p_values(30.0)[-1] < 1e-4
    assert ((low > 0) | (high < 0))[-1]


def test_what_is_foreseen_is_near_what_comes(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    generator = np.random.default_rng(9)
    level = generator.gamma(1, 5, 2000)
    days = generator.poisson(level[:, None], (2000, 60)).astype(float)
    treated = np.arange(2000) % 4 == 0
    looks = look_daily(days[:, 40:], days[:, :40].mean(axis=1), treated)
    foreseen = foreseen_variance(days[:, :40], 20, (0.75, 0.25))
    assert foreseen == pytest.approx(looks.variance[-1], rel=0.35)
    assert foreseen_variance(np.zeros((5, 4)), 3, (0.5, 0.5)) > 0


def test_nobody_buying_is_no_error() -> None:
    looks = look_daily(np.zeros((6, 3)), np.zeros(6), np.array([True, False] * 3))
    assert isinstance(looks, Looks)
    assert looks.difference.tolist() == [0.0, 0.0, 0.0]
    assert looks.p_values(1.0).tolist() == [1.0, 1.0, 1.0]
