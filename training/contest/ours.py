"""Ours in a contest: fitted afresh on the peers' rows, and asked as serving would ask."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from pydantic import ValidationError
from scipy import sparse

from configs.settings import Settings
from training.artifact import Bundle, bundle_directory, load_champion
from training.baselines import Ranked, Recommender, Task
from training.catalogue import Catalogue
from training.contest.errors import RecipeOutdated, RecipeUnrecorded
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.peers.data import Ints
from training.splits import bought_before
from training.top_k import NO_PRODUCT
from training.two_tower.jobs import fit_for_once
from training.two_tower.recommender import MODEL_NAME, TwoTowerRecommender
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources

CHAMPION: Final = "champion"
_RECIPE: Final = ("features", "two_tower")


def with_recipe(settings: Settings, version: str | None) -> Settings:
    """Take the settings that a version was trained under; keys added since stay as they are.

    Args:
        settings: All sections as they are today.
        version: Number of a version, or `champion`; None leaves the settings as they are.

    Raises:
        NoChampion, BundleMissing, BundleDamaged: If there is no such version.
        RecipeUnrecorded, RecipeOutdated: If its settings are not all there, or no longer fit.
    """
    if version is None:
        return settings
    manifest = _bundle(settings, version).manifest
    for section in _RECIPE:
        if section not in manifest.settings:
            raise RecipeUnrecorded(name=MODEL_NAME, version=manifest.version, missing=section)
    today = settings.model_dump()
    recorded = {section: _laid_over(today[section], manifest.settings[section]) for section in _RECIPE}
    try:
        return Settings.model_validate({**today, **recorded})
    except ValidationError as failure:
        first = failure.errors()[0]
        problem = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise RecipeOutdated(name=MODEL_NAME, version=manifest.version, problem=problem) from None


def fitted(settings: Settings, sources: Sources, version: str | None, progress: Callable[[str], None]) -> Scorer:
    """Fit ours, or take a version that was trained on these very rows as it is.

    Args:
        settings: All sections, with the recipe to follow.
        sources: Data of the run.
        version: Number of a version, or `champion`; None fits.
        progress: Told each step in words.

    Raises:
        CatalogueEmpty, TooFewExamples: If the data does not suffice.
    """
    if version is not None:
        bundle = _bundle(settings, version)
        if is_of(bundle, sources):
            progress(
                f"{MODEL_NAME}: version {bundle.manifest.version} was trained on these rows, and is taken as it is"
            )
            return Scorer.load(bundle)
    return fit_for_once(settings, sources, progress)


def is_of(bundle: Bundle, sources: Sources) -> bool:
    """Tell whether a version was trained up to this cut-off, on this data and under these consents."""
    manifest = bundle.manifest
    known = (manifest.train_until, manifest.data_snapshot_digest, manifest.consent_digest)
    return known == (sources.train_until, sources.lake.manifest.snapshot_digest, sources.consents.digest)


def recommender_of(scorer: Scorer, sources: Sources, catalogue: Catalogue) -> Recommender:
    """Make a fitted model rank from the features of the cut-off, as serving would.

    Args:
        scorer: Fitted before the cut-off.
        sources: Data of the run.
        catalogue: What the contest judges by; the model's own may differ.
    """
    personal = _known(sources)
    rows = customer_rows(sources.store, personal, [sources.train_until])
    bought = bought_before(sources.purchases, scorer.catalogue, personal, sources.train_until)
    model = TwoTowerRecommender(scorer, personal, from_arrow(rows, scorer.catalogue), bought)
    return Translated(model, scorer.catalogue, catalogue)


class Translated:
    """A recommender whose lists are told in the positions of another catalogue.

    Args:
        recommender: Ranks in its own positions.
        own: Its catalogue.
        wanted: The catalogue to answer in; products outside it leave the lists.
    """

    def __init__(self, recommender: Recommender, own: Catalogue, wanted: Catalogue) -> None:
        self.name = recommender.name
        self._recommender = recommender
        self._place = np.append(wanted.index_of(own.product_ids), NO_PRODUCT)  # -1 takes the last

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank, and close the gaps that products outside the wanted catalogue leave."""
        positions, scores = self._recommender.rank(customer_ids, task=task, k=k)
        positions = self._place[positions]
        order = np.argsort(positions == NO_PRODUCT, axis=1, kind="stable")
        positions = np.take_along_axis(positions, order, axis=1)
        scores = np.take_along_axis(scores, order, axis=1)
        return positions, np.where(positions == NO_PRODUCT, -np.inf, scores).astype(np.float32)


class ScorerCompleter:
    """Ours on baskets: from what the basket holds alone, or from that and what its owner's history says.

    Args:
        scorer: Fitted before the cut-off.
        name: Under which its figures are reported.
        catalogue: What the contest judges by.
        rows: Customer features by customer id; None completes from the basket alone.
    """

    def __init__(
        self, scorer: Scorer, name: str, catalogue: Catalogue, rows: Callable[[str], dict[str, Any]] | None
    ) -> None:
        self.name = name
        self._scorer = scorer
        self._rows = rows
        self._to_own = scorer.catalogue.index_of(catalogue.product_ids)
        self._to_wanted = catalogue.index_of(scorer.catalogue.product_ids)

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> Ints:
        """Complete one basket after the other, as serving does."""
        found = np.full((held.shape[0], k), NO_PRODUCT, dtype=np.int64)
        for place, customer_id in enumerate(customer_ids):
            basket = self._to_own[held.indices[held.indptr[place] : held.indptr[place + 1]]]
            basket = basket[basket >= 0]
            chosen = self._to_wanted[self._rank(customer_id, basket, k)]
            chosen = chosen[chosen >= 0]
            found[place, : len(chosen)] = chosen
        return found

    def _rank(self, customer_id: str, basket: Ints, k: int) -> Ints:
        if self._rows is None:
            return self._scorer.rank_basket(basket, allowed=None, k=k).product_idx
        row = self._rows(customer_id)
        return self._scorer.rank(row, basket_idx=basket, allowed=None, task="all", k=k).product_idx


def rows_by_customer(sources: Sources, customer_ids: Sequence[str]) -> Callable[[str], dict[str, Any]]:
    """Look customer features of the cut-off up by id."""
    wanted = sorted(set(customer_ids))
    rows = customer_rows(sources.store, wanted, [sources.train_until])
    place = {customer_id: position for position, customer_id in enumerate(wanted)}

    def row_of(customer_id: str) -> dict[str, Any]:
        (row,) = rows.slice(place[customer_id], 1).to_pylist()
        return dict(row)

    return row_of


def _laid_over(values: dict[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Let recorded values win, key by key.

    >>> _laid_over({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 4}})
    {'a': 1, 'b': {'c': 2, 'd': 4}}
    """
    found = dict(values)
    for key, value in recorded.items():
        below = found.get(key)
        found[key] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return found


def _known(sources: Sources) -> list[str]:
    """Who agreed to personalisation and bought before the cut-off."""
    before = sources.purchases[sources.purchases["event_timestamp"] < sources.train_until]
    return sorted(set(before["customer_id"]) & sources.consents.personal)


def _bundle(settings: Settings, version: str) -> Bundle:
    if version == CHAMPION:
        return load_champion(settings.storage.bundles, MODEL_NAME)
    return Bundle.open(bundle_directory(settings.storage.bundles, MODEL_NAME, version))
