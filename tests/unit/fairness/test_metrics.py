"""Measures of who is chosen: hand-worked tables, fairlearn's own figures, another library's logistic regression."""

import fairlearn.metrics
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from fairness.errors import FactorsNotFinite
from fairness.metrics import adjusted_odds_ratio, equal_opportunity, impact_ratio, money_per_head, selection_rate

#                     group, selected, would use, got USD
TABLE = pd.DataFrame(
    [
        ("a", True, True, 4.0),
        ("a", True, False, 0.0),
        ("a", False, True, 2.0),
        ("a", False, False, 0.0),
        ("b", True, True, 9.0),
        ("b", False, True, 0.0),
        ("b", False, True, 0.0),
        ("b", False, True, 0.0),
        ("b", False, False, 0.0),
    ],
    columns=["group", "selected", "would_use", "amount"],
)
GROUPS = TABLE["group"].to_numpy(dtype=object)
SELECTED = TABLE["selected"].to_numpy()
WOULD_USE = TABLE["would_use"].to_numpy()
NO_FACTORS = np.empty((len(TABLE), 0))


def customers(seed: int, n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw customers whose choice hangs on two factors and on the group, which itself hangs on a factor."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, 2))
    codes = (rng.random(n) < 1 / (1 + np.exp(-factors[:, 0]))).astype(np.int64) + (rng.random(n) < 0.2)
    logits = 0.9 * factors[:, 0] - 0.4 * factors[:, 1] + np.array([0.0, -0.7, 0.3])[codes] - 0.5
    return rng.random(n) < 1 / (1 + np.exp(-logits)), factors, codes


def test_selection_rate_of_the_hand_worked_table() -> None:
    assert selection_rate(SELECTED, GROUPS).to_dict() == {"a": 0.5, "b": 0.2}


def test_impact_ratio_of_the_hand_worked_table() -> None:
    assert impact_ratio(SELECTED, GROUPS) == pytest.approx(0.4)


def test_impact_ratio_is_undefined_when_nobody_was_chosen_and_one_when_all_were() -> None:
    assert np.isnan(impact_ratio(np.zeros(4, bool), GROUPS[:4]))
    assert impact_ratio(np.ones(9, bool), GROUPS) == 1.0


def test_equal_opportunity_looks_only_at_those_who_would_use_it() -> None:
    assert equal_opportunity(SELECTED, WOULD_USE, GROUPS).to_dict() == {"a": 0.5, "b": 0.25}


def test_equal_opportunity_without_anybody_who_would_use_it_is_empty() -> None:
    assert equal_opportunity(SELECTED, np.zeros(9, bool), GROUPS).empty


def test_money_per_head_counts_those_who_got_nothing() -> None:
    assert money_per_head(TABLE["amount"].to_numpy(), GROUPS).to_dict() == {"a": 1.5, "b": 1.8}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_figures_are_fairlearns(rows: list[tuple[str, bool, bool]]) -> None:
    groups, selected, would_use = (np.array(column) for column in zip(*rows, strict=True))
    frame = fairlearn.metrics.MetricFrame(
        metrics=fairlearn.metrics.true_positive_rate, y_true=would_use, y_pred=selected, sensitive_features=groups
    )
    chances = equal_opportunity(selected, would_use, groups.astype(object))
    for group, chance in chances.items():
        assert chance == pytest.approx(frame.by_group[group])
    if selected.any():
        expected = fairlearn.metrics.demographic_parity_ratio(selected, selected, sensitive_features=groups)
        assert impact_ratio(selected, groups.astype(object)) == pytest.approx(expected)
        assert 0 <= expected <= 1


def test_odds_without_factors_are_those_of_the_two_by_two_table() -> None:
    odds = adjusted_odds_ratio(SELECTED, NO_FACTORS, (GROUPS == "b").astype(np.int64))[0]
    assert odds[1] / odds[0] == pytest.approx((1 / 4) / (2 / 2), rel=2e-3)  # the ridge moves so small a table a little


def test_odds_are_relative_to_the_average_customer() -> None:
    selected, factors, codes = customers(1)
    odds = adjusted_odds_ratio(selected, factors, codes)[0]
    assert np.bincount(codes) @ np.log(odds) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_adjusted_odds_are_those_of_another_librarys_logistic_regression(seed: int) -> None:
    selected, factors, codes = customers(seed)
    design = np.hstack([np.eye(3)[codes], factors])
    oracle = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=2000).fit(design, selected)
    odds = adjusted_odds_ratio(selected, factors, codes)[0]
    np.testing.assert_allclose(odds / odds[0], np.exp(oracle.coef_[0, :3] - oracle.coef_[0, 0]), rtol=1e-3)


def test_weights_count_customers_as_often_as_they_say() -> None:
    selected, factors, codes = customers(4, n=200)
    weights = np.random.default_rng(0).integers(0, 4, size=(250, 200)).astype(float)  # three chunks
    odds = adjusted_odds_ratio(selected, factors, codes, weights)
    for draw in (0, 120, 249):
        again = np.repeat(np.arange(200), weights[draw].astype(int))
        design = np.hstack([np.eye(3)[codes[again]], factors[again]])
        oracle = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=2000).fit(
            design, selected[again]
        )
        expected = np.exp(oracle.coef_[0, :3] - oracle.coef_[0, 0])
        np.testing.assert_allclose(odds[draw] / odds[draw, 0], expected, rtol=5e-3)


def test_adjustment_takes_out_what_a_factor_explains() -> None:
    rng = np.random.default_rng(5)
    codes = np.repeat([0, 1], 3000)
    spend = rng.normal(size=6000) + codes
    selected = rng.random(6000) < 1 / (1 + np.exp(-1.2 * spend))
    raw, adjusted = (
        adjusted_odds_ratio(selected, factors, codes)[0] for factors in (np.empty((6000, 0)), spend[:, None])
    )
    assert raw[1] / raw[0] > 2
    assert adjusted[1] / adjusted[0] == pytest.approx(1.0, abs=0.2)


def test_a_group_that_was_wholly_chosen_has_large_and_finite_odds() -> None:
    codes = np.repeat([0, 1], 20)
    selected = np.r_[np.ones(20, bool), np.arange(20) % 2 == 0]
    odds = adjusted_odds_ratio(selected, np.arange(40.0)[:, None] % 7, codes)[0]
    assert np.isfinite(odds).all()
    assert odds[0] / odds[1] > 1000


def test_an_empty_group_has_no_odds() -> None:
    odds = adjusted_odds_ratio(SELECTED, NO_FACTORS, np.where(GROUPS == "a", 0, 2))[0]
    assert np.isnan(odds).tolist() == [False, True, False]


def test_a_factor_that_is_missing_is_refused_with_how_many() -> None:
    with pytest.raises(FactorsNotFinite, match=r"for 2 customer\(s\)"):
        adjusted_odds_ratio(SELECTED, np.r_[np.nan, np.inf, np.ones(7)][:, None], np.zeros(9, np.int64))
