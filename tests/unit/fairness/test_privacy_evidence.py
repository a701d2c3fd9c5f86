"""A bundle that promises privacy serves with the audit of that promise alone; others are left alone."""

import json
from datetime import timedelta
from typing import Any

import pytest

from fairness.privacy_evidence import judge_privacy, promises_privacy
from fairness.signing import AUDIT_KEYS, load_signer
from privacy.auditing.record import COUNT_TESTS, AuditRecord, Claim, Finding
from privacy.auditing.record_store import attached_path, sign_record, write_record


def manifest(house: Any, mechanism: str) -> None:
    """Write what the bundle claims."""
    (house.bundle / "manifest.json").write_text(json.dumps({"privacy": {"mechanism": mechanism}}))


def audited(house: Any, *, value: float = 1.0, **changes: Any) -> AuditRecord:
    """Lay a signed privacy audit beside the bundle."""
    findings = tuple(
        Finding(release="counts", test=test, value=value, limit=2.0, passes="at_most", unit="epsilon", said="so")
        for test in COUNT_TESTS
    )
    content = {"name": house.name, "version": house.version, "bundle_digest": digest_of(house)} | changes
    record = AuditRecord(
        created_at=house.now,
        claim=Claim(mechanism="dp-counts", epsilon=2.0, delta=1e-5, counts_epsilon=2.0, training_epsilon=None),
        false_alarm=0.01,
        n_canaries=1_000,
        seconds=1.0,
        findings=findings,
        membership_digest=None,
        notes=("a note",),
        **content,
    )
    signer = load_signer(house.settings.storage.keys, AUDIT_KEYS, create=True)
    write_record(attached_path(house.bundle), sign_record(record, signer))
    return record


def digest_of(house: Any) -> str:
    """What the house's bundle is called."""
    return str(house.report().model.bundle_digest)


@pytest.fixture
def private(house: Any) -> Any:
    """A house whose bundle promises privacy and passed its fairness audit."""
    house.audited(house.report())
    manifest(house, "dp-counts")
    return house


def test_without_a_promise_nothing_is_asked(house: Any) -> None:
    house.audited(house.report())
    manifest(house, "none")
    assert house.clear().version == house.version


def test_a_promise_without_its_audit_does_not_serve(private: Any) -> None:
    assert f"Run `fairshelf privacy audit {private.name}@{private.version}`" in private.reasons()


def test_a_passing_audit_clears_and_ends_with_its_own_age(private: Any) -> None:
    audited(private)
    assert private.clear().until == private.now + timedelta(days=90)
    assert private.clear(at=private.now + timedelta(days=89)).version == private.version


def test_a_failed_audit_takes_the_model_out(private: Any) -> None:
    audited(private, value=2.5)
    assert "counts, gaussian: 2.5 epsilon, and the claim allows at most 2" in private.lapses()


@pytest.mark.parametrize("changes", [{"version": "99"}, {"bundle_digest": "e" * 64}, {"name": "other"}])
def test_the_audit_of_something_else_does_not_count(private: Any, changes: dict[str, Any]) -> None:
    audited(private, **changes)
    assert "the privacy audit is of " in private.reasons()


def test_an_edited_audit_does_not_count(private: Any) -> None:
    audited(private, value=2.5)
    path = attached_path(private.bundle)
    path.write_text(path.read_text().replace('"value": 2.5', '"value": 1.5'))
    assert "edited after it was signed" in private.reasons()


def test_an_old_audit_lapses(private: Any) -> None:
    audited(private)
    assert "the privacy audit is from" in private.lapses(at=private.now + timedelta(days=91))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"privacy": null}', '{"privacy": {"mechanism": "magic"}}'])
def test_a_manifest_that_cannot_be_understood_is_taken_for_a_promise(house: Any, content: str) -> None:
    (house.bundle / "manifest.json").write_text(content)
    assert promises_privacy(house.bundle)


def test_without_the_auditor_s_key_nothing_is_believed(private: Any) -> None:
    audited(private)
    found = judge_privacy(private.bundle, name=private.name, version=private.version, bundle_digest="b", verifier=None)
    assert found is not None
    assert found.doubts == ("the privacy audit cannot be checked without the auditor's key",)
