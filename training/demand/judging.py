"""What a backtest judges: products chain-wide and at their stores, and what each method said of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.demand import DemandEvaluationSettings, DemandSettings
from features.columns import PRODUCT_ID, STORE_ID
from training.demand.backtest import Backtest, Origin, frequent_products, run_backtest
from training.demand.baselines import IMAPA, DemandForecaster, demand_baselines
from training.demand.counts import moment_dispersion
from training.demand.elasticities import Elasticities
from training.demand.elasticity import category_names
from training.demand.events import with_events
from training.demand.forecast import Forecast
from training.demand.forecaster import MODEL_NAME, Forecaster
from training.demand.members import members
from training.demand.panel import Panel, StorePanel
from training.demand.plan import Plan, Track
from training.demand.product_lists import ProductList
from training.demand.quantiles import negative_binomial_quantiles
from training.demand.smoothers import imapa
from training.demand.sources import DemandSources
from training.demand.state import state_of

FitForecaster = Callable[[Panel], Forecaster]


@dataclass(frozen=True, eq=False)
class Judged:
    """The series of a backtest.

    Attributes:
        product_ids: (N,) judged chain-wide, ascending.
        pairs: Columns product_id and store_id, ascending: judged at stores; empty for none.
    """

    product_ids: npt.NDArray[np.str_]
    pairs: pd.DataFrame

    def of(self, product_ids: npt.NDArray[np.str_]) -> "Judged":
        """Keep the series of some products."""
        pairs = self.pairs[self.pairs[PRODUCT_ID].isin(product_ids)].reset_index(drop=True)
        return Judged(self.product_ids[np.isin(self.product_ids, product_ids)], pairs)


def judged_series(
    sources: DemandSources,
    known: Panel,
    settings: DemandEvaluationSettings,
    *,
    listed: ProductList | None,
    with_stores: bool,
) -> Judged:
    """Choose what is judged.

    Args:
        sources: What the lake holds.
        known: The weeks before the first origin.
        settings: Least weeks with a sale, and how many products at most.
        listed: A list of products and of products at stores; None takes the products that sell most.
        with_stores: Judge these products also at every store where they sold in as many weeks.
    """
    pairs = pd.DataFrame({PRODUCT_ID: np.empty(0, dtype=object), STORE_ID: np.empty(0, dtype=object)})
    if listed is None:
        product_ids = frequent_products(known, settings)
    else:
        product_ids, pairs = listed.product_ids, listed.pairs
    if with_stores:
        pairs = pd.concat([pairs, _frequent_pairs(sources.stores.until(known.weeks[-1] + 7), product_ids, settings)])
        pairs = pairs.drop_duplicates().sort_values([PRODUCT_ID, STORE_ID], ignore_index=True)
    return Judged(product_ids, pairs)


def _frequent_pairs(
    stores: StorePanel, product_ids: npt.NDArray[np.str_], settings: DemandEvaluationSettings
) -> pd.DataFrame:
    enough = (stores.units > 0).sum(axis=1) >= settings.min_selling_weeks
    chosen = np.flatnonzero(enough & np.isin(stores.product_ids, product_ids))
    return pd.DataFrame({PRODUCT_ID: stores.product_ids[chosen], STORE_ID: stores.store_ids[chosen]})


def with_pairs(stores: StorePanel, pairs: pd.DataFrame) -> StorePanel:
    """Add pairs that never sold, with nothing sold, and keep the order of pairs."""
    known = pd.MultiIndex.from_arrays([stores.product_ids, stores.store_ids])
    asked = pd.MultiIndex.from_frame(pairs.astype(str))
    missing = pairs[known.get_indexer(asked) < 0]
    if missing.empty:
        return stores
    product_ids = np.concatenate([stores.product_ids, missing[PRODUCT_ID].to_numpy(dtype=str)])
    store_ids = np.concatenate([stores.store_ids, missing[STORE_ID].to_numpy(dtype=str)])
    units = np.vstack([stores.units, np.zeros((len(missing), len(stores.weeks)))])
    order = np.lexsort((store_ids, product_ids))
    return StorePanel(product_ids[order], store_ids[order], stores.weeks, units[order])


def backtests_of(
    fit: FitForecaster,
    sources: DemandSources,
    rolling: Sequence[Origin],
    judged: Judged,
    tracks: Sequence[Track],
    settings: DemandSettings,
) -> tuple[list[Backtest], StorePanel]:
    """Forecast from every origin with the model, its members alone and the baselines.

    Args:
        fit: Fits a forecaster to what was known at an origin; called once for each.
        sources: All weeks.
        rolling: Origins.
        judged: Series.
        tracks: What is known of the weeks ahead, each in turn.
        settings: Known events.

    Returns:
        The backtests, and the store series as they then sold.
    """
    fitted: dict[str, Forecaster] = {}

    def methods(known: Panel) -> list[DemandForecaster]:
        forecaster = fitted.setdefault(str(known.weeks[-1]), fit(known))
        return [*members(forecaster), *demand_baselines()]

    chain = run_backtest(
        methods, sources.panel, rolling, product_ids=judged.product_ids, tracks=tracks, events=settings.events
    )
    stores = with_pairs(sources.stores, judged.pairs)
    if judged.pairs.empty:
        return chain, stores
    said = _store_forecasts(fitted, sources.panel, stores, rolling, judged, tracks, settings)
    return [*chain, *(Backtest(name, track, tuple(forecasts)) for (track, name), forecasts in said.items())], stores


def _store_forecasts(
    fitted: dict[str, Forecaster],
    panel: Panel,
    stores: StorePanel,
    rolling: Sequence[Origin],
    judged: Judged,
    tracks: Sequence[Track],
    settings: DemandSettings,
) -> dict[tuple[Track, str], list[Forecast]]:
    """Split the chain's forecast among all pairs, as serving does, and keep the pairs judged."""
    wanted = pd.MultiIndex.from_frame(judged.pairs.astype(str))
    kept = pd.MultiIndex.from_arrays([stores.product_ids, stores.store_ids]).get_indexer(wanted)
    said: dict[tuple[Track, str], list[Forecast]] = {}
    for origin in rolling:
        known, pairs = origin.known(panel), stores.until(origin.weeks[0])
        state, forecaster = state_of(known), fitted[str(known.weeks[-1])]
        plan = with_events(Plan.observed(origin.future(panel)), settings.events, known)
        for track in tracks:
            chain = forecaster.forecast_from(state, plan, track=track)
            split = forecaster.split(chain, known, pairs, kept)
            said.setdefault((track, MODEL_NAME), []).append(split)
            said.setdefault((track, IMAPA), []).append(_smoothed(pairs.take(kept), plan))
    return said


def _smoothed(pairs: StorePanel, plan: Plan) -> Forecast:
    """Forecast each pair by itself, as IMAPA does for the chain."""
    sold = pairs.units > 0
    start = np.where(sold.any(axis=1), sold.argmax(axis=1), pairs.units.shape[1]).astype(np.int64)
    shape = (len(pairs), len(plan.weeks))
    mean = np.broadcast_to(imapa(pairs.units, start)[:, None], shape)
    dispersion = np.broadcast_to(moment_dispersion(pairs.units)[:, None], shape)
    quantiles = negative_binomial_quantiles(mean, dispersion)
    return Forecast(pairs.product_ids, pairs.store_ids, pairs.weeks[-1], plan.weeks, mean, dispersion, quantiles)


def chosen_elasticities(elasticities: Elasticities, known: Panel, judged: Judged) -> Elasticities:
    """Give the elasticities of the products judged, new ones by their category."""
    asked = np.unique(np.concatenate([judged.product_ids, judged.pairs[PRODUCT_ID].to_numpy(dtype=str)]))
    at = np.searchsorted(known.product_ids, asked)
    return elasticities.of(asked.tolist(), category_names(known)[at].tolist())
