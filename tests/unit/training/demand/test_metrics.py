"""Each metric beside its slow, obvious version."""

import math

import numpy as np
import pytest

from training.demand.forecast import LEVELS
from training.demand.metrics import (
    BANDS,
    Ratio,
    bias,
    interval_coverage,
    pinball_loss,
    randomised_pit,
    rmsse,
    volume_bands,
    wape,
    wql,
)
from training.errors import SettingOutOfRange

N, H = 7, 4


@pytest.fixture
def actual() -> np.ndarray:
    return np.random.default_rng(1).poisson(3.0, size=(N, H)).astype(float)


@pytest.fixture
def mean() -> np.ndarray:
    return np.random.default_rng(2).uniform(0.5, 6.0, size=(N, H))


def test_wape_equals_the_loop(actual: np.ndarray, mean: np.ndarray) -> None:
    errors = sum(abs(actual[i, h] - mean[i, h]) for i in range(N) for h in range(H))
    assert wape(actual, mean).value == pytest.approx(errors / actual.sum())


def test_bias_equals_the_loop(actual: np.ndarray, mean: np.ndarray) -> None:
    errors = sum(mean[i, h] - actual[i, h] for i in range(N) for h in range(H))
    assert bias(actual, mean).value == pytest.approx(errors / actual.sum())


def test_rmsse_equals_the_loop(actual: np.ndarray, mean: np.ndarray) -> None:
    history = np.random.default_rng(3).poisson(3.0, size=(N, 9)).astype(float)
    history[2] = 5.0  # never moves: left out
    scores = []
    for i in range(N):
        steps = [(history[i, w] - history[i, w - 1]) ** 2 for w in range(1, 9)]
        scale = sum(steps) / len(steps)
        if scale > 0:
            scores.append(math.sqrt(sum((actual[i, h] - mean[i, h]) ** 2 for h in range(H)) / H / scale))
    assert len(scores) == N - 1
    assert rmsse(actual, mean, history).value == pytest.approx(sum(scores) / len(scores))


def test_wql_equals_the_loop(actual: np.ndarray) -> None:
    quantiles = np.sort(np.random.default_rng(4).uniform(0, 9, size=(N, H, len(LEVELS))), axis=2)
    total = 0.0
    for i in range(N):
        for h in range(H):
            for place, level in enumerate(LEVELS):
                error = actual[i, h] - quantiles[i, h, place]
                total += 2 * (level * error if error >= 0 else (level - 1) * error)
    assert wql(actual, quantiles, LEVELS).value == pytest.approx(total / len(LEVELS) / actual.sum())


def test_wql_of_the_median_alone_is_the_wape_of_the_median(actual: np.ndarray, mean: np.ndarray) -> None:
    assert wql(actual, mean[..., None], [0.5]).value == pytest.approx(wape(actual, mean).value)


def test_saying_nothing_ever_scores_one(actual: np.ndarray) -> None:
    nothing = np.zeros_like(actual)
    assert wape(actual, nothing).value == 1
    assert bias(actual, nothing).value == -1


def test_an_unknown_week_counts_nowhere(actual: np.ndarray, mean: np.ndarray) -> None:
    actual[0, 1] = np.nan
    kept = ~np.isnan(actual)
    quantiles = mean[..., None] + np.array([-1.0, 0.0, 1.0])
    assert wape(actual, mean).value == pytest.approx(np.abs(actual - mean)[kept].sum() / actual[kept].sum())
    assert wql(actual, quantiles, (0.1, 0.5, 0.9)).denominator[0] == actual[0, kept[0]].sum()
    assert interval_coverage(actual, mean, np.ones_like(mean), seed=1).denominator.tolist() == [3.0] + [4.0] * (N - 1)
    assert rmsse(actual, mean, np.tile([1.0, 2.0], (N, 1))).numerator[0] == pytest.approx(
        math.sqrt(np.nanmean((actual[0] - mean[0]) ** 2))
    )


def test_nothing_to_measure_against_is_no_number() -> None:
    assert math.isnan(wape(np.zeros((2, 3)), np.ones((2, 3))).value)
    assert math.isnan(Ratio(np.zeros(0), np.zeros(0)).value)


def test_the_pinball_loss_has_its_best_point_at_the_quantile() -> None:
    draws = np.random.default_rng(5).uniform(0, 1, size=20_000)
    candidates = np.linspace(0.05, 0.95, 19)
    losses = [pinball_loss(draws, np.full_like(draws, at), 0.7).mean() for at in candidates]
    assert candidates[int(np.argmin(losses))] == pytest.approx(0.7)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1])
def test_an_absurd_level_is_refused(level: float) -> None:
    with pytest.raises(SettingOutOfRange, match="between 0 and 1"):
        pinball_loss(np.ones(1), np.ones(1), level)
    with pytest.raises(SettingOutOfRange, match="share"):
        interval_coverage(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)), share=level, seed=1)


def test_a_calibrated_forecast_covers_what_it_claims_where_the_whole_number_interval_covers_more() -> None:
    rng = np.random.default_rng(6)
    mean, dispersion = np.full((200, 200), 4.0), np.full((200, 200), 0.3)
    size = 1 / 0.3
    actual = rng.negative_binomial(size, size / (size + 4.0), size=mean.shape).astype(float)
    assert interval_coverage(actual, mean, dispersion, seed=1).value == pytest.approx(0.8, abs=0.01)
    assert interval_coverage(actual, mean, dispersion, share=0.5, seed=1).value == pytest.approx(0.5, abs=0.01)
    whole = np.quantile(actual, [0.1, 0.9])
    assert ((actual >= whole[0]) & (actual <= whole[1])).mean() > 0.83


@pytest.mark.parametrize(("factor", "sure"), [(0.05, True), (4.0, False)])
def test_too_sure_covers_less_and_too_shy_more(factor: float, sure: bool) -> None:
    rng = np.random.default_rng(7)
    mean = np.full((100, 100), 6.0)
    actual = rng.negative_binomial(2.0, 2.0 / 8.0, size=mean.shape).astype(float)  # dispersion 0.5
    covered = interval_coverage(actual, mean, np.full_like(mean, 0.5 * factor), seed=1).value
    assert covered < 0.75 if sure else covered > 0.85


def test_the_place_of_a_count_is_evenly_spread_and_repeats_with_its_seed() -> None:
    rng = np.random.default_rng(8)
    mean, dispersion = np.full((100, 100), 1.5), np.full((100, 100), 0.8)
    actual = rng.negative_binomial(1 / 0.8, 1 / (1 + 0.8 * 1.5), size=mean.shape).astype(float)
    place = randomised_pit(actual, mean, dispersion, seed=3)
    shares = np.histogram(place, bins=10, range=(0, 1))[0] / place.size
    assert np.allclose(shares, 0.1, atol=0.012)
    assert np.array_equal(place, randomised_pit(actual, mean, dispersion, seed=3))
    assert not np.array_equal(place, randomised_pit(actual, mean, dispersion, seed=4))


def test_an_edge_belongs_to_the_band_above_it() -> None:
    found = volume_bands(np.array([0.0, 0.99, 1.0, 4.9, 5.0, 10.0, 99.0]), (1, 5, 10))
    assert found.tolist() == ["slow", "slow", "low", "low", "mid", "high", "high"]
    assert set(found) == set(BANDS)
