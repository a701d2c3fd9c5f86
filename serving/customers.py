"""What is held about one person, and taking it away: the use cases behind access and erasure."""

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from privacy.audit_log import AuditLog
from privacy.erasure import Erasable, Erasures
from privacy.errors import KeyMissing, KeyPairMismatch, KeyUnusable
from privacy.forgetting.erasure_book import DONE, Entry
from privacy.forgetting.errors import ErasureKeyReused, ErasureUnknown
from privacy.forgetting.modes import Mode
from privacy.forgetting.receipts import KEPT, MEANING, NOT_COVERED, WITHOUT_PERSONS
from privacy.forgetting.subjects import Subject
from privacy.instants import instant
from serving.errors import FieldError, FieldsInvalid
from serving.lists import rfc3339
from serving.log import failed, info
from serving.people import errors
from serving.pricing.errors import IdempotencyKeyReused
from serving.schemas import ID_LENGTH
from training.manifest import Manifest
from training.retraining import manifests

_JOIN_S: Final = 5.0  # a run goes on after the next start; shutdown does not wait for its end
_KEYS_RETRY_S: Final = 60  # a person has to look at it
_PURCHASES: Final = "transactions"
_ASKED: Final = "erasures under way"
_NOT_SHOWN: Final = (
    "Sensitive attributes are sealed: the audit role alone can open them, and never for one person. Ask the source.",
    "Whether the id was erased before: the keyed digest that would say so turns late data away, and is for that alone.",
    *WITHOUT_PERSONS,
    *NOT_COVERED,
)

# Stores whose rows have a field of their own in the answer; the others are listed by name.
_FIELDS: Final[Mapping[str, str]] = {
    "event journal": "events",
    "consents": "consents",
    "decisions": "decisions",
    "export and report files": "exports",
    "vault": "identities",
}


class CustomerDesk:
    """The use cases behind `GET /v1/customers/{id}` and the erasures.

    Whoever is asked about is never looked up first: an unknown id gets the same answers, with nothing in them.

    Args:
        erasures: Every store, and the run through them.
        bundles_dir: Folder of the models.
        audit_log: Where each look at a person is recorded: who looked, never at whom.
        retry_s: When a run that failed is tried again; seconds.
        now: The wall clock.
    """

    def __init__(
        self,
        erasures: Erasures,
        *,
        bundles_dir: Path,
        audit_log: AuditLog,
        retry_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self._erasures = erasures
        self._bundles_dir = bundles_dir
        self._audit_log = audit_log
        self._now = now
        self._worker = _Worker(erasures, retry_s)

    def access(self, customer_id: str, caller: str) -> dict[str, Any]:
        """Show everything that is held about a person, in every store that an erasure would go through.

        Returns:
            The fields of `CustomerAnswer`.

        Raises:
            FieldsInvalid: If the id is longer than any id can be.
        """
        _check_id(customer_id)
        subject = self._erasures.house.names.subject(customer_id)
        self._audit_log.append(caller, "customer shown", {"stores": len(self._erasures.house.stores)})
        held = {store.name: _plain_rows(store, subject) for store in self._erasures.house.stores}
        return {
            "customer_id": customer_id,
            "generated_at": rfc3339(self._now()),
            **_profile(held.pop("online store", [])),
            "purchases": [row for row in held.get("lake", []) if row["table"] == _PURCHASES],
            **{field: held.pop(store, []) for store, field in _FIELDS.items()},
            "models": self._models() if held.get("lake") else [],
            "other": [
                {"store": store, "records": [row for row in rows if row.get("table") != _PURCHASES]}
                for store, rows in held.items()
            ]
            + [{"store": _ASKED, "records": [_asked(entry) for entry in self._erasures.book.asked_for(customer_id)]}],
            "not_shown": list(_NOT_SHOWN),
        }

    def erase(self, customer_id: str, mode: Mode, *, caller: str, key: str | None) -> dict[str, Any]:
        """Take a request on and begin with it; it is on disk when this returns.

        Returns:
            The fields of `ErasureAnswer`.

        Raises:
            FieldsInvalid: If the id is longer than any id can be.
            IdempotencyKeyReused: If the key came with another request.
            ErasureKeysUnusable: If no receipt could be signed.
        """
        _check_id(customer_id)
        try:
            erasure_id = self._erasures.request(customer_id, mode, by=caller, key=key)
        except ErasureKeyReused:
            raise IdempotencyKeyReused(key=str(key)[:ID_LENGTH]) from None
        except (KeyMissing, KeyUnusable, KeyPairMismatch) as failure:
            failed("an erasure could not be taken on", failure)
            raise errors.ErasureKeysUnusable(retry_after_s=_KEYS_RETRY_S) from None
        self._worker.wake()
        return _shown(self._erasures.book.get(erasure_id))

    def erasure(self, erasure_id: str) -> dict[str, Any]:
        """Show how far an erasure has got, and its receipt when it is done.

        Raises:
            ErasureUnknown: If there is none of this id.
        """
        try:
            return _shown(self._erasures.book.get(erasure_id))
        except ErasureUnknown:
            raise errors.ErasureUnknown(erasure_id=erasure_id[:ID_LENGTH]) from None

    def resume(self) -> None:
        """Take up what an earlier process left unfinished."""
        self._worker.wake()

    def close(self) -> None:
        """Stop taking runs up; one under way is waited for a moment, and taken up again after the next start."""
        self._worker.close()

    def _models(self) -> list[dict[str, Any]]:
        return [_model(manifest) for manifest in manifests(self._bundles_dir)]


class _Worker:
    """Runs erasures in a thread of its own, again and again until none is unfinished."""

    def __init__(self, erasures: Erasures, retry_s: float) -> None:
        self._erasures = erasures
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._wanted = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Make sure that a thread is at work."""
        with self._lock:
            self._wanted = True
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._work, name="erasures", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Ask the thread to end."""
        self._closing.set()
        thread = self._thread
        if thread is not None:
            thread.join(_JOIN_S)

    def _work(self) -> None:
        while self._has_more():
            try:
                finished = self._erasures.run()
                if finished:
                    info("erasures are done", erasures=len(finished))
            except Exception as failure:
                failed("erasures are unfinished; they are taken up again", failure)
                self._closing.wait(self._retry_s)
                with self._lock:
                    self._wanted = True

    def _has_more(self) -> bool:
        with self._lock:
            more, self._wanted = self._wanted and not self._closing.is_set(), False
            if not more:
                self._thread = None
            return more


def _check_id(customer_id: str) -> None:
    if not 1 <= len(customer_id) <= ID_LENGTH:
        message = f"The id in the path has {len(customer_id)} characters; 1 to {ID_LENGTH} are possible. Correct it."
        raise FieldsInvalid(errors=[FieldError("customer_id", "TOO_LONG", message)])


def _shown(entry: Entry) -> dict[str, Any]:
    done = entry.state == DONE
    receipt = entry.receipt.model_dump(mode="json") if done and entry.receipt else None
    return {
        "erasure_id": entry.erasure_id,
        "state": "done" if done else "pending",
        "mode": entry.mode,
        "meaning": MEANING[entry.mode],
        "kept": list(KEPT),
        "requested_at": rfc3339(entry.requested_at),
        "finished_at": rfc3339(entry.finished_at) if done and entry.finished_at else None,
        "stores_done": [store for store, step in entry.steps.items() if step.done],
        "receipt": receipt,
    }


def _asked(entry: Entry) -> dict[str, Any]:
    asked_at = rfc3339(entry.requested_at)
    return {"erasure_id": entry.erasure_id, "mode": entry.mode, "requested_at": asked_at, "by": entry.requested_by}


def _model(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "version": manifest.version,
        "trained_at": rfc3339(manifest.trained_at),
        "mechanism": manifest.privacy.mechanism,
        "note": "trained on data that may have held this person's purchases, where model training was allowed",
    }


def _profile(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Part the online row into what was bought and what was computed from it."""
    row = dict(rows[0]) if rows else {}
    history = {key: value for key, value in row.items() if isinstance(value, list)}
    profile = {key: value for key, value in row.items() if key not in history}
    return {"profile": profile or None, "history": history or None}


def _plain_rows(store: Erasable, subject: Subject) -> list[dict[str, Any]]:
    return [dict(_plain_fields(row)) for row in store.find(subject)]


def _plain_fields(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if key.endswith("_us") and isinstance(value, int):
            yield f"{key.removesuffix('_us')}_at", rfc3339(instant(value))
        elif key == "facts" and isinstance(value, str):
            yield key, json.loads(value)
        else:
            yield key, _plain(value)


def _plain(value: Any) -> Any:
    """Make a value that JSON can hold."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value
