"""Fit the forecaster on everything before a cut-off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from configs.demand import DemandSettings
from training.demand.examples import gather_examples, training_origins
from training.demand.forecaster import Forecaster
from training.demand.module import TRAIN_LOSS, VALIDATION_LOSS, DemandModule
from training.demand.panel import Panel, StorePanel
from training.demand.plan import TRACKS
from training.demand.store_fit import fit_store_split
from training.demand.trees import fit_trees
from training.fitting import Schedule, fit_module


@dataclass(frozen=True)
class FittedForecaster:
    """A fitted forecaster and how the fit went."""

    forecaster: Forecaster
    n_epochs: int
    figures: dict[str, float]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread.

    Batches are small: a second thread was measured to add two thirds to the work and to save a sixth of the time.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@_one_thread()
def fit_forecaster(
    panel: Panel,
    stores: StorePanel | None,
    settings: DemandSettings,
    checkpoints: Path,
    *,
    resume: bool = False,
    logger: Any = False,
    callbacks: Sequence[Callback] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> FittedForecaster:
    """Fit networks and trees of all tracks, and the split among stores.

    Training forecasts are made from origins inside the panel, each by what was known before it. A killed fit
    continues from the networks' last whole epoch to the same result.

    Args:
        panel: Ends where training ends; nothing later is read.
        stores: Product-store pairs over the same weeks; None to fit no split.
        settings: Sizes and training.
        checkpoints: Folder of this fit's checkpoints; emptied at the start unless resuming.
        resume: Continue from the last checkpoint.
        logger: Lightning logger; False for none.
        callbacks: Further Lightning callbacks.
        progress: Told each step in words.

    Raises:
        HistoryTooShort: If the panel holds too few weeks to learn from.
        NothingToLearn: If nothing sold in the weeks to learn from.
        NothingToResume: If there is no checkpoint to continue from.
    """
    lightning.seed_everything(settings.seed, verbose=False)
    ours = settings.forecaster
    n_origins = len(training_origins(panel, ours))
    progress(f"demand: {len(panel):,} products, {len(panel.weeks)} weeks, training forecasts from {n_origins} weeks")
    examples = gather_examples(panel, ours, settings.horizon_weeks, settings.seed)
    module = DemandModule(examples, ours, settings.seed)
    schedule = Schedule(
        name="networks",
        max_epochs=ours.n_epochs,
        patience=ours.n_epochs,  # the learning rate falls to nought at the end: stopping early would waste it
        train_loss=TRAIN_LOSS,
        validation_loss=VALIDATION_LOSS,
    )
    n_epochs, figures = fit_module(
        module, schedule, checkpoints, resume=resume, logger=logger, callbacks=callbacks, progress=progress
    )
    trees = {}
    for track in TRACKS:
        progress(f"trees: track {track}, {len(examples):,} rows")
        trees[track] = fit_trees(examples.inputs[track], examples.units, ours.trees, settings.seed)
    forecaster = Forecaster(module.fitted(), trees, None)
    if stores is not None and len(stores):
        progress(f"stores: {len(stores):,} pairs of product and store")
        split, figures["store_loss"] = fit_store_split(forecaster, panel, stores, ours.stores, settings.seed)
        forecaster = Forecaster(forecaster.networks, forecaster.trees, split)
    return FittedForecaster(forecaster, n_epochs, figures | {"n_training_rows": float(len(examples))})
