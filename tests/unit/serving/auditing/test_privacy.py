"""Which audit a version gets, and what is kept of it."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from configs.settings import Settings
from fairness.signing import AUDIT_KEYS, load_verifier
from privacy.auditing.errors import NothingPromised, PrivacyAuditUnwritten
from privacy.auditing.record import COUNT_TESTS, Claim, Finding
from privacy.auditing.record_store import MEMBERSHIP, attached_path, problems_of, read_signed, report_path
from serving.auditing import privacy
from serving.auditing.examined import Examined, MembershipReport
from serving.auditing.privacy import audit_privacy

NOW = datetime(2026, 1, 2, tzinfo=UTC)
REPORT = MembershipReport(name="demand", version="7", created_at=NOW, n_customers=3, note="exact", attacked=())


def bundle(folder: Path, *, name: str = "demand", mechanism: str = "dp-counts") -> Any:
    manifest = SimpleNamespace(name=name, version="7", privacy=SimpleNamespace(mechanism=mechanism))
    return SimpleNamespace(directory=folder / name / "7", manifest=manifest, digest="a" * 64, statement=lambda: None)


def audited(found: Any, settings: Settings) -> privacy.PrivacyAudit:
    return audit_privacy(found, settings, lambda _: [], now=lambda: NOW, progress=lambda _: None)


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have the demand model examined with a result of our own."""

    def of(membership: MembershipReport | None, *, without: str = "") -> None:
        findings = tuple(
            Finding(release="levels", test=test, value=1, limit=2, passes="at_most", unit="epsilon", said="so")
            for test in COUNT_TESTS
            if test != without
        )
        claim = Claim(mechanism="dp-counts", epsilon=2.0, delta=1e-5, levels_epsilon=2.0)
        result = Examined(claim, findings, ("a note",), membership)
        monkeypatch.setattr(privacy, "_EXAMINERS", {"demand": lambda *_: result})

    return of


def test_both_models_have_an_audit() -> None:
    assert set(privacy._EXAMINERS) == {"two-tower", "demand"}


@pytest.mark.parametrize(("changes", "error"), [
    ({"mechanism": "none"}, NothingPromised), ({"name": "other"}, PrivacyAuditUnwritten),
])  # fmt: skip
def test_what_promises_nothing_and_what_nobody_audits_are_refused(
    changes: dict[str, str], error: type[Exception], settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(error):
        audited(bundle(tmp_path, **changes), settings)


@pytest.mark.parametrize("membership", [None, REPORT])
def test_the_record_is_signed_and_laid_beside_the_bundle(
    membership: MembershipReport | None, examined: Any, settings: Settings, tmp_path: Path
) -> None:
    examined(membership)
    found = bundle(tmp_path)
    made = audited(found, settings)
    assert made.membership == membership
    signed = read_signed(attached_path(found.directory), model="demand@7")
    verifier = load_verifier(settings.storage.keys, AUDIT_KEYS)
    assert problems_of(signed, name="demand", version="7", bundle_digest="a" * 64, verifier=verifier) == []
    assert signed.record.passed
    attacks = report_path(settings.storage.reports, "demand", "7").with_name(MEMBERSHIP)
    assert attacks.exists() == (membership is not None) == (signed.record.membership_digest is not None)


def test_a_record_without_a_test_does_not_pass(examined: Any, settings: Settings, tmp_path: Path) -> None:
    examined(None, without="noise")
    assert audited(bundle(tmp_path), settings).signed.record.reasons == ["levels, noise: it was not tested"]
