"""The tamper-evident log."""

import stat
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
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_shows_where(path: Path, name: str) -> None:
    tamper, where = TAMPERINGS[name]
    lines = tamper(path.read_text().splitlines())
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(AuditLogBroken, match=where):
        AuditLog(path).verify()
