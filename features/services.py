"""Feature services: the sets of features that models ask for by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feast import Entity, FeatureService, FeatureView, PushSource

from features.entities import CUSTOMER, OWNER, PRODUCT, STORE
from features.price_views import PriceViews, build_price_views
from features.views import Views, build_views

CUSTOMER_V1: Final = "customer_v1"
PRODUCT_V1: Final = "product_v1"
PRICE_V1: Final = "price_v1"


@dataclass(frozen=True)
class Services:
    """The feature services, by version."""

    customer_v1: FeatureService
    product_v1: FeatureService
    price_v1: FeatureService


def build_services(views: Views, prices: PriceViews) -> Services:
    """Define the services over sets of views."""
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
        price_v1=FeatureService(
            name=PRICE_V1,
            features=[prices.price_week, prices.price_store_week, prices.price_product],
            description="Everything a demand model or a price may know: sums over all sales, and no customer's data.",
            tags={"sensitivity": "none", "purpose": "pricing"},
            owner=OWNER,
        ),
    )


def build_objects(tables_dir: Path) -> list[Entity | PushSource | FeatureView | FeatureService]:
    """List every Feast object over the feature tables below a folder, in the order to apply them."""
    views, prices = build_views(tables_dir), build_price_views(tables_dir)
    services = build_services(views, prices)
    return [
        CUSTOMER,
        PRODUCT,
        STORE,
        views.customer_events,
        views.customer_history,
        views.customer_profile,
        views.product_profile,
        prices.price_week,
        prices.price_store_week,
        prices.price_product,
        services.customer_v1,
        services.product_v1,
        services.price_v1,
    ]
