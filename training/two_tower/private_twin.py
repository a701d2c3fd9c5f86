"""A twin of a private version without anybody real: a made-up shop through the production loader and training.

The twin goes the way of a real one from the door of the lake on: ingest, consents, features, examples, loss, optimizer,
plan. Its popularity is the one that the version released, so that it costs the customers' budget nothing. What it says
is about code and constants; the weights of the version itself are not looked at, and neither is what happens before the
lake.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd
import torch

from configs.settings import FeatureSettings, PrivateTrainingSettings, Settings, TwoTowerSettings
from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from features.ingest import ingest_files
from privacy.auditing.count_trial import CountTrial, Entries, try_counts
from privacy.auditing.errors import CanariesIdle, NothingPromised
from privacy.auditing.record import Finding
from privacy.auditing.trial import Trial, try_guessing, try_sensitivity
from privacy.consent import MODEL_TRAINING
from privacy.dp_examples import Customers
from privacy.pseudonyms import Pseudonymizer, load_pseudonymizer
from privacy.randomness import Randomness
from training.two_tower.fit import snapshot_times
from training.two_tower.private_canaries import MadeUpShop, counting_purchases, made_up_shop, training_canaries
from training.two_tower.private_examples import Teaching, counted_entries, private_customers
from training.two_tower.private_model import PrivateTowers
from training.two_tower.private_plan import PrivatePlan
from training.two_tower.private_popularity import ReleasedPopularity
from training.two_tower.private_training import MICROBATCH, trainee
from training.two_tower.recommender import MODEL_NAME
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources, prepare_sources

N_MOMENTS: Final = 2  # at which a made-up customer's examples are taken; both count as one example
_DAYS_BEFORE: Final = 7  # that histories lie before the earliest moment
_LEAST_PUSH: Final = 0.2  # clipping norms that some canary must move a sum by
_CANARIES_PER_OTHER: Final = 3  # those who are no canaries cost time and make nothing easier to find


@dataclass(frozen=True, eq=False)
class PrivateVersion:
    """What a twin is made of: a version's releases and public constants.

    Attributes:
        scorer: Loaded from the bundle.
        plan: Its releases.
        settings: Of the recommender, as the version was trained.
        until: End of its data; midnight UTC.
    """

    scorer: Scorer
    plan: PrivatePlan
    settings: TwoTowerSettings
    until: datetime

    @property
    def private(self) -> PrivateTrainingSettings:
        """The private part of the settings."""
        return self.settings.private

    def popularity(self) -> ReleasedPopularity:
        """Take the released popularity, and its most popular products for a vocabulary, similar ones together."""
        signals = self.towers().products.signals.double().numpy()
        counts, first = np.exp(signals).T
        top = np.argsort(-counts, kind="stable")[: min(self.private.n_taught, len(counts) // 2)]
        kinds = [self.scorer.products[name][top] for name in ("product_type", "category", "department")]
        return ReleasedPopularity(counts, first, top[np.lexsort(kinds)].astype(np.int64))

    def towers(self) -> PrivateTowers:
        """Make the towers as a training starts with them.

        Raises:
            NothingPromised: If the version is no private one, whatever it says.
        """
        trained = self.scorer.model
        if not isinstance(trained, PrivateTowers):
            raise NothingPromised(name=MODEL_NAME, version="of other towers")
        return trained.fresh(self.private.adapter_start)

    def customers(self, sources: Sources, ids: Sequence[str], moments: Sequence[datetime]) -> Customers:
        """Load customers through the production loader, as a training would if there were no others."""
        lines = sources.training_purchases
        teaching = Teaching(
            store=sources.store,
            purchases=lines[lines[CUSTOMER_ID].isin(ids)],
            catalogue=self.scorer.catalogue,
            customer_ids=ids,
            cutoffs=moments,
            target_days=self.settings.target_days,
        )
        most = self.private.max_products_per_customer
        return private_customers(teaching, self.towers(), self.popularity().taught, max_products=most)

    def optimizer(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimizer as a training has it."""
        return torch.optim.SGD(parameters, lr=self.private.learning_rate)


def audit_counts(
    version: PrivateVersion, *, n_canaries: int, error: float, randomness: Randomness | None = None
) -> tuple[Finding, ...]:
    """Release the counts of made-up customers as the version released those of real ones, and test what comes out.

    Args:
        version: What is claimed.
        n_canaries: How many are planted, each with products that no other one has.
        error: Chance that one test fails the right code.
        randomness: None is the operating system's. Anything else is for tests.

    Raises:
        CanariesUnplantable: If there are fewer products than canaries.
    """
    catalogue, private, until = version.scorer.catalogue, version.private, version.until
    each = math.ceil(2 * private.max_count_norm**2)  # more than enough to reach the norm
    lines, canary_ids, other_ids = counting_purchases(
        catalogue, n_canaries, n_canaries, each, until, version.settings.seed
    )

    def entries(ids: Sequence[str]) -> Entries:
        owners, columns, values = counted_entries(lines, catalogue, ids, until, private)
        return Entries(owners, columns, values, len(ids))

    trial = CountTrial(
        canaries=entries(canary_ids),
        others=entries(other_ids),
        n_columns=2 * len(catalogue),
        max_norm=private.max_count_norm,
        noise_multiplier=version.plan.counts.noise_multiplier,
        delta=private.delta,
        error=error,
        randomness=randomness,
    )
    return try_counts(trial)


def audit_training(
    version: PrivateVersion,
    settings: Settings,
    *,
    n_canaries: int,
    error: float,
    randomness: Randomness | None = None,
) -> tuple[Finding, ...]:
    """Train a twin on made-up customers with the version's own plan, and test what comes out.

    Args:
        version: What is claimed; nothing is found where its plan trains nothing.
        settings: All sections; the twin is built in a folder of its own, which is removed.
        n_canaries: How many are planted.
        error: Chance that one test fails the right code.
        randomness: None is the operating system's. Anything else is for tests.

    Raises:
        CanariesUnplantable: If the products do not give so many different canaries.
        CanariesIdle: If they move the training by next to nothing.
    """
    plan, popularity, towers = version.plan.training, version.popularity(), version.towers()
    if plan is None:
        return ()
    planted = training_canaries(towers.products.vectors.numpy(), popularity.taught, n_canaries)
    n_others = max(n_canaries // _CANARIES_PER_OTHER, 1)
    times = _times(version, settings.features)
    shop = made_up_shop(version.scorer.catalogue, popularity, planted, n_others, times, version.settings.seed)
    with loaded(shop, version, settings) as loader:
        canaries, others = loader.customers(shop.canary_ids), loader.customers(shop.other_ids)
        alone = loader.customers(shop.canary_ids[::2])  # the other half is not there
    model, loss = trainee(towers, popularity)
    trial = Trial(
        model=model,
        canaries=canaries,
        others=others,
        loss=loss,
        plan=plan,
        make_optimizer=version.optimizer,
        microbatch_size=MICROBATCH,
        error=error,
        randomness=randomness,
    )
    sensitivity = try_sensitivity(trial, "training")
    if sensitivity.value < _LEAST_PUSH:
        raise CanariesIdle(pushed=sensitivity.value, wanted=_LEAST_PUSH)
    return (*try_guessing(trial, "training", apart=False), sensitivity, _loader_finding(canaries, alone))


def _times(version: PrivateVersion, features: FeatureSettings) -> tuple[datetime, datetime]:
    """Say when made-up people buy: histories before every moment, answers as soon as the latest moment is over."""
    first = timedelta(days=version.settings.target_days)
    back = timedelta(days=N_MOMENTS * features.snapshot_step_days + _DAYS_BEFORE)
    return version.until - first - back, version.until - first + timedelta(hours=1)


@dataclass(frozen=True, eq=False)
class Loader:
    """The production loader over a made-up shop."""

    sources: Sources
    names: Pseudonymizer
    version: PrivateVersion
    moments: Sequence[datetime]

    def customers(self, source_ids: Sequence[str]) -> Customers:
        """Load some of the shop's people, as a training would if there were no others."""
        ids = [self.names.pseudonym(source_id) for source_id in source_ids]
        return self.version.customers(self.sources, ids, self.moments)


@contextmanager
def loaded(shop: MadeUpShop, version: PrivateVersion, settings: Settings) -> Iterator[Loader]:
    """Ingest a made-up shop into a folder of its own, build its features, and remove it all afterwards."""
    features = settings.features.model_copy(update={"n_training_snapshots": N_MOMENTS})
    privacy = settings.privacy.model_copy(update={"create_missing_keys": True, "pseudonym_key_version": 1})
    with TemporaryDirectory(prefix="fairshelf-twin-") as folder:
        source, storage = Path(folder) / "source", settings.storage.model_copy(update={"root": Path(folder) / "var"})
        _write(source, shop, version)
        ingest_files(source, storage, settings.ingest, privacy, lambda _: None)
        _, *moments = snapshot_times(version.until, features, version.settings)
        sources = prepare_sources(storage, features, version.until, moments, lambda _: None)
        yield Loader(sources, load_pseudonymizer(storage.keys, privacy), version, moments)


def _write(folder: Path, shop: MadeUpShop, version: PrivateVersion) -> None:
    folder.mkdir(parents=True)
    shop.lines.to_parquet(folder / "transactions.parquet", index=False)
    pd.DataFrame({PRODUCT_ID: version.scorer.catalogue.product_ids}).to_csv(folder / "products.csv", index=False)
    consents = pd.DataFrame({CUSTOMER_ID: [*shop.canary_ids, *shop.other_ids]}).assign(
        purpose=MODEL_TRAINING, granted=True, event_timestamp=shop.lines[EVENT_TIMESTAMP].min()
    )
    consents.to_csv(folder / "consents.csv", index=False)


def _loader_finding(together: Customers, alone: Customers) -> Finding:
    """Compare what was loaded of people with and without others beside them."""
    rows = torch.arange(0, len(together), 2)
    apart = max(
        float((values.double() - alone.fields[name].double()).abs().max())
        for name, values in together.take(rows).fields.items()
    )
    return Finding(
        release="training",
        test="loader",
        value=apart,
        limit=0.0,
        passes="at_most",
        unit="largest difference of an entry",
        said="how far a customer's example moved when other customers were taken out before loading",
    )
