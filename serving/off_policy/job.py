"""Judge a policy by what followed the lists of another one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from configs.settings import Settings
from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from features.journal import Journal
from features.lake import Lake
from privacy.consent import MODEL_TRAINING, ConsentLedger
from privacy.state import open_state
from serving.decisions import decisions_since
from serving.lists import rfc3339
from serving.off_policy.errors import ListsTooFew
from serving.off_policy.records import Purchase, ShownList, bought_from, shown_lists
from serving.off_policy.targets import as_ranked, from_file, rows_of
from serving.placements import NOVEL_PLACEMENTS
from training.off_policy.estimators import PolicyEvaluation, evaluate
from training.purchases import load_purchases


def evaluate_policy(
    settings: Settings,
    *,
    since: datetime,
    placement: str,
    lists_file: Path | None,
    now: datetime,
    progress: Callable[[str], None],
) -> PolicyEvaluation:
    """Estimate what a policy would have brought, from decisions on record and the purchases that followed.

    Args:
        settings: All sections.
        since: Lists shown before this are left out; aware UTC.
        placement: Where the lists stood.
        lists_file: Lists of the policy to judge; None judges the lists on record with nothing drawn.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        ListsTooFew: If no list on record can be judged.
        TargetListsBroken: If the file cannot be used.
        PolicyUnsupported, EffectiveSampleTooSmall: If the record does not carry the conclusion.
    """
    window = timedelta(days=settings.evaluation.policy.reward_days)
    engine = open_state(settings.storage.state_db)
    try:
        decisions = decisions_since(engine, rfc3339(since))
        customers = ConsentLedger(engine).customers_in_force(MODEL_TRAINING, now)
        reported = _reported(Journal(engine), since)
    finally:
        engine.dispose()
    lists = shown_lists(decisions, customers=customers, placement=placement, until=now - window)
    if not lists:
        raise ListsTooFew(
            n_decisions=len(decisions), placement=placement, reward_days=settings.evaluation.policy.reward_days
        )
    progress(f"{len(lists):,} lists of {len({shown.customer_id for shown in lists}):,} customers on record")
    judged, policy = lists, as_ranked(lists)
    if lists_file is not None:
        task = "novel" if placement in NOVEL_PLACEMENTS else "all"
        judged, policy = from_file(lists_file, lists, task)
        progress(f"{len(judged):,} of them are of customers in {lists_file.name}")
    purchases = [*reported, *_ingested(settings, judged, since)]
    progress(f"{len(purchases):,} purchases followed")
    return evaluate(rows_of(judged, bought_from(judged, purchases, window), policy), settings.evaluation.policy)


def _reported(journal: Journal, since: datetime) -> list[Purchase]:
    """Take the purchases that the storefront reported."""
    return [
        Purchase(event.customer_id, event.product_id, event.occurred_at, event.decision_id)
        for event in journal.purchases_since(since)
        if event.product_id
    ]


def _ingested(settings: Settings, lists: list[ShownList], since: datetime) -> list[Purchase]:
    """Take the purchases of the lake, where its times are the wall clock's; a replayed past follows no list."""
    if settings.features.clock != "wall" or not settings.storage.lake.exists():
        return []
    customers = {shown.customer_id for shown in lists}
    purchases = load_purchases(Lake.open(settings.storage.lake), until=None, customers=customers)
    later = purchases[purchases[EVENT_TIMESTAMP] >= since]
    return [
        Purchase(customer_id, product_id, at.to_pydatetime(), None)
        for customer_id, product_id, at in zip(
            later[CUSTOMER_ID], later[PRODUCT_ID], later[EVENT_TIMESTAMP], strict=True
        )
    ]
