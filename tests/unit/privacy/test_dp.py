"""Customer-level private training as a whole."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from privacy.dp import DpStep, TrainedPrivately, train_private
from privacy.dp_checkpoint import DpCheckpoint
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample, Customers
from privacy.dp_gradients import clipped_sum
from privacy.dp_loss import CatalogueSoftmax
from privacy.dp_plan import DpPlan
from privacy.errors import DpCheckpointMismatch, DpLossRefused, DpModelRefused, DpSamplingRefused
from privacy.randomness import Floats, Ints, SeededRandomness

DIM, N_PRODUCTS = 6, 30
POOL: Final = "pool"
LEARNING_RATE: Final = 1.0


class Adapter(nn.Module):
    """Frozen products, learned adapter."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.register_buffer("items", torch.randn(N_PRODUCTS, DIM))
        self.items: Tensor
        self.adapter = nn.Linear(DIM, DIM)

    def forward(self, example: CustomerExample) -> Tensor:
        """Score every product."""
        scores: Tensor = self.items @ self.adapter(example[POOL])
        return scores

    def flat(self) -> Tensor:
        """All that is trained."""
        return torch.cat([p.detach().flatten() for p in self.parameters()])


class Recording(SeededRandomness):
    """Notes what was drawn."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.samples: list[tuple[int, float]] = []
        self.noises: list[Floats] = []

    def poisson_sample(self, n: int, rate: float) -> Ints:
        """Take positions."""
        self.samples.append((n, rate))
        return super().poisson_sample(n, rate)

    def gaussian(self, n: int) -> Floats:
        """Draw noise."""
        self.noises.append(super().gaussian(n))
        return self.noises[-1]


def make_customers(n: int) -> Customers:
    torch.manual_seed(4)
    return Customers(
        {
            POOL: torch.randn(60, DIM)[:n],
            TARGETS: torch.randint(0, N_PRODUCTS, (60, 2))[:n],
            TARGET_WEIGHTS: torch.full((60, 2), 0.5)[:n],
        }
    )


def make_plan(**changed: float) -> DpPlan:
    constants: dict[str, Any] = {
        "sample_rate": 0.3,
        "expected_batch_size": 16,
        "steps": 6,
        "noise_multiplier": 1.5,
        "max_grad_norm": 0.4,
        "delta": 1e-5,
    }
    return DpPlan(**constants | changed)


def train(model: nn.Module, customers: Customers, plan: DpPlan, **more: Any) -> TrainedPrivately:
    loss, learning_rate = more.pop("loss", CatalogueSoftmax(None)), more.pop("learning_rate", LEARNING_RATE)
    return train_private(
        model,
        customers,
        loss,
        plan,
        make_optimizer=lambda trained: torch.optim.SGD(trained, lr=learning_rate),
        microbatch_size=7,
        **more,
    )


def test_each_step_is_clipped_sum_plus_noise_over_a_constant() -> None:
    """The whole algorithm, done again step by step."""
    model, twin, customers, plan, steps = Adapter(), Adapter(), make_customers(50), make_plan(), list[DpStep]()
    stream = Recording(7)
    report = train(model, customers, plan, randomness=stream, on_step=steps.append)
    again = SeededRandomness(7)
    twin.double()
    for number, step in enumerate(steps, start=1):
        rows = torch.from_numpy(again.poisson_sample(50, plan.sample_rate))
        loss = CatalogueSoftmax(None)
        sums = clipped_sum(twin, customers.take(rows), loss, max_grad_norm=plan.max_grad_norm, microbatch_size=1)
        noisy = sums + 1.5 * 0.4 * torch.from_numpy(again.gaussian(len(sums)))
        assert step.number == number
        assert torch.allclose(step.noisy_sum, noisy, rtol=1e-9, atol=1e-12)
        torch.nn.utils.vector_to_parameters(twin.flat() - LEARNING_RATE * noisy / 16, twin.parameters())
    assert torch.allclose(model.flat(), twin.flat().float(), atol=1e-6)
    assert report == TrainedPrivately(plan, steps_done=6, resumed_at=0, secure=False)
    assert report.events == plan.events


def test_rate_and_divisor_are_the_same_with_one_customer_more_or_fewer() -> None:
    """The divisor is read off the weights: step by step they move by the noisy sum over it."""
    seen = set()
    for n in (49, 50, 51):
        model, plan, moves, stream = Adapter(), make_plan(steps=2), list[DpStep](), Recording(1)
        before = model.flat()
        train(model, make_customers(n), plan, randomness=stream, on_step=moves.append)
        total = torch.stack([step.noisy_sum for step in moves]).sum(0)
        divisors = LEARNING_RATE * total / (before - model.flat())
        assert torch.allclose(divisors, torch.full_like(divisors, 16.0), rtol=1e-3)
        seen.add((tuple(rate for _, rate in stream.samples), plan, plan.events))
        assert [size for size, _ in stream.samples] == [n, n]
    assert len(seen) == 1


def test_empty_samples_are_steps_with_their_noise() -> None:
    model, stream, steps = Adapter(), Recording(2), list[DpStep]()
    plan = make_plan(sample_rate=1e-9, steps=400)
    report = train(model, make_customers(20), plan, randomness=stream, on_step=steps.append)
    assert report.steps_done == len(steps) == len(stream.noises) == 400
    noise = torch.cat([step.noisy_sum for step in steps]).numpy() / (1.5 * 0.4)
    assert stats.kstest(noise, "norm").pvalue > 1e-4
    assert noise.std() == pytest.approx(1, rel=0.02)


def test_by_default_nobody_can_repeat_the_noise() -> None:
    first, second = Adapter(), Adapter()
    reports = [train(model, make_customers(30), make_plan()) for model in (first, second)]
    assert all(report.secure for report in reports)
    assert not torch.allclose(first.flat(), second.flat())
    third, fourth = Adapter(), Adapter()
    for model in (third, fourth):
        train(model, make_customers(30), make_plan(), randomness=SeededRandomness(1))
    assert torch.equal(third.flat(), fourth.flat())


def test_it_learns() -> None:
    """With little noise and a wide clip, taste that the history tells is found."""
    model, customers = Adapter(), make_customers(60)
    taste = (customers.fields[POOL] @ model.items.T).argmax(1, keepdim=True)
    customers = Customers({**customers.fields, TARGETS: taste.expand(60, 2).contiguous()})

    def loss_of(fitted: Adapter) -> float:
        examples = ({n: v[row] for n, v in customers.fields.items()} for row in range(60))
        return float(np.mean([CatalogueSoftmax(None)(fitted, example).item() for example in examples]))

    before = loss_of(model)
    plan = make_plan(steps=40, noise_multiplier=0.05, max_grad_norm=5.0, expected_batch_size=18)
    train(model, customers, plan, learning_rate=0.2, randomness=SeededRandomness(5))
    assert loss_of(model) < before / 2


class Killed(Exception):
    """The process ends here."""


def die_at(number: int) -> Any:
    def on_step(step: DpStep) -> None:
        if step.number == number:
            raise Killed

    return on_step


def test_a_killed_run_goes_on_and_touches_the_data_no_more_often_than_planned(tmp_path: Path) -> None:
    checkpoint = DpCheckpoint(tmp_path / "dp.pt", run="r", every=4)
    plan, customers, streams = make_plan(steps=14), make_customers(40), [Recording(seed) for seed in range(4)]
    with pytest.raises(Killed):  # in the second block: steps 5 and 6 were taken, 7 and 8 were promised
        train(Adapter(), customers, plan, checkpoint=checkpoint, randomness=streams[0], on_step=die_at(6))
    with pytest.raises(Killed):
        train(Adapter(), customers, plan, checkpoint=checkpoint, resume=True, randomness=streams[1], on_step=die_at(13))
    model = Adapter()
    steps = list[DpStep]()
    report = train(
        model, customers, plan, checkpoint=checkpoint, resume=True, randomness=streams[2], on_step=steps.append
    )
    assert report == TrainedPrivately(plan, steps_done=8, resumed_at=14, secure=False)  # blocks 1-4 and 9-12
    assert not steps
    assert sum(len(stream.samples) for stream in streams) == 6 + 5 <= plan.steps
    numbers = [6, 5]
    assert [len(stream.samples) for stream in streams[:2]] == numbers
    again = Adapter()
    train(again, customers, plan, checkpoint=checkpoint, resume=True, randomness=streams[3])
    assert torch.equal(again.flat(), model.flat())
    assert not streams[3].samples


def test_a_resumed_run_starts_from_the_weights_that_were_kept(tmp_path: Path) -> None:
    checkpoint = DpCheckpoint(tmp_path / "dp.pt", run="r", every=3)
    plan, customers = make_plan(steps=6), make_customers(40)
    seen = list[DpStep]()
    with pytest.raises(Killed):
        train(Adapter(), customers, plan, checkpoint=checkpoint, on_step=die_at(4))
    kept = torch.load(checkpoint.path, weights_only=True)["weights"]
    model = Adapter()
    report = train(model, customers, plan, checkpoint=checkpoint, resume=True, on_step=seen.append)
    assert (report.resumed_at, report.steps_done, seen) == (6, 3, [])
    assert torch.allclose(model.flat(), torch.cat([w.flatten() for w in kept.values()]).float())


def test_a_run_cannot_begin_twice_on_one_reservation(tmp_path: Path) -> None:
    checkpoint = DpCheckpoint(tmp_path / "dp.pt", run="r", every=3)
    train(Adapter(), make_customers(20), make_plan(), checkpoint=checkpoint)
    stream = Recording(0)
    with pytest.raises(DpCheckpointMismatch, match="only be resumed"):
        train(Adapter(), make_customers(20), make_plan(), checkpoint=checkpoint, randomness=stream)
    assert not stream.samples


def test_what_cannot_be_private_is_refused_before_any_customer_is_read() -> None:
    stream, customers, plan = Recording(0), make_customers(20), make_plan()
    mixed = nn.Sequential(nn.BatchNorm1d(DIM), nn.Linear(DIM, DIM))
    loader: Any = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(4)), shuffle=True)
    with pytest.raises(DpLossRefused):
        train(Adapter(), customers, plan, loss=nn.CrossEntropyLoss(), randomness=stream)
    with pytest.raises(DpModelRefused):
        train(mixed, customers, plan, randomness=stream)
    with pytest.raises(DpSamplingRefused):
        train(Adapter(), loader, plan, randomness=stream)
    assert not stream.samples


def test_weights_come_back_in_their_own_precision() -> None:
    model = Adapter()
    frozen = model.items.clone()
    train(model, make_customers(20), make_plan())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.items, frozen)
