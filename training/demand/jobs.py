"""The two jobs of the demand models: train a version, and evaluate what would be served at any date."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from lightning.pytorch.callbacks import Callback

from configs.settings import PROJECT_ROOT, Settings
from features.services import PRICE_V1
from privacy.statement import STATEMENT_FILE
from training.artifact import Bundle, bundle_directory, next_version, write_bundle
from training.demand.backtest import Backtest, Origin, latest_cutoff, origins
from training.demand.baselines import MEAN_8_WEEKS
from training.demand.bundling import bundle_parts
from training.demand.demand_card import demand_card
from training.demand.elasticities import Elasticities
from training.demand.elasticity import fit_elasticities
from training.demand.evaluation import evaluate
from training.demand.evaluation_files import write_elasticities, write_forecasts, write_metrics
from training.demand.evaluation_results import DemandEvaluation
from training.demand.fit import fit_forecaster
from training.demand.forecaster import MODEL_NAME, SECTIONS, Forecaster
from training.demand.judging import backtests_of, chosen_elasticities, judged_series, with_pairs
from training.demand.module import TRAIN_LOSS, VALIDATION_LOSS
from training.demand.panel import Panel, StorePanel
from training.demand.plan import TRACKS, Track
from training.demand.price_response import response_figures
from training.demand.private_fit import fit_private_demand, require_one_origin
from training.demand.product_lists import ProductList, read_products
from training.demand.pyfunc import BundlePredictor, input_example
from training.demand.sources import NO_CONSENT, PRIVATE_CONSENT, DemandSources, prepare_demand
from training.demand.version import FittedVersion
from training.lineage import code_commit, lock_digest, lock_file, provenance
from training.manifest import ManifestFacts, PrivacyStatement
from training.registry import Tracker
from training.registry_file import ModelEntry
from training.resuming import fingerprint, forget_run, remember_run, run_to_resume
from training.runs import Run, flat_sections

LOADER_MODULE: Final = "training.demand.pyfunc"

_PRIVACY: Final = PrivacyStatement(
    statement=(
        "Learnt from sums of sales by product, store and week; no column that describes a person is read, as the "
        "lineage of the price features shows. No differential privacy: a rare product's sum may hold few purchases."
    )
)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainedDemand:
    """A version that was trained, judged, bundled and registered."""

    bundle: Bundle
    evaluation: DemandEvaluation
    run_id: str


def train_demand(
    settings: Settings,
    *,
    entry: ModelEntry,
    train_until: date | None,
    resume: bool,
    progress: Progress,
    private: bool = False,
    callbacks: Sequence[Callback] = (),
) -> TrainedDemand:
    """Train forecaster and price response on the weeks before a cut-off, judge them on those after, and register them.

    Args:
        settings: All sections; `SECTIONS` are written into the manifest.
        entry: What the registry file says of the model.
        train_until: Day of the trading calendar: weeks that end before it are learnt from; None holds
            `demand.evaluation.test_weeks` back at the end of the data.
        resume: Continue a killed run of the same settings, data and cut-off.
        progress: Told each step in words.
        private: Learn within `demand.private.target_epsilon`, charged to the ledger; see `fit_private_demand`.
        callbacks: Further Lightning callbacks; a private training calls none.

    Raises:
        NothingToResume: If there is no such run.
        PrivateOriginsTooMany: If a private version would be judged on weeks of which it released nothing.
        BudgetExceeded, TargetUnreachable, PrivateRunUnfinished, PublicProductsMissing: If a private version cannot be
            made.
        TestWeeksUnavailable: If the data ends before the test weeks do.
        LakeMissing, PanelEmpty, HistoryTooShort, NothingToLearn, NoPricesSeen: If the data does not suffice.
    """
    sources, rolling = _prepare(settings, train_until, settings.demand.evaluation.test_weeks, progress)
    if private:
        require_one_origin(rolling, settings.demand)
    checkpoints = settings.storage.checkpoints / MODEL_NAME / _fingerprint(settings, sources, rolling[0], private)
    run_id = run_to_resume(checkpoints) if resume else None
    tracker = Tracker(settings.storage)
    with tracker.run(name=MODEL_NAME, tags=_tags(sources, rolling[0]), run_id=run_id) as run:
        remember_run(checkpoints, run.run_id)
        run.log_params(flat_sections(settings, SECTIONS))
        logger = None if private else tracker.lightning_logger(run)
        version = _fit_version(
            settings,
            sources,
            rolling[0],
            checkpoints,
            run.run_id,
            logger,
            resume=resume,
            callbacks=callbacks,
            progress=progress,
        )
        progress("evaluation: the models beside last week, the mean, IMAPA and the mean with responses")
        evaluation = _judge(version, settings, sources, rolling)
        progress("bundle: writing and registering")
        bundle = _bundle(settings, sources, rolling[0], version, evaluation, entry)
        _log(run, version, evaluation, bundle)
        example = input_example(version.elasticities)
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
    return TrainedDemand(bundle, evaluation, run.run_id)


def evaluate_demand(
    settings: Settings,
    *,
    track: Track,
    train_until: date | None,
    test_weeks: int,
    products: Path | None,
    stores: bool,
    out_dir: Path,
    progress: Progress,
    callbacks: Sequence[Callback] = (),
) -> DemandEvaluation:
    """Backtest what would have been served: fit at each origin, forecast, judge, and write forecasts and figures.

    Nothing is registered or promoted. Elasticities are those of the first origin.

    Args:
        settings: All sections.
        track: What is known of the weeks ahead: `none`, `promo` (display and mailer) or `full` (prices too).
        train_until: Day of the trading calendar; None holds `test_weeks` back at the end of the data.
        test_weeks: Weeks after it, forecast from an origin every `demand.horizon_weeks`.
        products: List of products, and of products at stores; None judges the products that sell most.
        stores: Forecast the products' frequent stores too.
        out_dir: Where `forecasts.parquet`, `elasticities.parquet` and `metrics.json` go.
        progress: Told each step in words.
        callbacks: Further Lightning callbacks.

    Raises:
        As `train_demand`, and ProductListUnreadable, ListedUnknown: If the list cannot be used.
    """
    listed = None if products is None else read_products(products)
    sources, rolling = _prepare(settings, train_until, test_weeks, progress, listed)
    known = rolling[0].known(sources.panel)
    judged = judged_series(sources, known, settings.demand.evaluation, listed=listed, with_stores=stores)
    checkpoints = settings.storage.checkpoints / "evaluation" / _fingerprint(settings, sources, rolling[0])

    def fit(until: Panel) -> Forecaster:
        pairs = None if judged.pairs.empty else sources.stores.until(until.weeks[-1] + 7)
        fitted = fit_forecaster(until, pairs, settings.demand, checkpoints, callbacks=callbacks, progress=progress)
        return fitted.forecaster

    found = backtests_of(fit, sources, rolling, judged, (track,), settings.demand)
    elasticities = _respond(known, settings, progress)
    evaluation = _evaluate(settings, sources, rolling, found, elasticities)
    ours = [backtest for backtest in found[0] if backtest.method == MODEL_NAME]
    write_forecasts([forecast for backtest in ours for forecast in backtest.forecasts], out_dir)
    write_elasticities(chosen_elasticities(elasticities, known, judged).table(), out_dir)
    write_metrics(evaluation, out_dir)
    forget_run(checkpoints)
    return evaluation


def _prepare(
    settings: Settings,
    train_until: date | None,
    test_weeks: int,
    progress: Progress,
    listed: ProductList | None = None,
) -> tuple[DemandSources, list[Origin]]:
    sources = prepare_demand(settings.storage, progress, listed)
    cutoff = train_until or latest_cutoff(sources.panel, test_weeks)
    return sources, origins(sources.panel, cutoff, test_weeks, settings.demand.horizon_weeks)


def _fit_version(
    settings: Settings,
    sources: DemandSources,
    origin: Origin,
    checkpoints: Path,
    run: str,
    logger: Any,
    *,
    resume: bool,
    callbacks: Sequence[Callback],
    progress: Progress,
) -> FittedVersion:
    """Fit on the weeks before an origin; without a logger privately, which shows no losses: each would be a release."""
    if logger is None:
        return fit_private_demand(
            settings, sources, origin.weeks[0], checkpoints, run=run, resume=resume, progress=progress
        )
    known, stores = origin.known(sources.panel), sources.stores.until(origin.weeks[0])
    how = {"resume": resume, "logger": logger, "callbacks": callbacks, "progress": progress}
    fitted = fit_forecaster(known, stores, settings.demand, checkpoints, **how)
    return FittedVersion(fitted, _respond(known, settings, progress), None)


def _respond(known: Panel, settings: Settings, progress: Progress) -> Elasticities:
    progress("price response: elasticities, product to category to chain")
    return fit_elasticities(known, settings.demand.elasticity)


def _judge(
    version: FittedVersion, settings: Settings, sources: DemandSources, rolling: Sequence[Origin]
) -> DemandEvaluation:
    """Judge a version on what then sold; a private one and the peers beside it know what it released, and no more."""
    known = rolling[0].known(sources.panel)
    judged = judged_series(sources, known, settings.demand.evaluation, listed=None, with_stores=True)
    begun = sources
    if version.private is not None:
        begun = version.private.begun
        judged = judged.of(begun.panel.product_ids)
    chain, stores = backtests_of(lambda _: version.fitted.forecaster, begun, rolling, judged, TRACKS, settings.demand)
    truth = stores if version.private is None else with_pairs(sources.stores, judged.pairs)
    return _evaluate(settings, sources, rolling, (chain, truth), version.elasticities)


def _evaluate(
    settings: Settings,
    sources: DemandSources,
    rolling: Sequence[Origin],
    found: tuple[Sequence[Backtest], StorePanel],
    elasticities: Elasticities,
) -> DemandEvaluation:
    manifest = sources.lake.manifest
    base = next(
        backtest for backtest in found[0] if backtest.method == MEAN_8_WEEKS
    )  # knows no price of the weeks ahead
    return evaluate(
        found[0],
        sources.panel,
        settings.demand.evaluation,
        model=MODEL_NAME,
        train_until=sources.cutoff(rolling[0].weeks[0]),
        data_snapshot_digest=manifest.snapshot_digest,
        provenance=provenance(manifest.source),
        stores=found[1],
        price_response=response_figures(base, sources.panel, elasticities),
    )


def _bundle(
    settings: Settings,
    sources: DemandSources,
    origin: Origin,
    version: FittedVersion,
    evaluation: DemandEvaluation,
    entry: ModelEntry,
) -> Bundle:
    bundles_dir, manifest = settings.storage.bundles, sources.lake.manifest
    number = next_version(bundles_dir, MODEL_NAME)
    private = version.private
    facts = ManifestFacts(
        trained_at=datetime.now(UTC),
        train_until=sources.cutoff(origin.weeks[0]),
        data_snapshot_digest=manifest.snapshot_digest,
        code_commit=code_commit(PROJECT_ROOT),
        lock_digest=lock_digest(PROJECT_ROOT),
        feature_service=PRICE_V1,
        consent_digest=NO_CONSENT if private is None else PRIVATE_CONSENT,
        settings=settings.model_dump(mode="json", include=set(SECTIONS)),
        privacy=_PRIVACY if private is None else PrivacyStatement.of(private.statement),
        metrics=evaluation.headline(),
        provenance=provenance(manifest.source),
    )
    tensors, arrays, frames, texts = bundle_parts(version.fitted.forecaster)
    frames |= version.elasticities.bundle_parts()
    if private is not None:
        released, listed = private.weeks.bundle_parts()
        arrays, frames, texts = (
            arrays | released,
            frames | listed,
            texts | {STATEMENT_FILE: private.statement.to_json()},
        )
    card = demand_card(
        version=number,
        description=entry.description,
        facts=facts,
        evaluation=evaluation,
        elasticities=version.elasticities,
    )
    return write_bundle(
        bundle_directory(bundles_dir, MODEL_NAME, number),
        name=MODEL_NAME,
        version=number,
        facts=facts,
        tensors=tensors,
        arrays=arrays,
        frames=frames,
        texts=texts | {"evaluation.json": evaluation.model_dump_json(indent=2), "model_card.md": card},
    )


def _log(run: Run, version: FittedVersion, evaluation: DemandEvaluation, bundle: Bundle) -> None:
    run.log_metrics({**version.fitted.figures, "n_epochs": version.fitted.n_epochs, **evaluation.headline()})
    run.log_text(evaluation.model_dump_json(indent=2), "evaluation.json")
    if version.private is None:  # a private fit has no logger: it may be resumed, and its release is what counts
        run.log_loss_curve((TRAIN_LOSS, VALIDATION_LOSS))
    run.log_text(bundle.text("model_card.md"), "model_card.md")
    run.set_tags({"bundle_version": bundle.manifest.version, "bundle_digest": bundle.digest})


def _tags(sources: DemandSources, origin: Origin) -> dict[str, str]:
    return {
        "data_snapshot_digest": sources.lake.manifest.snapshot_digest,
        "consent_digest": NO_CONSENT,
        "code_commit": code_commit(PROJECT_ROOT),
        "lock_digest": lock_digest(PROJECT_ROOT),
        "train_until": sources.cutoff(origin.weeks[0]).isoformat(),
    }


def _fingerprint(settings: Settings, sources: DemandSources, origin: Origin, private: bool = False) -> str:
    return fingerprint(
        {
            "private": private,
            "settings": settings.model_dump(mode="json", include=set(SECTIONS)),
            "data": sources.lake.manifest.snapshot_digest,
            "train_until": str(origin.weeks[0]),
        }
    )
