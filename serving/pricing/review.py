"""The review flow: who may move a suggestion, from where to where, and what else that changes."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from configs.price_review import ReviewSettings
from configs.pricing_rules import PricingRules
from serving.pricing.errors import MoveIllegal, OutsideGuardrails, OwnOverride, SuggestionExpired, ValidityOverlaps
from serving.pricing.idempotency import Answered
from serving.pricing.moments import shown
from serving.pricing.money import plain
from serving.pricing.move_log import CREATE, MoveLog, Step
from serving.pricing.override import broken_rules
from serving.pricing.price_history import PUBLISHED as IN_FORCE
from serving.pricing.price_history import Entry, PriceHistory
from serving.pricing.states import (
    APPROVE,
    APPROVED,
    BINDING,
    OVERRIDDEN,
    OVERRIDE,
    PUBLISH,
    PUBLISHED,
    REJECT,
    SUPERSEDE,
    Move,
    allowed_moves,
    target,
)
from serving.pricing.suggestions import Suggestion, insert, of_scope, read
from serving.pricing.tables import SUGGESTIONS

AUTOMATIC: Final = "automatic"


class Review:
    """Makes moves, each in one transaction with its entry in the log.

    A transaction begins by taking the log's lock, so that moves follow one another however many processes serve; the
    state is compared and set in one statement besides.

    Args:
        engine: Database of the suggestions.
        settings: Limits of the flow.
        rules: Hard rules, which a price set by hand must keep as well.
        now: The wall clock.
    """

    def __init__(
        self, engine: sa.Engine, settings: ReviewSettings, rules: PricingRules, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._rules = rules
        self._now = now

    def record(self, suggestions: Sequence[Suggestion], answered: Answered | None) -> None:
        """Put new suggestions on record; those approved within the limits of the settings are so by nobody.

        Args:
            suggestions: New ones, pending or approved.
            answered: The answer to keep under an idempotency key, written in the same transaction.

        Raises:
            IdempotencyKeyReused: If another request with the key was faster; nothing is kept then.
        """
        steps = [step for new in suggestions for step in _first_steps(new)]
        now = self._now()
        with self._engine.begin() as connection:
            MoveLog.lock(connection)
            if answered is not None:
                answered.keep(connection, now, self._settings.idempotency_hours)
            insert(connection, suggestions)
            MoveLog.append(connection, steps, now)

    def approve(self, suggestion_id: str, actor: str, *, note: str | None, replaces: Sequence[str]) -> None:
        """Agree with a suggestion.

        Raises:
            SuggestionUnknown: If it is not on record.
            MoveIllegal: If it cannot be approved where it stands.
            OwnOverride: If the caller made the override.
            SuggestionExpired: If its time is over.
            ValidityOverlaps: If another one, approved or published, holds part of that time.
        """
        with self._engine.begin() as connection:
            MoveLog.lock(connection)
            found = _check(connection, suggestion_id, APPROVE)
            if found.status == OVERRIDDEN and found.overridden_by == actor:
                raise OwnOverride(suggestion_id=suggestion_id)
            now = self._now()
            _refuse_expired(found, now)
            _refuse_overlap(connection, found, replaces)
            facts = {"price": plain(found.price), "note": note, "replaces": list(replaces)}
            _move(connection, found, APPROVE, actor, now, facts, replaces=" ".join(replaces))

    def reject(self, suggestion_id: str, actor: str, *, reason: str) -> None:
        """Turn a suggestion down.

        Raises:
            SuggestionUnknown: If it is not on record.
            MoveIllegal: If it cannot be rejected where it stands.
        """
        with self._engine.begin() as connection:
            MoveLog.lock(connection)
            found = _check(connection, suggestion_id, REJECT)
            _move(connection, found, REJECT, actor, self._now(), {"price": plain(found.price), "reason": reason})

    def override(self, suggestion_id: str, actor: str, *, price: Decimal, reason: str) -> None:
        """Put another price in the place of the suggested one.

        Raises:
            SuggestionUnknown: If it is not on record.
            MoveIllegal: If it cannot be overridden where it stands.
            OutsideGuardrails: If a hard rule forbids the price and the settings do not allow that.
        """
        with self._engine.begin() as connection:
            MoveLog.lock(connection)
            found = _check(connection, suggestion_id, OVERRIDE)
            broken = broken_rules(price, found.facts, self._rules)
            if broken and not self._settings.overrides_beyond_guardrails:
                raise OutsideGuardrails(
                    price=plain(price), currency=found.currency, rules=[rule.message for rule in broken]
                )
            facts = {
                "price_from": plain(found.price),
                "price_to": plain(price),
                "reason": reason,
                "broken": [rule.code for rule in broken],
            }
            kept = json.dumps({**found.facts, "override_reason": reason})
            _move(
                connection,
                found,
                OVERRIDE,
                actor,
                self._now(),
                facts,
                price=str(price),
                overridden_by=actor,
                facts=kept,
            )

    def publish(self, suggestion_id: str, actor: str, *, note: str | None) -> None:
        """Put an approved price in force, from its first moment or from now if that is past.

        Raises:
            SuggestionUnknown: If it is not on record.
            MoveIllegal: If it cannot be published where it stands.
            SuggestionExpired: If its time is over.
            ValidityOverlaps: If another one, approved or published, holds part of that time.
        """
        with self._engine.begin() as connection:
            MoveLog.lock(connection)
            found = _check(connection, suggestion_id, PUBLISH)
            now = self._now()
            _refuse_expired(found, now)
            _refuse_overlap(connection, found, found.replaces)
            begins = max(found.valid_from, now)
            self._supersede(connection, found, begins, now, actor)
            entry = Entry(
                found.scope, found.price, found.currency, begins, found.valid_until, IN_FORCE, found.suggestion_id
            )
            PriceHistory.add(connection, [entry], now)
            facts = {
                "price": plain(found.price),
                "valid_from": shown(begins),
                "valid_until": shown(found.valid_until),
                "note": note,
            }
            _move(connection, found, PUBLISH, actor, now, facts)

    def verify(self) -> str:
        """Check the log of moves.

        Returns:
            Digest of its last entry.

        Raises:
            MoveLogBroken: If it is not as it was written.
        """
        with self._engine.connect() as connection:
            return MoveLog.verify(connection)

    @staticmethod
    def _supersede(connection: sa.Connection, new: Suggestion, begins: datetime, now: datetime, actor: str) -> None:
        for other in of_scope(connection, new.scope, BINDING):
            named = other.suggestion_id in new.replaces
            if other.suggestion_id == new.suggestion_id or not (named or _gives_way(other, new, now)):
                continue
            if named and other.status == PUBLISHED:
                PriceHistory.end(connection, other.suggestion_id, begins, now)
            _move(connection, other, SUPERSEDE, actor, now, {"by": new.suggestion_id})


def clashes(one: Suggestion, other: Suggestion) -> bool:
    """Tell whether two prices of one scope want the same time.

    A price without an end holds until the next one begins, so a later one may stand on top of it.
    """
    first, second = sorted((one, other), key=lambda suggestion: suggestion.valid_from)
    if first.valid_until is not None:
        return second.valid_from < first.valid_until
    return first.valid_from == second.valid_from


def _gives_way(other: Suggestion, new: Suggestion, now: datetime) -> bool:
    """Tell whether a published price is over once a new one is published."""
    if other.status != PUBLISHED:
        return False
    if other.valid_until is not None:
        return other.valid_until <= now
    return new.valid_until is None and other.valid_from <= new.valid_from


def _first_steps(new: Suggestion) -> list[Step]:
    facts = {"price_from": new.facts["current_price"]["amount"], "price_to": plain(new.price)}
    created = Step(new.suggestion_id, new.created_by, CREATE, None, "pending_approval", facts)
    if new.status != APPROVED:
        return [created]
    approved = Step(new.suggestion_id, AUTOMATIC, APPROVE, "pending_approval", APPROVED, {"price": plain(new.price)})
    return [created, approved]


def _check(connection: sa.Connection, suggestion_id: str, move: Move) -> Suggestion:
    found = read(connection, suggestion_id)
    if target(found.status, move) is None:
        raise MoveIllegal(
            suggestion_id=suggestion_id, move=move, status=found.status, allowed=allowed_moves(found.status)
        )
    return found


def _refuse_expired(found: Suggestion, now: datetime) -> None:
    if found.valid_until is not None and found.valid_until <= now:
        raise SuggestionExpired(suggestion_id=found.suggestion_id, ended=str(shown(found.valid_until)))


def _refuse_overlap(connection: sa.Connection, found: Suggestion, replaces: Sequence[str]) -> None:
    for other in of_scope(connection, found.scope, BINDING):
        excepted = other.suggestion_id == found.suggestion_id or other.suggestion_id in replaces
        if not excepted and clashes(found, other):
            raise ValidityOverlaps(
                suggestion_id=found.suggestion_id,
                other=other.suggestion_id,
                status=other.status,
                begins=str(shown(other.valid_from)),
                ends=shown(other.valid_until),
            )


def _move(
    connection: sa.Connection,
    found: Suggestion,
    move: Move,
    actor: str,
    at: datetime,
    why: Mapping[str, Any],
    **changes: str,
) -> None:
    after = target(found.status, move)
    table = SUGGESTIONS.c
    done = connection.execute(
        SUGGESTIONS.update()
        .where(table.suggestion_id == found.suggestion_id, table.status == found.status)
        .values(status=after, **changes)
    )
    if after is None or done.rowcount != 1:  # somebody else was faster; the lock should have kept them out
        raise MoveIllegal(
            suggestion_id=found.suggestion_id, move=move, status=found.status, allowed=allowed_moves(found.status)
        )
    MoveLog.append(connection, [Step(found.suggestion_id, actor, move, found.status, after, why)], at)
