"""Moving stores to a new key: the order of steps, and who may do it; serving/test_keeping.py tries the stores."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.loading import load_settings
from configs.settings import PrivacySettings
from privacy.errors import KeyMissing, RotationRunning, WindowOpen
from privacy.key_ring import read_ring
from privacy.pseudonyms import load_pseudonymizer
from privacy.rotation import Rotated, RotationPlan, close_window, rotate

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Shelf:
    """A store of one name that notes when it was renamed."""

    def __init__(self, name: str, held: str, log: list[str]) -> None:
        self.name = name
        self.held = held
        self._log = log

    def rekey(self, rename: Callable[[str], str]) -> int:
        """Rename what is held."""
        self._log.append(self.name)
        changed = rename(self.held) != self.held
        self.held = rename(self.held)
        return int(changed)


@pytest.fixture
def settings() -> PrivacySettings:
    return load_settings("test").privacy


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def plan(tmp_path: Path, settings: PrivacySettings, log: list[str]) -> RotationPlan:
    name = load_pseudonymizer(tmp_path, settings).pseudonym("42")

    @contextlib.contextmanager
    def alone() -> Iterator[None]:
        log.append("alone")
        yield
        ring = read_ring(tmp_path)
        log.append(f"names of version {ring.current if ring else 0}")

    return RotationPlan(
        before=(Shelf("vault", name, log), Shelf("lake", name, log)),
        alone=alone,
        copied=(Shelf("online", name, log),),
        state=Shelf("state", name, log),
        after=(Shelf("leftovers", name, log),),
    )


def run(plan: RotationPlan, keys_dir: Path, settings: PrivacySettings, now: datetime = NOW) -> Rotated:
    return rotate(plan, keys_dir, settings, now=now, progress=lambda _: None)


def test_names_change_over_while_no_event_is_folded(
    plan: RotationPlan, tmp_path: Path, settings: PrivacySettings, log: list[str]
) -> None:
    done = run(plan, tmp_path, settings)
    assert log == ["vault", "lake", "alone", "online", "state", "names of version 2", "state", "leftovers"]
    assert done == Rotated(
        1, 2, NOW + timedelta(days=14), {"vault": 1, "lake": 1, "online": 1, "state": 1, "leftovers": 1}
    )
    assert plan.state.held == load_pseudonymizer(tmp_path, settings).pseudonym("42")  # type: ignore[attr-defined]


def test_a_production_rotation_waits_for_its_key(
    plan: RotationPlan, tmp_path: Path, settings: PrivacySettings, log: list[str]
) -> None:
    strict = settings.model_copy(update={"create_missing_keys": False})
    with pytest.raises(KeyMissing, match=r"pseudonym_v2\.key"):
        run(plan, tmp_path, strict)
    assert (log, read_ring(tmp_path)) == ([], None)
    (tmp_path / "pseudonym_v2.key").write_text("ef" * 32)
    assert run(plan, tmp_path, strict).version == 2


def test_a_key_from_the_environment_serves_as_well(
    plan: RotationPlan, tmp_path: Path, settings: PrivacySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRSHELF_SECRET_PSEUDONYM_V2", "ef" * 32)
    run(plan, tmp_path, settings.model_copy(update={"create_missing_keys": False}))
    assert not (tmp_path / "pseudonym_v2.key").exists()
    assert load_pseudonymizer(tmp_path, settings).pseudonym("42").startswith("c2_")


def test_one_rotation_at_a_time(plan: RotationPlan, tmp_path: Path, settings: PrivacySettings, log: list[str]) -> None:
    with (tmp_path / ".rotation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RotationRunning, match=r"\.rotation\.lock"):
            run(plan, tmp_path, settings)
    assert log == []


def test_the_next_rotation_waits_for_the_window(plan: RotationPlan, tmp_path: Path, settings: PrivacySettings) -> None:
    run(plan, tmp_path, settings)
    with pytest.raises(WindowOpen, match="2026-03-15"):
        run(plan, tmp_path, settings, NOW + timedelta(days=13))
    assert close_window(tmp_path, lambda _: pytest.fail("too early"), now=NOW + timedelta(days=13), force=False) is None
    assert close_window(tmp_path, lambda current: 10 * current, now=NOW + timedelta(days=14), force=False) == 20
    assert close_window(tmp_path, lambda _: 0, now=NOW + timedelta(days=14), force=True) is None
    assert run(plan, tmp_path, settings, NOW + timedelta(days=14)).version == 3


def test_a_window_can_be_closed_early(plan: RotationPlan, tmp_path: Path, settings: PrivacySettings) -> None:
    run(plan, tmp_path, settings)
    assert close_window(tmp_path, lambda _: 7, now=NOW, force=True) == 7
    ring = read_ring(tmp_path)
    assert ring is not None
    assert (ring.oldest_resolving, ring.window_ends) == (2, None)
