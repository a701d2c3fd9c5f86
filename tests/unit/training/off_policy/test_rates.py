"""Foretold rates: by hand, and never from the customer they are foretold for."""

from dataclasses import replace

import numpy as np
import pytest

from training.off_policy.rates import Rates, foretold
from training.off_policy.rows import Choices, LoggedRows


def log(n: int = 40) -> LoggedRows:
    generator = np.random.default_rng(3)
    action, slot = generator.integers(0, 3, n), generator.integers(0, 2, n)
    return LoggedRows(
        customer=np.arange(n) // 2,
        action=action,
        slot=slot,
        reward=(generator.random(n) < 0.2 + 0.2 * action).astype(float),
        p_logged=np.full(n, 1 / 3),
        choices=Choices(np.repeat(np.arange(n), 2), np.tile([0, 2], n), np.full(2 * n, 0.5)),
        supported=np.ones(n),
    )


def test_a_rate_by_hand() -> None:
    rows = LoggedRows(
        customer=np.arange(4),
        action=np.array([0, 0, 1, 1]),
        slot=np.array([0, 1, 0, 1]),
        reward=np.array([1.0, 1.0, 0.0, 0.0]),
        p_logged=np.full(4, 0.5),
        choices=Choices(np.arange(4), np.array([0, 0, 2, 2]), np.ones(4)),
        supported=np.ones(4),
    )
    rates = Rates(rows, np.ones(4, dtype=bool), prior_events=1.0)
    # mean .5; each place earned 1 of 2: (1 + 1) / (2 * .5 + 1) = 1 times the mean; product 0 expected 1 and brought 2
    assert rates.of(np.array([0, 1, 2]), np.array([0, 1, 0])) == pytest.approx([0.5 * 3 / 2, 0.5 * 1 / 2, 0.5])


def test_rates_come_from_other_customers() -> None:
    rows = log()
    shown, choices = foretold(rows, prior_events=1.0, n_folds=4, seed=1)
    for row in (0, 7, 21):
        own = rows.customer == rows.customer[row]
        other = replace(rows, reward=np.where(own, 1 - rows.reward, rows.reward))
        again, again_choices = foretold(other, prior_events=1.0, n_folds=4, seed=1)
        assert again[row] == shown[row]
        assert again_choices[row] == choices[row]
        assert not np.allclose(again, shown)  # others are foretold from this customer


def test_choices_are_averaged_with_the_policy_s_probabilities() -> None:
    rows = log()
    shown, choices = foretold(rows, prior_events=1.0, n_folds=4, seed=1)
    only = replace(rows, choices=Choices(np.arange(40), rows.action, np.ones(40)))
    same, of_same = foretold(only, prior_events=1.0, n_folds=4, seed=1)
    assert of_same == pytest.approx(same)
    assert shown == pytest.approx(same)
    nothing = replace(rows, choices=Choices(rows.choices.row, rows.choices.action, np.zeros(80)))
    assert foretold(nothing, prior_events=1.0, n_folds=4, seed=1)[1].tolist() == [0.0] * 40
    assert choices.mean() > 0.2
