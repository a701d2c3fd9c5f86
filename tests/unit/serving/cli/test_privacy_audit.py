"""`fairshelf privacy audit` in a process: nothing to audit, and a record that is on file or not."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from fairness.signing import AUDIT_KEYS, load_signer
from privacy.auditing.record import AuditRecord, Claim
from privacy.auditing.record_store import attached_path, sign_record, write_record
from serving.cli import privacy_audit

NOW = datetime.now(UTC)


def lay(bundle: Any, settings: Any, *, at: datetime = NOW, digest: str = "a" * 64) -> None:
    """Lay a signed record beside a bundle."""
    record = AuditRecord(
        name="two-tower",
        version="3",
        bundle_digest=digest,
        created_at=at,
        claim=Claim(mechanism="dp-counts", epsilon=2.0, delta=1e-5, counts_epsilon=2.0, training_epsilon=None),
        false_alarm=0.01,
        n_canaries=1_000,
        seconds=1.0,
        findings=(),
        membership_digest=None,
        notes=("a note",),
    )
    write_record(
        attached_path(bundle.directory),
        sign_record(record, load_signer(settings.storage.keys, AUDIT_KEYS, create=True)),
    )


@pytest.fixture
def bundle(tmp_path: Any) -> Any:
    """A bundle that promises privacy."""
    manifest = SimpleNamespace(name="two-tower", version="3", privacy=SimpleNamespace(mechanism="dp-counts"))
    return SimpleNamespace(directory=tmp_path / "bundle", manifest=manifest, digest="a" * 64)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the audits that are made."""
    made: list[str] = []
    monkeypatch.setattr(privacy_audit, "audit_version", lambda _settings, bundle, _steps: made.append(bundle.digest))
    return made


def test_a_promise_without_a_record_is_audited(bundle: Any, settings: Any, asked: list[str]) -> None:
    privacy_audit.ensure_privacy_audit(settings, bundle, lambda _: None)  # type: ignore[arg-type]
    assert asked == [bundle.digest]


def test_a_record_on_file_is_not_made_again(bundle: Any, settings: Any, asked: list[str]) -> None:
    lay(bundle, settings)
    privacy_audit.ensure_privacy_audit(settings, bundle, lambda _: None)  # type: ignore[arg-type]
    assert asked == []


@pytest.mark.parametrize("changes", [{"at": NOW - timedelta(days=400)}, {"digest": "b" * 64}])
def test_an_old_record_and_another_bundle_s_are_made_again(
    bundle: Any, settings: Any, asked: list[str], changes: dict[str, Any]
) -> None:
    lay(bundle, settings, **changes)
    privacy_audit.ensure_privacy_audit(settings, bundle, lambda _: None)  # type: ignore[arg-type]
    assert asked == [bundle.digest]


def test_without_a_promise_nothing_is_audited(bundle: Any, settings: Any, asked: list[str]) -> None:
    bundle.manifest.privacy.mechanism = "none"
    privacy_audit.ensure_privacy_audit(settings, bundle, lambda _: None)  # type: ignore[arg-type]
    assert asked == []
