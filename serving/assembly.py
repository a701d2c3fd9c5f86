"""Which part of the service is made of which."""

from datetime import UTC, datetime
from functools import partial
from typing import Final

from configs.settings import Settings
from features.clock import Clock
from features.errors import FeatureError
from features.events import EventRecorder
from features.journal import Journal
from features.store import Store
from privacy.consent import ConsentLedger
from privacy.pseudonyms import load_pseudonymizer
from privacy.state import open_state
from serving.bundles import BundleHolder
from serving.decisions import DecisionLog
from serving.events import EventDoor
from serving.keys import load_keys
from serving.loading import champion_on_disk
from serving.log import failed, info
from serving.models import ModelShelf
from serving.recommend import Recommender
from serving.services import Services, limits_from
from serving.similar import SimilarProducts
from serving.stock import Stock
from training.artifact import POINTER

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
    bundles = BundleHolder(
        name=MODEL,
        pointer=storage.bundles / MODEL / POINTER,
        load=partial(champion_on_disk, storage.bundles, MODEL),
        retry_after_s=serving.retry_after_s,
    )
    _catch_up(recorder)
    return Services(
        settings=serving,
        limits=limits_from(serving),
        keys=keys,
        bundles=bundles,
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
        models=ModelShelf(storage.bundles, bundles),
        state=state,
    )


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
