"""Feature services: the sets of features that models ask for by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feast import Entity, FeatureService, FeatureView, PushSource

from features.entities import CUSTOMER, OWNER, PRODUCT
from features.views import Views, build_views

CUSTOMER_V1: Final = "customer_v1"
PRODUCT_V1: Final = "product_v1"


@dataclass(frozen=True)
class Services:
    """The feature services, by version."""

    customer_v1: FeatureService
    product_v1: FeatureService


def build_services(views: Views) -> Services:
    """Define the services over a set of views."""
    return Services(
        customer_v1=FeatureService(
            name=CUSTOMER_V1,
            features=[views.customer_history, views.customer_profile],
            description="Everything a recommender may know about one customer.",
            tags={"sensitivity": "pseudonymous", "purpose": "personalization,model_training"},
            owner=OWNER,
        ),
        product_v1=FeatureService(
            name=PRODUCT_V1,
            features=[views.product_profile],
            description="Everything a recommender may know about one product; nothing about a person.",
            tags={"sensitivity": "none", "purpose": "personalization,model_training"},
            owner=OWNER,
        ),
    )


def build_objects(tables_dir: Path) -> list[Entity | PushSource | FeatureView | FeatureService]:
    """List every Feast object over the feature tables below a folder, in the order to apply them."""
    views = build_views(tables_dir)
    services = build_services(views)
    return [
        CUSTOMER,
        PRODUCT,
        views.customer_events,
        views.customer_history,
        views.customer_profile,
        views.product_profile,
        services.customer_v1,
        services.product_v1,
    ]
