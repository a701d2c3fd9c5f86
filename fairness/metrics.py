"""Measures of who is chosen and what they get, one row per customer, named as in the literature.

Groups are compared by fairlearn's `MetricFrame`; its rows are customers, never purchases, so that its figures are those
our own resampling of customers puts intervals around. Four fifths, the limit that an impact ratio is often held
against, is a rule of employment law (29 CFR 1607.4 D); where this project applies it to campaigns, it does so by
analogy.
"""

from typing import Final

import fairlearn.metrics
import numpy as np
import numpy.typing as npt
import pandas as pd

from fairness.errors import FactorsNotFinite

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.floating]
Codes = npt.NDArray[np.int64]
Labels = npt.NDArray[np.object_]

_RIDGE: Final = 1e-3  # keeps the odds of a group that is wholly in or wholly out finite; moves none of the others
_LARGEST_STEP: Final = 2.0
_TOLERANCE: Final = 1e-6
_MAX_STEPS: Final = 50
_CHUNK: Final = 100  # draws fitted at a time: 2 MB at 2,500 customers


def selection_rate(selected: Mask, sensitive_features: Labels) -> pd.Series:
    """Give the share of each group that was chosen.

    Range [0, 1]. No value is ideal by itself; groups that are equally suitable should have equal rates.

    Do not use it to say that a group was chosen too seldom: it does not know who would have wanted the offer, nor
    who could have used it. `equal_opportunity` and `adjusted_odds_ratio` ask that.

    Args:
        selected: (C,) whether each customer was chosen, one row per customer.
        sensitive_features: (C,) group of each customer.

    Returns:
        One rate per group that has customers, by its label.

    Source: fairlearn `selection_rate`; Barocas, Hardt and Narayanan (2023), chapter 3, "independence".

    >>> selection_rate(np.array([True, False, True, True]), np.array(["a", "a", "b", "b"], object)).to_dict()
    {'a': 0.5, 'b': 1.0}
    """
    return _by_group(fairlearn.metrics.selection_rate, selected, selected, sensitive_features)


def impact_ratio(selected: Mask, sensitive_features: Labels) -> float:
    """Divide the lowest selection rate of a group by the highest; fairlearn's `demographic_parity_ratio`.

    Range [0, 1], ideal 1. Below .8 an offer fails the four-fifths rule, which is a rule of employment law and holds
    here by analogy.

    Do not use it where rates are tiny (a ratio of 1 in 1,000 to 2 in 1,000 is .5 and harms next to nobody) nor without
    an interval: with small groups the lowest rate is low by chance.

    Args:
        selected: (C,) whether each customer was chosen, one row per customer.
        sensitive_features: (C,) group of each customer.

    Returns:
        The ratio; NaN if nobody was chosen.

    Source: Feldman et al. (2015), "Certifying and removing disparate impact", section 2; 29 CFR 1607.4 D.

    >>> impact_ratio(np.array([True, False, True, True]), np.array(["a", "a", "b", "b"], object))
    0.5
    """
    if not selected.any():
        return float("nan")
    return float(
        fairlearn.metrics.demographic_parity_ratio(selected, selected, sensitive_features=_series(sensitive_features))
    )


def equal_opportunity(selected: Mask, would_use: Mask, sensitive_features: Labels) -> pd.Series:
    """Give the share that was chosen among those of each group who would use what they were chosen for.

    The true positive rate. Range [0, 1]; ideal: equal between groups, and 1 if everybody who would use it gets it.

    Do not use it where `would_use` is itself an outcome of being chosen: who never got a coupon shows no wish for
    one, and a group that was always passed over would look served.

    Args:
        selected: (C,) whether each customer was chosen, one row per customer.
        would_use: (C,) whether each would use it.
        sensitive_features: (C,) group of each customer.

    Returns:
        One rate per group that holds somebody who would use it, by its label.

    Source: Hardt, Price and Srebro (2016), "Equality of opportunity in supervised learning", definition 2.2.
    """
    return _by_group(
        fairlearn.metrics.true_positive_rate, would_use[would_use], selected[would_use], sensitive_features[would_use]
    )


def money_per_head(amounts: Floats, sensitive_features: Labels) -> pd.Series:
    """Give what a customer of each group got on average, those who got nothing included.

    Range: any amount, in the unit of `amounts`; ideal: equal between groups.

    Do not use it alone: a group that buys more gets more discount without being favoured. Beside it belong the
    discount depth (discount over shelf price) and the funnel of who was reached.

    Args:
        amounts: (C,) what each customer got over the whole time, one row per customer.
        sensitive_features: (C,) group of each customer.

    Returns:
        One mean per group that has customers, by its label.

    Source: fairlearn `mean_prediction`.

    >>> money_per_head(np.array([1.0, 3.0, 0.0]), np.array(["a", "a", "b"], object)).to_dict()
    {'a': 2.0, 'b': 0.0}
    """
    return _by_group(fairlearn.metrics.mean_prediction, amounts, amounts, sensitive_features)


def adjusted_odds_ratio(selected: Mask, factors: Floats, codes: Codes, weights: Weights | None = None) -> Floats:
    """Compare the odds of being chosen between groups, legitimate factors being equal.

    A logistic regression of being chosen on the group and the factors. Each group's odds are given over those of the
    average customer, so the ratio of two figures is the adjusted odds ratio of the two groups, whatever the reference.
    Range (0, infinity), ideal 1.

    Do not use it to explain a disparity away: a factor that is itself shaped by the attribute (spend by income)
    takes out some of the effect looked for, and one left out is charged to the group. Read it beside the raw
    figure (no factors). Odds ratios exaggerate ratios of rates where many are chosen.

    Args:
        selected: (C,) whether each customer was chosen, one row per customer.
        factors: (C, F) the declared factors; F may be 0.
        codes: (C,) place of each customer's group, from 0.
        weights: (D, C) how often each customer is in each resampling; None for everybody once.

    Returns:
        (D, G) one row per resampling; NaN for a code that nobody has.

    Raises:
        FactorsNotFinite: If a factor is missing or infinite for somebody.

    Source: Agresti (2013), "Categorical data analysis", chapter 5; Newton's method with a ridge of 0.001.

    >>> raw = adjusted_odds_ratio(np.arange(8) % 4 > 0, np.empty((8, 0)), np.arange(8) // 4)
    >>> raw.round(3).tolist()
    [[1.0, 1.0]]
    """
    if not np.isfinite(factors).all():
        raise FactorsNotFinite(n_customers=int((~np.isfinite(factors).all(axis=1)).sum()))
    counts = np.bincount(codes)
    design = np.hstack([np.eye(len(counts))[codes], _standardised(factors)])  # (C, P)
    chosen = selected.astype(np.float64)
    fitted = _newton(design, chosen, np.ones((1, len(chosen))), np.zeros(design.shape[1]))
    if weights is not None:
        parts = [weights[i : i + _CHUNK] for i in range(0, len(weights), _CHUNK)]
        fitted = np.vstack([_newton(design, chosen, part, fitted[0]) for part in parts])
    log_odds = np.where(counts > 0, fitted[:, : len(counts)], 0.0)  # (D, G)
    average = log_odds @ (counts / counts.sum())  # (D,)
    odds: Floats = np.where(counts > 0, np.exp(log_odds - average[:, None]), np.nan)
    return odds


def _by_group(metric: object, truth: npt.NDArray[np.generic], value: npt.NDArray[np.generic], of: Labels) -> pd.Series:
    if not len(of):
        return pd.Series(dtype=np.float64)
    frame = fairlearn.metrics.MetricFrame(metrics=metric, y_true=truth, y_pred=value, sensitive_features=_series(of))
    by_group: pd.Series = frame.by_group
    return by_group.astype(np.float64)


def _series(labels: Labels) -> pd.Series:
    return pd.Series(labels, name="group")


def _standardised(factors: Floats) -> Floats:
    spread = factors.std(axis=0)
    varying = factors[:, spread > 0]
    standardised: Floats = (varying - varying.mean(axis=0)) / spread[spread > 0]
    return standardised


def _newton(design: Floats, chosen: Floats, weights: Weights, start: Floats) -> Floats:
    n_terms = design.shape[1]
    upper = np.triu_indices(n_terms)
    products = design[:, upper[0]] * design[:, upper[1]]  # (C, P (P + 1) / 2)
    fitted: Floats = np.tile(start, (len(weights), 1))  # (D, P)
    for _ in range(_MAX_STEPS):
        p_chosen = 1 / (1 + np.exp(-fitted @ design.T))  # (D, C)
        slope = (weights * (chosen - p_chosen)) @ design - _RIDGE * fitted  # (D, P)
        curvature = np.empty((len(weights), n_terms, n_terms))
        curvature[:, upper[0], upper[1]] = (weights * p_chosen * (1 - p_chosen)) @ products
        curvature[:, upper[1], upper[0]] = curvature[:, upper[0], upper[1]]
        curvature += _RIDGE * np.eye(n_terms)
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        fitted += np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        if np.abs(step).max() < _TOLERANCE:
            break
    return fitted
