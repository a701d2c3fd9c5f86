"""Who may serve: each way round the audit, tried."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fairness.clearance import Clearance, require_still_cleared
from fairness.committee import log_file
from fairness.errors import ClearanceLapsed, ClearanceRefused, CommitteeLogBroken
from fairness.measures import Measure
from fairness.report import Report
from fairness.signing import AUDIT_KEYS, load_signer, sign_report, signature_bytes

FAILED = {"ndcg_at_10_all by income": "FAIL"}
UNSETTLED = {"ndcg_at_10_all by age": "INSUFFICIENT"}


def test_a_pass_clears_until_the_report_expires(house: Any) -> None:
    report = house.audited(house.report())
    clearance = house.clear()
    assert clearance.report_id == report.report_id
    assert clearance.until == house.now + timedelta(days=90)
    assert clearance.waiver_ids == ()
    assert house.clear(at=house.now + timedelta(days=90, seconds=-1)) == clearance
    assert house.clear(snapshot_digest="5" * 64) == clearance


def test_without_a_report_nothing_serves(house: Any) -> None:
    load_signer(house.settings.storage.keys, AUDIT_KEYS, create=True)
    assert house.reasons() == (
        f"no fairness report travels with the bundle: {house.bundle / 'audit'} lacks report.json, signature.json. "
        "Run `fairshelf audit`, then `fairshelf promote`."
    )


def test_an_edited_report_is_refused(house: Any) -> None:
    house.audited(house.report())
    house.rewrite("report.json", lambda content: content.update(provenance="elsewhere"))
    assert "the report was edited: its SHA-256 is" in house.reasons()


def test_a_report_edited_from_fail_to_pass_is_refused(house: Any) -> None:
    house.audited(house.report(FAILED))
    assert "ndcg_at_10_all by income is FAIL, and it has no waiver" in house.reasons()

    def polish(content: dict[str, Any]) -> None:
        content["verdict"] = "PASS"
        for measure in content["measures"]:
            measure["verdict"] = "PASS"

    house.rewrite("report.json", polish)
    assert "the report was edited" in house.reasons()
    house.rewrite("signature.json", lambda content: content.update(verdict="PASS"))
    assert "edited after it was signed" in house.reasons()


def test_an_edited_signature_is_refused(house: Any) -> None:
    house.audited(house.report())
    for change in ({"signature": "00" * 64}, {"created_at": "2026-03-03T00:00:00Z"}, {"key_id": "0" * 16}):
        house.audited(house.report())
        house.rewrite("signature.json", lambda content, change=change: content.update(change))
        assert "sign" in house.reasons()


def test_a_report_signed_with_another_key_is_refused(house: Any) -> None:
    report = house.report()
    house.audited(report)
    other = load_signer(house.settings.storage.root / "elsewhere", AUDIT_KEYS, create=True)
    (house.bundle / "audit" / "signature.json").write_bytes(signature_bytes(sign_report(report, other, house.now)))
    assert "it was signed with key" in house.reasons()


def test_another_models_report_is_refused(house: Any) -> None:
    other = house(name="demand")
    other.audited(other.report())
    told = house.reasons()
    assert "the report is of the model 'demand', not of 'two-tower'" in told
    assert "the report says nothing of what must decide: ndcg_at_10_all by income" in told


def test_the_report_of_another_version_is_refused(house: Any) -> None:
    other = house(version="2")
    other.audited(other.report())
    assert house.reasons() == "the report is of version 2, not of 3"


def test_the_report_of_another_bundle_is_refused(house: Any) -> None:
    house.audited(house.report())
    assert "the report is of bundle bbbbbbbbbbbb, but this is eeeeeeeeeeee" in house.reasons(bundle_digest="e" * 64)


def test_a_report_under_another_policy_is_refused(house: Any) -> None:
    house.audited(house.report())
    statistics = house.settings.fairness.statistics.model_copy(update={"alpha": 0.1})
    fairness = house.settings.fairness.model_copy(update={"statistics": statistics})
    told = house.reasons(settings=house.settings.model_copy(update={"fairness": fairness}))
    assert "it was audited under policy" in told


def test_a_report_on_other_data_lets_nothing_in(house: Any) -> None:
    house.audited(house.report())
    assert "it was audited on data snapshot 555555555555, but 666666666666" in house.reasons(snapshot_digest="6" * 64)


def test_a_live_report_lets_nothing_in(house: Any) -> None:
    house.audited(house.report(kind="live"))
    assert "of live decisions" in house.reasons()


def test_an_expired_report_lapses(house: Any) -> None:
    house.audited(house.report())
    assert "expired at 2026-05-31 09:30 UTC, after 90 days" in house.lapses(at=house.now + timedelta(days=90))


def test_a_report_from_the_future_is_refused(house: Any) -> None:
    house.audited(house.report())
    assert house.clear(at=house.now - timedelta(minutes=5)).until == house.now + timedelta(days=90)
    told = house.reasons(at=house.now - timedelta(minutes=5, seconds=1))
    assert "this machine's clock says 2026-03-02 09:24 UTC" in told
    house.audited(house.report(), signed_at=house.now + timedelta(hours=1))
    assert "the report is from 2026-03-02 10:30 UTC" in house.reasons()


def test_a_missing_public_key_is_refused(house: Any) -> None:
    house.audited(house.report())
    (house.settings.storage.keys / AUDIT_KEYS.public).unlink()
    told = house.reasons()
    assert "audit_signing_public.key" in told
    assert not (house.settings.storage.keys / AUDIT_KEYS.public).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"{}", b"[]"])
@pytest.mark.parametrize("name", ["report.json", "signature.json"])
def test_corrupt_json_is_refused(house: Any, name: str, content: bytes) -> None:
    house.audited(house.report())
    (house.bundle / "audit" / name).write_bytes(content)
    assert f"audit/{name}" in house.reasons()


def test_a_verdict_that_its_measures_do_not_bear_out_is_refused(house: Any) -> None:
    """Signed as it stands, by the auditor's own key: the word PASS is not believed."""
    report = house.report(UNSETTLED)
    house.audited(report.model_copy(update={"verdict": "FAIL"}))
    assert "the report calls itself FAIL, but its measures say INSUFFICIENT" in house.reasons()


def test_a_report_that_waives_by_itself_is_refused(house: Any) -> None:
    house.audited(house.report(FAILED, verdict="PASS", waived=("ndcg_at_10_all by income",)))
    assert house.reasons() == "ndcg_at_10_all by income is FAIL, and it has no waiver"


def test_silence_is_no_pass(house: Any) -> None:
    report: Report = house.report()

    def without(*keys: str) -> Report:
        left = tuple(one for one in report.measures if one.key not in keys)
        return report.model_copy(update={"report_id": f"fr_{len(left):024d}", "measures": left})

    house.audited(without("ndcg_at_10_all by age", "audited_bundle"))
    assert house.reasons() == "the report says nothing of what must decide: ndcg_at_10_all by age, audited_bundle"


def test_a_registered_measure_called_exploratory_is_refused(house: Any) -> None:
    report = house.report()
    first = next(one for one in report.measures if one.family == "primary")
    loose: tuple[Measure, ...] = tuple(
        one.model_copy(update={"family": "exploratory"}) if one is first else one for one in report.measures
    )
    house.audited(report.model_copy(update={"measures": loose}))
    assert f"says nothing of what must decide: {first.key}" in house.reasons()


def test_too_few_sign_offs_are_refused(house: Any) -> None:
    release = house.settings.fairness.release.model_copy(update={"required_sign_offs": 2})
    fairness = house.settings.fairness.model_copy(update={"release": release})
    house.settings = house.settings.model_copy(update={"fairness": fairness})
    report = house.audited(house.report())
    house.committee().sign_off(report.report_id, decision="accept", name="anna")
    assert "1 member(s) of the committee accepted report" in house.reasons()
    house.committee().sign_off(report.report_id, decision="accept", name="bert")
    assert house.clear().report_id == report.report_id


def test_a_refusal_of_the_committee_lapses_until_it_is_taken_back(house: Any) -> None:
    report = house.audited(house.report())
    house.committee().sign_off(report.report_id, decision="refuse", name="anna")
    assert f"anna refused report {report.report_id} for the committee" in house.lapses()
    house.committee().sign_off(report.report_id, decision="accept", name="anna")
    assert house.clear().report_id == report.report_id


def test_with_a_forged_log_entry_nothing_counts(house: Any) -> None:
    report = house.audited(house.report(FAILED))
    house.waive(report)
    log = log_file(house.settings.storage)
    log.write_bytes(log.read_bytes().replace(b"bert", b"carl"))
    told = house.reasons()
    assert "the committee's log" in told
    assert "it has no waiver" in told


def test_a_cut_log_refuses_even_what_needs_no_waiver(house: Any) -> None:
    report = house.audited(house.report())
    house.committee().sign_off(report.report_id, decision="refuse", name="anna")
    log_file(house.settings.storage).write_bytes(b"")
    assert "is the last, but 1 were written" in house.reasons()


def test_every_reason_is_given_at_once(house: Any) -> None:
    report = house.audited(house.report({**FAILED, "audited_bundle": "FAIL"}))
    house.committee().sign_off(report.report_id, decision="refuse", name="anna")
    asked = {"version": "4", "bundle_digest": "e" * 64, "snapshot_digest": "6" * 64}
    told = house.reasons(**asked, at=house.now + timedelta(days=99))
    for part in ("of version 3", "of bundle", "snapshot", "expired at", "hard invariant", "no waiver", "anna refused"):
        assert part in told
    with pytest.raises(ClearanceRefused, match=r"for 7 reason\(s\)(.|\n)*Run `fairshelf audit two-tower@4`"):
        house.clear(**asked, at=house.now + timedelta(days=99))


def test_tampered_evidence_takes_nothing_out_of_service(house: Any) -> None:
    """Whoever can edit a file must not be able to switch the shop off."""
    report = house.audited(house.report())
    house.committee().sign_off(report.report_id, decision="refuse", name="anna")
    house.rewrite("report.json", lambda content: content.update(created_at="2020-01-01T00:00:00Z"))
    assert "the report was edited" in house.reasons()


def still(house: Any, clearance: Clearance, at: datetime | None = None) -> None:
    release = house.settings.fairness.release
    require_still_cleared(clearance, committee=house.committee(), release=release, now=at or house.now)


def test_a_clearance_ends_by_itself(house: Any) -> None:
    house.audited(house.report())
    clearance = house.clear()
    still(house, clearance, clearance.until - timedelta(seconds=1))
    with pytest.raises(ClearanceLapsed, match="its clearance ended at 2026-05-31"):
        still(house, clearance, clearance.until)


def test_a_clearance_ends_with_its_waiver_whatever_lies_beside_the_bundle(house: Any) -> None:
    waiver_id = house.waive(house.audited(house.report(FAILED)))
    clearance = house.clear()
    (house.bundle / "audit" / "report.json").unlink()
    still(house, clearance)
    house.committee().revoke_waiver(waiver_id, name="carl")
    with pytest.raises(ClearanceLapsed, match=f"{waiver_id} was revoked by carl"):
        still(house, clearance)


def test_a_clearance_ends_with_a_refusal(house: Any) -> None:
    report = house.audited(house.report())
    clearance = house.clear()
    house.committee().sign_off(report.report_id, decision="refuse", name="anna")
    with pytest.raises(ClearanceLapsed, match="anna refused"):
        still(house, clearance)


def test_a_broken_log_neither_clears_nor_withdraws(house: Any) -> None:
    report = house.audited(house.report())
    clearance = house.clear()
    house.committee().sign_off(report.report_id, decision="refuse", name="anna")
    log_file(house.settings.storage).write_bytes(b"")
    with pytest.raises(CommitteeLogBroken):
        still(house, clearance)
