"""Sensitive attributes are nowhere but in the sealed file, which only the audit key opens."""

from pathlib import Path

import pytest

from configs.settings import Settings
from fairness.demographics import read_demographics
from features.ingest import ingest_files
from privacy.audit_log import AuditLog
from privacy.errors import SealBroken
from privacy.keys import read_secret
from privacy.unsealing import unseal

SECRETS = ("zebra_attribute", "quokka-value", "narwhal-value", "ignored-otter")
DEMOGRAPHICS = (
    "customer_id,zebra_attribute\nada,quokka-value\nben,narwhal-value\ncleo,quokka-value\n"
    # Refused rows must not leak either: a repeated customer, one without an id, one with too many cells.
    + "ada,ignored-otter\n,ignored-otter\ndan,ignored-otter,ignored-otter\n"
)


@pytest.fixture
def ingested(shop: Path, settings: Settings) -> Settings:
    (shop / "demographics.csv").write_text(DEMOGRAPHICS)
    lenient = settings.ingest.model_copy(update={"max_reject_share": 1.0})
    ingest_files(shop, settings.storage, lenient, settings.privacy, lambda _: None)
    return settings


def test_no_file_that_features_or_models_read_holds_a_value_or_a_name(ingested: Settings) -> None:
    root = ingested.storage.root
    files = [path for path in root.rglob("*") if path.is_file()]
    assert ingested.storage.lake / "rejects" / "demographics.parquet" in files
    assert root / "reports" / "data-report.json" in files
    for path in files:
        held = path.read_bytes()
        for secret in SECRETS:
            assert secret.encode() not in held, path


def test_nothing_is_left_of_a_run_that_was_refused(shop: Path, settings: Settings) -> None:
    (shop / "demographics.csv").write_text(DEMOGRAPHICS)
    with pytest.raises(Exception, match="demographics: 3 of 6 rows"):
        ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    for path in (path for path in settings.storage.root.rglob("*") if path.is_file()):
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS), path


def test_the_sealed_file_opens_with_the_private_key_alone(ingested: Settings, tmp_path: Path) -> None:
    storage = ingested.storage
    sealed = storage.audit / "demographics.sealed"
    for key in storage.keys.glob("*.key"):
        if key.name != "audit_private.key":
            with pytest.raises(SealBroken):
                unseal(sealed.read_bytes(), read_secret(key))
    log = AuditLog(tmp_path / "log.jsonl")
    found = read_demographics(sealed, storage.keys / "audit_private.key", log, role="ethics", reason="contract test")
    assert sorted(found["zebra_attribute"]) == ["narwhal-value", "quokka-value", "quokka-value"]


def test_the_lake_has_no_table_of_them(ingested: Settings) -> None:
    assert not (ingested.storage.lake / "demographics.parquet").exists()
    assert b"demographics" not in (ingested.storage.lake / "manifest.json").read_bytes()
