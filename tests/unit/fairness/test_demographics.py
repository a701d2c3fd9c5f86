"""The only reader of sealed demographics."""

import json
from pathlib import Path

import pytest

from configs.settings import Settings
from fairness.demographics import read_demographics
from fairness.errors import DemographicsAccessDenied, DemographicsMissing
from features.ingest import ingest_files
from privacy.audit_log import AuditLog
from privacy.errors import KeyMissing, SealBroken
from privacy.keys import write_secret
from privacy.pseudonyms import load_pseudonymizer


@pytest.fixture
def sealed(shop: Path, settings: Settings) -> Path:
    (shop / "demographics.csv").write_text("customer_id,age,faith\nben,65+,\nada,18-24,none\n")
    ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return settings.storage.audit / "demographics.sealed"


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit.jsonl")


def test_the_audit_role_reads_what_was_ingested(
    sealed: Path, settings: Settings, log: AuditLog, tmp_path: Path
) -> None:
    key = settings.storage.keys / "audit_private.key"
    found = read_demographics(sealed, key, log, role="ethics", reason="quarterly audit")
    name = load_pseudonymizer(settings.storage.keys, settings.privacy).pseudonym
    expected = {name("ada"): ("18-24", "none"), name("ben"): ("65+", None)}
    assert dict(zip(found["customer_id"], zip(found["age"], found["faith"], strict=True), strict=True)) == expected
    log.verify()
    entry = json.loads((tmp_path / "audit.jsonl").read_text())
    assert (entry["actor"], entry["action"], entry["facts"]) == (
        "ethics",
        "demographics read",
        {"reason": "quarterly audit"},
    )


@pytest.mark.parametrize("role", ["ml_engineer", "marketer", "storefront"])
def test_other_roles_are_refused_and_logged(
    sealed: Path, settings: Settings, log: AuditLog, tmp_path: Path, role: str
) -> None:
    with pytest.raises(DemographicsAccessDenied, match=role):
        read_demographics(sealed, settings.storage.keys / "audit_private.key", log, role=role, reason="curious")
    assert json.loads((tmp_path / "audit.jsonl").read_text())["action"] == "demographics denied"


def test_without_the_right_key_nothing_opens(sealed: Path, settings: Settings, log: AuditLog, tmp_path: Path) -> None:
    with pytest.raises(KeyMissing):
        read_demographics(sealed, tmp_path / "none.key", log, role="ethics", reason="audit")
    write_secret(tmp_path / "other.key", b"k" * 32)
    with pytest.raises(SealBroken):
        read_demographics(sealed, tmp_path / "other.key", log, role="ethics", reason="audit")


def test_a_source_without_demographics_leaves_none(sealed: Path, shop: Path, settings: Settings, log: AuditLog) -> None:
    (shop / "demographics.csv").unlink()
    ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    with pytest.raises(DemographicsMissing, match="demographics table"):
        read_demographics(sealed, settings.storage.keys / "audit_private.key", log, role="ethics", reason="audit")
