"""Answers kept under an idempotency key, so that a request sent again is not done again."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from serving.pricing.errors import IdempotencyKeyReused
from serving.pricing.moments import to_us
from serving.pricing.tables import ANSWERS


@dataclass(frozen=True)
class Ticket:
    """One request under a key: who sent it, and a digest of what was asked."""

    caller: str
    key: str
    request_digest: str

    @classmethod
    def of(cls, caller: str, key: str, request: BaseModel) -> "Ticket":
        """Make the ticket of a request."""
        return cls(caller, key, hashlib.sha256(request.model_dump_json().encode()).hexdigest())

    def answer(self, engine: sa.Engine) -> dict[str, Any] | None:
        """Give the answer kept under the key; None when there is none.

        Raises:
            IdempotencyKeyReused: If the key was used for another request.
        """
        asked = sa.select(ANSWERS.c.request_digest, ANSWERS.c.answer).where(
            ANSWERS.c.caller == self.caller, ANSWERS.c.idempotency_key == self.key
        )
        with engine.connect() as connection:
            row = connection.execute(asked).first()
        if row is None:
            return None
        if row[0] != self.request_digest:
            raise IdempotencyKeyReused(key=self.key)
        kept: dict[str, Any] = json.loads(row[1])
        return kept


@dataclass(frozen=True)
class Answered:
    """A ticket and the answer that was given."""

    ticket: Ticket
    answer: dict[str, Any]

    def keep(self, connection: sa.Connection, now: datetime, hours: int) -> None:
        """Write the answer down, and forget those that are too old.

        Raises:
            IdempotencyKeyReused: If an answer was kept under the key meanwhile.
        """
        connection.execute(ANSWERS.delete().where(ANSWERS.c.created_us < to_us(now - timedelta(hours=hours))))
        row = {
            "caller": self.ticket.caller,
            "idempotency_key": self.ticket.key,
            "request_digest": self.ticket.request_digest,
            "answer": json.dumps(self.answer),
            "created_us": to_us(now),
        }
        try:
            connection.execute(ANSWERS.insert().values(row))
        except sa.exc.IntegrityError:
            raise IdempotencyKeyReused(key=self.ticket.key) from None
