"""What names a training run, and which tracked run a killed one goes on in."""

from pathlib import Path

import pytest

from training.errors import NothingToResume
from training.resuming import LAST_CHECKPOINT, fingerprint, forget_run, remember_run, run_to_resume


def test_whatever_decides_a_result_names_another_run() -> None:
    inputs = {"settings": {"seed": 7}, "data": "ab", "train_until": "2024-07-01"}
    names = {fingerprint(inputs | change) for change in ({}, {"settings": {"seed": 8}}, {"data": "ac"}, {"more": 1})}
    assert len(names) == 4
    assert fingerprint(dict(reversed(inputs.items()))) == fingerprint(inputs)


def test_a_killed_run_is_found_again_and_forgotten_when_it_ends(tmp_path: Path) -> None:
    checkpoints = tmp_path / "demand" / "ab12"
    remember_run(checkpoints, "run-1")
    with pytest.raises(NothingToResume):
        run_to_resume(checkpoints)  # killed before its first epoch ended
    checkpoints.mkdir()
    (checkpoints / LAST_CHECKPOINT).write_bytes(b"weights")
    assert run_to_resume(checkpoints) == "run-1"
    remember_run(checkpoints, "run-2")
    assert run_to_resume(checkpoints) == "run-2"
    other = tmp_path / "demand" / "cd34"
    remember_run(other, "run-3")
    forget_run(checkpoints)
    assert list((tmp_path / "demand").iterdir()) == [other.with_suffix(".run")]
    forget_run(checkpoints)  # nothing is left to forget
    with pytest.raises(NothingToResume):
        run_to_resume(checkpoints)
