"""A committee's log that somebody else wrote in: nothing in it counts, and nothing is added to it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairness.committee import log_file
from fairness.errors import CommitteeLogBroken
from fairness.report import Report
from fairness.signing import COMMITTEE_KEYS, load_signer


@pytest.fixture
def report(house: Any) -> Report:
    """A signed report in which income fails for group a."""
    report: Report = house.audited(house.report({"ndcg_at_10_all by income": "FAIL"}))
    return report


@pytest.fixture
def log(house: Any) -> Path:
    return log_file(house.settings.storage)


def chained(log: Path, lines: list[bytes]) -> None:
    """Write lines with a chain and a head that are right, as one who knows how would."""
    previous = "0" * 64
    written = []
    for line in lines:
        entry = {**json.loads(line), "previous": previous}
        whole = json.dumps(entry, sort_keys=True).encode()
        previous = hashlib.sha256(whole).hexdigest()
        written.append(whole)
    log.write_bytes(b"".join(line + b"\n" for line in written))
    log.with_name(f"{log.name}.head").write_text(f"{len(written)} {previous}\n")


def forged_entry(lines: list[bytes]) -> list[bytes]:
    approval = {"actor": "bert", "action": "approve waiver", "at": "", "seal": json.loads(lines[0])["seal"]}
    return [*lines, json.dumps({**approval, "facts": json.loads(lines[0])["facts"]}).encode()]


FORGERIES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "forged entry": forged_entry,
    "forged entry without a seal": lambda lines: [*lines, b'{"actor": "x", "action": "sign off", "facts": {}}'],
    "edited entry": lambda lines: [lines[0].replace(b"anna", b"otto"), *lines[1:]],
    "edited expiry": lambda lines: [lines[0].replace(b"2026-04-01", b"2026-05-20"), *lines[1:]],
    "removed entry": lambda lines: [lines[0], *lines[2:]],
    "reordered entries": lambda lines: [lines[0], lines[2], lines[1]],
    "repeated entry": lambda lines: [*lines, lines[2]],
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_log_entry_stops_everything(house: Any, report: Report, log: Path, name: str) -> None:
    """The chain and its head are made good again; the committee's signature cannot be."""
    waiver_id = house.waive(report, approver="")
    house.committee().approve_waiver(waiver_id, approver="bert")
    house.committee().sign_off(report.report_id, decision="refuse", name="carl")
    lines = log.read_bytes().splitlines()
    chained(log, lines)
    assert len(house.committee().book().sign_offs) == 1  # the helper itself breaks nothing
    chained(log, FORGERIES[name](lines))
    with pytest.raises(CommitteeLogBroken, match="was not signed by the committee's key"):
        house.committee().book()
    acts: list[Callable[[], object]] = [
        lambda: house.waive(report),
        lambda: house.committee().approve_waiver(waiver_id, approver="dora"),
        lambda: house.committee().revoke_waiver(waiver_id, name="dora"),
        lambda: house.committee().sign_off(report.report_id, decision="accept", name="carl"),
    ]
    for act in acts:
        with pytest.raises(CommitteeLogBroken):
            act()


def test_an_edited_log_stops_everything(house: Any, report: Report, log: Path) -> None:
    house.waive(report, approver="")
    log.write_bytes(log.read_bytes().replace(b"anna", b"otto"))
    with pytest.raises(CommitteeLogBroken, match=r"line 1 is not what was written last"):
        house.committee().book()


@pytest.mark.parametrize("n_left", [0, 1])
def test_a_cut_log_stops_everything(house: Any, report: Report, log: Path, n_left: int) -> None:
    waiver_id = house.waive(report, approver="")
    house.committee().approve_waiver(waiver_id, approver="bert")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:n_left]))
    with pytest.raises(CommitteeLogBroken, match="but 2 were written"):
        house.committee().book()


@pytest.mark.parametrize("n_left", [0, 1])
def test_a_log_cut_together_with_its_head_is_noticed_by_who_read_it_before(
    house: Any, report: Report, log: Path, n_left: int
) -> None:
    """Without the head's help: the revocation at the end is what somebody would like to be rid of."""
    server = house.committee()
    waiver_id = house.waive(report, approver="")
    house.committee().revoke_waiver(waiver_id, name="bert")
    assert server.book().waivers[waiver_id].status == "revoked"
    chained(log, log.read_bytes().splitlines()[:n_left])
    with pytest.raises(CommitteeLogBroken, match="may only grow"):
        server.book()


def test_a_lost_head_stops_everything(house: Any, report: Report, log: Path) -> None:
    house.waive(report, approver="")
    head = log.with_name(f"{log.name}.head")
    head.write_text("not a head")
    with pytest.raises(CommitteeLogBroken, match="no count and digest"):
        house.committee().book()
    head.unlink()
    with pytest.raises(CommitteeLogBroken):
        house.committee().book()


def test_a_missing_public_key_stops_everything(house: Any, report: Report, log: Path) -> None:
    house.waive(report, approver="")
    public = house.settings.storage.keys / COMMITTEE_KEYS.public
    shutil.move(public, public.with_suffix(".away"))
    with pytest.raises(CommitteeLogBroken, match=r"no key at .*committee_public\.key"):
        house.committee().book()
    with pytest.raises(CommitteeLogBroken):
        house.waive(report, approver="")
    assert not public.exists(), "a new pair would disown what the old one signed"


def test_a_log_signed_with_another_key_stops_everything(house: Any, report: Report, log: Path) -> None:
    house.waive(report, approver="")
    for name in (COMMITTEE_KEYS.private, COMMITTEE_KEYS.public):
        (house.settings.storage.keys / name).unlink()
    load_signer(house.settings.storage.keys, COMMITTEE_KEYS, create=True)
    with pytest.raises(CommitteeLogBroken, match="line 1 was not signed"):
        house.committee().book()
