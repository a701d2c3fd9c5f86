"""A training run that can be killed and taken up again: what names it, and which tracked run it belongs to."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from training.errors import NothingToResume

LAST_CHECKPOINT: Final = "last.ckpt"
PRIVATE_RUN: Final = "private_run.json"  # written when a private run reserves its budget, before any checkpoint

_RUN_SUFFIX: Final = ".run"


def fingerprint(inputs: Mapping[str, Any]) -> str:
    """Name a run by everything that decides its result, so that --resume never continues another one.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def require_checkpoint(checkpoints: Path) -> None:
    """Refuse to resume a fit that left nothing to resume from.

    Raises:
        NothingToResume: If there is no checkpoint in the folder.
    """
    if not any((checkpoints / left).exists() for left in (LAST_CHECKPOINT, PRIVATE_RUN)):
        raise NothingToResume(checkpoint=checkpoints / LAST_CHECKPOINT)


def remember_run(checkpoints: Path, run_id: str) -> None:
    """Note the tracked run that a training writes to, beside its checkpoints."""
    checkpoints.parent.mkdir(parents=True, exist_ok=True)
    checkpoints.with_suffix(_RUN_SUFFIX).write_text(run_id, encoding="utf-8")


def run_to_resume(checkpoints: Path) -> str:
    """Find the tracked run of a killed training.

    Raises:
        NothingToResume: If none left a checkpoint.
    """
    require_checkpoint(checkpoints)
    return checkpoints.with_suffix(_RUN_SUFFIX).read_text(encoding="utf-8")


def forget_run(checkpoints: Path) -> None:
    """Remove the checkpoints of a run that ended: its bundle holds what they were for."""
    shutil.rmtree(checkpoints, ignore_errors=True)
    checkpoints.with_suffix(_RUN_SUFFIX).unlink(missing_ok=True)
