"""The audit of a recommender: the lists it serves, who they serve, and what gives people away."""

import math
from collections.abc import Callable, Collection

import pandas as pd

from configs.settings import Settings
from fairness import invariants, privacy_loss, proxies, recommendations
from fairness.audit import Findings, groupings_of
from fairness.policy import Policy
from fairness.proxies import proxy_measures
from fairness.recommendations import recommendation_measures
from fairness.report import TradeOffPoint
from features.services import CUSTOMER_V1, PRODUCT_V1
from serving.auditing.evidence import Evidence, lineage_of
from serving.auditing.privacy_loss import privacy_losses
from training.artifact import Bundle
from training.two_tower.audit_lists import recommendation_lists
from training.two_tower.stage import set_up
from training.two_tower.trade_off import trade_off

DEFINITIONS = (
    *recommendations.DEFINITIONS,
    *privacy_loss.DEFINITIONS,
    *proxies.DEFINITIONS,
    *invariants.DEFINITIONS,
)

NOT_EXAMINED = (
    "Answers to visitors and baskets without a profile are the same for everybody and were not compared by group.",
    "Similar products and products bought together take no person into account and were not looked at.",
    "What people were really shown is looked at by the audit of live decisions, not here.",
)


def audit_recommender(
    bundle: Bundle,
    settings: Settings,
    policy: Policy,
    demographics: pd.DataFrame | None,
    sensitive: Collection[str],
    progress: Callable[[str], None],
) -> Evidence:
    """Rank for everybody as the bundle would at its cut-off, and judge the lists by what was bought afterwards.

    Args:
        bundle: The version to look at.
        settings: All sections.
        policy: That of the recommender.
        demographics: From the audit role's reader; None when there are none.
        sensitive: Names of all sensitive attributes, for the lineage.
        progress: Told each step in words.
    """
    stage = set_up(bundle, settings, progress)
    lists = recommendation_lists(stage, settings, progress)
    customer_ids = lists.customer_ids.tolist()
    groupings = groupings_of(demographics, customer_ids, policy)
    curve = trade_off(stage, settings, progress)
    progress("recommendations: quality, calibration, popularity and exposure by group")
    measures = recommendation_measures(lists.evidence(curve), groupings, policy)
    measures += privacy_losses(bundle, lists, groupings, settings, policy, progress)
    progress("proxies: what inputs and lists tell about people")
    tables = {"inputs": lists.inputs, "outputs": lists.outputs}
    measures += proxy_measures(tables, customer_ids, groupings, policy)
    measures.append(lineage_of((CUSTOMER_V1, PRODUCT_V1), sensitive, prices=()))
    return Evidence(
        findings=Findings(tuple(measures), DEFINITIONS, NOT_EXAMINED, _points(curve)),
        groupings=groupings,
        n_customers=len(customer_ids),
        window=(lists.holdout.train_until, lists.holdout.test_end),
    )


def _points(curve: pd.DataFrame) -> tuple[TradeOffPoint, ...]:
    return tuple(
        TradeOffPoint(
            strength=row["strength"],
            task=row["task"],
            ndcg_at_10=row["ndcg_at_10"],
            ndcg_change=row["ndcg_change"],
            interval=(row["ndcg_change_low"], row["ndcg_change_high"]),
            small_supplier_exposure=_known(row["small_supplier_exposure"]),
            private_label_exposure=_known(row["private_label_exposure"]),
        )
        for row in curve.to_dict("records")
        if math.isfinite(row["ndcg_change"])
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
