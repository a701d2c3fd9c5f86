"""`fairshelf doctor`: what it says of audits, the committee's log and the access logs, and when it complains."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fairness.committee import Committee, open_committee, utc_now
from fairness.signing import AUDIT_KEYS, load_signer, sign_report
from privacy.audit_log import AuditLog
from privacy.vault import AUDIT_LOG
from training.artifact import Bundle, bundle_directory, load_champion, set_champion, write_bundle
from training.manifest import ManifestFacts

Doctor = Callable[[], tuple[int, dict[str, str]]]


@pytest.fixture
def doctor(call: Callable[..., tuple[int, str]]) -> Doctor:
    """Ask the doctor; gives exit code and facts."""

    def asked() -> tuple[int, dict[str, str]]:
        code, printed = call("doctor", "--json")
        return code, json.loads(printed)

    return asked


@pytest.fixture
def sound(house: Any, cleared: Callable[..., Any]) -> Any:
    """A house with two audited champions."""
    storage = house.settings.storage
    facts = ManifestFacts.model_validate(
        load_champion(storage.bundles, "demand").manifest.model_dump(include=set(ManifestFacts.model_fields))
    )
    made = write_bundle(
        bundle_directory(storage.bundles, "two-tower", "1"),
        name="two-tower",
        version="1",
        facts=facts,
        tensors={},
        arrays={},
        frames={},
        texts={},
    )
    cleared(made, house.settings)
    set_champion(storage.bundles, made)
    return house.settings


def committee_of(settings: Any) -> Committee:
    return open_committee(settings.storage, settings.fairness.release, utc_now)


def champion(settings: Any, name: str = "demand") -> Bundle:
    return load_champion(settings.storage.bundles, name)


def report_id(settings: Any, name: str = "demand") -> str:
    attached = champion(settings, name).directory / "audit" / "report.json"
    return str(json.loads(attached.read_bytes())["report_id"])


def test_a_sound_house_is_shown_with_its_reports(sound: Any, doctor: Doctor) -> None:
    committee_of(sound).sign_off(report_id(sound), decision="accept", name="ada")
    code, facts = doctor()
    assert code == 0
    for name in ("two-tower", "demand"):
        assert facts[f"audit {name}"].startswith(f"{report_id(sound, name)}, PASS, cleared until 20")
    assert facts["committee log"] == "as it was written; entries: 1"
    assert facts["vault access log"] == facts["demographics access log"] == "as it was written; entries: 0"


@pytest.mark.parametrize("which", ["committee log", "vault access log", "demographics access log"])
def test_a_log_that_was_edited_makes_it_complain(sound: Any, doctor: Doctor, which: str) -> None:
    storage = sound.storage
    committee_of(sound).sign_off(report_id(sound), decision="accept", name="ada", note="read")
    for log in (storage.vault / AUDIT_LOG, storage.demographics_log):
        AuditLog(log).append("privacy", "read", {"reason": "read"})
    assert doctor()[0] == 0
    logs = {
        "committee log": storage.audit / "committee.jsonl",
        "vault access log": storage.vault / AUDIT_LOG,
        "demographics access log": storage.demographics_log,
    }
    logs[which].write_bytes(logs[which].read_bytes().replace(b'"read"', b'"none"'))
    code, facts = doctor()
    assert code == 2
    assert facts[which].startswith("broken: ")
    assert all(facts[other] == "as it was written; entries: 1" for other in logs if other != which)


def test_a_committee_log_made_anew_by_somebody_else_is_broken(sound: Any, doctor: Doctor) -> None:
    committee_of(sound).sign_off(report_id(sound), decision="accept", name="ada")
    log: Path = sound.storage.audit / "committee.jsonl"
    (entry,) = AuditLog(log).entries()
    for file in (log, log.with_name(f"{log.name}.head")):
        file.unlink()
    AuditLog(log).append("eve", entry.action, dict(entry.facts))  # a whole chain, but without the committee's key
    code, facts = doctor()
    assert code == 2
    assert "was not signed" in facts["committee log"]
    assert facts["audit demand"].startswith("refused: ")


def test_a_report_that_clears_nothing_makes_it_complain(sound: Any, doctor: Doctor) -> None:
    committee_of(sound).sign_off(report_id(sound), decision="refuse", name="ada", note="not like this")
    code, facts = doctor()
    assert code == 2
    assert facts["audit demand"].startswith("refused: ada refused report")
    assert facts["audit two-tower"].startswith("fr_")


@pytest.mark.parametrize(("days", "named"), [(10, True), (30, False)])
def test_waivers_that_end_soon_are_named(
    sound: Any, doctor: Doctor, passing: Callable[..., Any], days: int, *, named: bool
) -> None:
    from fairness.audit_store import REPORTS, AuditStore, attach

    storage, bundle = sound.storage, champion(sound)
    whole = passing("demand", "1", bundle.digest, sound)
    failed = next(one for one in whole.measures if one.family == "primary")
    measures = tuple(
        one.model_copy(update={"verdict": "FAIL"}) if one.key == failed.key else one for one in whole.measures
    )
    report = whole.model_copy(update={"measures": measures, "verdict": "FAIL", "reasons": ("it failed",)})
    store = AuditStore(storage.reports / REPORTS)
    store.add(
        report,
        sign_report(report, load_signer(storage.keys, AUDIT_KEYS, create=False), report.created_at),
        page="",
        notice="",
    )
    attach(bundle.directory, store.open(report.report_id))
    assert doctor()[1]["audit demand"].startswith("refused: ")
    committee, ends = committee_of(sound), datetime.now(UTC) + timedelta(days=days)
    waiver = committee.request_waiver(
        report.report_id,
        measure=failed.measure,
        attribute=failed.attribute,
        group="a",
        reason="r",
        mitigation="m",
        expires_at=ends,
        author="ada",
    )
    committee.approve_waiver(waiver.waiver_id, approver="bob")
    code, facts = doctor()
    assert code == 0
    assert facts["audit demand"].startswith(f"{report.report_id}, FAIL, cleared until {ends:%Y-%m-%d %H:%M} UTC")
    assert (f"; the waiver of {failed.key} ends {ends:%Y-%m-%d %H:%M} UTC" in facts["audit demand"]) is named


def test_an_empty_house_has_no_audit_and_whole_logs(doctor: Doctor) -> None:
    code, facts = doctor()
    assert code == 2
    assert facts["audit demand"].startswith("missing: ")
    assert facts["committee log"] == "as it was written; entries: 0"
