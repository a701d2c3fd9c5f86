"""The server process never loads the training stack, and the supervisor not even the model."""

import subprocess
import sys

import pytest

TRAINING_STACK = {"lightning", "pytorch_lightning", "mlflow", "opacus", "dp_accounting", "opendp", "fairlearn"}
HEAVY = TRAINING_STACK | {"torch", "feast", "pandas"}


def loaded_by(module: str) -> set[str]:
    """Import a module in a fresh process and give the top-level names that came with it."""
    script = f"import sys, {module}; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["serving.service", "serving.assembly"])
def test_the_server_loads_nothing_of_the_training_stack(module: str) -> None:
    assert not loaded_by(module) & TRAINING_STACK


def test_the_supervisor_and_the_build_load_no_model() -> None:
    assert not loaded_by("serving.service") & HEAVY
