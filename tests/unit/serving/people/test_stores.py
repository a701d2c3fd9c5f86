"""The whole run over real stores: nothing left to the byte, a kill at each step, and what comes back is refused."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from fairness.demographics import read_demographics
from features.lake import Lake
from privacy.audit_log import AuditLog
from privacy.erasure import Erasures
from privacy.forgetting.erasure_book import DONE
from privacy.forgetting.residue import search
from privacy.forgetting.subjects import Subject
from privacy.forgetting.tombstones import tombstones_on_file

House = Any
STORES = (
    "lake",
    "consents",
    "feature tables",
    "online store",
    "event journal",
    "decisions",
    "export and report files",
    "sealed demographics",
    "vault",
)


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """A store whose process is killed just before or just after its work, once."""

    def __init__(self, store: Any, *, after: bool) -> None:
        self.store, self.after, self.name = store, after, store.name
        self.action, self.find, self.count = store.action, store.find, store.count

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Work or not, and end the process."""
        if self.after:
            self.store.erase(subjects)
        raise Killed

    anonymise = erase


def mortal(erasures: Erasures, name: str, *, after: bool) -> Erasures:
    """Kill the run at one store."""
    stores = tuple(Mortal(one, after=after) if one.name == name else one for one in erasures.house.stores)
    erasures.house = replace(erasures.house, stores=stores)
    return erasures


def test_every_store_holds_the_person_before_and_none_after(house: House) -> None:
    who, other = house.customer_ids[:2]
    before = {trace.file.split("/")[0] for trace in search(house.root, [house.subject(who)])}
    assert before >= {"lake", "feast", "vault", "state.db", "exports"}
    erasures = house.erasures()
    assert tuple(store.name for store in erasures.house.stores) == STORES
    erasure_id = erasures.request(who, "erase", by="test")
    assert erasures.run() == [erasure_id]
    entry = erasures.book.get(erasure_id)
    assert (entry.state, entry.source_id, entry.stand_in) == (DONE, None, None)
    assert entry.receipt is not None
    found = {row.store: row.found for row in entry.receipt.stores}
    assert all(found[name] for name in STORES if name != "sealed demographics"), found
    assert found["sealed demographics"] is None
    assert search(house.root, [house.subject(who)]) == []
    assert {trace.file.split("/")[0] for trace in search(house.root, [house.subject(other)])} == before
    Lake.open(house.settings.storage.lake)  # checks every table against the manifest


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", STORES)
def test_a_kill_at_any_step_is_made_good(house: House, name: str, after: bool) -> None:
    who = house.customer_ids[0]
    erasure_id = house.erasures().request(who, "erase", by="test")
    with pytest.raises(Killed):
        mortal(house.erasures(), name, after=after).run()
    assert house.erasures().run() == [erasure_id]
    receipt = house.erasures().book.get(erasure_id).receipt
    assert receipt is not None
    found = {row.store: row.found for row in receipt.stores}
    assert all(found[store] for store in STORES if store != "sealed demographics"), "a kill must not lose the counts"
    assert search(house.root, [house.subject(who)]) == []


def test_a_kill_before_the_bytes_are_rewritten_is_made_good(house: House) -> None:
    who = house.customer_ids[0]
    erasures = house.erasures()
    erasure_id = erasures.request(who, "erase", by="test")

    def killed() -> None:
        raise Killed

    erasures.house = replace(erasures.house, compact=killed)
    with pytest.raises(Killed):
        erasures.run()
    assert house.erasures().book.get(erasure_id).state != DONE
    assert house.erasures().run() == [erasure_id]
    assert search(house.root, [house.subject(who)]) == []


def test_again_changes_nothing_and_an_unknown_id_gets_the_same_receipt(house: House) -> None:
    who = house.customer_ids[0]
    erasures = house.erasures()
    for one in (who, who, "nobody at all"):
        erasures.request(one, "erase", by="test")
    digest = Lake.open(house.settings.storage.lake).manifest.snapshot_digest
    receipts = [erasures.book.get(one).receipt for one in erasures.run()]
    assert all(receipt is not None for receipt in receipts)
    again = erasures.request(who, "erase", by="test")
    lake = Lake.open(house.settings.storage.lake).manifest
    assert lake.ancestors == (digest,)
    erasures.run()
    receipt = erasures.book.get(again).receipt
    assert receipt is not None
    assert not any(row.found for row in receipt.stores)
    assert Lake.open(house.settings.storage.lake).manifest == lake


def test_a_thousandth_of_the_time_for_many_at_once(house: House) -> None:
    erasures = house.erasures()
    asked = [erasures.request(one, "erase", by="test") for one in house.customer_ids[:3]]
    assert erasures.run() == asked
    assert search(house.root, [house.subject(one) for one in house.customer_ids[:3]]) == []


def test_anonymise_keeps_the_purchases_and_nothing_that_leads_to_them(house: House) -> None:
    who = house.customer_ids[0]
    subject, lake = house.subject(who), Lake.open(house.settings.storage.lake)
    before = lake.read("transactions")
    theirs = before[before["customer_id"].isin(subject.pseudonyms)]
    erasures = house.erasures()
    erasures.request(who, "anonymise", by="test")
    erasures.run()
    after = Lake.open(house.settings.storage.lake).read("transactions")
    assert len(after) == len(before)
    kept = after[after["customer_id"].str.startswith("n0_")]
    assert kept["customer_id"].nunique() == 1
    columns = ["product_id", "store_id", "event_timestamp", "quantity", "paid_amount"]
    pd.testing.assert_frame_equal(kept[columns], theirs[columns])
    assert kept["basket_id"].nunique() == theirs["basket_id"].nunique()
    assert not set(kept["basket_id"]) & set(before["basket_id"])
    assert search(house.root, [subject]) == []
    with house.state.connect() as connection:
        events = connection.execute(sa.text("SELECT * FROM events WHERE customer_id LIKE 'n0_%'")).mappings().all()
    assert [(one["type"], one["decision_id"], one["foldable"]) for one in events] == [("purchase", None, 0)]
    assert events[0]["customer_id"] == kept["customer_id"].iloc[0]


def test_an_ingest_does_not_bring_anybody_back(house: House, ingest_again: Callable[[House], None]) -> None:
    gone, hidden = house.customer_ids[:2]
    before = Lake.open(house.settings.storage.lake).read("transactions")
    n_lines = Counter(before["customer_id"])
    erasures = house.erasures()
    erasures.request(gone, "erase", by="test")
    erasures.request(hidden, "anonymise", by="test")
    erasures.run()
    ingest_again(house)
    assert search(house.root, [house.subject(gone), house.subject(hidden)]) == []
    after = Lake.open(house.settings.storage.lake).read("transactions")
    assert len(after) == len(before) - n_lines[house.subject(gone).pseudonyms[0]]
    kept = after[after["customer_id"].str.startswith("n0_")]
    assert len(kept) == n_lines[house.subject(hidden).pseudonyms[0]]
    report = json.loads((house.settings.storage.reports / "data-report.json").read_text())
    assert any("rows about erased people" in note for note in report["notes"])


def test_the_audit_leaves_erased_people_out_of_the_sealed_file(house: House) -> None:
    storage, who = house.settings.storage, house.customer_ids[0]
    erasures = house.erasures()
    erasures.request(who, "erase", by="test")
    erasures.run()
    tombs = tombstones_on_file(house.state, storage.keys, house.settings.privacy)
    assert tombs is not None

    def read(erased: Any) -> set[str]:
        sealed, key = storage.audit / "demographics.sealed", storage.keys / "audit_private.key"
        log = AuditLog(storage.demographics_log)
        return set(read_demographics(sealed, key, log, role="ethics", reason="test", erased=erased)["customer_id"])

    assert read(None) - read(tombs.of_pseudonyms) == set(house.subject(who).pseudonyms[:1])
