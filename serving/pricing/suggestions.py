"""Price suggestions on record: what they are, how they are written, read and listed."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

import sqlalchemy as sa

from serving.errors import FieldError, FieldsInvalid
from serving.pricing.errors import SuggestionUnknown
from serving.pricing.moments import from_optional_us, from_us, shown, to_optional_us, to_us
from serving.pricing.money import money
from serving.pricing.move_log import MoveLog
from serving.pricing.price_history import Scope
from serving.pricing.states import Status, allowed_moves
from serving.pricing.tables import SUGGESTIONS

_COLUMNS: Final = tuple(SUGGESTIONS.c)


@dataclass(frozen=True)
class Suggestion:
    """One suggestion and where it stands.

    Attributes:
        suggestion_id: Its id.
        decision_id: The answer it was part of.
        scope: What the price is for.
        status: Where it stands.
        created_at: When it was made.
        created_by: Name of the API key that asked for it.
        valid_from: First moment of the price.
        valid_until: The moment it ends; None until another takes its place.
        currency: ISO 4217.
        price: What is or would be published: the suggestion, or its override.
        overridden_by: Name of the API key that overrode it.
        replaces: Suggestions whose place it takes although they overlap.
        facts: The rest of the suggestion, as it was answered.
        sequence: Its place on record; 0 before.
    """

    suggestion_id: str
    decision_id: str
    scope: Scope
    status: Status
    created_at: datetime
    created_by: str
    valid_from: datetime
    valid_until: datetime | None
    currency: str
    price: Decimal
    facts: Mapping[str, Any]
    overridden_by: str | None = None
    replaces: tuple[str, ...] = ()
    sequence: int = 0

    def shown(self) -> dict[str, Any]:
        """Write it as answers do."""
        answer = dict(self.facts)
        reason = answer.pop("override_reason", None)
        price = money(self.price, self.currency)
        override = None if self.overridden_by is None else {"price": price, "by": self.overridden_by, "reason": reason}
        return {
            "suggestion_id": self.suggestion_id,
            "decision_id": self.decision_id,
            "product_id": self.scope.product_id,
            "store_id": self.scope.store_id or None,
            "channel": self.scope.channel or None,
            "status": self.status,
            "allowed_moves": list(allowed_moves(self.status)),
            "created_at": shown(self.created_at),
            "created_by": self.created_by,
            "valid_from": shown(self.valid_from),
            "valid_until": shown(self.valid_until),
            "price": price,
            "override": override,
            **answer,
        }


class SuggestionStore:
    """Reads suggestions from their table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def one(self, suggestion_id: str) -> dict[str, Any]:
        """Give a suggestion with every move it made.

        Raises:
            SuggestionUnknown: If it is not on record.
        """
        with self._engine.connect() as connection:
            found = read(connection, suggestion_id)
            return {**found.shown(), "moves": MoveLog.of(connection, suggestion_id)}

    def page(
        self,
        *,
        status: Status | None,
        product_id: str | None,
        store_id: str | None,
        limit: int,
        cursor: str | None,
    ) -> dict[str, Any]:
        """List suggestions, newest first.

        Raises:
            FieldsInvalid: If the cursor is none of ours.
        """
        wanted = {"status": status, "product_id": product_id, "store_id": store_id}
        asked = sa.select(*_COLUMNS).order_by(SUGGESTIONS.c.sequence.desc()).limit(limit + 1)
        asked = asked.where(*(SUGGESTIONS.c[name] == value for name, value in wanted.items() if value is not None))
        if cursor is not None:
            asked = asked.where(SUGGESTIONS.c.sequence < _position(cursor))
        with self._engine.connect() as connection:
            found = [suggestion_of(row) for row in connection.execute(asked)]
        more = len(found) > limit
        return {
            "suggestions": [suggestion.shown() for suggestion in found[:limit]],
            "next_cursor": _encode(found[limit - 1].sequence) if more else None,
        }


def new_suggestion_id() -> str:
    """Make an id that nobody can guess."""
    return f"ps_{secrets.token_hex(12)}"


def read(connection: sa.Connection, suggestion_id: str) -> Suggestion:
    """Read one suggestion.

    Raises:
        SuggestionUnknown: If it is not on record.
    """
    asked = sa.select(*_COLUMNS).where(SUGGESTIONS.c.suggestion_id == suggestion_id)
    row = connection.execute(asked).first()
    if row is None:
        raise SuggestionUnknown(suggestion_id=suggestion_id)
    return suggestion_of(row)


def of_scope(connection: sa.Connection, scope: Scope, statuses: Sequence[Status]) -> list[Suggestion]:
    """Read the suggestions for one scope that are in some states, oldest first."""
    table = SUGGESTIONS.c
    asked = sa.select(*_COLUMNS).order_by(table.sequence)
    asked = asked.where(
        table.product_id == scope.product_id,
        table.store_id == scope.store_id,
        table.channel == scope.channel,
        table.status.in_(statuses),
    )
    return [suggestion_of(row) for row in connection.execute(asked)]


def insert(connection: sa.Connection, suggestions: Sequence[Suggestion]) -> None:
    """Write new suggestions."""
    rows = [
        {
            "suggestion_id": new.suggestion_id,
            "decision_id": new.decision_id,
            "product_id": new.scope.product_id,
            "store_id": new.scope.store_id,
            "channel": new.scope.channel,
            "status": new.status,
            "created_us": to_us(new.created_at),
            "created_by": new.created_by,
            "valid_from_us": to_us(new.valid_from),
            "valid_until_us": to_optional_us(new.valid_until),
            "currency": new.currency,
            "price": str(new.price),
            "overridden_by": new.overridden_by,
            "replaces": " ".join(new.replaces),
            "facts": json.dumps(new.facts),
        }
        for new in suggestions
    ]
    if rows:
        connection.execute(SUGGESTIONS.insert(), rows)


def suggestion_of(row: Any) -> Suggestion:
    """Read a row of the table."""
    return Suggestion(
        suggestion_id=row.suggestion_id,
        decision_id=row.decision_id,
        scope=Scope(row.product_id, row.store_id, row.channel),
        status=cast("Status", row.status),
        created_at=from_us(row.created_us),
        created_by=row.created_by,
        valid_from=from_us(row.valid_from_us),
        valid_until=from_optional_us(row.valid_until_us),
        currency=row.currency,
        price=Decimal(row.price),
        overridden_by=row.overridden_by,
        replaces=tuple(row.replaces.split()),
        facts=json.loads(row.facts),
        sequence=row.sequence,
    )


def _encode(sequence: int) -> str:
    return base64.urlsafe_b64encode(f"ps/{sequence}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        kind, _, sequence = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").partition("/")
        if kind != "ps" or not (sequence.isdecimal() and len(sequence) < 19):
            raise ValueError
    except (binascii.Error, ValueError):
        message = "This cursor is not one of ours. Begin again without a cursor."
        fault = FieldError(field="cursor", code="UNKNOWN_CURSOR", message=message)
        raise FieldsInvalid(errors=[fault]) from None
    return int(sequence)
