"""Feature views of prices and demand: sums over all sales by week, of products and stores alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feast import Entity, FeatureView, Field, FileSource
from feast.data_format import ParquetFormat
from feast.types import Bool, FeastType, Float64, Int64, String, UnixTimestamp

from features import columns
from features.entities import OWNER, PRODUCT, STORE
from features.tables import PRICE_PRODUCT, PRICE_STORE_WEEK, PRICE_WEEK

_TAGS: Final = {"sensitivity": "none", "purpose": "pricing"}


@dataclass(frozen=True)
class PriceViews:
    """The three views of the price service."""

    price_week: FeatureView
    price_store_week: FeatureView
    price_product: FeatureView


def build_price_views(tables_dir: Path) -> PriceViews:
    """Define the price views over the tables below a folder."""
    return PriceViews(
        price_week=_price_week(tables_dir),
        price_store_week=_price_store_week(tables_dir),
        price_product=_price_product(tables_dir),
    )


def _price_week(tables_dir: Path) -> FeatureView:
    return _view(
        tables_dir,
        PRICE_WEEK,
        [PRODUCT],
        "What a product sold in the chain, at what price and under which promotion, for every week from its first "
        "sale on; known when the week has ended.",
        [
            _field("week_start", UnixTimestamp, "midnight of the Monday, trading calendar, without a zone"),
            _field("units", Float64, "units sold; 0 in a week without a sale"),
            _field("shelf_price", Float64, "median price per unit before loyalty discounts, USD; carried if imputed"),
            _field("paid_price", Float64, "median price per unit after loyalty discounts, before coupons, USD"),
            _field("discount_depth", Float64, "share of the shelf price taken off by loyalty discounts, 0 to 1"),
            _field("imputed", Bool, "whether no price was seen, so that the last shelf price stands in undiscounted"),
            _field("display", Float64, "share of the stores with known promotions that displayed it, 0 to 1"),
            _field("mailer", Float64, "share of the stores with known promotions whose mailer held it, 0 to 1"),
            _field("stocked_out", Bool, "whether nothing sold and every store counted had none left"),
            _field("month", Int64, "month of the Monday, 1 to 12"),
            _field("week_of_year", Int64, "ISO week, 1 to 53"),
        ],
    )


def _price_store_week(tables_dir: Path) -> FeatureView:
    return _view(
        tables_dir,
        PRICE_STORE_WEEK,
        [PRODUCT, STORE],
        "What a product sold in one store, for weeks with a sale or a counted stock of none; known when the week has "
        "ended. Features carry `store_` in their names to stand beside the chain's in one service.",
        [
            _field("store_week_start", UnixTimestamp, "midnight of the Monday, trading calendar, without a zone"),
            _field("store_units", Float64, "units sold"),
            _field("store_shelf_price", Float64, "median price per unit before loyalty discounts, USD"),
            _field("store_paid_price", Float64, "median price per unit after loyalty discounts, before coupons, USD"),
            _field("store_discount_depth", Float64, "share of the shelf price taken off by loyalty discounts, 0 to 1"),
            _field("store_imputed", Bool, "whether no price was seen, so that the store's last shelf price stands in"),
            _field("store_display", Bool, "whether the store displayed it; false where promotions are not known"),
            _field("store_mailer", Bool, "whether the store's mailer held it; false where promotions are not known"),
            _field("store_stocked_out", Bool, "whether nothing sold and the last count of the week found none"),
        ],
    )


def _price_product(tables_dir: Path) -> FeatureView:
    return _view(
        tables_dir,
        PRICE_PRODUCT,
        [PRODUCT],
        "What a product of the merchandise is and costs; attributes carry no time and hold from the first week on.",
        [
            _field("department", String, 'department; "" when unknown'),
            _field("category", String, 'category; "" when unknown'),
            _field("product_type", String, 'product type; "" when unknown'),
            _field("brand", String, 'brand; "" when unknown'),
            _field("manufacturer_id", String, 'manufacturer; "" when unknown'),
            _field("package_size", String, 'package size as printed; "" when unknown'),
            _field("unit_cost", Float64, "what a unit costs the retailer, USD; null when unknown"),
            _field("list_price", Float64, "regular price of a unit, USD; null when unknown"),
            _field("sold_by_weight", Bool, "whether price and quantity vary by weight"),
        ],
    )


def _view(tables_dir: Path, name: str, entities: list[Entity], description: str, schema: list[Field]) -> FeatureView:
    source = FileSource(
        name=f"{name}_table",
        path=str(tables_dir / name / "*.parquet"),
        file_format=ParquetFormat(),
        timestamp_field=columns.EVENT_TIMESTAMP,
        description=f"The one Parquet file of {name}.",
        tags=_TAGS,
        owner=OWNER,
    )
    return FeatureView(
        name=name,
        entities=entities,
        source=source,
        online=False,  # models read whole tables
        description=description,
        tags=_TAGS,
        owner=OWNER,
        schema=schema,
    )


def _field(name: str, dtype: FeastType, description: str) -> Field:
    return Field(name=name, dtype=dtype, description=description)
