"""A small private training to put on trial."""

from collections.abc import Callable, Iterator, Mapping

import pytest
import torch

from privacy.auditing.record import Finding
from privacy.dp_plan import DpPlan

ByTest = Callable[[tuple[Finding, ...]], Mapping[str, Finding]]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """These trainings are too small to share among threads."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def plan() -> DpPlan:
    """Few steps at a high rate: quick, and worth about epsilon 2."""
    return DpPlan(
        sample_rate=0.5, expected_batch_size=400, steps=16, noise_multiplier=4.0, max_grad_norm=1.0, delta=1e-5
    )


@pytest.fixture
def by_test() -> ByTest:
    """Look findings up by their test."""
    return lambda findings: {finding.test: finding for finding in findings}
