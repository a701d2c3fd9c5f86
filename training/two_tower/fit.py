"""Fit a recommender on everything before a cut-off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import pyarrow as pa
import torch
from lightning.pytorch.callbacks import Callback

from configs.settings import FeatureSettings, TwoTowerSettings
from features.store import Store
from privacy.statement import Statement
from training.catalogue import build_catalogue
from training.feature_rows import product_rows
from training.fitting import Schedule, fit_module
from training.splits import training_cutoffs
from training.two_tower.fit_head import fit_head
from training.two_tower.module import TRAIN_LOSS, VALIDATION_LOSS, TwoTowerModule, require_examples
from training.two_tower.products import Vocabulary, numeric_features, text_columns
from training.two_tower.repeat_head import RepeatHead
from training.two_tower.scorer import PRODUCT_TEXTS, Scorer
from training.two_tower.snapshots import load_snapshots
from training.two_tower.start import prepare
from training.two_tower.together import basket_companions
from training.two_tower.towers import Shape, TwoTower


@dataclass(frozen=True)
class TrainingData:
    """Everything a fit reads.

    Attributes:
        store: Feature store with a snapshot at `train_until` and at every training cut-off.
        purchases: Lines of people who granted `model_training`.
        customer_ids: Those people.
        train_until: Nothing at or after this time is read.
    """

    store: Store
    purchases: pd.DataFrame
    customer_ids: Sequence[str]
    train_until: datetime


@dataclass(frozen=True)
class Fitted:
    """A fitted scorer and how the fit went.

    Attributes:
        scorer: Ready to rank.
        n_epochs: Passes over the examples; of a private fit, steps.
        figures: By name; of a private fit, none that was not released.
        statement: What a private fit promises; None promises nothing.
    """

    scorer: Scorer
    n_epochs: int
    figures: dict[str, float]
    statement: Statement | None = None


def snapshot_times(train_until: datetime, features: FeatureSettings, two_tower: TwoTowerSettings) -> list[datetime]:
    """List the moments whose features a fit reads: the cut-off itself, then the training snapshots, latest first."""
    past = training_cutoffs(
        train_until,
        target_days=two_tower.target_days,
        step_days=features.snapshot_step_days,
        n=features.n_training_snapshots,
    )
    return [train_until, *past]


def fit(
    data: TrainingData,
    features: FeatureSettings,
    settings: TwoTowerSettings,
    checkpoints: Path,
    *,
    resume: bool = False,
    logger: Any = False,
    callbacks: Sequence[Callback] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Fit towers and repeat head.

    The window before the cut-off validates the towers; the windows before it teach them. The latest windows teach
    the head. A killed fit continues from its last whole epoch to the same result.

    Args:
        data: Features and purchases.
        features: Snapshot grid and popularity window.
        settings: Sizes and training.
        checkpoints: Folder of this fit's checkpoints; emptied at the start unless resuming.
        resume: Continue from the last checkpoint.
        logger: Lightning logger; False for none.
        callbacks: Further Lightning callbacks.
        progress: Told each step in words.

    Raises:
        CatalogueEmpty: If no product has enough buyers.
        NothingToResume: If there is no checkpoint to continue from.
        TooFewExamples: If nobody with a history buys anything new before the cut-off.
    """
    lightning.seed_everything(settings.seed, verbose=False)
    catalogue = build_catalogue(data.purchases, data.train_until, settings.min_buyers)
    progress(f"features: {len(data.customer_ids):,} customers, {len(catalogue):,} products")
    validation, *training = load_snapshots(
        data.store,
        data.purchases,
        catalogue,
        data.customer_ids,
        snapshot_times(data.train_until, features, settings)[1:],
        target_days=settings.target_days,
        popularity_days=features.popularity_days,
    )
    require_examples("training", training, settings)
    require_examples("validation", [validation], settings)
    products = product_rows(data.store, catalogue, [data.train_until])
    vocabulary = Vocabulary.of(products)
    content = vocabulary.codes(products)
    model = TwoTower(Shape(len(catalogue), vocabulary.sizes, settings.embedding_dim, settings.hidden_dim))
    prepare(model, training, settings.seed)
    progress(f"towers: {len(training)} snapshots, validation on the {settings.target_days} days before the cut-off")
    schedule = Schedule("towers", settings.max_epochs, settings.early_stop_patience, TRAIN_LOSS, VALIDATION_LOSS)
    module = TwoTowerModule(model, training, validation, content, settings)
    n_epochs, figures = fit_module(
        module, schedule, checkpoints, resume=resume, logger=logger, callbacks=callbacks, progress=progress
    )
    progress("head: repeat purchases and calibration")
    torch.manual_seed(settings.seed)  # the head starts alike, whether the towers were trained in one go or resumed
    scorer = Scorer(
        model,
        RepeatHead(settings.head.hidden_dim),
        catalogue,
        content=content,
        numeric=validation.numeric,
        products=text_columns(products, PRODUCT_TEXTS) | _numbers(products),
        together=basket_companions(data.purchases, catalogue),
    )
    windows = [validation, *training][: settings.head.n_windows]
    figures["head_loss"] = fit_head(
        scorer, windows, settings.head, settings.seed, reweighting=settings.group_reweighting
    )
    scorer.refresh(numeric_features(products, features.popularity_days))
    return Fitted(scorer, n_epochs, figures)


def _numbers(products: pa.Table) -> dict[str, Any]:
    price = products["price_usd"].to_numpy(zero_copy_only=False).astype("float64")
    popularity = pd.Series(products["n_baskets_recent"].to_numpy(zero_copy_only=False)).fillna(0).to_numpy("float64")
    return {"price_usd": price, "popularity": popularity}
