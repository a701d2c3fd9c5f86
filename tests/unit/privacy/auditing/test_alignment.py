"""The observer's own gradients and sums, against those of the training."""

from typing import Any

import numpy as np
import pytest
import torch

from privacy.auditing.alignment import Alignment, DrawCounter, clipped_gradients, largest_change, losses_of
from privacy.auditing.probe import probe
from privacy.dp import DpStep
from privacy.dp_gradients import clipped_sum
from privacy.dp_plan import DpPlan


def test_the_observer_s_gradients_add_up_to_the_training_s_sum(plan: DpPlan) -> None:
    trial = probe(plan, 12, error=0.01)
    norms: dict[str, Any] = {"max_grad_norm": 0.3, "microbatch_size": 5}
    rows = clipped_gradients(trial.model, trial.canaries, trial.loss, **norms)
    assert rows.norm(dim=1).tolist() == pytest.approx([0.3] * 12)
    total = clipped_sum(trial.model, trial.canaries, trial.loss, **norms)
    assert rows.sum(dim=0).tolist() == pytest.approx(total.tolist(), abs=1e-6)


def test_short_gradients_are_not_stretched(plan: DpPlan) -> None:
    trial = probe(plan, 12, error=0.01)
    rows = clipped_gradients(trial.model, trial.canaries, trial.loss, max_grad_norm=9.0, microbatch_size=12)
    assert rows[0].tolist() == pytest.approx([1 / 12 - 1] + [1 / 12] * 11)


def test_scores_are_inner_products_with_what_is_left_of_the_sum() -> None:
    plan = DpPlan(sample_rate=0.5, expected_batch_size=1, steps=2, noise_multiplier=1.0, max_grad_norm=2.0, delta=1e-5)
    pushes, others = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([4.0, 4.0])
    asked: list[int] = []
    heard = Alignment(lambda: asked.append(1) or (pushes, others), plan)  # type: ignore[func-returns-value]
    for number in (1, 2):
        heard(DpStep(number, torch.tensor([3.5, 1.25])))
    # What is expected: half of (4, 4) and half of half of (2, 1) = (2.5, 2.25); left (1, -1), over the norm's square.
    assert heard.scores.tolist() == [2 * 2 / 4, 2 * -1 / 4]
    assert (heard.energy, heard.n_entries) == (2 * 2 / 4, 4)
    assert len(asked) == 2, "after the last step nobody needs the gradients"


def test_the_counter_reads_how_many_were_drawn() -> None:
    counter = DrawCounter(torch.tensor([0.0, 0.5]), noise_std=1.0)
    counter(DpStep(1, torch.tensor([7.0, 3.5])))
    assert counter.drawn == [7.0]
    assert counter.noise_std == 2.0


def test_the_largest_change_is_that_of_the_farthest_customer(plan: DpPlan) -> None:
    trial = probe(plan, 5, error=0.01)
    moved = largest_change(lambda some: torch.tensor([float(some.fields["targets"][:, 0].sum())]), trial.canaries, 9)
    assert moved == 4.0


def test_losses_are_those_of_the_model(plan: DpPlan) -> None:
    trial = probe(plan, 5, error=0.01)
    with torch.no_grad():
        next(trial.model.parameters())[2] = 3.0
    log_shares = torch.log_softmax(torch.tensor([0.0, 0, 3, 0, 0]).double(), 0)
    assert losses_of(trial.model, trial.canaries, trial.loss) == pytest.approx((-log_shares).numpy())
    assert next(trial.model.parameters()).dtype == torch.float32
    assert isinstance(losses_of(trial.model, trial.canaries, trial.loss), np.ndarray)
