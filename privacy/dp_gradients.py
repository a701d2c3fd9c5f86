"""The clipped sum of customers' gradients: the one quantity whose sensitivity the whole guarantee rests on.

Gradients come from `torch.func`: the loss of a single customer is differentiated and mapped over customers. Opacus's
hooks are not used for that: they take the first axis of every layer's input for the customers, and would clip
per product where a layer is applied to the catalogue. Clipping, summing and the divisor are Opacus's optimizer's.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from privacy.dp_examples import CustomerExample, Customers
from privacy.dp_loss import PerCustomerLoss

Gradients = Callable[[Customers], Mapping[str, Tensor]]


class Objective(nn.Module):
    """Model and loss as one module, so that the loss calls the model with the parameters differentiated by."""

    def __init__(self, model: nn.Module, loss: PerCustomerLoss) -> None:
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, example: CustomerExample) -> Tensor:
        """Give one customer's loss."""
        return self._loss(self.model, example)


def per_customer_gradients(model: nn.Module, loss: PerCustomerLoss) -> Gradients:
    """Make the function that gives each customer's gradient of all trainable parameters.

    A gradient that is not finite is put to zero: whoever could make the sum NaN could be told from anybody else.

    Returns:
        From B customers to (B, ...) gradients by parameter name.
    """
    objective = Objective(model, loss)

    def loss_of(parameters: Mapping[str, Tensor], example: CustomerExample) -> Tensor:
        called: Tensor = functional_call(objective, dict(parameters), (example,))
        return called

    mapped = vmap(grad(loss_of), in_dims=(None, 0), randomness="different")

    def gradients(batch: Customers) -> Mapping[str, Tensor]:
        parameters = {f"model.{name}": p.detach() for name, p in model.named_parameters() if p.requires_grad}
        found = mapped(parameters, dict(batch.fields))
        finite = torch.stack([g.flatten(1).isfinite().all(1) for g in found.values()]).all(0)  # (B,)
        return {
            name.removeprefix("model."): torch.where(finite.view(-1, *[1] * (g.dim() - 1)), g, 0.0)
            for name, g in found.items()
        }

    return gradients


def accumulate(
    optimizer: DPOptimizer, model: nn.Module, gradients: Gradients, batch: Customers, microbatch_size: int
) -> None:
    """Take one logical step of Opacus's optimizer, a few customers at a time so that memory is bounded.

    An empty batch is a step like any other: a sum of zero, with its noise.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    parts = torch.split(torch.arange(len(batch)), microbatch_size)
    for number, rows in enumerate(parts, start=1):
        found = gradients(batch.take(rows).double()) if len(rows) else {}
        for name, parameter in trained.items():
            grad_sample = found.get(name, torch.zeros(0, *parameter.shape, dtype=parameter.dtype))
            parameter.grad_sample = grad_sample  # type: ignore[attr-defined]
        optimizer.signal_skip_step(do_skip=number < len(parts))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


class _Sum(DPOptimizer):  # type: ignore[misc]
    """Clips and sums as a training does, and stops there."""

    def add_noise(self) -> None:
        """Add none: what is asked for is the sum before the noise."""
        self.total = torch.cat([p.summed_grad.flatten() for p in self.params])
        for parameter in self.params:
            parameter.grad = torch.zeros_like(parameter)


def clipped_sum(
    model: nn.Module, batch: Customers, loss: PerCustomerLoss, *, max_grad_norm: float, microbatch_size: int
) -> Tensor:
    """Add up the clipped gradients of a batch, as a training step does before its noise. Not private by itself.

    Taking one customer out of the batch moves the result by at most `max_grad_norm` in L2 norm, up to rounding:
    computed in float64, the excess is below 1e-5 of it.

    Returns:
        (n_trainable,) the sum over all trainable parameters, flattened one after the other.
    """
    with double_precision(model):
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = _Sum(
            torch.optim.SGD(trained, lr=0.0),
            noise_multiplier=0.0,
            max_grad_norm=max_grad_norm,
            expected_batch_size=1,
        )
        accumulate(optimizer, model, per_customer_gradients(model, loss), batch, microbatch_size)
    return optimizer.total


@contextmanager
def double_precision(model: nn.Module) -> Iterator[None]:
    """Hold the model in float64 for a while: rounding must not move other customers' gradients by more than a hair."""
    tensors: list[Any] = [*model.parameters(), *model.buffers()]
    kinds = [tensor.dtype for tensor in tensors]
    for tensor in tensors:
        if tensor.is_floating_point():
            tensor.data = tensor.data.double()
    try:
        yield
    finally:
        for tensor, kind in zip(tensors, kinds, strict=True):
            tensor.data = tensor.data.to(kind)
