"""What every feature starts from: merchandise lines before a moment, and sums that no order can change."""

from datetime import datetime
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from ibis import _

from features import columns

DAYS_AGO: Final = "days_ago"
WEIGHT_PARTS: Final = 2**40  # decayed weights are whole multiples of 2**-40
MONEY_PARTS: Final = 10**6  # amounts are whole multiples of a millionth

_MICROSECONDS_PER_DAY: Final = 86_400_000_000


def merchandise_lines(transactions: ir.Table, products: ir.Table) -> ir.Table:
    """Keep the transaction lines of products that count as merchandise."""
    merchandise = products.filter(products[columns.IS_MERCHANDISE])
    return transactions.semi_join(merchandise, columns.PRODUCT_ID)


def of_customers(lines: ir.Table, customers: ir.Table) -> ir.Table:
    """Keep the lines of the customers listed in a one-column table."""
    return lines.semi_join(customers, columns.CUSTOMER_ID)


def basket_purchases(lines: ir.Table) -> ir.Table:
    """Reduce lines to one row per customer, product and basket, at the time of the first such line.

    The first line decides, so lines added later to the same basket never move a purchase.
    """
    keys = [columns.CUSTOMER_ID, columns.PRODUCT_ID, columns.BASKET_ID]
    return lines.group_by(keys).agg(**{columns.EVENT_TIMESTAMP: _[columns.EVENT_TIMESTAMP].min()})


def basket_visits(lines: ir.Table) -> ir.Table:
    """Reduce lines to one row per customer, basket and store, at the time of the first line."""
    keys = [columns.CUSTOMER_ID, columns.BASKET_ID, columns.STORE_ID]
    return lines.group_by(keys).agg(**{columns.EVENT_TIMESTAMP: _[columns.EVENT_TIMESTAMP].min()})


def before(rows: ir.Table, as_of: datetime) -> ir.Table:
    """Keep the rows strictly before a moment and add `days_ago`, fractional and above 0."""
    moment = moment_literal(as_of)
    known = rows.filter(rows[columns.EVENT_TIMESTAMP] < moment)
    elapsed_us = moment.delta(known[columns.EVENT_TIMESTAMP], unit="microsecond")
    return known.mutate(**{DAYS_AGO: elapsed_us.cast("float64") / _MICROSECONDS_PER_DAY})


def moment_literal(as_of: datetime) -> ir.TimestampScalar:
    """Turn an aware time into a UTC timestamp of the engine."""
    return ibis.literal(as_of, type=dt.Timestamp(timezone="UTC", scale=6))


def exact_total(values: ir.NumericValue, parts: int) -> ir.NumericValue:
    """Sum values rounded to whole multiples of 1/parts.

    Whole numbers add up to the same total in any order, so a table built again is equal to the last bit,
    whatever the engine, its threads and the rows it had to skip.
    """
    return (values * parts).round().cast("int64").sum().cast("float64") / parts


def decayed(days_ago: ir.NumericValue, half_life_days: int) -> ir.NumericValue:
    """Weigh each row by 2 ** (-days_ago / half_life_days)."""
    return ibis.literal(2.0).pow(-days_ago / half_life_days)
