"""Accounting: against another accountant, against closed forms, and against adding up."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from privacy.accounting import CURVE_DELTAS, curve, delta, epsilon, epsilon_prv, epsilon_rdp, mu, noise_multiplier
from privacy.errors import CrossCheckUnavailable, PrivacyParameterInvalid, TargetUnreachable
from privacy.events import DiscreteLaplace, Event, Gaussian, GaussianPoisson, Laplace

DELTA = 1e-5
RATE = 256 / 2_469  # customers of the data set the figures of the literature below were worked out for


def training(noise: float, rate: float = RATE, steps: int = 1_000) -> GaussianPoisson:
    return GaussianPoisson(noise_multiplier=noise, sample_rate=rate, steps=steps)


TEN: list[tuple[tuple[Event, ...], float]] = [
    ((training(12.3),), 1e-5),
    ((training(4.67),), 1e-5),
    ((training(2.12),), 1e-5),
    ((training(4.67),), 1e-7),
    ((training(1.1, 0.01, 10_000),), 1e-5),
    ((training(0.8, 0.004, 3_000),), 1e-6),
    ((training(6.0, 0.5, 200),), 1e-5),
    ((Gaussian(noise_multiplier=5.0),), 1e-5),
    ((training(5.0, 0.1, 100), Gaussian(noise_multiplier=3.0)), 1e-5),
    ((training(3.0, 0.2, 50), training(6.0, 0.05, 500), Gaussian(noise_multiplier=8.0)), 1e-5),
]


@pytest.mark.parametrize(("events", "at"), TEN)
def test_two_accountants_agree_within_two_percent(events: tuple[Event, ...], at: float) -> None:
    truth = epsilon(events, at)
    assert abs(epsilon_prv(events, at) / truth - 1) < 0.02
    assert epsilon_rdp(events, at) > truth


@pytest.mark.parametrize(("target", "published"), [(1.0, 12.3), (3.0, 4.67), (8.0, 2.12)])
def test_the_noise_of_the_literature_is_found_again(target: float, published: float) -> None:
    found = noise_multiplier(target, DELTA, RATE, 1_000)
    assert found == pytest.approx(published, rel=0.005)
    assert target * 0.999 < epsilon([training(found)], DELTA) <= target


def closed_form_delta(at: float, sigma: float) -> float:
    """The Gaussian mechanism of sensitivity 1 (Balle and Wang, 2018, theorem 8)."""
    return float(norm.cdf(0.5 / sigma - at * sigma) - math.exp(at) * norm.cdf(-0.5 / sigma - at * sigma))


@pytest.mark.parametrize("sigma", [0.7, 2.0, 9.0])
@pytest.mark.parametrize("at", [0.0, 0.3, 1.0, 2.5])
def test_a_gaussian_release_costs_what_the_closed_form_says(sigma: float, at: float) -> None:
    reckoned = delta([Gaussian(noise_multiplier=sigma)], at)
    assert reckoned == pytest.approx(closed_form_delta(at, sigma), rel=1e-3, abs=1e-10)


def test_four_gaussians_are_one_of_half_the_noise() -> None:
    four = [Gaussian(noise_multiplier=4.0)] * 4
    assert epsilon(four, DELTA) == pytest.approx(epsilon([Gaussian(noise_multiplier=2.0)], DELTA), rel=1e-4)


@pytest.mark.parametrize("kind", [Laplace, DiscreteLaplace])
def test_pure_noise_costs_one_over_its_scale_and_no_more(kind: Callable[..., Event]) -> None:
    one = kind(scale=4.0)
    assert epsilon([one], 1e-12) == pytest.approx(0.25, abs=2e-4)
    assert epsilon([one], 1e-2) <= 0.25 + 2e-4
    assert delta([one], 0.26) < 1e-12


@pytest.mark.parametrize("n", [3, 8])
def test_composing_discrete_laplace_agrees_with_the_slow_sum_over_outcomes(n: int) -> None:
    scale, at = 2.0, 0.4
    reach = np.arange(-400, 402)
    first = np.exp(-np.abs(reach) / scale)
    second = np.exp(-np.abs(reach - 1) / scale)
    first, second = first / first.sum(), second / second.sum()
    losses: dict[float, float] = {0.0: 1.0}
    for _ in range(n):
        grown: dict[float, float] = {}
        for so_far, mass in losses.items():
            for loss in (-1 / scale, 1 / scale):  # every outcome has one of two losses
                mine = float(first[np.isclose(np.log(first) - np.log(second), loss)].sum())
                key = round(so_far + loss, 9)
                grown[key] = grown.get(key, 0.0) + mass * mine
        losses = grown
    slow = sum(mass * max(0.0, 1 - math.exp(at - loss)) for loss, mass in losses.items())
    assert delta([DiscreteLaplace(scale=scale)] * n, at) == pytest.approx(slow, rel=1e-3)


def test_composed_releases_cost_less_than_their_sum() -> None:
    run = training(6.0, 0.1, 400)
    alone = epsilon([run], DELTA)
    assert epsilon([run] * 4, DELTA) < 0.6 * 4 * alone
    counts = DiscreteLaplace(scale=20.0)
    assert epsilon([counts] * 200, DELTA) < 0.4 * 200 * epsilon([counts], DELTA)


def test_nothing_costs_nothing() -> None:
    assert epsilon([], DELTA) == delta([], 1.0) == mu([]) == epsilon_prv([], DELTA) == epsilon_rdp([], DELTA) == 0.0


noises = st.floats(1.5, 20)
rates = st.floats(0.005, 0.5)
steps = st.integers(1, 300)


@settings(max_examples=12, deadline=None)
@given(noise=noises, rate=rates, n=steps, more=st.floats(1.05, 3))
def test_epsilon_grows_with_steps_and_rate_and_falls_with_noise(noise: float, rate: float, n: int, more: float) -> None:
    here, slack = epsilon([training(noise, rate, n)], DELTA), 1e-6
    assert epsilon([training(noise * more, rate, n)], DELTA) <= here * (1 + 1e-3) + slack
    assert epsilon([training(noise, min(rate * more, 1.0), n)], DELTA) >= here * (1 - 1e-3) - slack
    assert epsilon([training(noise, rate, n + max(1, n // 4))], DELTA) >= here * (1 - 1e-3) - slack


@settings(max_examples=12, deadline=None)
@given(noise=noises, rate=rates, n=steps, scale=st.floats(0.5, 100))
def test_one_more_release_never_costs_less(noise: float, rate: float, n: int, scale: float) -> None:
    run = training(noise, rate, n)
    both = epsilon([run, DiscreteLaplace(scale=scale)], DELTA)
    assert both >= epsilon([run], DELTA) * (1 - 1e-3)


def test_the_curve_falls_and_matches_its_inverse() -> None:
    events = [training(4.67)]
    points = curve(events)
    assert [at for _, at in points] == list(CURVE_DELTAS)
    assert all(left[0] < right[0] for left, right in pairwise(points))
    for cost, at in points:
        assert delta(events, cost) == pytest.approx(at, rel=0.01)


@pytest.mark.parametrize("events", [[training(4.67)], [Gaussian(noise_multiplier=2.0)], [Laplace(scale=1.0)] * 5])
def test_mu_dominates_the_curve(events: list[Event]) -> None:
    sigma = 1 / mu(events)
    for cost, at in curve(events):
        assert closed_form_delta(cost, sigma) >= at * (1 - 1e-6)


def test_mu_of_gaussian_releases_is_exact() -> None:
    assert mu([Gaussian(noise_multiplier=4.0)]) == pytest.approx(0.25, rel=1e-3)
    assert mu([Gaussian(noise_multiplier=4.0)] * 9) == pytest.approx(0.75, rel=1e-3)


def test_statistics_beside_training_ask_for_more_noise() -> None:
    counts = [Gaussian(noise_multiplier=2.5)]
    found = noise_multiplier(3.0, DELTA, RATE, 100, extra=counts)
    assert found > noise_multiplier(3.0, DELTA, RATE, 100)
    assert epsilon([training(found, RATE, 100), *counts], DELTA) <= 3.0
    assert epsilon([training(found * 0.99, RATE, 100), *counts], DELTA) > 3.0


def test_a_target_that_statistics_alone_exceed_is_refused() -> None:
    with pytest.raises(TargetUnreachable, match=r"epsilon=1 at delta=1e-05 .* epsilon=5"):
        noise_multiplier(1.0, DELTA, RATE, 100, extra=[Laplace(scale=0.2)])


@pytest.mark.parametrize("bad", [0.0, -1e-5, 0.6, 1.0, math.nan])
def test_a_delta_out_of_range_is_refused(bad: float) -> None:
    for reckon in (epsilon, epsilon_prv, epsilon_rdp):
        with pytest.raises(PrivacyParameterInvalid, match="delta is"):
            reckon([training(2.0)], bad)
    with pytest.raises(PrivacyParameterInvalid, match="delta is"):
        noise_multiplier(3.0, bad, RATE, 10)


@pytest.mark.parametrize("bad", [0.0, -1.0, 51.0, math.inf, math.nan])
def test_a_target_out_of_range_is_refused(bad: float) -> None:
    with pytest.raises(PrivacyParameterInvalid, match="target_epsilon is"):
        noise_multiplier(bad, DELTA, RATE, 10)


def test_an_epsilon_out_of_range_is_refused() -> None:
    with pytest.raises(PrivacyParameterInvalid, match="epsilon is -1"):
        delta([training(2.0)], -1.0)


def test_a_check_that_cannot_be_made_says_so() -> None:
    for check in (epsilon_prv, epsilon_rdp):
        with pytest.raises(CrossCheckUnavailable, match="discrete-laplace"):
            check([DiscreteLaplace(scale=1.0)], DELTA)


def test_a_hopeless_setting_is_answered_soon_and_hugely() -> None:
    assert epsilon([training(0.05, 1.0, 100_000)], DELTA) > 1e6
