"""The value of a policy that was not in charge, from the log of one that was: three estimators and their warnings."""

from typing import Final

import numpy as np

from configs.exploration import PolicyEvaluationSettings
from training.evaluation_results import Result
from training.intervals import bootstrap_means, percentile_interval
from training.off_policy.errors import EffectiveSampleTooSmall, PolicyUnsupported
from training.off_policy.rates import foretold
from training.off_policy.rows import Floats, LoggedRows

LOGGED: Final = "logged"
_MEAN_WEIGHT_TOLERANCE: Final = 0.1


class Estimate(Result):
    """One estimate of what a policy brings per place shown.

    Attributes:
        name: `logged` (what was shown), `ips`, `snips` or `doubly_robust`.
        value: Mean reward per place.
        interval: Over customers.
        ratio: Value over that of what was shown; None where nothing followed at all.
        ratio_interval: Over the same resamples.
    """

    name: str
    value: float
    interval: tuple[float, float]
    ratio: float | None
    ratio_interval: tuple[float, float] | None


class PolicyEvaluation(Result):
    """What the log says, and how much of it there is.

    Attributes:
        n_rows: Places shown.
        n_customers: Customers they were shown to.
        effective_sample: Customers' worth of evidence that the weights leave, before any cut.
        effective_events: Purchases' worth of it.
        mean_weight: Near 1 where log and probabilities fit together.
        largest_weight: Before the cut.
        n_cut: Weights cut to the limit.
        supported_share: Share of what the policy would show that the log could have shown.
        estimates: `logged` first.
        notes: What a reader must know.
    """

    n_rows: int
    n_customers: int
    effective_sample: float
    effective_events: float
    mean_weight: float
    largest_weight: float
    n_cut: int
    supported_share: float
    estimates: tuple[Estimate, ...]
    notes: tuple[str, ...]

    def of(self, name: str) -> Estimate:
        """Find an estimate by name."""
        return next(estimate for estimate in self.estimates if estimate.name == name)


def effective_size(weights: Floats) -> float:
    """Tell how many equal weights are worth as much as these; from 0 to their number.

    Source: Kish (1965), the square of the sum over the sum of squares.

    >>> effective_size(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def evaluate(rows: LoggedRows, settings: PolicyEvaluationSettings) -> PolicyEvaluation:
    """Estimate a policy's value by inverse propensities, the same self-normalised, and doubly robust.

    The reward of a product is taken to depend on customer, product and place, not on the rest of the list. Weights are
    cut at `max_weight`, which lowers variance and adds bias towards 0 (inverse propensities) or towards the foretold
    rates (doubly robust); whether there is evidence at all is judged before the cut.

    Args:
        rows: The log and the policy's choices.
        settings: Limits, folds, resamples.

    Raises:
        LoggedRowsMalformed: If the log cannot be weighed.
        PolicyUnsupported: If too little of what the policy would show could have been shown.
        EffectiveSampleTooSmall: If the weights leave too few customers.

    Source: Horvitz and Thompson (1952); Swaminathan and Joachims (2015) for self-normalisation; Dudík, Langford and Li
    (2011) for the doubly robust form; Li et al. (2018), the item-position model, for lists.
    """
    rows.require_sound()
    raw = rows.p_target() / rows.p_logged
    supported = float(rows.supported.mean())
    if supported < settings.min_supported_share:
        raise PolicyUnsupported(supported_share=supported, limit=settings.min_supported_share)
    size = effective_size(_by_customer(rows, raw))
    n_present = len(np.unique(rows.customer))
    if size < settings.min_effective_sample:
        raise EffectiveSampleTooSmall(
            effective_sample=size,
            limit=settings.min_effective_sample,
            n_customers=n_present,
            largest_weight=float(raw.max()),
        )
    weights = np.minimum(raw, settings.max_weight)
    events = effective_size(_by_customer(rows, weights * rows.reward))
    facts = {
        "n_rows": len(rows),
        "n_customers": n_present,
        "effective_sample": size,
        "effective_events": events,
        "mean_weight": float(raw.mean()),
        "largest_weight": float(raw.max()),
        "n_cut": int((raw > settings.max_weight).sum()),
        "supported_share": supported,
    }
    return PolicyEvaluation(**facts, estimates=_estimates(rows, weights, settings), notes=_notes(facts, settings))


def _estimates(rows: LoggedRows, weights: Floats, settings: PolicyEvaluationSettings) -> tuple[Estimate, ...]:
    of_shown, of_choices = foretold(
        rows, prior_events=settings.prior_events, n_folds=settings.n_folds, seed=settings.seed
    )
    robust = of_choices + weights * (rows.reward - of_shown)
    columns = (np.ones(len(rows)), weights, rows.reward, weights * rows.reward, robust)
    sums = np.column_stack([_by_customer(rows, column) for column in columns])
    drawn = bootstrap_means(sums, n_resamples=settings.n_bootstrap, seed=settings.seed)
    figures = _figures(sums.mean(axis=0)[None, :])
    resampled = _figures(drawn)
    return tuple(
        _estimate(name, float(figures[name][0]), resampled[name], figures, resampled, settings.confidence)
        for name in figures
    )


def _by_customer(rows: LoggedRows, values: Floats) -> Floats:
    """Sum (n,) values of rows to (C,) of the customers who have any."""
    _, customer = np.unique(rows.customer, return_inverse=True)
    return np.bincount(customer, weights=values).astype(np.float64)


def _figures(means: Floats) -> dict[str, Floats]:
    """Give the estimates from (R, 5) means per customer: places, weights, rewards, weighted rewards, robust."""
    places, weights, rewards, weighted, robust = means.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            LOGGED: rewards / places,
            "ips": weighted / places,
            "snips": weighted / weights,
            "doubly_robust": robust / places,
        }


def _estimate(
    name: str,
    value: float,
    draws: Floats,
    figures: dict[str, Floats],
    resampled: dict[str, Floats],
    confidence: float,
) -> Estimate:
    interval = percentile_interval(draws, confidence)
    logged = float(figures[LOGGED][0])
    if logged <= 0 or name == LOGGED:
        return Estimate(name=name, value=value, interval=interval, ratio=None, ratio_interval=None)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = draws / resampled[LOGGED]
    spread = percentile_interval(ratios[np.isfinite(ratios)], confidence)
    return Estimate(name=name, value=value, interval=interval, ratio=value / logged, ratio_interval=spread)


def _notes(facts: dict[str, float], settings: PolicyEvaluationSettings) -> tuple[str, ...]:
    notes = []
    if facts["effective_events"] < settings.few_effective_events:
        notes.append(
            f"only {facts['effective_events']:.1f} effective purchases: the intervals are too narrow, take the figures "
            "for a direction at most."
        )
    if facts["n_cut"]:
        notes.append(f"{facts['n_cut']:,.0f} of {facts['n_rows']:,.0f} weights were cut to {settings.max_weight:g}.")
    if abs(facts["mean_weight"] - 1) > _MEAN_WEIGHT_TOLERANCE:
        notes.append(
            f"the mean weight is {facts['mean_weight']:.3f} instead of 1: the log was not made with the probabilities "
            "it states, or is too short."
        )
    if facts["supported_share"] < 1:
        notes.append(
            f"{1 - facts['supported_share']:.1%} of what the policy would show could not have been shown: "
            "what it brings there is nothing to ips, average to snips, as foretold to doubly_robust."
        )
    return tuple(notes)
