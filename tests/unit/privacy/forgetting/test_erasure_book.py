"""The book: progress survives, tickets give the same erasure, and names are gone when it is sealed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from privacy.forgetting.erasure_book import DONE, SEALING, ErasureBook, Obligation, Step, Ticket
from privacy.forgetting.errors import ErasureKeyReused, ErasureUnknown
from privacy.forgetting.receipts import ReceiptDesk

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path) -> ErasureBook:
    return ErasureBook(sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}"))


def sealed(book: ErasureBook, erasure_id: str, keys: Path) -> None:
    receipt = ReceiptDesk(keys, create=True).write(
        erasure_id=erasure_id,
        mode="erase",
        subject_mark="a" * 64,
        requested_at=NOW,
        finished_at=NOW + timedelta(hours=1),
        stores=(),
        models=(),
    )
    book.seal([receipt])


def test_an_erasure_from_request_to_done(book: ErasureBook, tmp_path: Path) -> None:
    erasure_id = book.open("anna", "erase", by="privacy office", at=NOW)
    (entry,) = book.unfinished()
    assert (entry.erasure_id, entry.source_id, entry.mode, dict(entry.steps)) == (erasure_id, "anna", "erase", {})
    assert entry.stand_in is not None
    book.note({erasure_id: {"lake": Step(3, done=True), "sealed": Step(None, done=False)}})
    assert book.get(erasure_id).steps == {"lake": Step(3, done=True), "sealed": Step(None, done=False)}
    sealed(book, erasure_id, tmp_path)
    entry = book.get(erasure_id)
    assert (entry.state, entry.source_id, entry.stand_in) == (SEALING, None, None)
    assert entry.receipt is not None
    assert not book.unfinished()
    book.close()
    assert book.get(erasure_id).state == DONE


def test_a_ticket_gives_the_same_erasure_and_refuses_another(book: ErasureBook) -> None:
    ticket = Ticket("k", "r")
    first = book.open("anna", "erase", by="x", at=NOW, ticket=ticket)
    assert book.open("anna", "erase", by="x", at=NOW, ticket=ticket) == first
    with pytest.raises(ErasureKeyReused):
        book.open("bert", "erase", by="x", at=NOW, ticket=Ticket("k", "other"))
    assert book.open("anna", "erase", by="x", at=NOW) != first
    with pytest.raises(ErasureUnknown, match="er_none"):
        book.get("er_none")


def test_the_lake_before_the_first_attempt_is_what_counts(book: ErasureBook) -> None:
    erasure_id = book.open("anna", "erase", by="x", at=NOW)
    book.begin([erasure_id], ["before"])
    book.begin([erasure_id], ["after"])
    assert book.get(erasure_id).stale_snapshots == ("before",)


def test_models_are_concerned_where_something_was_found(book: ErasureBook, tmp_path: Path) -> None:
    known, unknown = (book.open(one, "erase", by="x", at=NOW) for one in ("anna", "nobody"))
    for erasure_id, found in ((known, 2), (unknown, 0)):
        book.begin([erasure_id], ["d1"])
        book.note({erasure_id: {"lake": Step(found, done=True)}})
    (obligation,) = book.obligations()
    assert obligation == Obligation(NOW, frozenset({"d1"}))
    sealed(book, known, tmp_path)
    (obligation,) = book.obligations()
    assert obligation.erased_at == NOW + timedelta(hours=1)
    assert obligation.concerns(NOW, "other"), "trained before"
    assert obligation.concerns(NOW + timedelta(days=9), "d1"), "trained after, from the lake before"
    assert not obligation.concerns(NOW + timedelta(days=9), "d2")
    assert obligation.due(30) == NOW + timedelta(days=30, hours=1)
