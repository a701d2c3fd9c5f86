"""One customer moves the clipped sum by the clipping norm at most: what every epsilon stands on.

Checked for every loss that training may use, on batches made to break it, with a loop over customers as the oracle;
and the in-batch softmax, which does break it, shows that the check can fail.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from privacy.dp import train_private
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample, Customers
from privacy.dp_gradients import clipped_sum, double_precision
from privacy.dp_loss import CatalogueSoftmax, InBatchLoss, PerCustomerLoss, PublicValues, ReleasedValues, SampledSoftmax
from privacy.dp_plan import DpPlan
from privacy.errors import DpLossRefused
from privacy.randomness import SeededRandomness

SLACK: Final = 1 + 1e-5
N_PRODUCTS, DIM, N_MOMENTS = 30, 4, 2
POOL: Final = "pool"
PRIOR = torch.linspace(0.5, 3, N_PRODUCTS)


class Adapter(nn.Module):
    """Frozen products and an adapter on the side of the customer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("items", torch.randn(N_PRODUCTS, DIM))
        self.items: Tensor
        self.adapter = nn.Linear(DIM, DIM)

    def forward(self, example: CustomerExample, products: Tensor | None = None) -> Tensor:
        """Score all products or those asked for."""
        items = self.items if products is None else self.items[products]
        scores: Tensor = items @ self.adapter(example[POOL])
        return scores


class ItemAdapter(Adapter):
    """The adapter on the side of the catalogue, where gradients by layer would mix customers."""

    def forward(self, example: CustomerExample, products: Tensor | None = None) -> Tensor:
        """Score all products or those asked for."""
        items = self.adapter(self.items)
        scores: Tensor = (items if products is None else items[products]) @ example[POOL]
        return scores


def drawn(loss: PerCustomerLoss) -> PerCustomerLoss:
    loss.redraw(SeededRandomness(1))
    return loss


LOSSES: Final[dict[str, Callable[[], PerCustomerLoss]]] = {
    "softmax": lambda: CatalogueSoftmax(None),
    "softmax with a prior": lambda: CatalogueSoftmax(ReleasedValues(PRIOR.log(), "counts")),
    "sampled softmax": lambda: drawn(SampledSoftmax(PublicValues(PRIOR, "a list"), n_negatives=9)),
}
MODELS: Final[list[type[Adapter]]] = [Adapter, ItemAdapter]
every_loss = pytest.mark.parametrize("loss", [make() for make in LOSSES.values()], ids=list(LOSSES))
every_model = pytest.mark.parametrize("model", [kind() for kind in MODELS], ids=lambda model: type(model).__name__)


def batch_of(pools: Tensor, targets: Tensor, weights: Tensor) -> Customers:
    return Customers({POOL: pools, TARGETS: targets, TARGET_WEIGHTS: weights})


def without(batch: Customers, row: int) -> Customers:
    return batch.take(torch.tensor([other for other in range(len(batch)) if other != row], dtype=torch.int64))


def movements(
    model: nn.Module, loss: PerCustomerLoss, batch: Customers, max_grad_norm: float, microbatch_size: int = 4
) -> Iterator[float]:
    """How far each customer's leaving moves the sum, in clipping norms."""
    whole = clipped_sum(model, batch, loss, max_grad_norm=max_grad_norm, microbatch_size=microbatch_size)
    for row in range(len(batch)):
        rest = clipped_sum(
            model, without(batch, row), loss, max_grad_norm=max_grad_norm, microbatch_size=microbatch_size
        )
        assert whole.isfinite().all()
        yield float((whole - rest).norm() / max_grad_norm)


def one_by_one(model: nn.Module, loss: PerCustomerLoss, batch: Customers, max_grad_norm: float) -> Tensor:
    """Differentiate, clip and add customer by customer; the slow, obvious way."""
    with double_precision(model):
        trained = [p for p in model.parameters() if p.requires_grad]
        total = torch.zeros(sum(p.numel() for p in trained), dtype=torch.float64)
        for row in range(len(batch)):
            example = {name: values[row] for name, values in batch.double().fields.items()}
            grads = torch.autograd.grad(loss(model, example), trained)
            flat = torch.cat([g.flatten() for g in grads])
            if flat.isfinite().all():
                total += flat * min(1.0, max_grad_norm / (flat.norm().item() + 1e-6))
    return total


@st.composite
def batches(draw: st.DrawFn) -> Customers:
    """Customers of any size of feature, target and weight, alike or not."""
    n, width = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    scale = draw(st.sampled_from([0.0, 1e-12, 1e-3, 1.0, 1e3, 1e12, 1e150]))
    pools = torch.randn(n, DIM, dtype=torch.float64) * scale
    if draw(st.booleans()):
        pools = pools[:1].expand(n, DIM).clone()  # all gradients in one direction: rounding adds up
    if draw(st.booleans()):
        pools[draw(st.integers(0, n - 1)), 0] = draw(st.floats(allow_nan=True, allow_infinity=True, width=64))
    targets = torch.randint(0, N_PRODUCTS, (n, width))
    weights = torch.rand(n, width, dtype=torch.float64) * draw(st.sampled_from([0.0, 1.0, 1e9]))
    return batch_of(pools, targets, weights)


@every_model
@every_loss
@given(batch=batches(), max_grad_norm=st.sampled_from([1e-3, 0.1, 1.0, 50.0]), microbatch_size=st.integers(1, 10))
@settings(max_examples=25, deadline=None)
def test_no_customer_moves_the_sum_by_more_than_the_norm(
    model: Adapter, loss: PerCustomerLoss, batch: Customers, max_grad_norm: float, microbatch_size: int
) -> None:
    assert max(movements(model, loss, batch, max_grad_norm, microbatch_size)) <= SLACK


@every_model
@every_loss
@given(batch=batches(), max_grad_norm=st.sampled_from([1e-3, 1.0, 50.0]))
@settings(max_examples=25, deadline=None)
def test_the_sum_is_that_of_a_loop_over_customers(
    model: Adapter, loss: PerCustomerLoss, batch: Customers, max_grad_norm: float
) -> None:
    found = clipped_sum(model, batch, loss, max_grad_norm=max_grad_norm, microbatch_size=3)
    expected = one_by_one(model, loss, batch, max_grad_norm)
    assert (found - expected).norm() <= 1e-6 * max_grad_norm * len(batch)


@every_model
@every_loss
def test_a_large_batch_of_clipped_customers(model: Adapter, loss: PerCustomerLoss) -> None:
    """Each of 512 is clipped, so each moves the sum by the norm and no more: rounding of the others does not add up."""
    torch.manual_seed(5)
    pools = torch.randn(1, DIM).expand(512, DIM) * (1 + 1e-3 * torch.rand(512, 1)) * 1e4
    batch = batch_of(pools, torch.full((512, 2), 3), torch.ones(512, 2))
    whole = clipped_sum(model, batch, loss, max_grad_norm=0.2, microbatch_size=64)
    for row in (0, 63, 64, 511):
        rest = clipped_sum(model, without(batch, row), loss, max_grad_norm=0.2, microbatch_size=64)
        moved = float((whole - rest).norm() / 0.2)
        assert 1 - 1e-3 < moved <= SLACK


def test_every_loss_that_ships_is_checked() -> None:
    import privacy.dp_loss as shipped

    kinds = {
        kind
        for kind in vars(shipped).values()
        if isinstance(kind, type) and issubclass(kind, PerCustomerLoss) and kind is not PerCustomerLoss
    }
    assert kinds == {type(make()) for make in LOSSES.values()}


class InBatchSoftmax(InBatchLoss):
    """Each customer's product against the products of the others in the batch: the usual way to train two towers."""

    def __call__(self, model: nn.Module, batch: CustomerExample) -> Tensor:
        """Give each row's cross-entropy, (B,)."""
        adapted: Any = model.get_submodule("adapter")(batch[POOL])
        answers: Any = model.get_buffer("items")[batch[TARGETS][:, 0]]
        return torch.nn.functional.cross_entropy(adapted @ answers.T, torch.arange(len(answers)), reduction="none")


def rows_clipped(model: nn.Module, loss: InBatchLoss, batch: Customers, max_grad_norm: float) -> Tensor:
    """Do what clipping tools do: differentiate each row of the batch's loss, clip, add."""
    trained = [p for p in model.parameters() if p.requires_grad]
    total = torch.zeros(sum(p.numel() for p in trained))
    for lost in loss(model, batch.fields):
        flat = torch.cat([g.flatten() for g in torch.autograd.grad(lost, trained, retain_graph=True)])
        total += flat * min(1.0, max_grad_norm / (flat.norm().item() + 1e-6))
    return total


def crowd_and_one(n: int) -> Customers:
    """All but the last want the same product; without the last there is nothing to tell apart, with it all pull."""
    targets = torch.cat([torch.zeros(n - 1, 1, dtype=torch.int64), torch.ones(1, 1, dtype=torch.int64)])
    return batch_of(torch.full((n, DIM), 50.0), targets, torch.ones(n, 1))


@pytest.mark.parametrize("n", [8, 32, 128])
def test_in_batch_softmax_breaks_the_bound(n: int) -> None:
    """The negative control: one customer moves the sum by nearly the whole batch, where 1 was claimed."""
    model, batch = Adapter(), crowd_and_one(n)
    with torch.no_grad():
        model.adapter.weight.copy_(torch.eye(DIM) * 1e-4)
    whole = rows_clipped(model, InBatchSoftmax(), batch, 0.01)
    rest = rows_clipped(model, InBatchSoftmax(), without(batch, n - 1), 0.01)
    assert float((whole - rest).norm()) / 0.01 > 0.7 * n
    for make in LOSSES.values():
        assert max(movements(model, make(), crowd_and_one(8), 0.01)) <= SLACK


def test_in_batch_softmax_is_refused() -> None:
    loss: Any = InBatchSoftmax()
    plan = DpPlan(sample_rate=0.5, expected_batch_size=4, steps=1, noise_multiplier=1.0, max_grad_norm=1.0, delta=1e-5)
    with pytest.raises(DpLossRefused, match="other customers of the batch"):
        train_private(
            Adapter(),
            crowd_and_one(8),
            loss,
            plan,
            make_optimizer=lambda trained: torch.optim.SGD(trained, lr=0.1),
            microbatch_size=4,
        )
