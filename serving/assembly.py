"""Which part of the service is made of which."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from configs.settings import ServingSettings, Settings
from fairness.audit_store import open_reports
from fairness.committee import Committee, open_committee
from features.clock import Clock
from features.errors import FeatureError
from features.events import EventRecorder
from features.journal import Journal
from features.store import Store
from features.tables import PRICE_WEEK
from privacy.audit_log import AuditLog
from privacy.consent import ConsentLedger
from privacy.erasure import Erasures
from privacy.ledger_book import WITNESS, LedgerBook
from privacy.pseudonyms import FollowedPseudonyms
from privacy.state import open_state
from privacy.vault import AUDIT_LOG
from serving.arms import RunningExperiments
from serving.budget_desk import BudgetDesk
from serving.bundles import BundleHolder
from serving.champion import Champion
from serving.cleared import RetrainBy, evidence_files, require_still_audited
from serving.consents import ConsentDesk
from serving.customers import CustomerDesk
from serving.decisions import DecisionLog
from serving.events import EventDoor
from serving.fairness_desk import FairnessDesk
from serving.freshness import Freshness
from serving.keys import load_keys
from serving.loading import champion_on_disk
from serving.log import failed, info
from serving.models import ModelShelf
from serving.people.stores import erasures_of
from serving.pricing.assembly import pricing_of
from serving.pricing.desk import Desk
from serving.pricing.loading import desk_on_disk
from serving.recommend import Recommender
from serving.services import Services, limits_from
from serving.similar import SimilarProducts
from serving.standing import Standings
from serving.stock import Stock
from training.artifact import POINTER
from training.demand.forecaster import MODEL_NAME as DEMAND
from training.retraining import RetrainingDates

MODEL: Final = "two-tower"


def assemble(settings: Settings) -> Services:
    """Build everything one server process needs; `bundles.refresh` loads the champion.

    Raises:
        ApiKeysMissing, ApiKeysBroken: If nobody could call the service.
        KeyMissing, KeyUnusable: If there is no pseudonym key.
    """
    storage, serving = settings.storage, settings.serving
    keys = load_keys(storage.keys, create=serving.create_missing_keys)
    pseudonyms = FollowedPseudonyms(storage.keys, settings.privacy)
    state = open_state(storage.state_db)
    consent = ConsentLedger(state)
    clock = Clock(settings.features.clock, storage.feast)
    store = Store(storage.feast, now=clock.now, ttl_days=settings.features.online_ttl_days)
    recorder = EventRecorder(Journal(state), store, consent, settings.features, clock)
    decisions = DecisionLog(state, serving.decisions)
    stock = Stock(storage.lake)
    committee = open_committee(storage, settings.fairness.release, _now)
    standings = Standings(settings.fairness, keys_dir=storage.keys, committee=committee, now=_now)
    erasures = erasures_of(settings, state, _now)
    dates = RetrainingDates(erasures.book, settings.privacy.erasure.retrain_within_days)
    bundles, desks = _holders(settings, committee, dates.of)
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
            experiments=RunningExperiments(settings.experiments.customers, settings.ingest.trading_time_zone, _now),
            now=_now,
        ),
        similar=SimilarProducts(stock=stock, decisions=decisions, settings=serving.recommend, now=_now),
        events=_event_door(recorder, pseudonyms, serving, erasures),
        decisions=decisions,
        models=ModelShelf(storage.bundles, holders, standings, dates.of),
        pricing=pricing_of(settings, engine=state, decisions=decisions, desk=desks.champion, clock=clock),
        fairness=FairnessDesk(open_reports(storage), committee, standings, keys_dir=storage.keys, now=_now),
        consents=ConsentDesk(ledger=consent, pseudonyms=pseudonyms, now=_now, erased=erasures.tombstones.of_sources),
        customers=_customers(settings, erasures),
        budget=BudgetDesk(LedgerBook(state, storage.state_db.with_name(WITNESS)), settings.privacy.budget, _now),
        freshness=Freshness(storage, tuple(holders), clock, _now),
        state=state,
    )


def _holders(
    settings: Settings, committee: Committee, retrain_by: RetrainBy
) -> tuple[BundleHolder[Champion], BundleHolder[Desk]]:
    """Make what holds the recommender and the demand models, each still empty."""
    storage, fairness, retry_after_s = settings.storage, settings.fairness, settings.serving.retry_after_s
    recheck = partial(
        require_still_audited,
        storage=storage,
        fairness=fairness,
        now=_now,
        retrain_by=retrain_by,
        committee=committee,
    )
    prices = storage.feast / "tables" / PRICE_WEEK  # a folder: its time changes with the table in it
    recommender = BundleHolder(
        name=MODEL,
        pointer=storage.bundles / MODEL / POINTER,
        load=partial(champion_on_disk, storage, fairness, MODEL, _now, retrain_by=retrain_by, committee=committee),
        retry_after_s=retry_after_s,
        watched=partial(evidence_files, storage, MODEL),
        recheck=recheck,
        now=_now,
    )
    demand = BundleHolder(
        name=DEMAND,
        pointer=storage.bundles / DEMAND / POINTER,
        load=partial(
            desk_on_disk, storage, settings.demand, fairness, _now, retrain_by=retrain_by, committee=committee
        ),
        retry_after_s=retry_after_s,
        watched=lambda: (*evidence_files(storage, DEMAND), prices),
        recheck=recheck,
        now=_now,
    )
    return recommender, demand


def _customers(settings: Settings, erasures: Erasures) -> CustomerDesk:
    """Make the desk about one person, and go on with what an earlier process left unfinished."""
    desk = CustomerDesk(
        erasures,
        bundles_dir=settings.storage.bundles,
        audit_log=AuditLog(settings.storage.vault / AUDIT_LOG),
        retry_s=settings.privacy.erasure.retry_s,
        now=_now,
    )
    desk.resume()
    return desk


def _event_door(
    recorder: EventRecorder, pseudonyms: FollowedPseudonyms, serving: ServingSettings, erasures: Erasures
) -> EventDoor:
    return EventDoor(
        sink=recorder,
        pseudonyms=pseudonyms,
        settings=serving.events,
        retry_after_s=serving.retry_after_s,
        now=_now,
        erased=erasures.tombstones.of_sources,
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
