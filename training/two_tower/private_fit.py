"""Fit a private version: release counts, train the adapter with noise, and put both into a scorer.

All that is learnt across customers goes through two releases: noisy counts and noisy gradients. Everything else is
public (the product table, its content vectors, the settings), worked out from the releases, or left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from configs.settings import FeatureSettings, PrivateTrainingSettings, TwoTowerSettings
from features.columns import CATEGORY, LIST_PRICE, PRODUCT_TYPE
from privacy.randomness import Randomness
from privacy.releases import release_sums
from training.catalogue import Catalogue
from training.two_tower.fit import TrainingData, snapshot_times
from training.two_tower.private_charge import ChargedRun, KeptCounts
from training.two_tower.private_content import PublicContent, public_catalogue
from training.two_tower.private_examples import Teaching, counted_entries, private_customers
from training.two_tower.private_model import FrozenProducts, OwnRateHead, PrivateTowers
from training.two_tower.private_plan import PrivatePlan
from training.two_tower.private_popularity import ReleasedPopularity, smooth, smooth_first
from training.two_tower.private_training import train_adapter
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.scorer import PRODUCT_TEXTS, Scorer
from training.two_tower.together import N_COMPANIONS

_LOG_PRIOR: Final = 0  # the place among the numeric features that the towers take unscaled
_NO_PRODUCT: Final = -1
_POPULARITY_ALONE: Final = {  # where nothing is trained, all is spent on recent buyers
    "first_share": 0.0,
    "popularity_weight": 1.0,
    "popularity_slope": 0.0,
    "first_weight": 0.0,
    "first_slope": 0.0,
}


@dataclass(frozen=True, eq=False)
class FittedPrivately:
    """A private scorer, and the popularity that it and its re-ranking stand on.

    Attributes:
        scorer: Ready to rank; has no companions, no prices from receipts, no room for suppliers yet.
        popularity: What the counts gave.
        steps_done: Steps that are in the weights; 0 where nothing was trained.
        secure: Whether nobody can foretell noise and samples; False makes every promise void.
    """

    scorer: Scorer
    popularity: ReleasedPopularity
    steps_done: int
    secure: bool


@dataclass(frozen=True, eq=False)
class PrivateFit:
    """Everything a private fit reads.

    Attributes:
        data: Features and purchases of people who agreed to model training.
        content: Public product table, and what follows from it.
        features: Snapshot grid and half-lives.
        settings: `private` of them and the target window.
        plan: The releases, reserved by the caller, who commits them when the fit is over.
        run: Budget and checkpoints. What a killed run had released is used again, never released anew.
        progress: Told each step in words; told nothing that was learnt but from releases.
        randomness: Of noise and samples; None is the operating system's. Anything else is for tests.
    """

    data: TrainingData
    content: PublicContent
    features: FeatureSettings
    settings: TwoTowerSettings
    plan: PrivatePlan
    run: ChargedRun
    progress: Callable[[str], None]
    randomness: Randomness | None = None

    @property
    def _private(self) -> PrivateTrainingSettings:
        """Settings of what the plan ships."""
        private = self.settings.private
        return private if self.plan.training is not None else private.model_copy(update=_POPULARITY_ALONE)

    def fit(self) -> FittedPrivately:
        """Fit within the plan's releases.

        Raises:
            PrivateVocabularyEmpty: If no product stands out of the noise.
            DpCheckpointMismatch: If the checkpoint is damaged or another plan's.
        """
        catalogue = public_catalogue(self.content.products)
        n_levels = self.content.groups.shape[1]
        self.progress(f"public products: {len(catalogue):,}, in groups of {n_levels} levels")
        self.run.access()
        counts = self._counts(catalogue)
        popularity = self._popularity(counts)
        self.progress(f"counts: released, {len(popularity.taught):,} products stand out of the noise")
        towers = self._towers(popularity)
        steps_done, secure = self._train(catalogue, towers, popularity)
        scorer = self._scorer(catalogue, towers, popularity)
        return FittedPrivately(scorer, popularity, steps_done, secure and counts.secure)

    def _counts(self, catalogue: Catalogue) -> KeptCounts:
        """Release the counts, or take those that a killed run released."""
        kept = self.run.counts()
        if kept is not None:
            return kept
        data, private = self.data, self._private
        owners, columns, values = counted_entries(
            data.purchases, catalogue, data.customer_ids, data.train_until, private
        )
        released = release_sums(
            owners,
            columns,
            values,
            n_columns=2 * len(catalogue),
            max_norm=private.max_count_norm,
            noise_multiplier=self.plan.counts.noise_multiplier,
            randomness=self.randomness,
        )
        counts = KeptCounts(released.values, released.noise_std, bool(released.constants["secure"]))
        self.run.keep(counts)
        return counts

    def _popularity(self, counts: KeptCounts) -> ReleasedPopularity:
        """Smooth both halves of the release; without first purchases popularity stands for them."""
        private = self._private
        recent, first = np.split(counts.values, 2)
        types, categories = (self.content.products[name].to_numpy(dtype=str) for name in (PRODUCT_TYPE, CATEGORY))
        smoothed, taught = smooth(recent, counts.noise_std, types, private.min_count_noises, private.n_taught)
        share = private.first_share
        if not share:
            return ReleasedPopularity(smoothed, smoothed, taught)
        return ReleasedPopularity(
            smoothed, smooth_first(first / share, counts.noise_std / share, smoothed, categories), taught
        )

    def _towers(self, popularity: ReleasedPopularity) -> PrivateTowers:
        """Set up the towers as a training begins with them; without training every scale stays 0."""
        private = self._private
        groups = self.content.groups
        shares = np.bincount(groups.ravel(), np.repeat(popularity.counts, groups.shape[1])) / popularity.counts.sum()
        frozen = FrozenProducts(
            torch.from_numpy(self.content.vectors),
            torch.from_numpy(groups),
            torch.from_numpy((1 / (private.affinity_products * shares)).astype(np.float32)),
            torch.from_numpy(popularity.signals),
        )
        weights = (private.popularity_weight, private.popularity_slope, private.first_weight, private.first_slope)
        start = private.adapter_start if self.plan.training is not None else 0.0
        constants = torch.tensor([private.affinity_half_life_days, *weights])
        return PrivateTowers(frozen, constants, torch.full((1, groups.shape[1]), start))

    def _train(self, catalogue: Catalogue, towers: PrivateTowers, popularity: ReleasedPopularity) -> tuple[int, bool]:
        """Train the adapter in place where the plan says so: steps that are in it, and whether the noise is safe."""
        private, data = self.settings.private, self.data
        if self.plan.training is None:
            limit = f"{private.min_epsilon_to_train:g}"
            self.progress(f"training: none below epsilon {limit}; released popularity and own history are shipped")
            return 0, True
        self.progress(f"training: {private.steps} private steps of about {private.expected_batch_size} customers")
        teaching = Teaching(
            store=data.store,
            purchases=data.purchases,
            catalogue=catalogue,
            customer_ids=data.customer_ids,
            cutoffs=snapshot_times(data.train_until, self.features, self.settings)[1 : private.n_moments + 1],
            target_days=self.settings.target_days,
        )
        customers = private_customers(
            teaching, towers, popularity.taught, max_products=private.max_products_per_customer
        )
        trained = train_adapter(
            towers, customers, popularity, self.plan.training, private.learning_rate, self.run, self.randomness
        )
        with torch.no_grad():
            towers.adapter.weight.mul_(private.adapter_share)
        return trained.steps_done, trained.secure

    def _scorer(self, catalogue: Catalogue, towers: PrivateTowers, popularity: ReleasedPopularity) -> Scorer:
        n, settings = len(catalogue), self.settings
        numeric = np.zeros((n, len(NUMERIC_FIELDS)), dtype=np.float32)
        numeric[:, _LOG_PRIOR] = popularity.log_prior
        head = OwnRateHead.of(
            half_life_long_days=self.features.half_life_long_days,
            window_days=settings.target_days,
            known_products=settings.private.known_products_per_window,
            new_products=settings.private.new_products_per_window,
        )
        texts = {name: self.content.products[name].to_numpy(dtype=str) for name in PRODUCT_TEXTS}
        prices = self.content.products[LIST_PRICE].to_numpy(dtype=np.float64)
        nobody = np.full((n, N_COMPANIONS), _NO_PRODUCT, dtype=np.int64)
        return Scorer(
            towers,
            head,
            catalogue,
            content=np.zeros((n, 0), dtype=np.int64),
            numeric=numeric,
            products={**texts, "price_usd": prices, "popularity": popularity.counts},
            together=(nobody, np.zeros(nobody.shape, dtype=np.float32)),
        )
