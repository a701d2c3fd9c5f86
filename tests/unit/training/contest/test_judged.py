"""Means over customers and ratios to the best peer."""

import numpy as np
import pytest

from training.contest.contenders import method_of
from training.contest.judged import Judged, judged_rows

MINE = Judged(method_of("mine", "Mine", ours=True), {"f": np.array([1.0, 0.5, np.nan]), "g": np.zeros(3)})
WEAK = Judged(method_of("weak", "Weak"), {"f": np.array([0.0, 0.1, np.nan]), "g": np.ones(3)}, {"fit_cpu_s": 2.0})
GOOD = Judged(method_of("good", "Good"), {"f": np.array([0.25, 0.5, np.nan]), "g": np.zeros(3)})


def test_ours_is_held_against_the_best_peer_of_each_figure() -> None:
    rows = judged_rows([MINE, WEAK, GOOD], n_resamples=200, seed=1)
    own = {(row.name, row.figure): row.value for row in rows if row.ratio_to is None}
    assert own["mine", "f"] == pytest.approx(0.75)  # who has no value does not count
    assert own["weak", "fit_cpu_s"] == 2
    compared = {row.figure: row for row in rows if row.ratio_to}
    assert (compared["f"].ratio_to, compared["g"].ratio_to) == ("good", "weak")
    assert compared["f"].ratio == pytest.approx(2.0)
    assert compared["f"].interval_95 == pytest.approx((1.0, 4.0))  # both drawn customers are one of the two


def test_resamples_are_shared_so_that_equals_differ_by_nothing() -> None:
    twin = Judged(method_of("twin", "Twin"), MINE.values)
    (row,) = [row for row in judged_rows([MINE, twin], n_resamples=50, seed=3) if row.ratio_to and row.figure == "f"]
    assert (row.ratio, row.interval_95) == (1.0, (1.0, 1.0))


def test_over_nothing_there_is_no_ratio() -> None:
    zero = Judged(method_of("zero", "Zero"), {"f": np.zeros(3)})
    (row,) = [
        row
        for row in judged_rows([Judged(MINE.method, {"f": np.ones(3)}), zero], n_resamples=20, seed=1)
        if row.ratio_to
    ]
    assert row.ratio is None
