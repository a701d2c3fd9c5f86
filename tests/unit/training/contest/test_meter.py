"""What a step costs."""

from pathlib import Path

import numpy as np
import pytest

from training.contest import meter
from training.contest.meter import measured


def test_processor_time_and_peak_are_those_of_the_step() -> None:
    with measured() as idle:
        pass
    with measured() as busy:
        block = np.ones(40_000_000)  # 0.32 GB, given back before the step ends
        block.sum()
        del block
    with measured() as after:
        pass
    assert busy.peak_memory_gb - idle.peak_memory_gb == pytest.approx(0.32, abs=0.1)
    assert after.peak_memory_gb < busy.peak_memory_gb - 0.2
    assert busy.cpu_s > 0
    assert idle.cpu_s < busy.cpu_s


def test_a_step_that_fails_is_measured_too() -> None:
    with pytest.raises(KeyError), measured() as cost:
        raise KeyError
    assert cost.peak_memory_gb > 0


def test_without_the_kernels_word_the_peak_of_the_run_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(meter, "_STATUS", tmp_path / "absent")
    monkeypatch.setattr(meter, "_RESET", tmp_path / "absent")
    with measured() as cost:
        pass
    assert 0.02 < cost.peak_memory_gb < 100
