"""Waivers at the gate: what they lift, until when, and those that lift nothing."""

from datetime import timedelta
from typing import Any

import pytest

from fairness.committee import log_file
from fairness.errors import ClearanceLapsed, ClearanceRefused
from fairness.report import canonical_bytes
from fairness.signing import AUDIT_KEYS, COMMITTEE_KEYS, load_signer, sign_report, signature_bytes
from privacy.audit_log import AuditLog

FAILED = {"ndcg_at_10_all by income": "FAIL"}
UNSETTLED = {"ndcg_at_10_all by age": "INSUFFICIENT"}


@pytest.mark.parametrize("verdicts", [FAILED, UNSETTLED], ids=["failed", "unsettled"])
def test_what_did_not_pass_needs_a_waiver(house: Any, verdicts: dict[str, str]) -> None:
    (key,) = verdicts
    report = house.audited(house.report(verdicts))
    assert f"{key} is {verdicts[key]}, and it has no waiver" in house.reasons()
    waiver_id = house.waive(report, attribute=key.rpartition(" ")[2])
    clearance = house.clear()
    assert clearance.waiver_ids == (waiver_id,)
    assert clearance.until == house.now + timedelta(days=30)


def test_each_measure_needs_its_own_waiver_and_the_first_to_end_decides(house: Any) -> None:
    report = house.audited(house.report({**FAILED, **UNSETTLED}))
    house.waive(report, "income", days=20)
    assert house.reasons() == "ndcg_at_10_all by age is INSUFFICIENT, and it has no waiver"
    house.waive(report, "age", days=10)
    house.waive(report, "age", days=15)
    assert house.clear().until == house.now + timedelta(days=15)


def test_an_expired_waiver_lapses(house: Any) -> None:
    report = house.audited(house.report(FAILED))
    waiver_id = house.waive(report)
    assert f"waiver {waiver_id} expired at 2026-04-01 09:30 UTC" in house.lapses(at=house.now + timedelta(days=30))


def test_a_revoked_waiver_lapses(house: Any) -> None:
    report = house.audited(house.report(FAILED))
    waiver_id = house.waive(report)
    house.committee().revoke_waiver(waiver_id, name="carl")
    assert f"waiver {waiver_id} was revoked by carl" in house.lapses()


def test_a_waiver_that_nobody_approved_is_refused(house: Any) -> None:
    report = house.audited(house.report(FAILED))
    house.waive(report, approver="")
    assert "waits for somebody other than anna to approve it" in house.reasons()


def test_a_self_approved_waiver_is_refused(house: Any) -> None:
    """Written with the committee's own key past this program's rules."""
    report = house.audited(house.report(FAILED))
    waiver_id = house.waive(report, approver="")
    signer = load_signer(house.settings.storage.keys, COMMITTEE_KEYS, create=False)
    log = AuditLog(log_file(house.settings.storage))
    log.append("anna", "approve waiver", {"waiver_id": waiver_id}, seal=signer.sign)
    assert "was approved by its own author" in house.reasons()


def test_a_waiver_on_an_invariant_is_refused(house: Any) -> None:
    """Even one that is in the committee's log, signed with its key."""
    report = house.audited(house.report({**FAILED, "audited_bundle": "FAIL"}))
    waiver_id = house.waive(report)
    signer = load_signer(house.settings.storage.keys, COMMITTEE_KEYS, create=False)
    log = AuditLog(log_file(house.settings.storage))
    facts = dict(log.entries()[0].facts)
    facts |= {"waiver_id": "wv_x", "measure": "audited_bundle", "attribute": None, "group": None}
    log.append("anna", "request waiver", facts, seal=signer.sign)
    log.append("bert", "approve waiver", {"waiver_id": "wv_x"}, seal=signer.sign)
    assert house.committee().book().waivers["wv_x"].against(house.now, 90) is None
    assert house.committee().book().waivers[waiver_id].against(house.now, 90) is None
    assert house.reasons() == "audited_bundle is FAIL, a hard invariant, which no waiver lifts"


def test_a_waiver_of_another_report_or_of_an_edited_one_does_not_count(house: Any) -> None:
    first = house.audited(house.report(FAILED))
    house.waive(first)
    assert house.clear().report_id == first.report_id
    house.audited(house.report(FAILED))
    assert "it has no waiver" in house.reasons()
    same_id = first.model_copy(update={"provenance": "another text under the same id"})
    signer = load_signer(house.settings.storage.keys, AUDIT_KEYS, create=False)
    (house.bundle / "audit" / "report.json").write_bytes(canonical_bytes(same_id))
    (house.bundle / "audit" / "signature.json").write_bytes(signature_bytes(sign_report(same_id, signer, house.now)))
    assert "it has no waiver" in house.reasons()


def test_a_genuine_failure_is_proof_and_takes_a_model_out(house: Any) -> None:
    house.audited(house.report(FAILED))
    assert "ndcg_at_10_all by income is FAIL" in house.lapses()


def test_silence_takes_no_model_out_that_an_earlier_report_let_in(house: Any) -> None:
    house.audited(house.report(UNSETTLED))
    with pytest.raises(ClearanceRefused) as refused:
        house.clear()
    assert not isinstance(refused.value, ClearanceLapsed)


def test_nor_does_a_failure_that_somebody_wrote_in(house: Any) -> None:
    house.audited(house.report(FAILED))
    house.rewrite("report.json", lambda content: content.update(provenance="elsewhere"))
    with pytest.raises(ClearanceRefused) as refused:
        house.clear()
    assert not isinstance(refused.value, ClearanceLapsed)
