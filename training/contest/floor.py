"""What all contenders of one run share: the catalogue, the lines before the cut-off, and what judges."""

from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from configs.settings import Settings
from training.baselines import Histories, Popularity, buyer_counts
from training.catalogue import build_catalogue
from training.contest.baskets import HiddenProducts, hide_products
from training.contest.lists import Ground
from training.evaluation import build_test_set
from training.lineage import provenance
from training.peers.data import PeerData
from training.peers.tuning import Validation
from training.splits import Holdout
from training.two_tower.sources import Sources


class Floor:
    """The common ground of a run.

    Args:
        settings: All sections.
        holdout: The window that judges.
        sources: Data and consents.

    Raises:
        CatalogueEmpty: If no product has buyers enough.
        NobodyToJudge: If nobody bought anything in the validation days.
    """

    def __init__(self, settings: Settings, holdout: Holdout, sources: Sources) -> None:
        self._settings, self._holdout, self._sources = settings, holdout, sources
        self._training = sources.training_purchases
        self._personal, trainable = sources.consents.personal, sources.consents.trainable
        lines = sources.purchases
        self._ranked: pd.DataFrame = lines[lines["customer_id"].isin(list(trainable | self._personal))]
        min_buyers = settings.two_tower.min_buyers
        self.catalogue = build_catalogue(self._training, holdout.train_until, min_buyers)
        self.data = PeerData(self._training, self._ranked, self.catalogue, holdout.train_until)
        self.validation = Validation(
            self._ranked,
            trainable,
            self._personal,
            holdout.train_until,
            min_buyers=min_buyers,
            settings=settings.bench,
        )

    @cached_property
    def validation_data(self) -> PeerData:
        """Baskets before the validation days, over the catalogue of the cut-off."""
        start = self.validation.test_set.holdout.train_until
        training = self._training[self._training["event_timestamp"] < start]
        return PeerData(training, self._ranked, self.catalogue, start)

    def ground(self) -> Ground:
        """Collect what lists are judged on."""
        cutoff, evaluation = self._holdout.train_until, self._settings.evaluation
        manifest = self._sources.lake.manifest
        everyone = Histories(self._sources.purchases, self.catalogue, cutoff)
        recent = cutoff - timedelta(days=evaluation.popularity_days)
        n_buyers = self.data.taught(self.data.counts(None)).sign().sum(axis=0)  # (N,)
        return Ground(
            test_set=build_test_set(self._sources.purchases, self.catalogue, self._holdout, self._personal),
            fallback=Popularity(self._training, everyone, cutoff, days=evaluation.popularity_days),
            popularity=buyer_counts(self._training, self.catalogue, recent, cutoff),
            cold=np.asarray(n_buyers <= self._settings.bench.cold_max_buyers),
            data_snapshot_digest=manifest.snapshot_digest,
            provenance=provenance(manifest.source),
        )

    def hidden(self, holdout: Holdout) -> HiddenProducts:
        """Hide products in the baskets of a window, of people who agreed to personalisation and are known."""
        bench, purchases = self._settings.bench, self._sources.purchases
        before = purchases.loc[purchases["event_timestamp"] < holdout.train_until, "customer_id"]
        known = set(before.unique()) & self._personal
        return hide_products(purchases, self.catalogue, holdout, known, max_baskets=bench.max_baskets, seed=bench.seed)
