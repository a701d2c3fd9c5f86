"""The tamper-evident log."""

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from privacy.audit_log import AuditLog
from privacy.errors import AuditLogBroken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = AuditLog(tmp_path / "log" / "audit.jsonl")
    for number in range(4):
        log.append("privacy", "resolve", {"n_asked": number})
    return tmp_path / "log" / "audit.jsonl"


def test_an_untouched_log_verifies_and_goes_on(path: Path) -> None:
    AuditLog(path).verify()
    AuditLog(path).append("privacy", "resolve", {"n_asked": 4})
    AuditLog(path).verify()
    assert len(path.read_text().splitlines()) == 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_log_verifies(tmp_path: Path) -> None:
    AuditLog(tmp_path / "none.jsonl").verify()


def edit_second(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"n_asked": 1', '"n_asked": 9'), *lines[2:]]


def edit_last(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1].replace('"n_asked": 3', '"n_asked": 9')]


TAMPERINGS: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "edited line": (edit_second, "line 3"),
    "edited last line": (edit_last, "line 4"),
    "removed line": (lambda lines: [lines[0], *lines[2:]], "line 2"),
    "removed first line": (lambda lines: lines[1:], "line 1"),
    "last line cut": (lambda lines: lines[:-1], "line 3 is the last, but 4 were written"),
    "all lines cut": (lambda lines: lines[:0], "0 is the last, but 4"),
    "swapped lines": (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "line 2"),
    "line made up": (lambda lines: [*lines, lines[-1]], "line 5"),
    "line is no JSON": (lambda lines: [lines[0], "x", *lines[2:]], "line 2"),
    "line is no entry": (lambda lines: [lines[0], "[1]", *lines[2:]], "line 2"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_shows_where(path: Path, name: str) -> None:
    tamper, where = TAMPERINGS[name]
    lines = tamper(path.read_text().splitlines())
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(AuditLogBroken, match=where):
        AuditLog(path).verify()


def test_entries_are_read_back_in_order(path: Path) -> None:
    entries = AuditLog(path).entries()
    assert [entry.facts for entry in entries] == [{"n_asked": number} for number in range(4)]
    assert {(entry.actor, entry.action, entry.seal) for entry in entries} == {("privacy", "resolve", None)}
    assert AuditLog(path).append("privacy", "resolve", {}) == AuditLog(path).entries()[-1].digest
    assert AuditLog(path.with_name("none.jsonl")).entries() == []


def test_a_seal_is_put_on_the_entry_with_its_place(path: Path) -> None:
    seen: list[bytes] = []

    def seal(content: bytes) -> str:
        seen.append(content)
        return "signed"

    for _ in range(2):
        AuditLog(path).append("committee", "sign off", {"decision": "accept"}, seal=seal)
    first, second = AuditLog(path).entries()[-2:]
    assert [first.sealed, second.sealed] == seen
    assert first.seal == second.seal == "signed"
    assert json.loads(second.sealed)["previous"] == first.digest
    assert "seal" not in json.loads(second.sealed)


def test_a_reader_does_not_meet_a_writer_half_way(path: Path) -> None:
    def write() -> None:
        for number in range(15):
            AuditLog(path).append("privacy", "resolve", {"n_asked": number})

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        AuditLog(path).verify()
    assert len(AuditLog(path).entries()) == 19


def test_a_head_that_cannot_be_read_is_named(path: Path) -> None:
    path.with_name("audit.jsonl.head").write_text("x")
    with pytest.raises(AuditLogBroken, match=r"audit.jsonl.head"):
        AuditLog(path).verify()
