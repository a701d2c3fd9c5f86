"""From the demand champion's bundle and the price features to a desk that can answer."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from configs.demand import DemandSettings
from configs.fairness import FairnessSettings
from configs.settings import StorageSettings
from fairness.clearance import Clearance
from fairness.committee import Committee, utc_now
from features.lake import Lake
from features.store import Store
from serving.cleared import RetrainBy, cleared_champion
from serving.models import model_card
from serving.pricing.assortment import Assortment
from serving.pricing.desk import Desk
from serving.pricing.packs import families
from training.artifact import Bundle
from training.demand.elasticities import Elasticities
from training.demand.elasticity import category_names
from training.demand.events import with_events
from training.demand.forecast import Forecast
from training.demand.forecaster import MODEL_NAME, Forecaster
from training.demand.panel import Flags, Floats, Panel, StorePanel
from training.demand.panel_reader import read_panel, read_store_panel
from training.demand.plan import Plan
from training.demand.private_bundle import ReleasedWeeks
from training.demand.state import state_of

_SOLD_WITHIN_WEEKS: Final = 26  # what did not sell in half a year is off the shelf


def desk_on_disk(
    storage: StorageSettings,
    demand: DemandSettings,
    fairness: FairnessSettings,
    now: Callable[[], datetime] = utc_now,
    *,
    retrain_by: RetrainBy,
    committee: Committee | None = None,
) -> Desk:
    """Verify the bundle that promotion named and its audit, then load it and read the state of every product it prices.

    Args:
        storage: Where everything lies.
        demand: Horizon and known events.
        fairness: The policy in force.
        now: Gives the aware time.
        retrain_by: Says by when a version must be replaced because of erasures.
        committee: The committee's book, where the process keeps one open; None opens it.

    Raises:
        NoChampion: If no demand model was promoted yet.
        ChampionPointerBroken: If the pointer cannot be read.
        ChampionMismatch: If the bundle is not the one that was promoted.
        BundleMissing, BundleDamaged, BundleVersionMismatch: If the bundle cannot be opened.
        ClearanceRefused, ClearanceLapsed: If its audit does not clear it.
        LakeMissing, LakeDamaged: If there is no lake to read prices from.
        OnlineStoreUnready, PriceTableMissing: If the price features were not built.
    """
    bundle, clearance = cleared_champion(storage, fairness, MODEL_NAME, now, retrain_by=retrain_by, committee=committee)
    return desk_from(bundle, storage, demand, clearance)


def desk_from(
    bundle: Bundle, storage: StorageSettings, demand: DemandSettings, clearance: Clearance | None = None
) -> Desk:
    """Read the state of every product from the lake and price features of a house, and put a bundle's desk together.

    Args:
        bundle: Opened.
        storage: Where lake and price features lie.
        demand: Horizon and known events.
        clearance: Of its audit; None makes a desk that may be looked at, as by an audit, and not served.

    Raises:
        LakeMissing, LakeDamaged: If there is no lake to read prices from.
        OnlineStoreUnready, PriceTableMissing: If the price features were not built.
    """
    lake = Lake.open(storage.lake)
    store = Store(storage.feast)
    released, panel = ReleasedWeeks.load(bundle), read_panel(store)
    if released is not None:  # a private version's answers begin from what it released, not from the sales
        panel = released.panel(panel, Forecaster.load(bundle))
    panel = panel.take(np.flatnonzero((panel.units[:, -_SOLD_WITHIN_WEEKS:] > 0).any(axis=1)))
    stores = read_store_panel(store, panel, None) if released is None else released.stores(panel)
    return desk_of(bundle, panel, stores, demand, lake.manifest.trading_time_zone, clearance)


def desk_of(
    bundle: Bundle,
    panel: Panel,
    stores: StorePanel,
    demand: DemandSettings,
    zone: str,
    clearance: Clearance | None = None,
) -> Desk:
    """Put a desk together.

    Args:
        bundle: The champion.
        panel: The products it answers for, up to the last week known.
        stores: Their pairs of product and store over the same weeks.
        demand: Horizon and known events.
        zone: Trading time zone.
        clearance: Of its audit; None where there is none yet.
    """
    forecaster = Forecaster.load(bundle)
    state = state_of(panel)
    plan = with_events(Plan.unchanged(panel, demand.horizon_weeks), demand.events, panel)
    chain = forecaster.forecast_from(state, plan, track="full")  # at the last prices, without a promotion
    split = forecaster.split(chain, panel, stores)
    manifest = bundle.manifest
    return Desk(
        name=manifest.name,
        version=manifest.version,
        digest=bundle.digest,
        clearance=clearance,
        card=model_card(manifest, clearance.report_id if clearance else None),
        assortment=_assortment(bundle, panel, chain, split, zone),
        longest_weeks=demand.horizon_weeks,
        forecaster=forecaster,
        state=state,
        events=demand.events,
    )


def _assortment(bundle: Bundle, panel: Panel, chain: Forecast, split: Forecast, zone: str) -> Assortment:
    elasticities = Elasticities.load(bundle).of(panel.product_ids.tolist(), category_names(panel).tolist())
    price = panel.shelf_price[:, -1]
    lowest, highest = _support(panel)
    family, pack_size = families(panel.attributes, price)
    store_ids, pair_store_idx = np.unique(_texts(split.store_ids), return_inverse=True)
    product_idx = np.searchsorted(panel.product_ids, split.product_ids)
    share = split.mean[:, 0] / np.maximum(chain.mean[product_idx, 0], np.finfo(float).tiny)
    kept = share > 0
    return Assortment(
        product_ids=panel.product_ids,
        current_price=np.round(price, 2),
        list_price=panel.attributes["list_price"].astype(np.float64),
        lowest_price=lowest,
        highest_price=highest,
        unit_cost=panel.attributes["unit_cost"].astype(np.float64),
        weekly_units=chain.mean,
        dispersion=chain.dispersion,
        elasticity_location=elasticities.location,
        elasticity_scale=elasticities.scale,
        elasticity_source=elasticities.sources,
        identified=elasticities.identified,
        department=panel.attributes["department"].astype(str),
        category=panel.attributes["category"].astype(str),
        family=family,
        pack_size=pack_size,
        sold_by_weight=panel.sold_by_weight,
        weeks_since_last_sale=(panel.units[:, ::-1] > 0).argmax(axis=1).astype(np.float64),
        store_ids=store_ids,
        pair_product_idx=product_idx[kept].astype(np.int64),
        pair_store_idx=pair_store_idx[kept].astype(np.int64),
        pair_share=np.minimum(share[kept], 1.0),
        pair_dispersion=split.dispersion[kept, 0],
        model_version=bundle.manifest.version,
        trained_until=bundle.manifest.train_until,
        data_until=_end_of(panel, zone),
    )


def _support(panel: Panel) -> tuple[Floats, Floats]:
    """Find the lowest and the highest paid price at which each product was seen to sell: (N,) each, NaN when never."""
    seen: Flags = (panel.units > 0) & ~panel.imputed & np.isfinite(panel.paid_price)
    lowest = np.where(seen, panel.paid_price, np.inf).min(axis=1)
    highest = np.where(seen, panel.paid_price, -np.inf).max(axis=1)
    ever = seen.any(axis=1)
    return np.where(ever, lowest, np.nan), np.where(ever, highest, np.nan)


def _end_of(panel: Panel, zone: str) -> datetime:
    day = (panel.weeks[-1] + np.timedelta64(7, "D")).astype("datetime64[D]").astype(object)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _texts(ids: npt.NDArray[np.str_] | None) -> npt.NDArray[np.str_]:
    return np.empty(0, dtype=np.str_) if ids is None else ids
