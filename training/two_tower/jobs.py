"""The two jobs of the recommender: train a version, and evaluate what would be served at any date."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lightning.pytorch.callbacks import Callback

from configs.settings import PROJECT_ROOT, Settings
from features.lake import Lake
from features.services import CUSTOMER_V1
from privacy.statement import STATEMENT_FILE
from privacy.vault import open_vault
from training.artifact import Bundle, bundle_directory, next_version, write_bundle
from training.evaluation_files import resolve_source_ids, write_evaluation
from training.evaluation_results import Evaluation
from training.lineage import code_commit, lock_digest, lock_file, provenance
from training.manifest import ManifestFacts, PrivacyStatement
from training.model_card import model_card
from training.ranker.errors import NothingToLearn
from training.ranker.learning import RankerData, fit_ranker
from training.ranker.sales import SalesLog
from training.ranker.windows import window_moments
from training.registry import Tracker
from training.registry_file import ModelEntry
from training.resuming import fingerprint, forget_run, remember_run, run_to_resume
from training.runs import Run, flat_sections
from training.splits import Holdout, default_train_until
from training.two_tower.backtest import backtest
from training.two_tower.bundling import bundle_parts
from training.two_tower.fit import Fitted, TrainingData, fit, snapshot_times
from training.two_tower.fit_exposure import fit_exposure
from training.two_tower.module import TRAIN_LOSS, VALIDATION_LOSS
from training.two_tower.private_jobs import fit_private_version
from training.two_tower.pyfunc import BundlePredictor, input_example
from training.two_tower.recommender import MODEL_NAME, SECTIONS
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources, prepare_sources

LOADER_MODULE = "training.two_tower.pyfunc"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A version that was trained, judged, bundled and registered."""

    bundle: Bundle
    evaluation: Evaluation
    run_id: str


def train(
    settings: Settings,
    *,
    entry: ModelEntry,
    train_until: datetime | None,
    resume: bool,
    progress: Progress,
    private: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Trained:
    """Train a version on everything before a cut-off, judge it on the weeks after, bundle and register it.

    Args:
        settings: All sections; `SECTIONS` and the policy for suppliers are written into the manifest.
        entry: What the registry file says of the model.
        train_until: Cut-off; None holds `evaluation.test_weeks` back at the end of the data.
        resume: Continue a killed run of the same settings, data and cut-off.
        progress: Told each step in words.
        private: Learn within `two_tower.private.target_epsilon`, charged to the ledger; see `fit_private_version`.
        callbacks: Further Lightning callbacks; a private training calls none.

    Raises:
        NothingToResume: If there is no such run.
        TestWindowUnavailable: If the data ends before the test window does.
        LakeMissing, CatalogueEmpty, HistoryUnavailable, NobodyToJudge: If the data does not suffice.
        BudgetExceeded, TargetUnreachable, PrivateRunUnfinished, PublicProductsMissing, PrivateVocabularyEmpty: If a
            private version cannot be made.
    """
    holdout = _holdout(settings, train_until, settings.evaluation.test_weeks)
    sources = _sources(settings, holdout, progress)
    checkpoints = settings.storage.checkpoints / MODEL_NAME / _fingerprint(settings, sources, private=private)
    run_id = run_to_resume(checkpoints) if resume else None
    tracker = Tracker(settings.storage)
    with tracker.run(name=MODEL_NAME, tags=_tags(sources), run_id=run_id) as run:
        remember_run(checkpoints, run.run_id)
        run.log_params(flat_sections(settings, SECTIONS))
        if private:
            fitted = fit_private_version(
                settings, sources, checkpoints, run=run.run_id, resume=resume, progress=progress
            )
        else:
            fitted = _fit(settings, sources, checkpoints, resume, progress, tracker.lightning_logger(run), callbacks)
        progress("evaluation: the model beside popularity, personal frequency and EASE")
        evaluation, _, _ = backtest(fitted.scorer, sources, holdout, settings.evaluation)
        progress("bundle: writing and registering")
        bundle = _bundle(settings, sources, fitted, evaluation, entry)
        _log(run, fitted, evaluation, bundle)
        example = input_example(fitted.scorer)
        tracker.register(
            run,
            bundle,
            entry,
            loader_module=LOADER_MODULE,
            input_example=example,
            output_example=BundlePredictor(bundle).predict(example),
            requirements=lock_file(PROJECT_ROOT),
        )
    forget_run(checkpoints)
    return Trained(bundle, evaluation, run.run_id)


def evaluate_recommender(
    settings: Settings,
    *,
    train_until: datetime | None,
    test_weeks: int,
    out_dir: Path,
    source_ids: bool,
    progress: Progress,
    callbacks: Sequence[Callback] = (),
) -> Evaluation:
    """Backtest what would have been served: train before a cut-off, rank, judge, and write lists and figures.

    Nothing is registered or promoted.

    Args:
        settings: All sections.
        train_until: Cut-off; None holds `test_weeks` back at the end of the data.
        test_weeks: Length of the window after it.
        out_dir: Where `recommendations.parquet` and `metrics.json` go.
        source_ids: Write the source's own customer ids, through the vault and its audit log.
        progress: Told each step in words.
        callbacks: Further Lightning callbacks.

    Raises:
        As `train`, and SourceIdsUnknown: If the vault does not know every customer.
    """
    holdout = _holdout(settings, train_until, test_weeks)
    sources = _sources(settings, holdout, progress)
    checkpoints = settings.storage.checkpoints / "evaluation" / _fingerprint(settings, sources, private=False)
    fitted = _fit(settings, sources, checkpoints, False, progress, False, callbacks)
    progress("evaluation: the model beside popularity, personal frequency and EASE")
    evaluation, rankings, test_set = backtest(fitted.scorer, sources, holdout, settings.evaluation)
    resolved = None
    if source_ids:
        reason = f"evaluate recommender --source-ids, cut-off {holdout.train_until:%Y-%m-%d}"
        resolved = resolve_source_ids(open_vault(settings.storage.vault), test_set, reason=reason)
    write_evaluation(evaluation, rankings, test_set, out_dir, source_ids=resolved)
    forget_run(checkpoints)
    return evaluation


def prepare_run(
    settings: Settings, *, train_until: datetime | None, test_weeks: int, progress: Progress
) -> tuple[Holdout, Sources]:
    """Prepare what a run reads: the window that judges it, and its data.

    Args:
        settings: All sections.
        train_until: Cut-off; None holds `test_weeks` back at the end of the data.
        test_weeks: Length of the window after it.
        progress: Told each step in words.

    Raises:
        TestWindowUnavailable: If the data ends before the test window does.
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
    """
    holdout = _holdout(settings, train_until, test_weeks)
    return holdout, _sources(settings, holdout, progress)


def fit_for_once(settings: Settings, sources: Sources, progress: Progress) -> Scorer:
    """Fit as a version would be, and keep nothing: for benchmarks.

    Args:
        settings: All sections.
        sources: Data of the run.
        progress: Told each step in words.

    Raises:
        CatalogueEmpty, TooFewExamples: If the data does not suffice.
    """
    with TemporaryDirectory(prefix="fairshelf-fit-") as folder:
        return _fit(settings, sources, Path(folder), False, progress, False, ()).scorer


def _holdout(settings: Settings, train_until: datetime | None, test_weeks: int) -> Holdout:
    manifest = Lake.open(settings.storage.lake).manifest
    cutoff = train_until or default_train_until(manifest.data_end, test_weeks)
    return Holdout.of_weeks(cutoff, test_weeks, data_start=manifest.data_start, data_end=manifest.data_end)


def _sources(settings: Settings, holdout: Holdout, progress: Progress) -> Sources:
    moments = {
        *snapshot_times(holdout.train_until, settings.features, settings.two_tower),
        *window_moments(holdout.train_until, settings.ranker),
    }
    return prepare_sources(settings.storage, settings.features, holdout.train_until, sorted(moments), progress)


def _fit(
    settings: Settings,
    sources: Sources,
    checkpoints: Path,
    resume: bool,
    progress: Progress,
    logger: Any,
    callbacks: Sequence[Callback],
) -> Fitted:
    purchases = sources.training_purchases
    data = TrainingData(
        store=sources.store,
        purchases=purchases,
        customer_ids=sorted(purchases["customer_id"].unique()),
        train_until=sources.train_until,
    )
    fitted = fit(
        data,
        settings.features,
        settings.two_tower,
        checkpoints,
        resume=resume,
        logger=logger,
        callbacks=callbacks,
        progress=progress,
    )
    scorer = _with_ranker(fitted.scorer, data, sources, settings, progress)
    progress("re-ranking: room for suppliers")
    exposure = fit_exposure(scorer, data, settings.two_tower, settings.fairness.suppliers)
    return Fitted(scorer.with_exposure(exposure), fitted.n_epochs, fitted.figures | exposure.figures())


def _with_ranker(
    scorer: Scorer, data: TrainingData, sources: Sources, settings: Settings, progress: Progress
) -> Scorer:
    """Teach the second stage; where the data are too young for it, towers and head rank alone."""
    known = RankerData(
        store=data.store,
        log=SalesLog(sources.lake, data.customer_ids, data.train_until),
        purchases=data.purchases,
        customer_ids=data.customer_ids,
        train_until=data.train_until,
        min_buyers=settings.two_tower.min_buyers,
    )
    try:
        return scorer.with_ranker(fit_ranker(known, scorer.catalogue, settings.ranker, progress=progress))
    except NothingToLearn as failure:
        progress(f"ranker: none, towers and head rank alone: {failure}")
        return scorer


def _bundle(settings: Settings, sources: Sources, fitted: Fitted, evaluation: Evaluation, entry: ModelEntry) -> Bundle:
    bundles_dir = settings.storage.bundles
    version = next_version(bundles_dir, MODEL_NAME)
    facts = ManifestFacts(
        trained_at=datetime.now(UTC),
        train_until=sources.train_until,
        data_snapshot_digest=sources.lake.manifest.snapshot_digest,
        code_commit=code_commit(PROJECT_ROOT),
        lock_digest=lock_digest(PROJECT_ROOT),
        feature_service=CUSTOMER_V1,
        consent_digest=sources.consents.digest,
        settings=_settings_of_version(settings),
        privacy=PrivacyStatement() if fitted.statement is None else PrivacyStatement.of(fitted.statement),
        metrics=evaluation.headline(),
        provenance=provenance(sources.lake.manifest.source),
    )
    card = model_card(
        name=MODEL_NAME, version=version, description=entry.description, facts=facts, evaluation=evaluation
    )
    tensors, arrays, frames, texts = bundle_parts(fitted.scorer)
    return write_bundle(
        bundle_directory(bundles_dir, MODEL_NAME, version),
        name=MODEL_NAME,
        version=version,
        facts=facts,
        tensors=tensors,
        arrays=arrays,
        frames=frames,
        texts={
            "evaluation.json": evaluation.model_dump_json(indent=2),
            "model_card.md": card,
            **texts,
            **_stated(fitted),
        },
    )


def _stated(fitted: Fitted) -> dict[str, str]:
    return {} if fitted.statement is None else {STATEMENT_FILE: fitted.statement.to_json()}


def _settings_of_version(settings: Settings) -> dict[str, Any]:
    """Give the sections a version depends on, and of the fairness policy what its re-ranking was fitted for."""
    suppliers = settings.fairness.suppliers.model_dump(mode="json")
    return settings.model_dump(mode="json", include=set(SECTIONS)) | {"fairness": {"suppliers": suppliers}}


def _log(run: Run, fitted: Fitted, evaluation: Evaluation, bundle: Bundle) -> None:
    run.log_metrics({**fitted.figures, "n_epochs": fitted.n_epochs})
    run.log_evaluation(evaluation)
    if fitted.statement is None:  # a private training has no losses to show: each would be one more release
        run.log_loss_curve((TRAIN_LOSS, VALIDATION_LOSS))
    run.log_text(bundle.text("model_card.md"), "model_card.md")
    run.set_tags({"bundle_version": bundle.manifest.version, "bundle_digest": bundle.digest})


def _tags(sources: Sources) -> dict[str, str]:
    return {
        "data_snapshot_digest": sources.lake.manifest.snapshot_digest,
        "consent_digest": sources.consents.digest,
        "code_commit": code_commit(PROJECT_ROOT),
        "lock_digest": lock_digest(PROJECT_ROOT),
        "train_until": sources.train_until.isoformat(),
    }


def _fingerprint(settings: Settings, sources: Sources, *, private: bool) -> str:
    return fingerprint(
        {
            "settings": _settings_of_version(settings),
            "data": sources.lake.manifest.snapshot_digest,
            "consents": sources.consents.digest,
            "train_until": sources.train_until.isoformat(),
            "private": private,
        }
    )
