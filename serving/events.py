"""Events at the door: each judged by itself, all good ones durable before the answer."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from pydantic import ValidationError

from configs.settings import EventSettings
from features.events import Event
from serving.champion import Champion
from serving.errors import StorageUnavailable
from serving.log import failed
from serving.metrics import EVENTS
from serving.ports import EventSink, Pseudonyms
from serving.schemas_events import EventIn, EventNote, EventsAnswer, EventsRequest
from serving.validation import explain

_LONGEST_MESSAGE: Final = 500


def _nobody(_customer_ids: Collection[str]) -> Collection[str]:
    return ()


@dataclass
class _Sorted:
    """A batch sorted into what goes on and what is refused."""

    good: list[Event] = field(default_factory=list)
    errors: list[EventNote] = field(default_factory=list)
    warnings: list[EventNote] = field(default_factory=list)


class EventDoor:
    """The use case behind `POST /v1/events`.

    Events of products that the served model does not know are accepted, with a warning: the product may be new, and
    what is lost now cannot be learnt from later.

    Args:
        sink: Makes events durable and folds them into features.
        pseudonyms: The door at which the shop's ids become pseudonyms.
        settings: How old and how far ahead an event may be.
        retry_after_s: When to come back after the storage failed; seconds.
        now: The wall clock.
        erased: Tells which customers were erased; their events are refused.
    """

    def __init__(
        self,
        *,
        sink: EventSink,
        pseudonyms: Pseudonyms,
        settings: EventSettings,
        retry_after_s: int,
        now: Callable[[], datetime],
        erased: Callable[[Collection[str]], Collection[str]] = _nobody,
    ) -> None:
        self._sink = sink
        self._pseudonyms = pseudonyms
        self._settings = settings
        self._retry_after_s = retry_after_s
        self._now = now
        self._erased = erased
        self._one_writer = threading.Lock()

    def record(self, batch: EventsRequest, champion: Champion | None) -> EventsAnswer:
        """Judge every event, write the good ones to disk, and say what became of each.

        Raises:
            StorageUnavailable: If the disk does not take them; none of the batch was kept then.
        """
        kept = self._sort(batch, champion)
        try:
            with self._one_writer:
                result = self._sink.record(kept.good) if kept.good else None
        except (sa.exc.SQLAlchemyError, OSError) as failure:
            failed("events could not be written", failure, events=len(kept.good))
            raise StorageUnavailable(retry_after_s=self._retry_after_s) from None
        answer = EventsAnswer(
            accepted=result.accepted if result else 0,
            duplicates=result.duplicates if result else 0,
            rejected=len(kept.errors),
            errors=tuple(kept.errors),
            warnings=tuple(kept.warnings),
        )
        _count(answer)
        return answer

    def _sort(self, batch: EventsRequest, champion: Champion | None) -> _Sorted:
        kept = _Sorted()
        now, erased = self._now(), self._erased(_customers(batch))
        for index, event in enumerate(batch.events):
            refused = (
                _malformed(index, event)
                if isinstance(event, ValidationError)
                else self._untimely(index, event, now) or _late(index, event, erased)
            )
            if refused:
                kept.errors.append(refused)
                continue
            kept.good.append(self._known(event))
            if champion and event.product_id is not None and event.product_id not in champion.shelf.index:
                kept.warnings.append(_unknown_product(index, champion))
        return kept

    def _untimely(self, index: int, event: EventIn, now: datetime) -> EventNote | None:
        ahead, age = self._settings.max_future_minutes, self._settings.max_age_days
        if event.occurred_at > now + timedelta(minutes=ahead):
            message = (
                f"occurred_at is over {ahead:g} minutes ahead of the server's clock. Correct the time or the clock."
            )
            return EventNote(index=index, code="FUTURE_EVENT", message=message)
        if event.occurred_at < now - timedelta(days=age):
            message = f"occurred_at is over {age} days back. Bring old events in with `fairshelf ingest files`."
            return EventNote(index=index, code="TOO_OLD", message=message)
        return None

    def _known(self, event: EventIn) -> Event:
        if event.customer_id is not None:
            subject = self._pseudonyms.pseudonym(event.customer_id)
        else:
            subject = self._pseudonyms.visitor(str(event.visitor_id))
        return Event(
            event_id=event.event_id,
            type=event.type,
            customer_id=subject,
            product_id=event.product_id,
            store_id=event.store_id,
            quantity=event.quantity,
            unit_price_usd=None if event.unit_price is None else float(event.unit_price.amount),
            decision_id=event.decision_id,
            occurred_at=event.occurred_at,
        )


def _customers(batch: EventsRequest) -> set[str]:
    events = (event for event in batch.events if not isinstance(event, ValidationError))
    return {event.customer_id for event in events if event.customer_id is not None}


def _late(index: int, event: EventIn, erased: Collection[str]) -> EventNote | None:
    if event.customer_id is None or event.customer_id not in erased:
        return None
    message = (
        "This person's data was erased on request, and events about them are not kept. Stop sending them and delete "
        "them at the source; a person who comes back needs a new id."
    )
    return EventNote(index=index, code="PERSON_ERASED", message=message)


def _malformed(index: int, fault: ValidationError) -> EventNote:
    faults = explain(fault.errors(include_url=False, include_input=False), EventIn)
    message = " ".join(f"{f.field}: {f.message}" if f.field != "body" else f.message for f in faults)
    return EventNote(index=index, code=faults[0].code, message=message[:_LONGEST_MESSAGE])


def _unknown_product(index: int, champion: Champion) -> EventNote:
    message = (
        f"The product is not in model version {champion.version}. The event is kept; it changes recommendations once a "
        "later training knows the product. Check the id if the product is not new."
    )
    return EventNote(index=index, code="UNKNOWN_PRODUCT", message=message)


def _count(answer: EventsAnswer) -> None:
    EVENTS.labels("accepted").inc(answer.accepted)
    EVENTS.labels("duplicate").inc(answer.duplicates)
    EVENTS.labels("rejected").inc(answer.rejected)
