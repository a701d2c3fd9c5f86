"""The tables of the review flow and of the price history.

Whoever the scope of a price is left open for (the whole chain, every channel) is written as an empty string, so that
scopes compare alike on every database. Times are microseconds since 1970, UTC; prices are decimal strings.
"""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()
EVERYWHERE: Final = ""  # the whole chain, or every channel

_SEQUENCE: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

SUGGESTIONS: Final = sa.Table(
    "price_suggestions",
    METADATA,
    sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("suggestion_id", sa.String(64), nullable=False, unique=True),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("product_id", sa.String(128), nullable=False),
    sa.Column("store_id", sa.String(128), nullable=False),
    sa.Column("channel", sa.String(128), nullable=False),
    sa.Column("status", sa.String(32), nullable=False, index=True),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(64), nullable=False),
    sa.Column("valid_from_us", sa.BigInteger, nullable=False),
    sa.Column("valid_until_us", sa.BigInteger, nullable=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("price", sa.String(24), nullable=False),  # what would be published: the suggestion, or its override
    sa.Column("overridden_by", sa.String(64), nullable=True),
    sa.Column("replaces", sa.String, nullable=False),  # ids that the approval named, separated by blanks
    sa.Column("facts", sa.String, nullable=False),  # JSON: the suggestion as it was answered
    sa.Index("price_suggestions_scope", "product_id", "store_id", "channel", "status"),
)

MOVES: Final = sa.Table(
    "price_moves",
    METADATA,
    sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=False),
    sa.Column("suggestion_id", sa.String(64), nullable=False, index=True),
    sa.Column("entry", sa.String, nullable=False),  # JSON: what happened, and the digest of the entry before
    sa.Column("digest", sa.String(64), nullable=False),
)

HEADS: Final = sa.Table(
    "price_move_heads",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("n_moves", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)

HISTORY: Final = sa.Table(
    "price_history",
    METADATA,
    sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("product_id", sa.String(128), nullable=False),
    sa.Column("store_id", sa.String(128), nullable=False),
    sa.Column("channel", sa.String(128), nullable=False),
    sa.Column("price", sa.String(24), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("valid_from_us", sa.BigInteger, nullable=False),
    sa.Column("valid_until_us", sa.BigInteger, nullable=True),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("suggestion_id", sa.String(64), nullable=True),
    sa.CheckConstraint("source IN ('published', 'observed')"),
    sa.CheckConstraint("valid_until_us IS NULL OR valid_until_us > valid_from_us"),
    sa.Index("price_history_product", "product_id", "valid_from_us"),
)

ENDS: Final = sa.Table(
    "price_ends",
    METADATA,
    sa.Column("suggestion_id", sa.String(64), primary_key=True),
    sa.Column("ends_us", sa.BigInteger, nullable=False),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
)

ANSWERS: Final = sa.Table(
    "price_answers",
    METADATA,
    sa.Column("caller", sa.String(64), primary_key=True),
    sa.Column("idempotency_key", sa.String(128), primary_key=True),
    sa.Column("request_digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.String, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
)

# What is only ever added to. SQLite refuses the rest by trigger; elsewhere grant INSERT and SELECT alone.
APPEND_ONLY: Final = (MOVES, HISTORY, ENDS)


def _guards(tables: Iterable[sa.Table]) -> Iterable[tuple[sa.Table, sa.DDL]]:
    for table in tables:
        for action in ("UPDATE", "DELETE"):
            yield (
                table,
                sa.DDL(  # type: ignore[no-untyped-call]
                    f"CREATE TRIGGER IF NOT EXISTS {table.name}_no_{action.lower()} BEFORE {action} ON {table.name} "
                    f"BEGIN SELECT RAISE(ABORT, '{table.name} is only ever added to'); END"
                ),
            )


for _table, _guard in _guards(APPEND_ONLY):
    sa.event.listen(_table, "after_create", _guard.execute_if(dialect="sqlite"))


def create_tables(engine: sa.Engine) -> None:
    """Make the tables and their guards where they are missing."""
    METADATA.create_all(engine)
    with engine.begin() as connection:
        known = sa.select(HEADS.c.name).where(HEADS.c.name == HEAD)
        if connection.execute(known).first() is None:
            connection.execute(HEADS.insert().values(name=HEAD, n_moves=0, digest=GENESIS))


HEAD: Final = "moves"
GENESIS: Final = "0" * 64
