"""Where reports lie, and what is taken from there."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.settings import Settings
from fairness.audit_store import AuditStore, Evidence, attach, attached_files, read_attached
from fairness.errors import ReportCorrupt, ReportExists, ReportNotAttached, ReportUnknown, SignatureCorrupt
from fairness.report import Report, canonical_bytes, digest
from fairness.signing import AUDIT_KEYS, load_signer, sign_report, signature_bytes

NOW = datetime(2026, 3, 2, tzinfo=UTC)
Keep = Callable[..., Evidence]


@pytest.fixture
def store(tmp_path: Path) -> AuditStore:
    return AuditStore(tmp_path / "fairness")


@pytest.fixture
def keep(tmp_path: Path, store: AuditStore, settings: Settings, passing: Callable[..., Report]) -> Keep:
    """Make, sign and keep a report."""

    def kept(model: str = "two-tower", version: str = "1", bundle: str = "b" * 64, **changes: object) -> Evidence:
        report = passing(model, version, bundle, settings, **{"created_at": NOW, **changes})
        signature = sign_report(report, load_signer(tmp_path / "keys", AUDIT_KEYS, create=True), NOW)
        store.add(report, signature, page="<p>page</p>", notice="<p>notice</p>")
        return store.open(report.report_id)

    return kept


def test_a_report_is_kept_with_pages_and_signature(tmp_path: Path, store: AuditStore, keep: Keep) -> None:
    evidence = keep()
    folder = tmp_path / "fairness" / evidence.report.report_id
    assert sorted(path.name for path in folder.iterdir()) == [
        "notice.html",
        "report.html",
        "report.json",
        "signature.json",
    ]
    content = (folder / "report.json").read_bytes()
    assert content == canonical_bytes(evidence.report)
    assert evidence.report_digest == digest(content) == evidence.signature.report_digest
    assert store.page(evidence.report.report_id).read_text() == "<p>page</p>"
    assert store.page(evidence.report.report_id, "notice.html").read_text() == "<p>notice</p>"


def test_a_report_is_never_overwritten(store: AuditStore, keep: Keep) -> None:
    evidence = keep()
    with pytest.raises(ReportExists, match="never overwritten"):
        store.add(evidence.report, evidence.signature, page="other", notice="other")
    assert store.page(evidence.report.report_id).read_text() == "<p>page</p>"


def test_a_write_that_fails_leaves_nothing(
    tmp_path: Path, store: AuditStore, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = keep()
    another = evidence.report.model_copy(update={"report_id": "fr_" + "1" * 24})

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.add(another, evidence.signature, page="", notice="")
    assert [path.name for path in (tmp_path / "fairness").iterdir()] == [evidence.report.report_id]


@pytest.mark.parametrize("report_id", ["fr_" + "0" * 24, "", ".", "..", "../fairness", "/etc", "fr_*"])
def test_an_id_is_compared_and_never_joined(store: AuditStore, keep: Keep, report_id: str) -> None:
    keep()
    for ask in (store.open, store.page):
        with pytest.raises(ReportUnknown, match="no fairness report"):
            ask(report_id)


def test_no_other_file_is_handed_out(store: AuditStore, keep: Keep) -> None:
    report_id = keep().report.report_id
    with pytest.raises(ReportUnknown):
        store.page(report_id, "../../keys/audit_signing_private.key")


def test_an_empty_store_lists_nothing(store: AuditStore) -> None:
    assert store.newest_first() == []
    assert store.find(bundle_digest="b" * 64, policy_digest="c" * 64, snapshot_digest="d" * 64) is None
    assert store.previous("two-tower") is None


def test_the_list_is_newest_first_and_names_what_is_broken(tmp_path: Path, store: AuditStore, keep: Keep) -> None:
    ids = [keep(created_at=NOW + timedelta(hours=hour)).report.report_id for hour in (1, 3, 2)]
    (tmp_path / "fairness" / ids[1] / "report.json").write_text("{")
    (tmp_path / "fairness" / ids[0] / "signature.json").unlink()
    listed = store.newest_first()
    assert listed[0].report_id == ids[2]
    assert {one.report_id for one in listed[1:]} == {ids[0], ids[1]}
    assert all(one.evidence is None and one.problem for one in listed[1:])


def test_a_report_in_the_folder_of_another_is_a_problem(tmp_path: Path, store: AuditStore, keep: Keep) -> None:
    first, second = keep().report.report_id, keep().report.report_id
    for name in ("report.json", "signature.json"):
        (tmp_path / "fairness" / first / name).write_bytes((tmp_path / "fairness" / second / name).read_bytes())
    broken = next(one for one in store.newest_first() if one.report_id == first)
    assert broken.evidence is None
    assert second in str(broken.problem)


def test_the_audit_of_exactly_this_is_found(store: AuditStore, keep: Keep) -> None:
    keep()
    wanted = keep(created_at=NOW + timedelta(days=1))
    keep(created_at=NOW + timedelta(days=2), kind="live")
    keep(bundle="e" * 64, created_at=NOW + timedelta(days=3))
    report = wanted.report
    exact = {
        "bundle_digest": "b" * 64,
        "policy_digest": report.policy_digest,
        "snapshot_digest": report.data.snapshot_digest,
    }
    found = store.find(**exact)
    assert found is not None
    assert found.report.report_id == report.report_id
    for name in exact:
        assert store.find(**{**exact, name: "0" * 64}) is None


def test_the_previous_report_is_the_newest_release_audit_of_the_model(store: AuditStore, keep: Keep) -> None:
    keep("demand", created_at=NOW + timedelta(days=5))
    wanted = keep(version="2", created_at=NOW + timedelta(days=1))
    keep(version="1")
    keep(kind="live", created_at=NOW + timedelta(days=3))
    found = store.previous("two-tower")
    assert found is not None
    assert found.report == wanted.report


def test_what_is_attached_travels_and_is_replaced(tmp_path: Path, keep: Keep) -> None:
    bundle, first, second = tmp_path / "bundle", keep(), keep()
    bundle.mkdir()
    with pytest.raises(ReportNotAttached, match=r"report.json, signature.json"):
        read_attached(bundle)
    attach(bundle, first)
    assert read_attached(bundle) == first
    attach(bundle, second)
    assert read_attached(bundle) == second
    assert sorted((bundle / "audit").iterdir()) == sorted(attached_files(bundle))


def test_one_of_two_files_is_not_enough(tmp_path: Path, keep: Keep) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    attach(bundle, keep())
    (bundle / "audit" / "signature.json").unlink()
    with pytest.raises(ReportNotAttached, match=r"lacks signature.json"):
        read_attached(bundle)


def test_corrupt_files_are_named(tmp_path: Path, keep: Keep) -> None:
    bundle, evidence = tmp_path / "bundle", keep()
    bundle.mkdir()
    attach(bundle, evidence)
    for content in (b"", b"{", b"\xff\xfe", b"[]", canonical_bytes(evidence.report) + b"\n"):
        (bundle / "audit" / "report.json").write_bytes(content)
        with pytest.raises(ReportCorrupt, match=r"audit/report.json"):
            read_attached(bundle)
    attach(bundle, evidence)
    (bundle / "audit" / "signature.json").write_bytes(signature_bytes(evidence.signature)[:40])
    with pytest.raises(SignatureCorrupt, match=r"audit/signature.json"):
        read_attached(bundle)
    (bundle / "audit" / "signature.json").unlink()
    (bundle / "audit" / "signature.json").mkdir()
    with pytest.raises(SignatureCorrupt, match="directory"):
        read_attached(bundle)
