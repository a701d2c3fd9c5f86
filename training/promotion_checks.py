"""What a candidate must show before it may serve."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from configs.settings import PromotionSettings
from fairness.clearance import Clearance
from fairness.errors import ClearanceRefused
from fairness.gates import Finding
from training.artifact import Bundle
from training.baselines import Task
from training.errors import BundleItemUnknown, ScoreUnknown
from training.evaluation_results import Evaluation
from training.lineage import UNKNOWN
from training.registry import version_tags

EVALUATION = "evaluation.json"
POPULARITY = "popularity"
METRIC = "ndcg@20"

_NUMBERS = ("value", "low", "high")


@dataclass(frozen=True)
class Candidate:
    """A bundle, what the registry says of it, and what is known of the data today.

    Attributes:
        bundle: Opened, so its files are whole.
        evaluation: What the bundle's `evaluation.json` holds; None when it has none that can be read.
        tags: Of the registered version; None when the bundle was never registered.
        required_tags: What the registry file demands.
        data_end: Newest purchase of the lake.
        known_snapshots: Digests of the data snapshots that can be accounted for: the lake's own.
    """

    bundle: Bundle
    evaluation: Mapping[str, Any] | None
    tags: dict[str, str] | None
    required_tags: Sequence[str]
    data_end: datetime
    known_snapshots: Sequence[str]


def read_evaluation(bundle: Bundle) -> Mapping[str, Any] | None:
    """Read the evaluation stored in a bundle, whatever model it is of; None when there is none that can be read."""
    try:
        content = json.loads(bundle.text(EVALUATION))
    except (BundleItemUnknown, json.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None


def no_evaluation() -> list[Finding]:
    """Say that nothing is known of how a candidate did."""
    reason = f"the bundle holds no readable {EVALUATION}; train again so that it is evaluated"
    return [Finding(check="evaluation", passed=False, reason=reason)]


class BeatsBaselines:
    """The candidate's NDCG@20 lies above the best simple baseline (all) and above popularity (novel)."""

    def __init__(self, settings: PromotionSettings) -> None:
        self._settings = settings

    def __call__(self, candidate: Candidate) -> Sequence[Finding]:
        """Compare both tasks; a missing evaluation fails both."""
        try:
            evaluation = Evaluation.model_validate(candidate.evaluation)
        except ValidationError:
            return no_evaluation()
        return [
            self._gain(evaluation, "all", None, self._settings.min_gain_all),
            self._gain(evaluation, "novel", POPULARITY, self._settings.min_gain_novel),
        ]

    def _gain(self, evaluation: Evaluation, task: Task, baseline: str | None, limit: float) -> Finding:
        check = f"{METRIC} {task}"
        try:
            rival = baseline or evaluation.best_baseline(task=task, metric=METRIC).method
            theirs = evaluation.score(rival, task=task, metric=METRIC)
            ours = evaluation.score(evaluation.model, task=task, metric=METRIC)
            difference = evaluation.difference(rival, task=task, metric=METRIC)
        except ScoreUnknown as missing:
            return Finding(check=check, passed=False, reason=str(missing))
        reason = (
            f"{ours.value:.4f} against {theirs.value:.4f} of {rival}, {difference.relative:+.1%} "
            f"[{difference.relative_low:+.1%}, {difference.relative_high:+.1%}], where at least {limit:+.1%} is asked"
        )
        return Finding(check=check, passed=bool(difference.relative >= limit), reason=reason)


def metrics_finite(candidate: Candidate) -> Sequence[Finding]:
    """Every figure of the manifest and every number of the evaluation's scores is finite."""
    figures = {name: float(value) for name, value in candidate.bundle.manifest.metrics.items()}
    records: Sequence[Mapping[str, Any]] = (candidate.evaluation or {}).get("scores", ())
    for record in records:
        label = " ".join(str(value) for key, value in record.items() if isinstance(value, str) and key not in _NUMBERS)
        figures |= {f"{label} {key}": float(record[key]) for key in _NUMBERS}  # NaN is stored as a word
    broken = sorted(name for name, value in figures.items() if not math.isfinite(value))
    if not figures:
        return [Finding(check="metrics", passed=False, reason="the bundle holds no figures; train again")]
    reason = (
        f"not finite: {', '.join(broken[:5])} ({len(broken)} in all)" if broken else f"{len(figures)} figures, finite"
    )
    return [Finding(check="metrics", passed=not broken, reason=reason)]


class DataFreshEnough:
    """The training data ends not too long before the lake does."""

    def __init__(self, settings: PromotionSettings) -> None:
        self._max_days = settings.max_data_age_days

    def __call__(self, candidate: Candidate) -> Sequence[Finding]:
        """Compare the end of training with the newest purchase of the lake."""
        train_until = candidate.bundle.manifest.train_until
        age_days = (candidate.data_end - train_until).total_seconds() / 86_400
        reason = (
            f"training data ends {train_until:%Y-%m-%d}, {age_days:.1f} days before the lake does; "
            f"at most {self._max_days} days are allowed"
        )
        return [Finding(check="data age", passed=age_days <= self._max_days, reason=reason)]


def snapshot_known(candidate: Candidate) -> Sequence[Finding]:
    """The candidate and its evaluation come from the data snapshot that lies in the lake."""
    digest = candidate.bundle.manifest.data_snapshot_digest
    known = digest in candidate.known_snapshots
    reason = f"data snapshot {digest[:12]}" + ("" if known else " is not the lake's; train again on the lake as it is")
    findings = [Finding(check="data snapshot", passed=known, reason=reason)]
    judged_on = str((candidate.evaluation or {}).get("data_snapshot_digest", digest))
    if judged_on != digest:
        reason = f"it was judged on snapshot {judged_on[:12]}, not on its own {digest[:12]}"
        findings.append(Finding(check="evaluation snapshot", passed=False, reason=reason))
    return findings


def tags_present(candidate: Candidate) -> Sequence[Finding]:
    """The registered version carries every required tag, and its lineage tags agree with the bundle."""
    if candidate.tags is None:
        reason = "this bundle was never registered, or its digest changed since; train again"
        return [Finding(check="registered", passed=False, reason=reason)]
    missing = [tag for tag in candidate.required_tags if not candidate.tags.get(tag)]
    expected = version_tags(candidate.bundle)
    changed = [tag for tag, value in expected.items() if tag not in missing and candidate.tags.get(tag) != value]
    problems = [f"missing: {tag}" for tag in missing] + [f"not what the bundle says: {tag}" for tag in changed]
    reason = "; ".join(problems) or f"all {len(candidate.required_tags)} tags present"
    return [Finding(check="tags", passed=not problems, reason=reason)]


class AuditCleared:
    """The bundle's own fairness audit clears it; each reason against it is a finding.

    Args:
        clear: Gives the clearance of a bundle, or raises `ClearanceRefused`.
    """

    def __init__(self, clear: Callable[[Bundle], Clearance]) -> None:
        self._clear = clear

    def __call__(self, candidate: Candidate) -> Sequence[Finding]:
        """Ask for the clearance; tags and aliases of the registry are not looked at."""
        try:
            clearance = self._clear(candidate.bundle)
        except ClearanceRefused as refused:
            return [Finding(check="audit", passed=False, reason=reason) for reason in refused.reasons]
        waived = f", with {len(clearance.waiver_ids)} waiver(s)" if clearance.waiver_ids else ""
        reason = f"report {clearance.report_id} clears this bundle until {clearance.until:%Y-%m-%d}{waived}"
        return [Finding(check="audit", passed=True, reason=reason)]


class ManifestComplete:
    """The manifest says what the bundle was made from: settings, code, locked packages, consents, features."""

    def __init__(self, required_sections: Sequence[str]) -> None:
        self._required = tuple(required_sections)

    def __call__(self, candidate: Candidate) -> Sequence[Finding]:
        """List what is missing; outside a repository the code commit and lock may be unknown, not empty."""
        manifest = candidate.bundle.manifest
        missing = [f"settings section {section}" for section in self._required if not manifest.settings.get(section)]
        stated = ("code_commit", "lock_digest", "consent_digest", "feature_service", "provenance")
        missing += [field for field in stated if not getattr(manifest, field)]
        if missing:
            return [Finding(check="manifest", passed=False, reason=f"missing: {', '.join(missing)}")]
        unknown = [field for field in stated if getattr(manifest, field) == UNKNOWN]
        reason = "complete" + (f"; unknown, made outside a repository: {', '.join(unknown)}" if unknown else "")
        return [Finding(check="manifest", passed=True, reason=reason)]
