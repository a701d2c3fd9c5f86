"""Prices and demand by week, for the chain and for each store, from sales of everybody and data about nobody.

What has to be known about weeks, prices and promotions:

- Weeks run from Monday to Sunday in the trading time zone: sale times are turned into local ones before weeks are cut.
- The first and the last week are left out unless their trade begins and ends on the weekdays that weeks usually do.
- The shelf price is the shelf amount over the quantity; the paid price takes the loyalty discount off. A coupon is a
  manufacturer's money and changes neither. The week's price is the median over lines; a line that gives no finite price
  above 0 counts as units sold, not as a price.
- A week without a price carries the last shelf price on, without its discount, and says so: `imputed`.
- Promotions list only what was promoted, in the stores that report them. A share counts those stores alone, and no
  promotion row does not mean no discount: the depth of the discount is a variable of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import ibis
import ibis.expr.types as ir
from ibis import _

from features import columns
from features.pipelines.purchases import exact_total, merchandise_lines
from features.tables import PRICE_PRODUCT, PRICE_STORE_WEEK, PRICE_WEEK

Keep = Callable[[str, ir.Table], ir.Table]

UNIT_PARTS: Final = 10**6  # units are whole multiples of a millionth

_NO_PLACEMENT: Final = ("", "0")  # codes that say "not on display" or "not in the mailer"
_MONDAY, _SUNDAY = 0, 6
_WEEK: Final = ibis.interval(days=7)

_TEXTS: Final = (
    columns.DEPARTMENT,
    columns.CATEGORY,
    columns.PRODUCT_TYPE,
    columns.BRAND,
    columns.MANUFACTURER_ID,
    columns.PACKAGE_SIZE,
)
_PRODUCT_WEEK: Final = (columns.PRODUCT_ID, columns.WEEK_START)
_STORE_WEEK: Final = (columns.PRODUCT_ID, columns.STORE_ID, columns.WEEK_START)


@ibis.udf.scalar.builtin(  # type: ignore[untyped-decorator]
    signature=(("string", "timestamp('UTC', 6)"), "timestamp(6)"), name="timezone"
)
def local_time(zone: str, moment: Any) -> Any:
    """Tell the wall-clock time of a moment in a zone."""


@ibis.udf.scalar.builtin(  # type: ignore[untyped-decorator]
    signature=(("string", "timestamp(6)"), "timestamp('UTC', 6)"), name="timezone"
)
def moment_of(zone: str, local: Any) -> Any:
    """Tell the moment of a wall-clock time in a zone."""


def price_views(tables: Mapping[str, ir.Table], zone: str, keep: Keep | None = None) -> dict[str, ir.Table]:
    """Give the expression of each price view.

    Args:
        tables: Tables of the lake by name; promotions and inventory may be absent.
        zone: Trading time zone, a name of the IANA database.
        keep: Computes a step once and gives its rows back; the expressions stay whole without it.

    Returns:
        By view: `price_week` one row per product and week from the first sale on, `price_store_week` one per product,
        store and week with a sale or a stock-out, `price_product` one per product that is merchandise.
    """
    keep = keep or (lambda _name, rows: rows)
    sales = tables[columns.TRANSACTIONS]
    weeks = keep("weeks", whole_weeks(sales, zone))
    lines = keep("lines", _priced_lines(merchandise_lines(sales, tables[columns.PRODUCTS]), weeks, zone))
    placed = _placements(tables[columns.PROMOTIONS]) if columns.PROMOTIONS in tables else None
    counts = _last_counts(tables[columns.INVENTORY], zone) if columns.INVENTORY in tables else None
    return {
        PRICE_WEEK: _chain_weeks(keep("sold", _sold(lines, _PRODUCT_WEEK)), weeks, placed, counts),
        PRICE_STORE_WEEK: _store_weeks(keep("sold_by_store", _sold(lines, _STORE_WEEK)), weeks, placed, counts),
        PRICE_PRODUCT: _products(tables[columns.PRODUCTS], weeks),
    }


def whole_weeks(sales: ir.Table, zone: str) -> ir.Table:
    """List the weeks that the sales cover as a whole, none left out, with the moment each ended.

    A week at either end is whole when its trade begins no later and ends no earlier in the week than the median of the
    weeks between; where fewer than three weeks were seen, it has to trade on a Monday and on a Sunday.
    """
    days = sales.select(day=local_time(zone, sales[columns.EVENT_TIMESTAMP]).date()).distinct()
    days = days.mutate(**{columns.WEEK_START: _monday(days.day), "weekday": days.day.day_of_week.index()})
    trade = days.group_by(columns.WEEK_START).agg(first=_.weekday.min(), last=_.weekday.max())
    ends = trade.agg(oldest=_[columns.WEEK_START].min(), newest=_[columns.WEEK_START].max())
    trade = trade.cross_join(ends)
    inner = (trade[columns.WEEK_START] > trade.oldest) & (trade[columns.WEEK_START] < trade.newest)
    usual = trade.agg(
        usual_first=ibis.coalesce(trade.first.median(where=inner), _MONDAY),
        usual_last=ibis.coalesce(trade.last.median(where=inner), _SUNDAY),
    )
    trade = trade.cross_join(usual)
    inner = (trade[columns.WEEK_START] > trade.oldest) & (trade[columns.WEEK_START] < trade.newest)
    whole = trade.filter(inner | ((trade.first <= trade.usual_first) & (trade.last >= trade.usual_last)))
    span = whole.agg(oldest=_[columns.WEEK_START].min(), newest=_[columns.WEEK_START].max())
    oldest, newest = span.oldest.cast("timestamp(6)"), span.newest.cast("timestamp(6)")
    starts = span.select(start=ibis.range(oldest, newest + _WEEK, _WEEK).unnest())
    return starts.select(
        week_start=starts.start.date(), event_timestamp=moment_of(zone, (starts.start + _WEEK).cast("timestamp(6)"))
    )


def _monday(day: ir.DateValue) -> ir.DateValue:
    return day.truncate("W")


def _priced_lines(merchandise: ir.Table, weeks: ir.Table, zone: str) -> ir.Table:
    quantity = merchandise[columns.QUANTITY]
    lines = merchandise.select(
        columns.PRODUCT_ID,
        columns.STORE_ID,
        columns.QUANTITY,
        week_start=_monday(local_time(zone, merchandise[columns.EVENT_TIMESTAMP]).date()),
        shelf_price=merchandise[columns.SHELF_AMOUNT] / quantity,
        paid_price=(merchandise[columns.SHELF_AMOUNT] - merchandise[columns.LOYALTY_DISCOUNT]) / quantity,
    )
    lines = lines.filter(lines[columns.WEEK_START].isin(weeks[columns.WEEK_START]))
    sensible = _is_price(lines.shelf_price) & _is_price(lines.paid_price)
    nothing = ibis.null("float64")
    return lines.mutate(
        shelf_price=sensible.ifelse(lines.shelf_price, nothing), paid_price=sensible.ifelse(lines.paid_price, nothing)
    )


def _is_price(price: ir.NumericValue) -> ir.BooleanValue:
    return (price > 0) & ~price.isinf() & ~price.isnan()


def _sold(lines: ir.Table, keys: tuple[str, ...]) -> ir.Table:
    return lines.group_by(list(keys)).agg(
        units=exact_total(lines[columns.QUANTITY], UNIT_PARTS),
        shelf_price=lines.shelf_price.median(),
        paid_price=lines.paid_price.median(),
    )


def _chain_weeks(sold: ir.Table, weeks: ir.Table, placed: ir.Table | None, counts: ir.Table | None) -> ir.Table:
    rows = _promoted(_every_week(sold, weeks), placed, weeks)
    rows = _emptied(rows, counts, _PRODUCT_WEEK)
    return _joined(rows, weeks, (columns.WEEK_START,)).select(
        columns.PRODUCT_ID,
        "units",
        "shelf_price",
        "paid_price",
        "imputed",
        "display",
        "mailer",
        week_start=_[columns.WEEK_START].cast("timestamp(6)"),  # Feast knows no dates
        discount_depth=1 - _.paid_price / _.shelf_price,
        stocked_out=_.emptied & (_.units == 0),
        month=_[columns.WEEK_START].month().cast("int64"),
        week_of_year=_[columns.WEEK_START].week_of_year().cast("int64"),
        event_timestamp=_[columns.EVENT_TIMESTAMP],
    )


def _every_week(sold: ir.Table, weeks: ir.Table) -> ir.Table:
    """Repeat each sale week, without its units and discount, up to the product's next one."""
    sold = _carried(sold, columns.PRODUCT_ID)
    sold = sold.cross_join(weeks.agg(newest=weeks[columns.WEEK_START].max()))
    following = ibis.window(group_by=columns.PRODUCT_ID, order_by=columns.WEEK_START)
    until = ibis.coalesce(sold[columns.WEEK_START].lead().over(following), sold.newest + _WEEK)
    runs = sold.mutate(sale_week=sold[columns.WEEK_START], until=until)
    start, until = runs.sale_week.cast("timestamp(6)"), runs.until.cast("timestamp(6)")
    rows = runs.mutate(week=ibis.range(start, until, _WEEK).unnest())
    rows = rows.mutate(week_start=rows.week.date(), repeated=rows.week.date() != rows.sale_week)
    return rows.select(
        *_PRODUCT_WEEK,
        "shelf_price",
        units=rows.repeated.ifelse(0.0, rows.units),
        paid_price=rows.repeated.ifelse(rows.shelf_price, rows.paid_price),
        imputed=rows.imputed | rows.repeated,
    )


def _promoted(rows: ir.Table, placed: ir.Table | None, weeks: ir.Table) -> ir.Table:
    """Add the shares of the covered stores that displayed or mailed the product."""
    if placed is None:
        return rows.mutate(display=0.0, mailer=0.0)
    shown = placed.group_by(list(_PRODUCT_WEEK)).agg(
        n_displays=_.on_display.cast("int64").sum(), n_mailers=_.in_mailer.cast("int64").sum()
    )
    rows = _joined(rows, shown, _PRODUCT_WEEK)
    rows = _joined(rows, _coverage(placed, weeks), (columns.WEEK_START,))
    n_covered = ibis.coalesce(rows.n_covered, 1)
    return rows.mutate(
        display=ibis.coalesce(rows.n_displays, 0) / n_covered, mailer=ibis.coalesce(rows.n_mailers, 0) / n_covered
    )


def _store_weeks(sold: ir.Table, weeks: ir.Table, placed: ir.Table | None, counts: ir.Table | None) -> ir.Table:
    rows = sold if counts is None else _with_empty_weeks(sold, counts, weeks)
    rows = _emptied(_carried(rows, columns.PRODUCT_ID, columns.STORE_ID), counts, _STORE_WEEK)
    if placed is None:
        rows = rows.mutate(on_display=False, in_mailer=False)
    else:
        rows = _joined(rows, placed.semi_join(rows, list(_STORE_WEEK)), _STORE_WEEK)
    return _joined(rows, weeks, (columns.WEEK_START,)).select(
        columns.PRODUCT_ID,
        columns.STORE_ID,
        store_week_start=_[columns.WEEK_START].cast("timestamp(6)"),
        store_units=_.units,
        store_shelf_price=_.shelf_price,
        store_paid_price=_.paid_price,
        store_discount_depth=1 - _.paid_price / _.shelf_price,
        store_imputed=_.imputed,
        store_display=ibis.coalesce(_.on_display, False),
        store_mailer=ibis.coalesce(_.in_mailer, False),
        store_stocked_out=_.emptied & (_.units == 0),
        event_timestamp=_[columns.EVENT_TIMESTAMP],
    )


def _with_empty_weeks(sold: ir.Table, counts: ir.Table, weeks: ir.Table) -> ir.Table:
    """Add the weeks at whose end a store's last count of a product was nought, for pairs that were ever sold."""
    pairs = sold.select(columns.PRODUCT_ID, columns.STORE_ID).distinct()
    emptied = counts.filter(counts.on_hand <= 0, counts[columns.WEEK_START].isin(weeks[columns.WEEK_START]))
    emptied = emptied.semi_join(pairs, [columns.PRODUCT_ID, columns.STORE_ID]).select(*_STORE_WEEK)
    return _joined(ibis.union(sold.select(*_STORE_WEEK), emptied, distinct=True), sold, _STORE_WEEK)


def _products(products: ir.Table, weeks: ir.Table) -> ir.Table:
    """Attributes carry no time in the lake: they hold from the end of the first week on, and so for every week."""
    first = weeks.agg(**{columns.EVENT_TIMESTAMP: weeks[columns.EVENT_TIMESTAMP].min()})
    merchandise = products.filter(products[columns.IS_MERCHANDISE]).cross_join(first)
    return merchandise.select(
        columns.PRODUCT_ID,
        **{name: ibis.coalesce(merchandise[name], "") for name in _TEXTS},
        unit_cost=merchandise[columns.UNIT_COST],
        list_price=merchandise[columns.LIST_PRICE],
        sold_by_weight=ibis.coalesce(merchandise[columns.SOLD_BY_WEIGHT], False),
        event_timestamp=merchandise[columns.EVENT_TIMESTAMP],
    )


def _placements(promotions: ir.Table) -> ir.Table:
    return promotions.select(
        *_STORE_WEEK,
        on_display=_is_placed(promotions[columns.DISPLAY]),
        in_mailer=_is_placed(promotions[columns.MAILER]),
    )


def _is_placed(code: ir.StringValue) -> ir.BooleanValue:
    return code.fill_null("").notin(_NO_PLACEMENT)


def _coverage(placed: ir.Table, weeks: ir.Table) -> ir.Table:
    """Count the stores whose promotions were known in each week: those met in the promotions by then."""
    firsts = placed.group_by(columns.STORE_ID).agg(first_week=_[columns.WEEK_START].min())
    known = weeks.inner_join(firsts, weeks[columns.WEEK_START] >= firsts.first_week)
    return known.group_by(columns.WEEK_START).agg(n_covered=_.count())


def _last_counts(inventory: ir.Table, zone: str) -> ir.Table:
    """Give the last stock count of each product, store and week."""
    counts = inventory.mutate(week_start=_monday(local_time(zone, inventory[columns.EVENT_TIMESTAMP]).date()))
    return counts.group_by(list(_STORE_WEEK)).agg(on_hand=_[columns.ON_HAND].argmax(_[columns.EVENT_TIMESTAMP]))


def _emptied(rows: ir.Table, counts: ir.Table | None, keys: tuple[str, ...]) -> ir.Table:
    """Tell whether every store counted in the week counted nought at last; False where none counted."""
    if counts is None:
        return rows.mutate(emptied=False)
    rows = _joined(rows, counts.group_by(list(keys)).agg(most=_.on_hand.max()), keys)
    return rows.mutate(emptied=ibis.coalesce(rows.most <= 0, False))


def _carried(rows: ir.Table, *series: str) -> ir.Table:
    """Fill weeks without a price with the last shelf price of the series, free of its discount, and mark them."""
    so_far = ibis.window(group_by=list(series), order_by=columns.WEEK_START, following=0)
    rows = rows.mutate(n_priced=rows.shelf_price.count().over(so_far))
    run = [*series, "n_priced"]  # a week with a price, and the weeks without one that follow it
    return rows.mutate(
        units=ibis.coalesce(rows.units, 0.0),
        imputed=rows.shelf_price.isnull(),
        paid_price=ibis.coalesce(rows.paid_price, rows.shelf_price.max().over(group_by=run)),
        shelf_price=rows.shelf_price.max().over(group_by=run),
    )


def _joined(rows: ir.Table, more: ir.Table, keys: tuple[str, ...]) -> ir.Table:
    """Add columns by keys that `more` holds once at most; null where it does not."""
    rows = rows.left_join(more, list(keys))
    return rows.select(*(name for name in rows.columns if name not in {f"{key}_right" for key in keys}))
