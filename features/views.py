"""Feature views: which features exist, what each means, and where its values lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feast import FeatureView, Field, FileSource, PushSource
from feast.data_format import ParquetFormat
from feast.types import Array, Bool, FeastType, Float64, Int64, String

from features import columns
from features.entities import CUSTOMER, OWNER, PRODUCT
from features.tables import CUSTOMER_HISTORY, CUSTOMER_PROFILE, PRODUCT_PROFILE

CUSTOMER_EVENTS: Final = "customer_events"

_PERSONAL: Final = {"sensitivity": "pseudonymous", "purpose": "personalization,model_training"}
_IMPERSONAL: Final = {"sensitivity": "none", "purpose": "personalization,model_training"}


@dataclass(frozen=True)
class Views:
    """The three feature views and the push source that keeps histories fresh."""

    customer_events: PushSource
    customer_history: FeatureView
    customer_profile: FeatureView
    product_profile: FeatureView


def build_views(tables_dir: Path) -> Views:
    """Define the views over the feature tables below a folder."""
    events = PushSource(
        name=CUSTOMER_EVENTS,
        batch_source=_table(tables_dir, CUSTOMER_HISTORY, _PERSONAL),
        description="Purchases, views and basket changes of consenting customers, folded into their history rows.",
        tags=_PERSONAL,
        owner=OWNER,
    )
    return Views(
        customer_events=events,
        customer_history=_customer_history(events),
        customer_profile=_customer_profile(_table(tables_dir, CUSTOMER_PROFILE, _PERSONAL)),
        product_profile=_product_profile(_table(tables_dir, PRODUCT_PROFILE, _IMPERSONAL)),
    )


def _customer_history(source: PushSource) -> FeatureView:
    return FeatureView(
        name=CUSTOMER_HISTORY,
        entities=[CUSTOMER],
        source=source,
        online=True,
        description="Distinct products a customer bought as parallel arrays, most recent last purchase first.",
        tags=_PERSONAL,
        owner=OWNER,
        schema=[
            _field("product_ids", Array(String), "products bought, most recent last purchase first, ties by id"),
            _field("n_baskets", Array(Int64), "baskets that held the product"),
            _field("decayed_short", Array(Float64), "baskets weighted by 2^(-days ago / short half-life)"),
            _field("decayed_long", Array(Float64), "baskets weighted by 2^(-days ago / long half-life)"),
            _field("days_since_last", Array(Float64), "days since the last basket with the product"),
            _field("days_since_first", Array(Float64), "days since the first basket with the product"),
            _field("session_product_ids", Array(String), "viewed or basketed and not bought since, latest first"),
            _field("as_of_epoch_s", Int64, "moment the row describes, seconds since 1970 UTC"),
            _field("journal_seq", Int64, "last journal event folded in; 0 when built from the lake alone"),
        ],
    )


def _customer_profile(source: FileSource) -> FeatureView:
    return FeatureView(
        name=CUSTOMER_PROFILE,
        entities=[CUSTOMER],
        source=source,
        online=True,
        description="How often, how much and where a customer shops.",
        tags=_PERSONAL,
        owner=OWNER,
        schema=[
            _field("n_baskets_total", Int64, "baskets so far"),
            _field("n_products", Int64, "distinct products so far"),
            _field("n_baskets_28d", Int64, "baskets of the last 28 days"),
            _field("spend_usd_28d", Float64, "paid in the last 28 days, USD"),
            _field("mean_basket_usd", Float64, "paid per basket so far, USD"),
            _field("days_since_last_basket", Float64, "days since the last basket"),
            _field("mean_days_between_baskets", Float64, "mean gap between baskets; days since the only one"),
            _field("tenure_days", Float64, "days since the first basket"),
            _field("store_id", String, "store of most baskets, ties by id"),
        ],
    )


def _product_profile(source: FileSource) -> FeatureView:
    return FeatureView(
        name=PRODUCT_PROFILE,
        entities=[PRODUCT],
        source=source,
        online=False,  # product features live in the serving process: 200 rows from any online store cost 80 ms
        description="What a product is, how well it sells and at what price.",
        tags=_IMPERSONAL,
        owner=OWNER,
        schema=[
            _field("department", String, 'department; "" when unknown'),
            _field("category", String, 'category; "" when unknown'),
            _field("product_type", String, 'product type; "" when unknown'),
            _field("brand", String, 'brand; "" when unknown'),
            _field("manufacturer_id", String, 'manufacturer; "" when unknown'),
            _field("package_size", String, 'package size as printed; "" when unknown'),
            _field("sold_by_weight", Bool, "whether price and quantity vary by weight"),
            _field("n_buyers", Int64, "distinct customers so far"),
            _field("n_baskets", Int64, "baskets so far"),
            _field("n_baskets_recent", Int64, "baskets of the popularity window"),
            _field("n_baskets_prior", Int64, "baskets of the equal window before that"),
            _field("n_baskets_90d", Int64, "baskets of the last 90 days"),
            _field("n_first_buyers_recent", Int64, "customers whose first purchase of it lies in the window"),
            _field("price_usd", Float64, "median shelf price per unit in the price window, else the last known"),
            _field("discount_depth", Float64, "loyalty discount over shelf value in the price window, 0 to 1"),
            _field("repeat_rate", Float64, "share of buyers with two baskets or more, 0 to 1"),
            _field("days_since_first_sale", Float64, "days since the first sale"),
            _field("days_since_last_sale", Float64, "days since the last sale"),
        ],
    )


def _table(tables_dir: Path, view: str, tags: dict[str, str]) -> FileSource:
    return FileSource(
        name=f"{view}_snapshots",
        path=str(tables_dir / view / "*.parquet"),
        file_format=ParquetFormat(),
        timestamp_field=columns.EVENT_TIMESTAMP,
        description=f"One Parquet file of {view} rows per snapshot.",
        tags=tags,
        owner=OWNER,
    )


def _field(name: str, dtype: FeastType, description: str) -> Field:
    return Field(name=name, dtype=dtype, description=description)
