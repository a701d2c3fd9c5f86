"""Commands run in this process, in a house of the made-up chain."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.cli.app import app, run

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; gives exit code and everything printed. The storage is empty unless the test takes `house`."""
    monkeypatch.setenv("FAIRSHELF_STORAGE__ROOT", str(tmp_path / "house" / "var"))
    monkeypatch.setenv("FAIRSHELF_PROFILE", "test")

    def command(*arguments: str) -> tuple[int, str]:
        code = run(lambda: app([str(argument) for argument in arguments], standalone_mode=True))
        captured = capsys.readouterr()
        printed = captured.out + captured.err
        assert "Traceback" not in printed
        return code, " ".join((captured.out if "--json" in arguments and code == 0 else printed).split())

    return command


@pytest.fixture
def house(chain: Any, tmp_path: Path) -> Any:
    """The made-up chain where `call` looks for it, with its champion."""
    return chain.copied_to(tmp_path / "house")


@pytest.fixture
def facts(call: Call) -> Callable[..., dict[str, Any]]:
    """Run a command with --json and give what it says; it must succeed."""

    def asked(*arguments: str) -> dict[str, Any]:
        code, printed = call(*arguments, "--json")
        assert code == 0, printed
        found: dict[str, Any] = json.loads(printed)
        return found

    return asked
