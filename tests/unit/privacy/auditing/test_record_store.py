"""Records on disk: whole, the auditor's, and of this bundle, or not believed."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.auditing.errors import PrivacyRecordCorrupt, PrivacyRecordMissing
from privacy.auditing.record import AuditRecord, Claim
from privacy.auditing.record_store import (
    attached_path,
    problems_of,
    read_signed,
    report_path,
    sign_record,
    signed_bytes,
    write_private,
    write_record,
)
from privacy.ed25519 import Signer

SIGNER = Signer(bytes(range(32)))
EXACT: dict[str, Any] = {"name": "two-tower", "version": "7", "bundle_digest": "ab" * 32, "verifier": SIGNER.verifier}
RECORD = AuditRecord(
    name="two-tower",
    version="7",
    bundle_digest="ab" * 32,
    created_at=datetime(2026, 1, 2, tzinfo=UTC),
    claim=Claim(mechanism="dp-counts", epsilon=3.0, delta=1e-5, counts_epsilon=3.0, training_epsilon=None),
    false_alarm=0.01,
    n_canaries=1_000,
    seconds=60.0,
    findings=(),
    membership_digest=None,
    notes=("a note",),
)


def test_what_was_signed_comes_back_and_is_believed(tmp_path: Path) -> None:
    path = report_path(tmp_path, "two-tower", "7")
    write_record(path, sign_record(RECORD, SIGNER))
    assert path == tmp_path / "two-tower" / "7" / "privacy.json"
    found = read_signed(path, model="two-tower@7")
    assert found.record == RECORD
    assert problems_of(found, **EXACT) == []


@pytest.mark.parametrize(("asked", "said"), [
    ({"name": "demand"}, "the privacy audit is of model two-tower, but this is demand"),
    ({"version": "8"}, "the privacy audit is of version 7, but this is 8"),
    ({"bundle_digest": "cd" * 32}, "the privacy audit is of bundle abababababababab, but this is cdcdcdcdcdcdcdcd"),
])  # fmt: skip
def test_a_record_of_something_else_is_not_believed(asked: dict[str, str], said: str) -> None:
    assert problems_of(sign_record(RECORD, SIGNER), **(EXACT | asked)) == [said]


def test_an_edited_record_is_not_believed(tmp_path: Path) -> None:
    path = attached_path(tmp_path)
    write_record(path, sign_record(RECORD, SIGNER))
    content = json.loads(path.read_text())
    content["record"]["claim"]["epsilon"] = 1.0
    path.write_text(json.dumps(content))
    edited = read_signed(path, model="two-tower@7")
    assert problems_of(edited, **EXACT) == ["the privacy audit was edited after it was signed, or made up"]


def test_another_key_is_not_the_auditor_s() -> None:
    other = Signer(Ed25519PrivateKey.generate().private_bytes_raw())
    assert "but the auditor's key is" in problems_of(sign_record(RECORD, other), **EXACT)[0]


def test_the_signature_is_of_a_privacy_audit_and_nothing_else() -> None:
    assert signed_bytes(RECORD).startswith(b"fairshelf privacy audit 1\n{")


def test_a_missing_record_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(PrivacyRecordMissing, match="Run `fairshelf privacy audit two-tower@7`"):
        read_signed(tmp_path / "none.json", model="two-tower@7")


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"record": 1, "key_id": "a", "signature": "b"}'])
def test_a_record_cut_short_is_said_to_be(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(PrivacyRecordCorrupt, match=r"cannot be read: .+ Make the audit again"):
        read_signed(tmp_path / "r.json", model="two-tower@7")


def test_what_is_private_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    write_private(tmp_path / "a" / "m.json", "secret")
    assert stat.S_IMODE((tmp_path / "a" / "m.json").stat().st_mode) == 0o600
    assert (tmp_path / "a" / "m.json").read_text() == "secret"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["m.json"]
