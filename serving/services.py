"""Everything a request handler may use, built once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from configs.settings import ServingSettings
from serving.schemas import Limits

if TYPE_CHECKING:  # the web application is imported by processes that never load a model
    import sqlalchemy as sa

    from serving.budget_desk import BudgetDesk
    from serving.bundles import BundleHolder
    from serving.champion import Champion
    from serving.consents import ConsentDesk
    from serving.customers import CustomerDesk
    from serving.decisions import DecisionLog
    from serving.events import EventDoor
    from serving.fairness_desk import FairnessDesk
    from serving.freshness import Freshness
    from serving.keys import KeyRing
    from serving.models import ModelShelf
    from serving.pricing.assembly import Pricing
    from serving.recommend import Recommender
    from serving.similar import SimilarProducts


@dataclass(frozen=True)
class Services:
    """The use cases and stores of one server process.

    Args:
        settings: Settings of the service.
        limits: What requests are validated against.
        keys: Who may call.
        bundles: The loaded recommender.
        holders: The loaded models, the recommender among them, by name.
        recommender: Recommendations.
        similar: Similar products.
        events: Events.
        decisions: The record of answers.
        models: The bundles on disk.
        pricing: Prices, their review and their history.
        fairness: The ethics committee's desk.
        budget: The privacy budget.
        consents: What people allow.
        customers: What is held about one person, and taking it away.
        freshness: How old everything is.
        state: The database behind them.
    """

    settings: ServingSettings
    limits: Limits
    keys: "KeyRing"
    bundles: "BundleHolder[Champion]"
    holders: "Mapping[str, BundleHolder[Any]]"
    recommender: "Recommender"
    similar: "SimilarProducts"
    events: "EventDoor"
    decisions: "DecisionLog"
    models: "ModelShelf"
    pricing: "Pricing"
    fairness: "FairnessDesk"
    budget: "BudgetDesk"
    consents: "ConsentDesk"
    customers: "CustomerDesk"
    freshness: "Freshness"
    state: "sa.Engine"

    def close(self) -> None:
        """Write down what is still in memory."""
        self.customers.close()
        self.decisions.close()
        self.state.dispose()


def limits_from(settings: ServingSettings) -> Limits:
    """Collect what requests are validated against."""
    return Limits(
        max_id_length=settings.max_id_length,
        max_limit=settings.recommend.max_limit,
        max_batch=settings.events.max_batch,
        currency=settings.currency,
    )
