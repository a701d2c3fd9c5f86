"""Losses of one customer against public or released data."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample
from privacy.dp_loss import (
    CatalogueSoftmax,
    InBatchLoss,
    PerCustomerLoss,
    PublicValues,
    ReleasedValues,
    SampledSoftmax,
    check_loss,
)
from privacy.errors import DpLossRefused
from privacy.randomness import SeededRandomness

N = 7
UNIFORM = PublicValues(torch.ones(N), "uniform")


class Scores(nn.Module):
    """Scores that are given, whoever asks."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, _example: CustomerExample, products: Tensor | None = None) -> Tensor:
        """Give all scores or those asked for."""
        return self.scores if products is None else self.scores[products]


@pytest.fixture
def model() -> Scores:
    return Scores(torch.tensor([0.3, -1.0, 2.0, 0.0, 0.7, 1.1, -0.4], dtype=torch.float64))


@pytest.fixture
def example() -> CustomerExample:
    return {
        TARGETS: torch.tensor([2, 5, 0]),
        TARGET_WEIGHTS: torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64),  # the last place is empty
    }


def test_softmax_is_the_weighted_cross_entropy(model: Scores, example: CustomerExample) -> None:
    shares = torch.softmax(model.scores, 0)
    expected = -0.5 * (torch.log(shares[2]) + torch.log(shares[5]))
    assert CatalogueSoftmax(None)(model, example).item() == pytest.approx(expected.item())


def test_softmax_adds_the_prior(model: Scores, example: CustomerExample) -> None:
    prior = torch.arange(N) / 10
    shares = torch.softmax(model.scores + prior, 0)
    expected = -0.5 * (torch.log(shares[2]) + torch.log(shares[5]))
    loss = CatalogueSoftmax(ReleasedValues(prior, "counts"))
    assert loss(model, example).item() == pytest.approx(expected.item())


def test_a_customer_without_targets_loses_nothing(model: Scores) -> None:
    empty = {TARGETS: torch.zeros(3, dtype=torch.int64), TARGET_WEIGHTS: torch.zeros(3, dtype=torch.float64)}
    sampled = SampledSoftmax(UNIFORM, n_negatives=4)
    sampled.redraw(SeededRandomness(0))
    assert CatalogueSoftmax(None)(model, empty).item() == 0
    assert sampled(model, empty).item() == 0


def test_sampled_softmax_draws_like_its_proposal() -> None:
    loss = SampledSoftmax(ReleasedValues(torch.tensor([1.0, 0.5, 2.5, 1e-9]), "counts"), n_negatives=40_000)
    loss.redraw(SeededRandomness(4))
    drawn = torch.bincount(loss._negatives, minlength=4) / 40_000
    assert drawn.tolist() == pytest.approx([0.25, 0.125, 0.625, 0], abs=0.01)


def test_sampled_softmax_by_hand(model: Scores, example: CustomerExample) -> None:
    """A negative that the customer bought does not count; an empty place, here product 0, is no purchase."""
    loss = SampledSoftmax(UNIFORM, n_negatives=3)
    loss._negatives = torch.tensor([0, 2, 3])
    lifted = model.scores - torch.log(torch.tensor(1 / N))
    rest = torch.exp(lifted[0]) + torch.exp(lifted[3])
    expected = sum(0.5 * torch.log((torch.exp(lifted[t]) + rest) / torch.exp(lifted[t])) for t in (2, 5))
    assert isinstance(expected, Tensor)
    assert loss(model, example).item() == pytest.approx(expected.item())


def test_sampled_softmax_comes_near_the_full_one(model: Scores) -> None:
    """With uniform negatives and the correction, log(1 + rest/positive) grows like the full loss for a rare target."""
    one = {TARGETS: torch.tensor([1]), TARGET_WEIGHTS: torch.ones(1, dtype=torch.float64)}
    loss = SampledSoftmax(UNIFORM, n_negatives=60_000)
    loss.redraw(SeededRandomness(1))
    others = torch.logsumexp(model.scores[torch.arange(N) != 1], 0)
    kept = loss._negatives != 1
    mean = torch.log(torch.exp(model.scores[loss._negatives[kept]]).mean() * (N - 1))
    assert mean.item() == pytest.approx(others.item(), abs=0.02)
    expected = torch.log1p(torch.exp(others - model.scores[1]) * kept.sum() / (N - 1))
    assert loss(model, one).item() == pytest.approx(expected.item(), rel=0.01)


class InBatchSoftmax(InBatchLoss):
    """Each customer's target against the others' targets."""

    def __call__(self, model: nn.Module, batch: CustomerExample) -> Tensor:
        """Score every customer's target as if it were everybody's."""
        return torch.diag(model(batch))


class BothWays(CatalogueSoftmax, InBatchLoss):
    """Claims to be both; the worse counts."""


class Drawn(PerCustomerLoss):
    """Says where its negatives come from, and says the batch."""

    negatives: ClassVar[Any] = "batch"

    def __call__(self, model: nn.Module, example: CustomerExample) -> Tensor:
        """Add up the scores."""
        total: Tensor = model(example).sum()
        return total


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (InBatchSoftmax(), "other customers of the batch"),
        (BothWays(None), "other customers of the batch"),
        (Drawn(), "come from 'batch'"),
        (nn.CrossEntropyLoss(), "does not promise"),
        (lambda *_: 0, "does not promise"),
    ],
)
def test_losses_that_look_at_the_batch_are_refused(loss: object, reason: str) -> None:
    with pytest.raises(DpLossRefused, match=reason):
        check_loss(loss)


def test_losses_of_one_customer_pass() -> None:
    loss = CatalogueSoftmax(None)
    assert check_loss(loss) is loss


def test_in_batch_log_q_and_other_normalisers_of_unknown_origin_are_refused() -> None:
    counts: Any = torch.ones(N)
    with pytest.raises(DpLossRefused, match="neither public nor released"):
        CatalogueSoftmax(counts)
    with pytest.raises(DpLossRefused, match="neither public nor released"):
        SampledSoftmax(counts, n_negatives=3)
