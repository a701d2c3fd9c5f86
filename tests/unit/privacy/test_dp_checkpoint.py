"""Progress of a private training on disk."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from privacy.dp_checkpoint import DpCheckpoint, Progress, block_from
from privacy.dp_plan import DpPlan
from privacy.errors import DpCheckpointMismatch, PrivacyParameterInvalid

PLAN = DpPlan(sample_rate=0.1, expected_batch_size=8, steps=25, noise_multiplier=1.0, max_grad_norm=1.0, delta=1e-5)
WEIGHTS = {"w": torch.arange(3, dtype=torch.float64)}
STATE = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}


@pytest.fixture
def checkpoint(tmp_path: Path) -> DpCheckpoint:
    made = DpCheckpoint(tmp_path / "run" / "dp.pt", run="r1", every=10)
    with made.held():
        made.save(PLAN, Progress(steps_taken=20, steps_done=13), WEIGHTS, STATE)
    return made


def test_what_is_saved_comes_back(checkpoint: DpCheckpoint) -> None:
    progress, weights, optimizer = checkpoint.load(PLAN, WEIGHTS)
    assert progress == Progress(steps_taken=20, steps_done=13)
    assert weights["w"].tolist() == [0, 1, 2]
    assert optimizer == STATE


def test_no_random_state_is_written(checkpoint: DpCheckpoint) -> None:
    """Whoever could draw the noise again could take it off."""
    content = torch.load(checkpoint.path, weights_only=True)
    assert set(content) == {"run", "plan", "steps_taken", "steps_done", "weights", "optimizer"}
    assert content["plan"] == PLAN.facts()


@pytest.mark.parametrize("constant", ["sample_rate", "noise_multiplier", "max_grad_norm"])
def test_another_plan_does_not_go_on(checkpoint: DpCheckpoint, constant: str) -> None:
    other = DpPlan(**{**PLAN.facts(), constant: 0.7})  # type: ignore[arg-type]
    with pytest.raises(DpCheckpointMismatch, match=f"another {constant}"):
        checkpoint.load(other, WEIGHTS)


def test_another_run_does_not_go_on(checkpoint: DpCheckpoint) -> None:
    other = DpCheckpoint(checkpoint.path, run="r2", every=10)
    with pytest.raises(DpCheckpointMismatch, match="'r1', not 'r2'"):
        other.load(PLAN, WEIGHTS)
    other.refuse_begun()


def test_a_run_begins_once(checkpoint: DpCheckpoint) -> None:
    with pytest.raises(DpCheckpointMismatch, match="only be resumed"):
        checkpoint.refuse_begun()
    checkpoint.path.unlink()
    checkpoint.refuse_begun()


@pytest.mark.parametrize("like", [{"w": torch.zeros(4)}, {"v": torch.zeros(3)}, {}])
def test_another_model_does_not_go_on(checkpoint: DpCheckpoint, like: dict[str, Tensor]) -> None:
    with pytest.raises(DpCheckpointMismatch, match="other shapes"):
        checkpoint.load(PLAN, like)


def test_a_damaged_file_is_said_to_be_so(checkpoint: DpCheckpoint) -> None:
    whole = checkpoint.path.read_bytes()
    for content, problem in ((whole[: len(whole) // 2], "damaged"), (b"", "damaged"), (b"no checkpoint", "damaged")):
        checkpoint.path.write_bytes(content)
        with pytest.raises(DpCheckpointMismatch, match=problem):
            checkpoint.load(PLAN, WEIGHTS)
        with pytest.raises(DpCheckpointMismatch, match=problem):
            checkpoint.refuse_begun()
    torch.save({"weights": WEIGHTS}, checkpoint.path)
    with pytest.raises(DpCheckpointMismatch, match="no checkpoint of a private training"):
        checkpoint.load(PLAN, WEIGHTS)
    checkpoint.path.unlink()
    with pytest.raises(DpCheckpointMismatch, match="no such file"):
        checkpoint.load(PLAN, WEIGHTS)


def test_two_processes_cannot_take_the_same_steps(checkpoint: DpCheckpoint) -> None:
    with checkpoint.held(), pytest.raises(DpCheckpointMismatch, match="another process"), checkpoint.held():
        pass
    with checkpoint.held():
        pass


def test_blocks_end_with_the_plan() -> None:
    assert block_from(Progress(20, 13), PLAN, 10) == Progress(25, 13)
    assert block_from(Progress(0, 0), PLAN, 10) == Progress(10, 0)


def test_a_block_without_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivacyParameterInvalid, match="every"):
        DpCheckpoint(tmp_path / "dp.pt", run="r", every=0)
