"""Where a run came from."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from training.lineage import code_commit, lock_digest, provenance


def git(root: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(root), *settings, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_and_whether_the_code_differs_from_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert code_commit(tmp_path) == "unknown"
    (tmp_path / "code.py").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first", "--no-verify")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert code_commit(tmp_path) == commit
    (tmp_path / "untracked.txt").write_text("x")
    assert code_commit(tmp_path) == commit
    (tmp_path / "code.py").write_text("2\n")
    assert code_commit(tmp_path) == f"{commit}-dirty"


def test_without_git_or_repository_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_commit(tmp_path) == "unknown"
    monkeypatch.setattr("training.lineage.shutil.which", lambda _: None)
    assert code_commit(tmp_path) == "unknown"
    monkeypatch.setattr("training.lineage.shutil.which", lambda _: str(tmp_path / "gone"))
    assert code_commit(tmp_path) == "unknown"


def test_the_lock_is_named_by_its_content(tmp_path: Path) -> None:
    assert lock_digest(tmp_path) == "unknown"
    (tmp_path / "requirements.lock").write_text("numpy==2\n")
    assert lock_digest(tmp_path) == hashlib.sha256(b"numpy==2\n").hexdigest()


def test_the_demonstration_data_is_said_to_be_simulated() -> None:
    assert "simulated, based on real grocery shopping patterns … for educational purposes" in provenance(
        "complete-journey"
    )
    assert "'files'" in provenance("files")
