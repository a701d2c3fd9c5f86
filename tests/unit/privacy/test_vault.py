"""The identity vault."""

import json
import stat
from pathlib import Path

import pytest

from privacy.audit_log import AuditLog
from privacy.errors import VaultAccessDenied, VaultReasonMissing
from privacy.vault import ALLOWED_ROLES, IdentityVault, open_vault


@pytest.fixture
def vault(tmp_path: Path) -> IdentityVault:
    made = open_vault(tmp_path / "vault")
    made.remember({"c1_a": "1", "c1_b": "2"})
    return made


def log_entries(tmp_path: Path) -> list[dict[str, object]]:
    AuditLog(tmp_path / "vault" / "access.jsonl").verify()
    return [json.loads(line) for line in (tmp_path / "vault" / "access.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("role", ALLOWED_ROLES)
def test_allowed_roles_resolve_and_are_logged(vault: IdentityVault, tmp_path: Path, role: str) -> None:
    assert vault.resolve(["c1_b", "c1_x"], role=role, reason="a request") == {"c1_b": "2"}
    (entry,) = log_entries(tmp_path)
    assert (entry["actor"], entry["action"]) == (role, "resolve")
    assert entry["facts"] == {"reason": "a request", "n_asked": 2}
    assert "c1_b" not in (tmp_path / "vault" / "access.jsonl").read_text()


@pytest.mark.parametrize("role", ["storefront", "ml_engineer", ""])
def test_other_roles_are_refused_and_logged(vault: IdentityVault, tmp_path: Path, role: str) -> None:
    with pytest.raises(VaultAccessDenied, match="may not turn pseudonyms"):
        vault.resolve(["c1_a"], role=role, reason="curious")
    (entry,) = log_entries(tmp_path)
    assert (entry["actor"], entry["action"]) == (role, "resolve denied")


def test_a_reason_must_be_given(vault: IdentityVault) -> None:
    with pytest.raises(VaultReasonMissing):
        vault.resolve(["c1_a"], role="privacy", reason="  ")


def test_remembering_again_changes_nothing(vault: IdentityVault, tmp_path: Path) -> None:
    vault.remember({"c1_a": "1", "c1_c": "3"})
    again = open_vault(tmp_path / "vault")
    assert again.resolve(["c1_a", "c1_b", "c1_c"], role="privacy", reason="test") == {
        "c1_a": "1",
        "c1_b": "2",
        "c1_c": "3",
    }


def test_the_file_is_private(vault: IdentityVault, tmp_path: Path) -> None:
    vault.remember({})
    assert stat.S_IMODE((tmp_path / "vault" / "identities.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o700
