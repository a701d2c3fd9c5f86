"""What must not enter a private training: refused with the reason."""

from typing import Final

from opacus.validators import ModuleValidator
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from privacy.dp_examples import Customers
from privacy.errors import DpModelRefused, DpSamplingRefused

_MIXES: Final = "it normalises each customer by the others of the batch"
_BAGS: Final = "it cannot give the gradient of one customer; pool with sums of rows instead"


def check_model(model: nn.Module) -> None:
    """Let through a model in which customers of a batch cannot meet.

    Opacus's own validators are asked as well; they look at trainable layers of exactly the known types, so that a
    batch normalisation without weights, or a subclass, would pass them.

    Raises:
        DpModelRefused: If a layer mixes the customers of a batch or keeps statistics of them, or nothing is trainable;
            names every such layer.
    """
    problems = [f"{name or 'model'} ({type(layer).__name__}): {why}" for name, layer, why in _unfit(model)]
    if not problems:
        errors = ModuleValidator.validate(model, strict=False)
        problems = [str(error) for error in errors[0 if model.training else 1 :]]  # the first: "not in training mode"
    if not any(parameter.requires_grad for parameter in model.parameters()):
        problems.append("model: no parameter is trainable")
    if problems:
        raise DpModelRefused(problems=problems)


def check_customers(customers: object) -> Customers:
    """Let through the customers themselves, from which the training draws its own Poisson samples.

    Raises:
        DpSamplingRefused: If something else is handed in, such as a loader: shuffled batches of a fixed size are not
            the sampling that the accountant counts on.
    """
    if not isinstance(customers, Customers):
        raise DpSamplingRefused(given=type(customers).__name__)
    return customers


def _unfit(model: nn.Module) -> list[tuple[str, nn.Module, str]]:
    found: list[tuple[str, nn.Module, str]] = []
    for name, layer in model.named_modules():
        if isinstance(layer, _BatchNorm):
            found.append((name, layer, _MIXES))
        elif isinstance(layer, _InstanceNorm) and layer.track_running_stats:
            found.append((name, layer, "it keeps running statistics of customers, outside the noise"))
        elif isinstance(layer, nn.EmbeddingBag):
            found.append((name, layer, _BAGS))
    return found
