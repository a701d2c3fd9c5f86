"""How far inputs and answers of a champion have moved since its training: measured, and kept for the server to show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from configs.settings import RecommendSettings, Settings
from features.lake import Lake
from features.preparation import end_of_data
from privacy.state import open_state
from serving.blending import Bounds, compose
from serving.decisions import Decision, decisions_since
from serving.lists import rfc3339
from serving.placements import Situation, parts_of
from serving.ports import Ranker
from serving.schemas_recommend import RecommendationsRequest
from serving.shelf import Shelf
from training.artifact import Bundle
from training.catalogue import Catalogue
from training.demand import drifting as demand_drifting
from training.demand.forecaster import MODEL_NAME as DEMAND
from training.demand.sources import prepare_demand
from training.drift import Drift, Shift, write_drift
from training.errors import ModelUnknown
from training.two_tower.drifting import Lists, drawn_rows, input_shifts, list_shifts, read_moments
from training.two_tower.recommender import MODEL_NAME as TWO_TOWER
from training.two_tower.scorer import Scorer

Progress = Callable[[str], None]
Measured = tuple[list[Shift], datetime, int, tuple[str, ...]]  # shifts, today in data time, lists, notes

_NOTHING: Final = np.empty(0, dtype=np.int64)
_HOME: Final = "home"  # the placement that asks for nothing in particular
_PRICES: Final = "Prices that were suggested are compared by `fairshelf audit demand --live`."


def measure_drift(bundle: Bundle, settings: Settings, *, now: datetime, progress: Progress) -> Drift:
    """Compare what a champion reads and answers today with the end of its training, and keep the result.

    Args:
        bundle: The champion.
        settings: All sections.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        ModelUnknown: If nobody wrote down what to compare.
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
    """
    name = bundle.manifest.name
    if name not in _MEASURES:
        raise ModelUnknown(name=name, known=sorted(_MEASURES))
    progress(f"drift: inputs and answers of {name}, version {bundle.manifest.version}")
    shifts, today, n_lists, notes = _MEASURES[name](bundle, settings, now, progress)
    drift = Drift(
        model=name,
        version=bundle.manifest.version,
        bundle_digest=bundle.digest,
        measured_at=now,
        before=bundle.manifest.train_until,
        today=today,
        n_lists=n_lists,
        alarm_at=settings.refresh.drift.alarm_at,
        shifts=tuple(shifts),
        notes=notes,
    )
    write_drift(drift, settings.storage.reports)
    return drift


def lists_on_record(
    decisions: Iterable[Decision], digest: str, catalogue: Catalogue, *, allowed: frozenset[str], k: int
) -> Lists:
    """Collect the newest plain list of each person: personalised, from the champion, nothing filtered, no basket.

    Args:
        decisions: Oldest first.
        digest: Of the champion's bundle.
        catalogue: Its products.
        allowed: Who allows personalisation now; others' lists are not looked at.
        k: Places looked at; shorter lists are left out, for their scores are those of the best places alone.

    Returns:
        Lists, newest first.
    """
    newest: dict[str, Sequence[Mapping[str, Any]]] = {}
    for decision in decisions:
        items = decision.facts.get("items", ())
        if decision.subject_id in allowed and _plain(decision.facts, digest) and len(items) >= k:
            newest.pop(str(decision.subject_id), None)  # moves to the end
            newest[str(decision.subject_id)] = items[:k]
    lists = list(reversed(newest.values()))
    ids = [item["product_id"] for items in lists for item in items]
    positions = catalogue.index_of(ids) if ids else np.empty(0, dtype=np.int64)
    return Lists(
        positions=positions.reshape(-1, k),
        scores=np.array([item["score"] for items in lists for item in items], dtype=np.float64).reshape(-1, k),
        sources=np.array([item["source"] for items in lists for item in items], dtype=str).reshape(-1, k),
    )


def lists_as_served(
    ranker: Ranker, shelf: Shelf, rows: Iterable[Mapping[str, Any]], settings: RecommendSettings, *, k: int
) -> Lists:
    """Make the plain list of each customer as the service would: home, nothing filtered, nothing explored.

    Args:
        ranker: The champion.
        shelf: Its products.
        rows: Customers' features.
        settings: What a list in this place is made of.
        k: Products per list; lists that come out shorter are left out.
    """
    rule = settings.placements.home
    bounds, depth = Bounds.of(rule, shelf), settings.placements.depth if rule.is_bounded else 1
    lists = []
    for row in rows:
        situation = Situation.of(row, _NOTHING, RecommendationsRequest(), rule, shelf)
        parts = parts_of(ranker, rule, situation, None, explain=False, k=k * depth)
        lists.append(compose(parts, bounds, k))
    whole = [picks for picks in lists if len(picks) == k]
    return Lists(
        positions=np.array([pick.position for picks in whole for pick in picks], dtype=np.int64).reshape(-1, k),
        scores=np.array([pick.score for picks in whole for pick in picks], dtype=np.float64).reshape(-1, k),
        sources=np.array([pick.source for picks in whole for pick in picks], dtype=str).reshape(-1, k),
    )


def _plain(facts: Mapping[str, Any], digest: str) -> bool:
    """Tell whether a list is of the kind that training is compared by."""
    asked, placement = facts.get("request", {}), facts.get("placement") or {}
    return (
        facts.get("kind") == "recommendations"
        and facts.get("bundle_digest") == digest
        and placement.get("name", _HOME) == _HOME
        and not asked.get("filter")
        and not asked.get("context", {}).get("basket")
    )


def _of_recommender(bundle: Bundle, settings: Settings, now: datetime, progress: Progress) -> Measured:
    drift, k = settings.refresh.drift, settings.serving.recommend.default_limit
    today = end_of_data(Lake.open(settings.storage.lake))
    scorer = Scorer.load(bundle)
    moments = read_moments(settings, bundle.manifest.train_until, today, progress)
    shifts = input_shifts(moments, scorer, drift, settings.features.popularity_days)
    engine = open_state(settings.storage.state_db)
    try:
        decisions = decisions_since(engine, rfc3339(now - timedelta(days=drift.recent_days)))
    finally:
        engine.dispose()
    allowed = frozenset(moments.customer_ids)
    shown = lists_on_record(decisions, bundle.digest, scorer.catalogue, allowed=allowed, k=k).head(drift.n_lists)
    if len(shown) < drift.min_lists:
        said = (
            f"{len(shown)} plain lists of the champion are on record for the last {drift.recent_days} days; "
            f"{drift.min_lists} are needed to compare answers."
        )
        return shifts, today, len(shown), (said,)
    shelf = Shelf.of(scorer.catalogue.product_ids, scorer.products)
    before = lists_as_served(scorer, shelf, drawn_rows(moments, drift), settings.serving.recommend, k=k)
    shifts += list_shifts(before, shown, scorer, drift)
    return shifts, today, len(shown), ()


def _of_demand(bundle: Bundle, settings: Settings, _now: datetime, progress: Progress) -> Measured:
    sources = prepare_demand(settings.storage, progress)
    shifts = demand_drifting.input_shifts(sources, bundle.manifest.train_until, settings.refresh.drift)
    return shifts, demand_drifting.newest(sources), 0, (_PRICES,)


_MEASURES: Final[Mapping[str, Callable[[Bundle, Settings, datetime, Progress], Measured]]] = {
    TWO_TOWER: _of_recommender,
    DEMAND: _of_demand,
}
