"""Signatures: what they bind together, and every way to exchange a part of it."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from configs.settings import Settings
from fairness.errors import SignatureCorrupt
from fairness.report import Report, canonical_bytes, digest
from fairness.signing import (
    AUDIT_KEYS,
    COMMITTEE_KEYS,
    Signature,
    Signer,
    load_signer,
    load_verifier,
    problems_of,
    read_signature,
    sign_report,
    signature_bytes,
)
from privacy.errors import KeyMissing, KeyPairMismatch, KeyUnusable

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MakeReport = Callable[..., Report]


@pytest.fixture
def report(passing: MakeReport, settings: Settings) -> Report:
    return passing("two-tower", "3", "b" * 64, settings, created_at=NOW)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return load_signer(tmp_path / "keys", AUDIT_KEYS, create=True)


def problems(signature: Signature, report: Report, signer: Signer) -> str:
    return "; ".join(problems_of(signature, report, digest(canonical_bytes(report)), signer.verifier))


def test_both_halves_are_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    first = load_signer(keys, AUDIT_KEYS, create=True)
    assert load_signer(keys, AUDIT_KEYS, create=False).public == first.public
    assert load_signer(keys, COMMITTEE_KEYS, create=True).public != first.public
    for name in ("audit_signing_private.key", "audit_signing_public.key", "committee_private.key"):
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600
        assert len(bytes.fromhex((keys / name).read_text())) == 32


def test_the_public_half_is_enough_to_verify(tmp_path: Path, report: Report, signer: Signer) -> None:
    (tmp_path / "keys" / AUDIT_KEYS.private).unlink()
    verifier = load_verifier(tmp_path / "keys", AUDIT_KEYS)
    signature = sign_report(report, signer, NOW)
    assert problems_of(signature, report, digest(canonical_bytes(report)), verifier) == []
    assert signature.key_id == verifier.key_id
    raw = bytes.fromhex((tmp_path / "keys" / AUDIT_KEYS.public).read_text())
    public = Ed25519PublicKey.from_public_bytes(raw)
    public.verify(bytes.fromhex(signature.signature), signature.signed_bytes)  # as anybody else would check it
    with pytest.raises(InvalidSignature):
        public.verify(bytes.fromhex(signature.signature), signature.signed_bytes + b" ")


def test_a_private_key_is_not_made_beside_a_supplied_public_one(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "keys" / AUDIT_KEYS.private).unlink()
    with pytest.raises(KeyMissing, match=r"audit_signing_private.key.*fairness\.release\.create_missing_keys"):
        load_signer(tmp_path / "keys", AUDIT_KEYS, create=True)


def test_missing_keys_are_not_made_in_production(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="64 hexadecimal digits"):
        load_signer(tmp_path, AUDIT_KEYS, create=False)
    with pytest.raises(KeyMissing, match="public half"):
        load_verifier(tmp_path, AUDIT_KEYS)
    assert not list(tmp_path.iterdir())


def test_a_missing_public_half_is_made_only_where_keys_may_be_made(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "keys" / AUDIT_KEYS.public).unlink()
    with pytest.raises(KeyMissing, match=r"audit_signing_public\.key"):
        load_signer(tmp_path / "keys", AUDIT_KEYS, create=False)
    assert load_signer(tmp_path / "keys", AUDIT_KEYS, create=True).public == signer.public


def test_halves_of_two_pairs_are_refused(tmp_path: Path, signer: Signer) -> None:
    load_signer(tmp_path / "other", AUDIT_KEYS, create=True)
    (tmp_path / "other" / AUDIT_KEYS.public).replace(tmp_path / "keys" / AUDIT_KEYS.public)
    with pytest.raises(KeyPairMismatch, match="not halves of one pair"):
        load_signer(tmp_path / "keys", AUDIT_KEYS, create=True)


def test_a_key_cut_short_is_no_key(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "keys" / AUDIT_KEYS.public).write_text("abcd")
    with pytest.raises(KeyUnusable, match="2 bytes instead of 32"):
        load_verifier(tmp_path / "keys", AUDIT_KEYS)


def test_a_signature_reads_back_the_same(report: Report, signer: Signer) -> None:
    signature = sign_report(report, signer, NOW)
    assert read_signature(signature_bytes(signature), "signature.json") == signature


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b"null"])
def test_a_record_that_is_none_is_named(content: bytes) -> None:
    with pytest.raises(SignatureCorrupt, match=r"signature in here\.json cannot be read"):
        read_signature(content, "here.json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("report_id", "fr_" + "0" * 24),
        ("report_digest", "0" * 64),
        ("bundle_digest", "0" * 64),
        ("model", "demand"),
        ("version", "4"),
        ("policy_digest", "0" * 64),
        ("snapshot_digest", "0" * 64),
        ("verdict", "FAIL"),
        ("created_at", datetime(2027, 1, 1, tzinfo=UTC)),
        ("signature", "00" * 64),
        ("signature", "no hexadecimal"),
        ("signature", ""),
    ],
)
def test_an_edited_signature_record_is_refused(report: Report, signer: Signer, field: str, value: Any) -> None:
    signature = sign_report(report, signer, NOW)
    assert getattr(signature, field) != value
    assert "edited after it was signed" in problems(signature.model_copy(update={field: value}), report, signer)


def test_a_signature_of_another_key_is_refused(tmp_path: Path, report: Report, signer: Signer) -> None:
    other = load_signer(tmp_path / "other", AUDIT_KEYS, create=True)
    forged = sign_report(report, other, NOW)
    assert f"signed with key {other.verifier.key_id}" in problems(forged, report, signer)
    dressed = forged.model_copy(update={"key_id": signer.verifier.key_id})
    assert "not the auditor's" in problems(dressed, report, signer)


def test_an_edited_report_is_refused(report: Report, signer: Signer) -> None:
    signature = sign_report(report, signer, NOW)
    edited = report.model_copy(update={"provenance": "elsewhere"})
    assert "the report was edited: its SHA-256 is" in problems(signature, edited, signer)


def test_a_genuine_signature_is_for_no_other_report(
    passing: MakeReport, settings: Settings, report: Report, signer: Signer
) -> None:
    other = passing("demand", "1", "d" * 64, settings, created_at=NOW)
    assert problems(sign_report(other, signer, NOW), other, signer) == ""
    assert "the report was edited" in problems(sign_report(other, signer, NOW), report, signer)


def test_a_genuine_signature_that_disagrees_with_its_report_is_refused(report: Report, signer: Signer) -> None:
    """Signed by the auditor's own key over the right digest, but with other words beside it."""
    whole = sign_report(report, signer, NOW)
    for field, value in (("verdict", "FAIL"), ("version", "9"), ("bundle_digest", "0" * 64)):
        told = whole.model_copy(update={field: value})
        signed = told.model_copy(update={"signature": signer.sign(told.signed_bytes)})
        assert "but the report says" in problems(signed, report, signer)
