"""The same measures over what was really shown: decisions on record, joined with what was bought after them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from configs.settings import Settings
from fairness.audit import Findings, groupings_of
from fairness.drift import drift
from fairness.policy import Policy
from fairness.recommendations import RecommendationEvidence, recommendation_measures
from fairness.report import Report
from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from features.journal import Journal
from features.lake import Lake
from privacy.state import open_state
from serving.auditing.errors import LiveDecisionsTooFew
from serving.auditing.evidence import Evidence
from serving.auditing.recommender import DEFINITIONS
from serving.decisions import Decision, decisions_since
from serving.lists import rfc3339
from serving.placements import AUDITED_PLACEMENTS, HOME, NOVEL_PLACEMENTS
from training.artifact import Bundle
from training.baselines import Task
from training.catalogue import Catalogue
from training.evaluation_files import MAX_RANK
from training.evaluation_results import TASKS
from training.purchases import load_purchases
from training.splits import bought_before, mark_pairs
from training.top_k import NO_PRODUCT
from training.two_tower.audit_lists import audited_products
from training.two_tower.scorer import Scorer


@dataclass(frozen=True, eq=False)
class Shown:
    """The newest list of each person and task.

    Attributes:
        customer_ids: Who was shown one, ascending.
        lists: Per task (C, 100) positions, -1 padded; rows of -1 for people who were shown none of that task.
        shown_at: Per task the wall-clock moment, by customer.
    """

    customer_ids: list[str]
    lists: Mapping[Task, npt.NDArray[np.int64]]
    shown_at: Mapping[Task, Mapping[str, datetime]]


def audit_live_recommendations(
    bundle: Bundle,
    settings: Settings,
    policy: Policy,
    demographics: pd.DataFrame | None,
    released: Report,
    now: datetime,
    progress: Callable[[str], None],
) -> Evidence:
    """Judge the lists on record of the last days by the purchases that followed them.

    Args:
        bundle: The champion; decisions of other versions are left out.
        settings: All sections.
        policy: That of the recommender; `live.window_days` says how far back.
        demographics: From the audit role's reader; None when there are none.
        released: The report that let the bundle through.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        LiveDecisionsTooFew: If fewer personalised decisions than `live.min_decisions` are on record.
    """
    start = now - timedelta(days=policy.settings.live.window_days)
    engine = open_state(settings.storage.state_db)
    try:
        decisions = decisions_since(engine, rfc3339(start))
        bought = Journal(engine).purchases_since(start)
    finally:
        engine.dispose()
    ours = [decision for decision in decisions if _is_ours(decision, bundle.digest)]
    personal = [decision for decision in ours if decision.subject_id is not None]
    if len(personal) < policy.settings.live.min_decisions:
        raise LiveDecisionsTooFew(
            found=len(personal), wanted=policy.settings.live.min_decisions, days=policy.settings.live.window_days
        )
    progress(f"live: {len(personal):,} personalised decisions of {len(decisions):,} on record")
    scorer = Scorer.load(bundle)
    shown = newest_lists(personal, scorer.catalogue)
    purchases = pd.DataFrame(
        [(event.customer_id, event.product_id, event.occurred_at) for event in bought if event.product_id],
        columns=[CUSTOMER_ID, PRODUCT_ID, EVENT_TIMESTAMP],
    )
    history = _history(settings, scorer.catalogue, shown.customer_ids)
    evidence = RecommendationEvidence(
        customer_ids=np.array(shown.customer_ids, dtype=str),
        lists=dict(shown.lists),
        relevant=relevant_after(shown, purchases, scorer.catalogue, history),
        history=history,
        products=audited_products(scorer, settings),
        trade_off=pd.DataFrame(),
    )
    groupings = groupings_of(demographics, shown.customer_ids, policy)
    measures = recommendation_measures(evidence, groupings, policy)
    measures += drift(measures, released, policy)
    return Evidence(
        findings=Findings(tuple(measures), DEFINITIONS, _not_examined(decisions, ours, personal)),
        groupings=groupings,
        n_customers=len(shown.customer_ids),
        window=(start, now),
    )


def newest_lists(decisions: Sequence[Decision], catalogue: Catalogue) -> Shown:
    """Take each person's newest list for each task; products that left the catalogue are passed over."""
    customer_ids = sorted({str(decision.subject_id) for decision in decisions})
    row_of = {customer_id: row for row, customer_id in enumerate(customer_ids)}
    lists = {task: np.full((len(customer_ids), MAX_RANK), NO_PRODUCT, dtype=np.int64) for task in TASKS}
    shown_at: dict[Task, dict[str, datetime]] = {task: {} for task in TASKS}
    for decision in decisions:  # oldest first, so the newest is written last
        task, subject = task_of(decision.facts), str(decision.subject_id)
        ids = [item["product_id"] for item in decision.facts["items"]]
        positions = catalogue.index_of(ids)[:MAX_RANK] if ids else np.empty(0, dtype=np.int64)
        known = positions[positions >= 0]
        lists[task][row_of[subject]] = NO_PRODUCT
        lists[task][row_of[subject], : len(known)] = known
        shown_at[task][subject] = datetime.fromisoformat(decision.created_at).astimezone(UTC)
    return Shown(customer_ids, lists, shown_at)


def task_of(facts: Mapping[str, Any]) -> Task:
    """Tell from what was asked whether a list was to hold new products only."""
    asked = facts.get("request", {})
    novel = asked.get("placement") in NOVEL_PLACEMENTS or asked.get("filter", {}).get("exclude_purchased")
    return "novel" if novel else "all"


def relevant_after(
    shown: Shown, purchases: pd.DataFrame, catalogue: Catalogue, history: sparse.csr_array
) -> dict[Task, sparse.csr_array]:
    """Mark per task what each person bought after the list was shown; for `novel` without what was bought before."""
    marked: dict[Task, sparse.csr_array] = {}
    for task in TASKS:
        since = pd.to_datetime(purchases[CUSTOMER_ID].map(shown.shown_at[task]), utc=True)
        later = purchases[purchases[EVENT_TIMESTAMP] >= since]  # never, for people who were shown none
        marked[task] = mark_pairs(later[[CUSTOMER_ID, PRODUCT_ID]], catalogue, shown.customer_ids)
    marked["novel"] = sparse.csr_array(marked["novel"] > history)
    return marked


def _history(settings: Settings, catalogue: Catalogue, customer_ids: list[str]) -> sparse.csr_array:
    lake = Lake.open(settings.storage.lake)
    purchases = load_purchases(lake, until=None, customers=set(customer_ids))
    return bought_before(purchases, catalogue, customer_ids, lake.manifest.data_end + timedelta(days=1))


def _is_ours(decision: Decision, digest: str) -> bool:
    facts = decision.facts
    placement = facts.get("placement", {}).get("name", HOME)  # lists from before there were placements are home's
    of_model = facts.get("kind") == "recommendations" and facts.get("bundle_digest") == digest
    return bool(of_model) and placement in AUDITED_PLACEMENTS


def _not_examined(decisions: Collection[Any], ours: Collection[Any], personal: Collection[Any]) -> tuple[str, ...]:
    return (
        f"{len(decisions) - len(ours):,} decisions of other kinds, versions or placements were left out.",
        f"{len(ours) - len(personal):,} answers used no profile; whom they went to is not on record.",
        "Only purchases that the storefront reported as events count as bought.",
    )
