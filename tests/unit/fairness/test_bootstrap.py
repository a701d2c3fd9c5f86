"""Customers are resampled, whole and within their group."""

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest

from fairness import bootstrap
from fairness.bootstrap import Resampling, Tally, customer_weights, mean_tally, ratio_draws, resampling_of
from fairness.errors import NonFiniteValues, TallyMismatch
from fairness.groups import Grouping

Floats = npt.NDArray[np.float64]


def grouping(codes: list[int] | npt.NDArray[np.int64]) -> Grouping:
    return Grouping("income", ("low", "high", "unknown"), np.asarray(codes, dtype=np.int64))


def skewed(n: int, seed: int) -> Tally:
    rng = np.random.default_rng(seed)
    denominator = rng.lognormal(3, 1, n)
    return Tally(denominator * rng.beta(2, 10, n), denominator, np.ones(n), np.ones(n, dtype=np.bool_))


def test_figures_of_a_table_worked_by_hand() -> None:
    tally = Tally(
        numerator=np.array([1.0, 3.0, 2.0, 50.0, 0.0, 7.0]),
        denominator=np.array([10.0, 10.0, 8.0, 1.0, 0.0, 14.0]),
        events=np.array([2.0, 1.0, 4.0, 90.0, 0.0, 5.0]),
        counted=np.array([True, True, True, False, True, True]),
    )
    drawn = ratio_draws(tally, grouping([0, 0, 1, 1, 1, 2]), n_draws=200, seed=1)
    assert drawn.labels == ("low", "high", "unknown")
    assert drawn.n.tolist() == [2, 2, 1]
    assert drawn.events.tolist() == [3, 4, 5]
    assert drawn.values == pytest.approx([4 / 20, 2 / 8, 7 / 14])
    assert drawn.draws.shape == (3, 200)
    assert set(np.round(drawn.draws[0], 6)) == {0.1, 0.2, 0.3}  # both once, or either twice
    defined = drawn.draws[1][np.isfinite(drawn.draws[1])]
    assert (defined == 0.25).all()
    assert 0.1 < np.isnan(drawn.draws[1]).mean() < 0.4  # the customer without a denominator, drawn twice: 1 in 4
    assert (drawn.draws[2] == 0.5).all()


def test_a_group_of_nobody_has_no_figure() -> None:
    drawn = ratio_draws(skewed(20, 1), grouping([0] * 20), n_draws=200, seed=1)
    assert drawn.n.tolist() == [20, 0, 0]
    assert np.isnan(drawn.values[1])
    assert np.isnan(drawn.draws[1]).all()


def test_matches_a_slow_loop_over_customers() -> None:
    tally, place = skewed(80, 2), np.arange(80) % 2
    drawn = ratio_draws(tally, grouping(place), n_draws=4000, seed=1)
    rng = np.random.default_rng(99)
    for group in (0, 1):
        members = np.flatnonzero(place == group)
        slow = []
        for _ in range(4000):
            chosen = [int(rng.choice(members)) for _ in members]
            slow.append(sum(tally.numerator[c] for c in chosen) / sum(tally.denominator[c] for c in chosen))
        assert np.quantile(drawn.draws[group], [0.025, 0.975]) == pytest.approx(
            np.quantile(slow, [0.025, 0.975]), rel=0.03
        )
        assert drawn.draws[group].std() == pytest.approx(np.std(slow), rel=0.06)


def test_every_resampling_draws_as_many_customers_as_there_are_without_preference() -> None:
    weights = customer_weights(50, 2000, seed=4)
    assert weights.dtype == np.float32
    assert (weights.sum(axis=1) == 50).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(50), abs=0.1)
    assert weights.var(axis=0).mean() == pytest.approx(1 - 1 / 50, rel=0.05)
    assert customer_weights(0, 10, seed=4).shape == (10, 0)


def test_the_same_seed_gives_the_same_draws_and_another_seed_gives_others() -> None:
    tally, where = skewed(60, 3), grouping(np.arange(60) % 2)
    first = Resampling(where, n_draws=200, seed=1).draws(tally).draws
    again = Resampling(where, n_draws=200, seed=1).draws(tally).draws
    other = Resampling(where, n_draws=200, seed=2).draws(tally).draws
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[:2], other[:2])


def test_groups_are_drawn_independently() -> None:
    n = 400
    values = np.tile(np.random.default_rng(5).normal(size=n // 2), 2)
    drawn = ratio_draws(mean_tally(values), grouping(np.repeat([0, 1], n // 2)), n_draws=2000, seed=1)
    assert abs(np.corrcoef(drawn.draws[0], drawn.draws[1])[0, 1]) < 0.08


def test_measures_of_one_grouping_share_their_resamplings() -> None:
    where = grouping(np.arange(60) % 2)
    tally = skewed(60, 3)
    doubled = Tally(tally.numerator * 2, tally.denominator, tally.events, tally.counted)
    resampling = resampling_of(where, 200, 1)
    assert resampling_of(where, 200, 1) is resampling
    np.testing.assert_allclose(2 * resampling.draws(tally).draws[:2], resampling.draws(doubled).draws[:2])


def test_draws_that_are_not_kept_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    tally, where = skewed(60, 3), grouping(np.arange(60) % 2)
    kept = Resampling(where, n_draws=200, seed=1).draws(tally)
    monkeypatch.setattr(bootstrap, "_KEPT_BYTES", 10)
    np.testing.assert_allclose(Resampling(where, n_draws=200, seed=1).draws(tally).draws, kept.draws, rtol=1e-12)


def test_kept_counts_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_KEPT_BYTES", 100_000)
    resampling = Resampling(grouping(np.arange(400) % 2), n_draws=200, seed=1)
    for left_out in range(3):
        values = np.ones(400)
        values[left_out] = np.nan
        assert resampling.draws(mean_tally(values)).n.sum() == 399
    assert len(resampling._kept) == 1


def test_the_customers_of_this_data_take_little_memory() -> None:
    where = grouping(np.arange(2469) % 3)
    tally = skewed(2469, 1)
    tracemalloc.start()
    Resampling(where, n_draws=2000, seed=1).draws(tally)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


def test_a_mean_leaves_out_who_has_no_value() -> None:
    tally = mean_tally(np.array([0.5, np.nan, 1.0]))
    drawn = ratio_draws(tally, grouping([0, 0, 1]), n_draws=200, seed=1)
    assert drawn.values[:2].tolist() == [0.5, 1.0]
    assert drawn.n.tolist() == [1, 1, 0]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_figures_that_are_no_numbers_are_refused_without_naming_anybody(broken: float) -> None:
    tally = skewed(30, 1)
    tally.numerator[3] = broken
    with pytest.raises(NonFiniteValues, match="numerator of 1 of 30 customers"):
        ratio_draws(tally, grouping([0] * 30), n_draws=200, seed=1)


def test_figures_of_those_who_do_not_count_are_not_looked_at() -> None:
    tally = skewed(30, 1)
    tally.numerator[3] = np.nan
    tally.counted[3] = False
    assert np.isfinite(ratio_draws(tally, grouping([0] * 30), n_draws=200, seed=1).values[0])


def test_a_tally_must_fit_its_customers() -> None:
    with pytest.raises(TallyMismatch, match="shape"):
        ratio_draws(skewed(30, 1), grouping([0] * 31), n_draws=200, seed=1)
    tally = skewed(30, 1)
    tally.denominator[0] = -1
    with pytest.raises(TallyMismatch, match="negative"):
        ratio_draws(tally, grouping([0] * 30), n_draws=200, seed=1)
