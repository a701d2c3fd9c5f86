"""Which part of the service is made of which."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from configs.settings import Settings
from features.clock import Clock
from features.errors import FeatureError
from features.events import EventRecorder
from features.journal import Journal
from features.store import Store
from features.tables import PRICE_WEEK
from privacy.consent import ConsentLedger
from privacy.pseudonyms import load_pseudonymizer
from privacy.state import open_state
from serving.bundles import BundleHolder
from serving.champion import Champion
from serving.decisions import DecisionLog
from serving.events import EventDoor
from serving.keys import load_keys
from serving.loading import champion_on_disk
from serving.log import failed, info
from serving.models import ModelShelf
from serving.pricing.assembly import pricing_of
from serving.pricing.desk import Desk
from serving.pricing.loading import desk_on_disk
from serving.recommend import Recommender
from serving.services import Services, limits_from
from serving.similar import SimilarProducts
from serving.stock import Stock
from training.artifact import POINTER
from training.demand.forecaster import MODEL_NAME as DEMAND

MODEL: Final = "two-tower"


def assemble(settings: Settings) -> Services:
    """Build everything one server process needs; `bundles.refresh` loads the champion.

    Raises:
        ApiKeysMissing, ApiKeysBroken: If nobody could call the service.
        KeyMissing, KeyUnusable: If there is no pseudonym key.
    """
    storage, serving = settings.storage, settings.serving
    keys = load_keys(storage.keys, create=serving.create_missing_keys)
    pseudonyms = load_pseudonymizer(storage.keys, settings.privacy)
    state = open_state(storage.state_db)
    consent = ConsentLedger(state)
    clock = Clock(settings.features.clock, storage.feast)
    store = Store(storage.feast, now=clock.now, ttl_days=settings.features.online_ttl_days)
    recorder = EventRecorder(Journal(state), store, consent, settings.features, clock)
    decisions = DecisionLog(state, serving.decisions)
    stock = Stock(storage.lake)
    bundles, desks = _holders(settings)
    holders: dict[str, BundleHolder[Any]] = {MODEL: bundles, DEMAND: desks}
    _catch_up(recorder)
    return Services(
        settings=serving,
        limits=limits_from(serving),
        keys=keys,
        bundles=bundles,
        holders=holders,
        recommender=Recommender(
            consent=consent,
            features=store,
            pseudonyms=pseudonyms,
            stock=stock,
            decisions=decisions,
            settings=serving.recommend,
            now=_now,
        ),
        similar=SimilarProducts(stock=stock, decisions=decisions, settings=serving.recommend, now=_now),
        events=EventDoor(
            sink=recorder,
            pseudonyms=pseudonyms,
            settings=serving.events,
            retry_after_s=serving.retry_after_s,
            now=_now,
        ),
        decisions=decisions,
        models=ModelShelf(storage.bundles, holders),
        pricing=pricing_of(settings, engine=state, decisions=decisions, desk=desks.champion, clock=clock),
        state=state,
    )


def _holders(settings: Settings) -> tuple[BundleHolder[Champion], BundleHolder[Desk]]:
    """Make what holds the recommender and the demand models, each still empty."""
    storage, retry_after_s = settings.storage, settings.serving.retry_after_s
    recommender = BundleHolder(
        name=MODEL,
        pointer=storage.bundles / MODEL / POINTER,
        load=partial(champion_on_disk, storage.bundles, MODEL),
        retry_after_s=retry_after_s,
    )
    demand = BundleHolder(
        name=DEMAND,
        pointer=storage.bundles / DEMAND / POINTER,
        load=partial(desk_on_disk, storage, settings.demand),
        retry_after_s=retry_after_s,
        watched=(storage.feast / "tables" / PRICE_WEEK,),  # a folder: its time changes with the table in it
    )
    return recommender, demand


def _now() -> datetime:
    return datetime.now(UTC)


def _catch_up(recorder: EventRecorder) -> None:
    try:
        n_changed = recorder.recover()
    except FeatureError as failure:  # without features there are still popular lists, and events are kept
        failed("events on disk could not be folded into the features yet", failure)
        return
    if n_changed:
        info("events left by an earlier process are now in the features", customers=n_changed)
