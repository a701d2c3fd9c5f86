"""The bound for daily looks: against its definition, its best point, and simulated drifts."""

import math

import numpy as np
import pytest

from training.experiments.sequential import always_valid_p, bound, radius, tuned

ALPHA = 0.05


def test_the_bound_is_where_the_mixture_reaches_one_over_alpha() -> None:
    v, rho = np.array([1.0, 10.0, 250.0]), 12.0
    for at, s in zip(v, bound(v, rho, ALPHA), strict=True):
        drifts = np.linspace(-30, 30, 200_001)
        density = np.exp(-rho * drifts**2 / 2) * math.sqrt(rho / (2 * math.pi))
        mixture = np.trapezoid(density * np.exp(drifts * s - drifts**2 * at / 2), drifts)
        assert mixture == pytest.approx(1 / ALPHA, rel=1e-3)


def test_tuning_makes_the_bound_tightest_where_it_is_asked_to() -> None:
    rho = tuned(40.0, ALPHA)
    here = bound(np.array([40.0]), rho, ALPHA)[0]
    assert all(bound(np.array([40.0]), rho * factor, ALPHA)[0] > here for factor in (0.5, 0.9, 1.1, 2.0))


def test_p_values_agree_with_the_bound_and_only_fall() -> None:
    generator = np.random.default_rng(1)
    v = np.arange(1, 400.0)
    for drift in (0.0, 0.15):
        s = generator.normal(drift, 1, len(v)).cumsum()
        p = always_valid_p(s, v, rho=20.0)
        assert (np.diff(p) <= 0).all()
        assert ((p <= ALPHA) == np.maximum.accumulate(np.abs(s) >= bound(v, 20.0, ALPHA))).all()
        assert p.max() <= 1


def test_nothing_is_called_an_effect_rarely_at_all_looks_together() -> None:
    """1,000 walks of 300 looks: the bound is crossed by at most 5% of them, a fixed 1.96 by far more."""
    s = np.random.default_rng(3).normal(size=(1000, 300)).cumsum(axis=1)
    v = np.arange(1, 301.0)
    crossed = (np.abs(s) >= bound(v, tuned(100.0, ALPHA), ALPHA)).any(axis=1).mean()
    assert 0.005 < crossed <= 0.05
    assert (np.abs(s) >= 1.96 * np.sqrt(v)).any(axis=1).mean() > 0.3


def test_the_radius_is_the_bound_over_the_information() -> None:
    variance = np.array([4.0, 1.0, 0.25])
    assert radius(variance, 2.0, ALPHA) == pytest.approx(bound(1 / variance, 2.0, ALPHA) * variance)
    assert (np.diff(radius(variance, 2.0, ALPHA)) < 0).all()
