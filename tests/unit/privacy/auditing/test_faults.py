"""The planted faults are the faults they are called, and the types refuse what they can."""

from collections import Counter

import pytest
import torch
from torch import nn

from privacy.auditing.faults import InBatchNegatives, Shuffled, in_batch, in_batch_sum, split_by_purchase
from privacy.auditing.trial import Trial, try_sensitivity
from privacy.dp_checks import check_customers
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample, Customers
from privacy.dp_gradients import clipped_sum
from privacy.dp_loss import CatalogueSoftmax, InBatchLoss, check_loss
from privacy.dp_plan import DpPlan
from privacy.errors import DpLossRefused, DpSamplingRefused
from privacy.randomness import SeededRandomness


class Taste(nn.Module):
    """Scores by what a customer is like."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(40, 40, bias=False)

    def forward(self, example: CustomerExample) -> torch.Tensor:
        """Score 40 products."""
        scores: torch.Tensor = self.map(example["like"])
        return scores


def shop() -> Customers:
    """Forty customers, each like nobody else and with a product of his own."""
    own = torch.arange(40).unsqueeze(1)
    return Customers({"like": torch.eye(40), TARGETS: own, TARGET_WEIGHTS: torch.ones(40, 1, dtype=torch.float64)})


def trial(plan: DpPlan) -> Trial:
    """Put the shop's training on trial."""
    optimizer = torch.optim.SGD
    return Trial(
        Taste(),
        shop(),
        shop().take(torch.arange(1)),
        CatalogueSoftmax(None),
        plan,
        lambda parameters: optimizer(parameters, lr=0.1),
        64,
        0.01,
    )


def test_in_batch_negatives_move_the_sum_by_more_than_the_norm(plan: DpPlan) -> None:
    shy = DpPlan(**{**plan.facts(), "max_grad_norm": 0.1})  # type: ignore[arg-type]
    assert try_sensitivity(trial(shy), "training", clipped_sum).passed
    found = try_sensitivity(trial(shy), "training", in_batch_sum)
    assert not found.passed
    assert found.value > 1.25, "a batch of two: the one who is left has no negative any more"


def test_types_refuse_in_batch_losses_and_loaders_before_any_step() -> None:
    class Marked(CatalogueSoftmax, InBatchLoss):
        """An in-batch loss that says so."""

    with pytest.raises(DpLossRefused):
        check_loss(Marked(None))
    with pytest.raises(DpSamplingRefused):
        check_customers([shop()])
    assert check_loss(InBatchNegatives()), "one that lies passes: the audit is for those"


def test_the_in_batch_training_sees_the_batch(plan: DpPlan) -> None:
    heard: list[torch.Tensor] = []
    in_batch(
        Taste(), shop(), CatalogueSoftmax(None), plan,
        make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        microbatch_size=64, on_step=lambda step: heard.append(step.noisy_sum), randomness=SeededRandomness(1),
    )  # fmt: skip
    assert len(heard) == plan.steps


def test_shuffled_batches_are_of_one_size_and_take_everybody_once() -> None:
    shuffled = Shuffled(SeededRandomness(1))
    batches = [shuffled.poisson_sample(100, 0.25) for _ in range(8)]
    assert {len(batch) for batch in batches} == {25}
    for epoch in (batches[:4], batches[4:]):
        assert Counter(int(row) for batch in epoch for row in batch) == Counter(range(100))


def test_each_purchase_becomes_an_example() -> None:
    weights = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    split = split_by_purchase(Customers({TARGETS: torch.tensor([[4, 5, 0], [6, 0, 0]]), TARGET_WEIGHTS: weights}))
    assert split.fields[TARGETS].tolist() == [[4, 5, 0], [4, 5, 0], [6, 0, 0]]
    assert split.fields[TARGET_WEIGHTS].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
