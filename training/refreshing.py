"""Replace a champion that new data, changed consents or age have overtaken: train, and compare on the same rows.

Nothing here promotes: a challenge ends with a version and the checks it must pass beside those of the gate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from configs.refresh import RefreshSettings
from configs.settings import PROJECT_ROOT, Settings
from fairness.gates import Finding
from features.lake import Lake
from features.locks import held
from features.preparation import read_consents
from training.artifact import Bundle, bundle_directory, load_champion, versions
from training.errors import NoChampion, WindowSeen
from training.evaluation_results import Result
from training.lineage import code_commit
from training.manifest import Manifest
from training.promotion_checks import Candidate
from training.registry_file import ModelEntry
from training.resuming import fingerprint

REPORTS: Final = "refresh"  # folder of the comparisons, below the reports

Progress = Callable[[str], None]
Compare = Callable[[Bundle, Bundle, Settings, Progress], "Comparison | None"]


@dataclass(frozen=True)
class Margin:
    """How far a challenger lies ahead of the champion in one measure.

    Attributes:
        measure: What was measured.
        challenger: Its figure.
        champion: The champion's figure over the same rows.
        gain: Over the champion's figure; above 0 the challenger is better, whichever way the measure runs.
        low: Lower end of the gain's paired interval.
        high: Its upper end.
    """

    measure: str
    challenger: float
    champion: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Challenger and champion on the same held-out rows.

    Attributes:
        margins: The measures that decide.
        evaluation: All figures.
    """

    margins: tuple[Margin, ...]
    evaluation: Result


@dataclass(frozen=True)
class Job:
    """How one model is trained and compared.

    Attributes:
        name: Model name.
        sections: Settings sections that a version depends on, such as `two_tower` or `fairness.suppliers`.
        reads_consents: Whether consents decide from whom it learns.
        train: Trains, bundles and registers a version; goes on with a killed run of the same settings and data.
        compare: Judges challenger (first) and champion on the weeks after the challenger's cut-off; None where they
            have no common rows.
    """

    name: str
    sections: tuple[str, ...]
    reads_consents: bool
    train: Callable[[Settings, ModelEntry, bool, Progress], Bundle]
    compare: Compare


@dataclass(frozen=True)
class Inputs:
    """What a version trained now would be made from.

    Attributes:
        snapshot_digest: Of the lake.
        consent_digest: Of the consents in force; None where none are read.
        private: Whether it keeps a promise of differential privacy.
        settings: The sections it depends on, as plain values.
        code_commit: Of the code.
    """

    snapshot_digest: str
    consent_digest: str | None
    private: bool
    settings: dict[str, Any]
    code_commit: str

    @property
    def fingerprint(self) -> str:
        """Name all of it at once."""
        return fingerprint(vars(self))


@dataclass(frozen=True)
class Challenge:
    """What a refresh found and made before the gate.

    Attributes:
        model: Model name.
        champion: Version that serves; None before the first promotion.
        reasons: Why a new version is due; empty when nothing was done.
        challenger: The version that is to take over; None when nothing was done.
        trained: Whether it was trained now; False for one left by an earlier refresh of the same inputs.
        comparison: Against the champion; None where there is none to compare with.
    """

    model: str
    champion: str | None
    reasons: tuple[str, ...]
    challenger: str | None = None
    trained: bool = False
    comparison: Comparison | None = None


class HoldsAgainstChampion:
    """A candidate is not surely worse than the champion on the same rows.

    Args:
        comparison: Of the two.
        champion: Version of the champion.
        max_loss: Share of the champion's figure; a gain whose whole interval lies below its negative is refused.
    """

    def __init__(self, comparison: Comparison, champion: str, max_loss: float) -> None:
        self._margins = comparison.margins
        self._champion = champion
        self._max_loss = max_loss

    def __call__(self, _candidate: Candidate) -> Sequence[Finding]:
        """Give one finding per measure."""
        return [self._judged(margin) for margin in self._margins]

    def _judged(self, margin: Margin) -> Finding:
        reason = (
            f"{margin.challenger:.4f} against {margin.champion:.4f} of the champion, version {self._champion}, on the "
            f"same rows: {margin.gain:+.1%} [{margin.low:+.1%}, {margin.high:+.1%}], where no sure loss beyond "
            f"{self._max_loss:.1%} is let pass (refresh.max_loss)"
        )
        surely_worse = margin.high < -self._max_loss
        return Finding(check=f"champion, {margin.measure}", passed=not surely_worse, reason=reason)


def challenge(
    job: Job,
    settings: Settings,
    *,
    entry: ModelEntry,
    force: bool,
    now: datetime,
    progress: Progress,
) -> Challenge:
    """Train a challenger if one is due and compare it with the champion; two at once wait for each other.

    A killed training goes on where it stopped, and a version that an earlier refresh of the very same inputs left
    unpromoted is taken up again. A champion that promises differential privacy is challenged by a version that
    promises it too, charged to the ledger.

    Args:
        job: The model's.
        settings: All sections.
        entry: What the registry file says of the model.
        force: Train although nothing changed.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        LakeMissing, LakeDamaged: If there is no usable lake.
        ChampionPointerBroken, ChampionMismatch, BundleMissing, BundleDamaged: If the champion cannot be opened.
        WindowSeen: If the champion learnt from the rows that would judge it.
        As the model's own training.
    """
    notes = settings.storage.checkpoints / job.name
    with held(notes / ".refresh.lock"):
        champion = _champion(settings.storage.bundles, job.name)
        manifest = champion.manifest if champion else None
        inputs = inputs_of(job, settings, manifest, now)
        reasons = why_due(manifest, inputs, settings.refresh, now)
        reasons += ("it was asked for with --force",) if force else ()
        version = manifest.version if manifest else None
        if not reasons:
            progress(f"{job.name}: champion {version} knows the data and consents of today and is young enough")
            return Challenge(job.name, version, ())
        for reason in reasons:
            progress(f"{job.name}: {reason}")
        note = notes / f"{inputs.fingerprint}.version"
        left = None if force else _left_over(note, settings, job.name, manifest, now)
        bundle = left or job.train(settings, entry, inputs.private, progress)
        note.write_text(bundle.manifest.version, encoding="utf-8")
        comparison = _compared(job, settings, bundle, champion, progress) if champion else None
    return Challenge(job.name, version, reasons, bundle.manifest.version, left is None, comparison)


def inputs_of(job: Job, settings: Settings, champion: Manifest | None, now: datetime) -> Inputs:
    """Collect what a version trained now would be made from.

    Raises:
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
    """
    sections = settings.model_dump(mode="json", include={*job.sections, "fairness"})
    return Inputs(
        snapshot_digest=Lake.open(settings.storage.lake).manifest.snapshot_digest,
        consent_digest=read_consents(settings.storage, now).digest if job.reads_consents else None,
        private=champion is not None and champion.privacy.mechanism != "none",
        settings=sections | {"fairness": {"suppliers": sections["fairness"]["suppliers"]}},
        code_commit=code_commit(PROJECT_ROOT),
    )


def why_due(champion: Manifest | None, inputs: Inputs, settings: RefreshSettings, now: datetime) -> tuple[str, ...]:
    """Say why a champion is to be replaced.

    Args:
        champion: Manifest of the version that serves; None before the first promotion.
        inputs: What a version trained now would be made from.
        settings: The oldest champion allowed.
        now: The wall clock.

    Returns:
        Every reason in words; none while it stands for the data and consents of today and is young enough.
    """
    if champion is None:
        return ("nothing was promoted yet",)
    reasons = []
    learnt_from = champion.data_snapshot_digest
    if inputs.snapshot_digest != learnt_from:
        reasons.append(f"the lake holds snapshot {inputs.snapshot_digest[:12]}, the champion knows {learnt_from[:12]}")
    if inputs.consent_digest not in (None, champion.consent_digest):
        reasons.append("consents have changed since the champion was trained")
    age = now - champion.trained_at
    if age > timedelta(days=settings.max_model_age_days):
        limit = settings.max_model_age_days
        reasons.append(f"the champion was trained {age.days} days ago, where {limit} days are allowed")
    return tuple(reasons)


def checks_against(found: Challenge, settings: RefreshSettings) -> list[HoldsAgainstChampion]:
    """List what the gate checks besides its own for a challenger: none where there was no champion."""
    if found.comparison is None or found.champion is None:
        return []
    return [HoldsAgainstChampion(found.comparison, found.champion, settings.max_loss)]


def _champion(bundles_dir: Path, name: str) -> Bundle | None:
    try:
        return load_champion(bundles_dir, name)
    except NoChampion:
        return None


def _left_over(note: Path, settings: Settings, name: str, champion: Manifest | None, now: datetime) -> Bundle | None:
    """Open the version that an earlier refresh of the same inputs trained, if it is still there and not too old."""
    version = note.read_text(encoding="utf-8") if note.exists() else None
    bundles_dir = settings.storage.bundles
    if version not in versions(bundles_dir, name) or (champion is not None and version == champion.version):
        return None
    bundle = Bundle.open(bundle_directory(bundles_dir, name, version))
    young = now - bundle.manifest.trained_at <= timedelta(days=settings.refresh.max_model_age_days)
    return bundle if young else None


def _compared(
    job: Job, settings: Settings, challenger: Bundle, champion: Bundle, progress: Progress
) -> Comparison | None:
    """Compare, and keep all figures as a report."""
    ours, theirs = challenger.manifest, champion.manifest
    if theirs.train_until > ours.train_until:
        raise WindowSeen(
            name=job.name, champion=theirs.version, learnt_until=theirs.train_until, cutoff=ours.train_until
        )
    progress(f"comparison: version {ours.version} and the champion, version {theirs.version}, on the same rows")
    found = job.compare(challenger, champion, settings, progress)
    for margin in found.margins if found else ():
        progress(f"{margin.measure}: {margin.gain:+.1%} [{margin.low:+.1%}, {margin.high:+.1%}] against the champion")
    if found:
        path = settings.storage.reports / REPORTS / f"{job.name}-{ours.version}-against-{theirs.version}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found.evaluation.model_dump_json(indent=2), encoding="utf-8")
    return found
