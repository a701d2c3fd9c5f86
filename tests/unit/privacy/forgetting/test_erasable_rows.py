"""Tables of the state database and the vault as stores: the person's rows, whoever else has some."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from privacy.audit_log import AuditLog
from privacy.consent import MARKETING, PERSONALIZATION, ConsentLedger
from privacy.forgetting.erasable_rows import StateRows, VaultRows, consent_rows, parts
from privacy.forgetting.subjects import Subject
from privacy.vault import IdentityVault

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Subject("anna", ("c1_a", "c2_a"), "n0_a")
BERT = Subject("bert", ("c1_b",), "n0_b")


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")


def test_consents_of_every_name_go_and_nothing_is_granted_any_more(engine: sa.Engine) -> None:
    ledger, store = ConsentLedger(engine), consent_rows(engine)
    for name in ("c1_a", "c2_a", "c1_b"):
        for purpose in (PERSONALIZATION, MARKETING):
            ledger.record(name, purpose, granted=True, at=NOW, version="1", source="test")
    assert store.count([ANNA, BERT]) == [4, 2]
    assert {row["purpose"] for row in store.find(BERT)} == {PERSONALIZATION, MARKETING}
    store.erase([ANNA])
    store.anonymise([ANNA])
    assert store.count([ANNA, BERT]) == [0, 2]
    assert not ledger.granted("c1_a", PERSONALIZATION, NOW).on_file
    assert ledger.granted("c1_b", PERSONALIZATION, NOW).granted


def test_a_table_that_nobody_made_holds_nothing(engine: sa.Engine) -> None:
    store = StateRows(engine, "later", "later", "customer_id", "removed")
    store.erase([ANNA])
    assert (store.count([ANNA]), store.find(ANNA), store.action("erase")) == ([0], [], "removed")


def test_more_people_than_one_statement_takes(engine: sa.Engine) -> None:
    ledger = ConsentLedger(engine)
    people = [Subject(str(one), (f"c1_{one}",), "n0_") for one in range(1_100)]
    for one in people[::50]:
        ledger.record(one.pseudonyms[0], MARKETING, granted=True, at=NOW, version="1", source="test")
    store = consent_rows(engine)
    assert sum(number or 0 for number in store.count(people)) == 22
    store.erase(people)
    assert not any(store.count(people))
    assert [len(part) for part in parts(map(str, range(1_100)))] == [500, 500, 100]


def test_the_vault_forgets_every_name_of_an_id(tmp_path: Path) -> None:
    path = tmp_path / "identities.db"
    vault = IdentityVault(path, AuditLog(tmp_path / "access.jsonl"))
    store = VaultRows(vault)
    assert (store.count([ANNA]), store.find(ANNA)) == ([0], [])
    store.erase([ANNA])
    assert not path.exists(), "looking makes no vault"
    vault.remember({"c1_a": "anna", "c9_lost_key": "anna", "c1_b": "bert"})
    assert store.count([ANNA, BERT]) == [2, 1]
    assert [row["pseudonym"] for row in store.find(ANNA)] == ["c1_a", "c9_lost_key"]
    store.erase([ANNA])
    store.anonymise([ANNA])
    assert store.count([ANNA, BERT]) == [0, 1]
    assert b"anna" not in path.read_bytes()
