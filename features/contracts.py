"""The table contracts: which columns a source gives, and what their values may be.

Each contract is a pandera schema over typed columns. Its checks run one by one over whole columns, so that every
row keeps all its reasons and twenty million rows take seconds; `features.rejects` runs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import pandas as pd
import pandera.pandas as pa

from features import columns as c
from privacy.consent import PURPOSES

MAX_ID_LENGTH: Final = 128
MAX_TEXT_LENGTH: Final = 1_000
MAX_NUMBER: Final = 1e9
EARLIEST: Final = pd.Timestamp("1990-01-01", tz="UTC")


class Kind(Enum):
    """What a column's values are."""

    ID = "an id"
    TEXT = "a text"
    NUMBER = "a number"
    FLAG = "true or false"
    MOMENT = "a time"
    DAY = "a date"


class Repeats(Enum):
    """What happens to rows that share their contract's key."""

    KEEP = "keep"  # each row is an event of its own
    REFUSE = "refuse"  # the first row stays, later ones are rejects
    MERGE = "merge"  # one row per key, keeping the greatest value of every other column


@dataclass(frozen=True)
class Contract:
    """One table's columns by name, and the checks of each in a pandera schema.

    Args:
        table: Name of the table and of its file.
        kinds: Kind by column, in the order of the lake.
        required: Columns that a source must have, and rows must fill.
        key: Columns that name a row; used by `repeats`.
        repeats: What happens to rows of the same key.
        schema: pandera checks by column; the name of a check is the reason given for a row that fails it.
        may_lie_ahead: Whether a row's time may lie in the future (plans and campaigns).
        personal: Columns that describe a person or one of their visits; every column where rows are about people.
    """

    table: str
    kinds: Mapping[str, Kind]
    required: tuple[str, ...]
    key: tuple[str, ...]
    repeats: Repeats
    schema: pa.DataFrameSchema
    may_lie_ahead: bool
    personal: frozenset[str]

    @property
    def time_column(self) -> str | None:
        """The column that says when a row holds; None for tables without time."""
        return next((name for name, kind in self.kinds.items() if kind in (Kind.MOMENT, Kind.DAY)), None)


def above(limit: float) -> pa.Check:
    """Check that numbers are finite, above a limit and not absurdly large."""
    return pa.Check(
        lambda values: (values > limit) & (values <= MAX_NUMBER), name=f"is not above {limit:g}, or too large"
    )


def at_least(limit: float) -> pa.Check:
    """Check that numbers are finite, not below a limit and not absurdly large."""
    return pa.Check(lambda values: (values >= limit) & (values <= MAX_NUMBER), name=f"is below {limit:g}, or too large")


_ID = pa.Check.str_length(1, MAX_ID_LENGTH, name=f"is not 1 to {MAX_ID_LENGTH} characters long")
_TEXT = pa.Check.str_length(0, MAX_TEXT_LENGTH, name=f"is longer than {MAX_TEXT_LENGTH} characters")
_PAST = pa.Check(lambda values: values >= EARLIEST, name=f"is before {EARLIEST.year}")
_MONDAY = pa.Check(lambda values: values.dt.dayofweek == 0, name="is not a Monday")
_PURPOSE = pa.Check.isin(PURPOSES, name=f"is none of {', '.join(PURPOSES)}")

_DEFAULT_CHECKS: Final[Mapping[Kind, tuple[pa.Check, ...]]] = {
    Kind.ID: (_ID,),
    Kind.TEXT: (_TEXT,),
    Kind.NUMBER: (at_least(0),),
    Kind.FLAG: (),
    Kind.MOMENT: (_PAST,),
    Kind.DAY: (_MONDAY,),
}


def _contract(
    table: str,
    kinds: Mapping[str, Kind],
    *,
    required: tuple[str, ...],
    key: tuple[str, ...] = (),
    repeats: Repeats = Repeats.KEEP,
    checks: Mapping[str, tuple[pa.Check, ...]] | None = None,
    may_lie_ahead: bool = False,
    personal: tuple[str, ...] = (),
) -> Contract:
    own = checks or {}
    schema = pa.DataFrameSchema(
        {
            name: pa.Column(
                checks=list(own.get(name, _DEFAULT_CHECKS[kind])),
                nullable=name not in required,
                required=name in required,
            )
            for name, kind in kinds.items()
        },
        name=table,
    )
    return Contract(table, kinds, required, key, repeats, schema, may_lie_ahead, frozenset(personal))


_TRANSACTIONS: Final = _contract(
    c.TRANSACTIONS,
    {
        c.CUSTOMER_ID: Kind.ID,
        c.PRODUCT_ID: Kind.ID,
        c.STORE_ID: Kind.ID,
        c.BASKET_ID: Kind.ID,
        c.EVENT_TIMESTAMP: Kind.MOMENT,
        c.QUANTITY: Kind.NUMBER,
        c.PAID_AMOUNT: Kind.NUMBER,
        c.SHELF_AMOUNT: Kind.NUMBER,
        c.LOYALTY_DISCOUNT: Kind.NUMBER,
        c.COUPON_DISCOUNT: Kind.NUMBER,
        c.CHANNEL: Kind.TEXT,
    },
    required=(
        c.CUSTOMER_ID,
        c.PRODUCT_ID,
        c.STORE_ID,
        c.BASKET_ID,
        c.EVENT_TIMESTAMP,
        c.QUANTITY,
        c.PAID_AMOUNT,
    ),
    # A line without units or without money is a return, a correction or a giveaway: it tells neither demand nor price.
    checks={c.QUANTITY: (above(0),), c.PAID_AMOUNT: (above(0),)},
    personal=(c.CUSTOMER_ID, c.BASKET_ID),
)

_PRODUCTS: Final = _contract(
    c.PRODUCTS,
    {
        c.PRODUCT_ID: Kind.ID,
        c.DEPARTMENT: Kind.TEXT,
        c.CATEGORY: Kind.TEXT,
        c.PRODUCT_TYPE: Kind.TEXT,
        c.BRAND: Kind.TEXT,
        c.MANUFACTURER_ID: Kind.ID,
        c.PACKAGE_SIZE: Kind.TEXT,
        c.UNIT_COST: Kind.NUMBER,
        c.LIST_PRICE: Kind.NUMBER,
        c.SOLD_BY_WEIGHT: Kind.FLAG,
        c.IS_MERCHANDISE: Kind.FLAG,
    },
    required=(c.PRODUCT_ID,),
    key=(c.PRODUCT_ID,),
    repeats=Repeats.REFUSE,
)

_PROMOTIONS: Final = _contract(
    c.PROMOTIONS,
    {
        c.PRODUCT_ID: Kind.ID,
        c.STORE_ID: Kind.ID,
        c.WEEK_START: Kind.DAY,
        c.DISPLAY: Kind.TEXT,
        c.MAILER: Kind.TEXT,
    },
    required=(c.PRODUCT_ID, c.STORE_ID, c.WEEK_START),
    key=(c.PRODUCT_ID, c.STORE_ID, c.WEEK_START),
    repeats=Repeats.MERGE,
    may_lie_ahead=True,
)

_CONSENTS: Final = _contract(
    c.CONSENTS,
    {
        c.CUSTOMER_ID: Kind.ID,
        c.PURPOSE: Kind.TEXT,
        c.GRANTED: Kind.FLAG,
        c.EVENT_TIMESTAMP: Kind.MOMENT,
        c.VERSION: Kind.TEXT,
        c.SOURCE: Kind.TEXT,
    },
    required=(c.CUSTOMER_ID, c.PURPOSE, c.GRANTED, c.EVENT_TIMESTAMP),
    key=(c.CUSTOMER_ID, c.PURPOSE, c.GRANTED, c.EVENT_TIMESTAMP, c.VERSION, c.SOURCE),
    repeats=Repeats.MERGE,
    checks={c.PURPOSE: (_PURPOSE,)},
    personal=(c.CUSTOMER_ID, c.PURPOSE, c.GRANTED, c.EVENT_TIMESTAMP, c.VERSION, c.SOURCE),
)

_INVENTORY: Final = _contract(
    c.INVENTORY,
    {c.PRODUCT_ID: Kind.ID, c.STORE_ID: Kind.ID, c.EVENT_TIMESTAMP: Kind.MOMENT, c.ON_HAND: Kind.NUMBER},
    required=(c.PRODUCT_ID, c.STORE_ID, c.EVENT_TIMESTAMP, c.ON_HAND),
    key=(c.PRODUCT_ID, c.STORE_ID, c.EVENT_TIMESTAMP),
    repeats=Repeats.REFUSE,
)

_CAMPAIGNS: Final = _contract(
    c.CAMPAIGNS,
    {c.CAMPAIGN_ID: Kind.ID, c.CUSTOMER_ID: Kind.ID, c.EVENT_TIMESTAMP: Kind.MOMENT, c.KIND: Kind.TEXT},
    required=(c.CAMPAIGN_ID, c.CUSTOMER_ID, c.EVENT_TIMESTAMP),
    key=(c.CAMPAIGN_ID, c.CUSTOMER_ID, c.EVENT_TIMESTAMP),
    repeats=Repeats.REFUSE,
    may_lie_ahead=True,
    personal=(c.CAMPAIGN_ID, c.CUSTOMER_ID, c.EVENT_TIMESTAMP, c.KIND),
)

_REDEMPTIONS: Final = _contract(
    c.REDEMPTIONS,
    {c.CAMPAIGN_ID: Kind.ID, c.CUSTOMER_ID: Kind.ID, c.EVENT_TIMESTAMP: Kind.MOMENT},
    required=(c.CAMPAIGN_ID, c.CUSTOMER_ID, c.EVENT_TIMESTAMP),
    personal=(c.CAMPAIGN_ID, c.CUSTOMER_ID, c.EVENT_TIMESTAMP),
)

_DEMOGRAPHICS: Final = _contract(
    c.DEMOGRAPHICS,
    {c.CUSTOMER_ID: Kind.ID},  # every other column is a sensitive attribute, taken as text and sealed unseen
    required=(c.CUSTOMER_ID,),
    key=(c.CUSTOMER_ID,),
    repeats=Repeats.REFUSE,
    personal=(c.CUSTOMER_ID,),
)

CONTRACTS: Final[Mapping[str, Contract]] = {
    contract.table: contract
    for contract in (
        _TRANSACTIONS,
        _PRODUCTS,
        _PROMOTIONS,
        _CONSENTS,
        _DEMOGRAPHICS,
        _INVENTORY,
        _CAMPAIGNS,
        _REDEMPTIONS,
    )
}


def describes_a_person(table: str, column: str) -> bool:
    """Tell whether a column of the lake is about a person; one that no contract knows is taken to be.

    >>> describes_a_person("transactions", "customer_id"), describes_a_person("transactions", "quantity")
    (True, False)
    >>> describes_a_person("demographics", "income")
    True
    """
    contract = CONTRACTS.get(table)
    return contract is None or column not in contract.kinds or column in contract.personal
