"""Accept events: journal first, then fold them into the online features of those who allow it."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from configs.settings import FeatureSettings
from features.clock import Clock
from features.folding import fold
from features.journal import Event, Journal
from features.store import Store
from privacy.consent import PERSONALIZATION, ConsentLedger

__all__ = ["Event", "EventRecorder", "RecordResult"]

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordResult:
    """What became of a batch; accepted and duplicates add up to its size."""

    accepted: int
    duplicates: int


class EventRecorder:
    """The door for events: on disk before the answer, in the features before the next question.

    Every event is journaled. Those of people who allow personalization at that moment are folded into their online
    history; `journal_seq` in the row says how far, so an event is counted once however often folding is tried.

    Args:
        journal: Where events become durable.
        store: Whose online rows they change.
        consent: Who allows personalization.
        settings: Half-lives and caps.
        clock: Turns the sender's wall-clock times into data time.
    """

    def __init__(
        self, journal: Journal, store: Store, consent: ConsentLedger, settings: FeatureSettings, clock: Clock
    ) -> None:
        self._journal = journal
        self._store = store
        self._consent = consent
        self._settings = settings
        self._clock = clock

    def record(self, events: Sequence[Event]) -> RecordResult:
        """Write a batch to disk, then fold it.

        Once the batch is on disk it is accepted: when folding fails, that is logged and `recover`, or the person's
        next event, makes up for it.
        """
        recorded_at = datetime.now(UTC)
        consenting = self._consenting({event.customer_id for event in events}, recorded_at)
        appended = self._journal.append(
            events,
            data_times=[self._data_time(event.occurred_at) for event in events],
            recorded_at=recorded_at,
            foldable=consenting,
        )
        try:
            self._fold(sorted(consenting))
        except Exception:
            _log.exception("%d events are on disk but not yet in the features", len(appended.seqs))
        return RecordResult(accepted=len(appended.seqs), duplicates=appended.duplicates)

    def recover(self) -> int:
        """Fold what is journaled but not in the online rows, after a crash or after `Store.materialize`.

        Returns:
            How many people's rows changed.
        """
        last_seqs = self._journal.last_seqs()
        return self._fold(sorted(self._consenting(last_seqs, datetime.now(UTC))))

    def _consenting(self, customer_ids: Iterable[str], at: datetime) -> set[str]:
        return {person for person in customer_ids if self._consent.in_force(person, PERSONALIZATION, at).granted}

    def _data_time(self, occurred_at: datetime) -> datetime:
        """Give the data time of an event; in replay nothing happens before the moment the data ends."""
        data_time = self._clock.to_data_time(occurred_at)
        as_of = self._clock.record().as_of
        return max(data_time, as_of) if self._clock.mode == "replay" and as_of is not None else data_time

    def _fold(self, customer_ids: Collection[str]) -> int:
        if not customer_ids:
            return 0
        with self._store.exclusive():  # nobody else may change a row between reading and pushing it
            record = self._clock.record()
            rows = []
            for customer_id in customer_ids:
                row = self._store.online_history(customer_id)
                watermark = 0 if row is None else row["journal_seq"]
                entries = self._journal.foldable_after(
                    customer_id, watermark, as_of=record.as_of, materialised_at=record.materialised_at
                )
                if entries:
                    rows.append(fold(row, customer_id, entries, self._settings))
            self._store.push_history(rows)
        return len(rows)
