"""Clipped sums of customers' gradients, against a loop over customers and against Opacus's hooks."""

from typing import Any, Final

import pytest
import torch
from opacus import GradSampleModule
from torch import Tensor, nn

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample, Customers, bounded_targets
from privacy.dp_gradients import clipped_sum, double_precision, per_customer_gradients
from privacy.dp_loss import CatalogueSoftmax
from privacy.randomness import SeededRandomness

N, N_PRODUCTS, DIM = 23, 40, 5
POOL: Final = "pool"


class Adapter(nn.Module):
    """Frozen products, learned adapter of the customer's pooled history."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("items", torch.randn(N_PRODUCTS, DIM))
        self.items: Tensor
        self.adapter = nn.Linear(DIM, DIM)
        self.frozen = nn.Parameter(torch.ones(DIM), requires_grad=False)

    def forward(self, example: CustomerExample) -> Tensor:
        """Score every product."""
        scores: Tensor = self.items @ (self.adapter(example[POOL]) * self.frozen)
        return scores


@pytest.fixture
def model() -> Adapter:
    torch.manual_seed(1)
    return Adapter()


@pytest.fixture
def customers() -> Customers:
    torch.manual_seed(2)
    owners, products = torch.randint(0, N, (150,)), torch.randint(0, N_PRODUCTS, (150,))
    laid = bounded_targets(owners, products, n_customers=N, max_products=4, randomness=SeededRandomness(0))
    return Customers({POOL: torch.randn(N, DIM), **laid})


def one_by_one(model: nn.Module, customers: Customers) -> list[Tensor]:
    """Differentiate each customer's loss alone; the slow, obvious way."""
    found = []
    trained = [p for p in model.parameters() if p.requires_grad]
    for row in range(len(customers)):
        example = {name: values[row] for name, values in customers.double().fields.items()}
        lost = CatalogueSoftmax(None)(model, example)
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(lost, trained)]))
    return found


def test_the_sum_is_that_of_a_loop_over_customers(model: Adapter, customers: Customers) -> None:
    with double_precision(model):
        gradients = one_by_one(model, customers)
    most = float(torch.stack([g.norm() for g in gradients]).median())  # some are clipped, some are not
    expected = sum(g * min(1.0, most / (g.norm().item() + 1e-6)) for g in gradients)
    for microbatch_size in (1, 4, N, 100):
        found = clipped_sum(
            model, customers, CatalogueSoftmax(None), max_grad_norm=most, microbatch_size=microbatch_size
        )
        assert torch.allclose(found, torch.as_tensor(expected), rtol=1e-12, atol=1e-12)


def test_all_pairs_of_a_customer_are_clipped_together(model: Adapter, customers: Customers) -> None:
    rich = int(customers.fields[TARGET_WEIGHTS].count_nonzero(1).argmax())
    alone = clipped_sum(
        model, customers.take(torch.tensor([rich])), CatalogueSoftmax(None), max_grad_norm=0.01, microbatch_size=8
    )
    assert alone.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_an_empty_batch_sums_to_zero(model: Adapter, customers: Customers) -> None:
    nobody = customers.take(torch.empty(0, dtype=torch.int64))
    total = clipped_sum(model, nobody, CatalogueSoftmax(None), max_grad_norm=1.0, microbatch_size=8)
    assert total.tolist() == [0.0] * (DIM * DIM + DIM)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e200])
def test_a_customer_cannot_make_the_sum_useless(model: Adapter, customers: Customers, value: float) -> None:
    """One NaN in the sum would tell everyone that this customer was drawn."""
    pool = customers.fields[POOL].double()
    pool[3, 0] = value
    broken = Customers({**customers.fields, POOL: pool})
    rest = broken.take(torch.tensor([row for row in range(N) if row != 3]))
    both, without = (
        clipped_sum(model, batch, CatalogueSoftmax(None), max_grad_norm=1.0, microbatch_size=8)
        for batch in (broken, rest)
    )
    assert both.isfinite().all()
    assert (both - without).norm() <= 1 + 1e-5


def test_the_model_is_left_as_it_was(model: Adapter, customers: Customers) -> None:
    before = {name: values.clone() for name, values in model.state_dict().items()}
    clipped_sum(model, customers, CatalogueSoftmax(None), max_grad_norm=1.0, microbatch_size=8)
    for name, values in model.state_dict().items():
        assert values.dtype == before[name].dtype
        assert torch.equal(values, before[name])


def test_gradients_equal_those_of_the_hooks_where_these_are_right(model: Adapter, customers: Customers) -> None:
    """A layer that is called once per customer."""
    found = per_customer_gradients(model, CatalogueSoftmax(None))(customers)
    hooked = GradSampleModule(model.adapter, loss_reduction="sum")
    shares = torch.log_softmax(hooked(customers.fields[POOL].requires_grad_()) @ model.items.T, dim=1)
    lost = -(customers.fields[TARGET_WEIGHTS] * shares.gather(1, customers.fields[TARGETS])).sum()
    lost.backward()  # type: ignore[no-untyped-call]
    weight: Any = model.adapter.weight
    assert torch.allclose(found["adapter.weight"].float(), weight.grad_sample, atol=1e-5)
    hooked.remove_hooks()


def test_the_hooks_take_products_for_customers_where_a_layer_sees_the_catalogue(
    model: Adapter, customers: Customers
) -> None:
    """Why hooks are not used: clipping such gradients would bound products, not customers, and nothing would warn."""
    hooked = GradSampleModule(model.adapter, loss_reduction="sum")
    scores = customers.fields[POOL] @ hooked(model.items.requires_grad_()).T
    torch.log_softmax(scores, dim=1).sum().backward()  # type: ignore[no-untyped-call]
    weight: Any = model.adapter.weight
    assert len(weight.grad_sample) == N_PRODUCTS != N
    hooked.remove_hooks()
