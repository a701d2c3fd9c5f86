"""What all contenders of one run share: the catalogue, the lines before the cut-off, and what judges."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from features.lake import Lake
from training.baselines import Histories, Popularity, buyer_counts
from training.catalogue import build_catalogue
from training.contest.baskets import HiddenProducts, hide_products
from training.contest.lists import Ground
from training.contest.ours import with_recipe
from training.contest.wish import Progress, Wish
from training.evaluation import build_test_set
from training.evaluation_results import TASKS
from training.lineage import provenance
from training.peers.data import PeerData
from training.peers.line_up import Peer
from training.peers.records import recorded
from training.peers.tuning import Tuned, Validation, tune
from training.splits import Holdout, default_train_until
from training.two_tower.jobs import prepare_run
from training.two_tower.sources import Sources, prepare_sources


class Floor:
    """The common ground of a run.

    Args:
        wish: What is asked for, with the settings of the run.
        holdout: The window that judges.
        sources: Data and consents.

    Raises:
        CatalogueEmpty: If no product has buyers enough.
        NobodyToJudge: If nobody bought anything in the validation days.
    """

    def __init__(self, wish: Wish, holdout: Holdout, sources: Sources) -> None:
        self.wish, self.settings, self.holdout, self.sources = wish, wish.settings, holdout, sources
        self.training = sources.training_purchases
        self._personal, self._trainable = sources.consents.personal, sources.consents.trainable
        lines = sources.purchases
        self._ranked: pd.DataFrame = lines[lines["customer_id"].isin(list(self._trainable | self._personal))]
        self.catalogue = build_catalogue(self.training, holdout.train_until, self.settings.two_tower.min_buyers)

    @classmethod
    def prepare(cls, wish: Wish, progress: Progress) -> "Floor":
        """Read the data of a run; features only where ours takes part.

        Raises:
            NoChampion, BundleMissing, RecipeUnrecorded, RecipeOutdated: If there is no such recipe.
            TestWindowUnavailable, LakeMissing, CatalogueEmpty: If the data does not suffice.
        """
        settings = with_recipe(wish.settings, wish.version)
        wish = replace(wish, settings=settings)
        weeks = settings.evaluation.test_weeks
        if wish.ours:
            return cls(wish, *prepare_run(settings, train_until=wish.train_until, test_weeks=weeks, progress=progress))
        manifest = Lake.open(settings.storage.lake).manifest
        cutoff = wish.train_until or default_train_until(manifest.data_end, weeks)
        holdout = Holdout.of_weeks(cutoff, weeks, data_start=manifest.data_start, data_end=manifest.data_end)
        return cls(wish, holdout, prepare_sources(settings.storage, settings.features, cutoff, (), progress))

    @cached_property
    def data(self) -> PeerData:
        """Baskets before the cut-off."""
        return PeerData(self.training, self._ranked, self.catalogue, self.holdout.train_until)

    @cached_property
    def validation(self) -> Validation:
        """The days before the cut-off."""
        return Validation(
            self._ranked,
            self._trainable,
            self._personal,
            self.holdout.train_until,
            min_buyers=self.settings.two_tower.min_buyers,
            settings=self.settings.bench,
        )

    @property
    def validation_window(self) -> tuple[datetime, datetime]:
        """From when to when the purchases of the validation days were made."""
        cutoff = self.holdout.train_until
        return cutoff - timedelta(days=self.settings.bench.validation_days), cutoff

    def choose(self, peer: Peer) -> Tuned:
        """Take a peer's points from the records, or tune it on the validation days."""
        return self.recorded(peer.name, TASKS) or tune(peer, self.validation, self.settings.bench)

    def recorded(self, peer: str, tasks: Sequence[str]) -> Tuned | None:
        """Look a peer's points up; None where it is to be tuned."""
        if self.wish.tune:
            return None
        source = self.sources.lake.manifest.source
        return recorded(peer, tasks, self.settings.bench, source=source, cutoff=self.holdout.train_until)

    def facts(self) -> dict[str, Any]:
        """Say which data, days and catalogue these are."""
        manifest = self.sources.lake.manifest
        return {
            "train_until": self.holdout.train_until,
            "test_end": self.holdout.test_end,
            "data_snapshot_digest": manifest.snapshot_digest,
            "provenance": provenance(manifest.source),
            "n_products": len(self.catalogue),
        }

    @cached_property
    def validation_data(self) -> PeerData:
        """Baskets before the validation days, over the catalogue of the cut-off."""
        start, _ = self.validation_window
        training = self.training[self.training["event_timestamp"] < start]
        return PeerData(training, self._ranked, self.catalogue, start)

    def ground(self) -> Ground:
        """Collect what lists are judged on."""
        cutoff, evaluation = self.holdout.train_until, self.settings.evaluation
        manifest = self.sources.lake.manifest
        everyone = Histories(self.sources.purchases, self.catalogue, cutoff)
        recent = cutoff - timedelta(days=evaluation.popularity_days)
        n_buyers = self.data.taught(self.data.counts(None)).sign().sum(axis=0)  # (N,)
        return Ground(
            test_set=build_test_set(self.sources.purchases, self.catalogue, self.holdout, self._personal),
            fallback=Popularity(self.training, everyone, cutoff, days=evaluation.popularity_days),
            popularity=buyer_counts(self.training, self.catalogue, recent, cutoff),
            cold=np.asarray(n_buyers <= self.settings.bench.cold_max_buyers),
            data_snapshot_digest=manifest.snapshot_digest,
            provenance=provenance(manifest.source),
        )

    def known(self, cutoff: datetime) -> list[str]:
        """List who agreed to personalisation and bought before a time, ascending."""
        purchases = self.sources.purchases
        before = purchases.loc[purchases["event_timestamp"] < cutoff, "customer_id"]
        return sorted(set(before.unique()) & self._personal)

    def hidden(self, holdout: Holdout) -> HiddenProducts:
        """Hide products in the baskets of a window, of people who agreed to personalisation and are known."""
        bench, purchases = self.settings.bench, self.sources.purchases
        known = self.known(holdout.train_until)
        return hide_products(purchases, self.catalogue, holdout, known, max_baskets=bench.max_baskets, seed=bench.seed)
