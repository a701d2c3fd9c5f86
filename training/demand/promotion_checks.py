"""What the demand models must show before they may serve."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import ValidationError

from configs.settings import DemandPromotionSettings
from fairness.gates import Finding
from training.demand.baselines import IMAPA
from training.demand.elasticities import Elasticities
from training.demand.evaluation import COVERAGE, WQL
from training.demand.evaluation_results import ALL, DemandEvaluation
from training.demand.plan import TRACKS, Track
from training.errors import BundleDamaged, BundleItemUnknown, ScoreUnknown
from training.promotion_checks import Candidate, no_evaluation

_CLAIMED: Final = 0.8  # share of weeks that the interval claims to hold


def demand_evaluation(candidate: Candidate) -> DemandEvaluation | None:
    """Read a candidate's demand evaluation; None when it has none that can be read."""
    try:
        return DemandEvaluation.model_validate(candidate.evaluation)
    except ValidationError:
        return None


class BeatsSmoothing:
    """The weighted quantile loss lies not above IMAPA's, track by track."""

    def __init__(self, settings: DemandPromotionSettings) -> None:
        self._limit = settings.max_wql_over_smoothing

    def __call__(self, candidate: Candidate) -> Sequence[Finding]:
        """Compare every track; a missing evaluation fails them all."""
        evaluation = demand_evaluation(candidate)
        return no_evaluation() if evaluation is None else [self._compare(evaluation, track) for track in TRACKS]

    def _compare(self, evaluation: DemandEvaluation, track: Track) -> Finding:
        check = f"{WQL} {track}"
        try:
            ours = evaluation.score(evaluation.model, track=track, metric=WQL)
            theirs = evaluation.score(IMAPA, track=track, metric=WQL)
            difference = evaluation.difference(IMAPA, track=track, metric=WQL)
        except ScoreUnknown as missing:
            return Finding(check=check, passed=False, reason=str(missing))
        reason = (
            f"{ours.value:.4f} against {theirs.value:.4f} of {IMAPA}, {difference.relative:+.1%} "
            f"[{difference.relative_low:+.1%}, {difference.relative_high:+.1%}], where at most {self._limit:+.1%} is "
            "let pass"
        )
        return Finding(check=check, passed=bool(difference.relative <= self._limit), reason=reason)


class Calibrated:
    """The 80% interval covers about that share: overall by its figure, in each volume band within its doubt."""

    def __init__(self, settings: DemandPromotionSettings) -> None:
        self._low, self._high = settings.min_coverage, settings.max_coverage

    def __call__(self, candidate: Candidate) -> Sequence[Finding]:
        """Look at every track chain-wide; a band fails when its whole interval lies outside the limits."""
        evaluation = demand_evaluation(candidate)
        if evaluation is None:
            return no_evaluation()
        return [self._track(evaluation, track) for track in TRACKS]

    def _track(self, evaluation: DemandEvaluation, track: Track) -> Finding:
        check = f"coverage {track}"
        found = [
            score
            for score in evaluation.scores
            if (score.method, score.track, score.level, score.metric) == (evaluation.model, track, "chain", COVERAGE)
        ]
        overall = [score for score in found if score.band == ALL]
        if not overall:
            reason = f"the evaluation has no {COVERAGE} of this track; train again so that it is measured"
            return Finding(check=check, passed=False, reason=reason)
        value = overall[0].value
        outside = [score for score in found if score.band != ALL and (score.high < self._low or score.low > self._high)]
        bands = "".join(
            f"; in band {score.band} {score.value:.1%} [{score.low:.1%}, {score.high:.1%}]" for score in outside
        )
        reason = (
            f"the {_CLAIMED:.0%} interval covers {value:.1%} of weeks{bands}, where {self._low:.1%} to "
            f"{self._high:.1%} is asked"
        )
        return Finding(check=check, passed=self._low <= value <= self._high and not outside, reason=reason)


def elasticities_usable(candidate: Candidate) -> Sequence[Finding]:
    """Every elasticity of the bundle is finite and below 0, and so is its interval."""
    check = "elasticities"
    try:
        elasticities = Elasticities.load(candidate.bundle)
    except (BundleItemUnknown, BundleDamaged) as missing:
        return [Finding(check=check, passed=False, reason=str(missing))]
    low, high = elasticities.interval(_CLAIMED)
    values = np.stack([elasticities.value, low, high])  # (3, N)
    broken = ~np.isfinite(values).all(axis=0) | (values >= 0).any(axis=0)
    n_products, n_broken = len(elasticities.product_ids), int(broken.sum())
    if n_products == 0:
        return [Finding(check=check, passed=False, reason="the bundle holds no elasticity; train again")]
    median = float(np.median(elasticities.value[~broken])) if n_broken < n_products else math.nan
    reason = (
        f"{n_broken} of {n_products} elasticities are not finite numbers below 0"
        if n_broken
        else f"{n_products} elasticities, finite and below 0, median {median:.2f}"
    )
    return [Finding(check=check, passed=not n_broken, reason=reason)]
