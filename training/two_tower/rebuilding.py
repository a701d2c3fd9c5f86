"""From the weights of a bundle to a model: the one place that tells private versions from the others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.two_tower.private_model import ADAPTER, OwnRateHead, PrivateTowers, rebuild_private
from training.two_tower.repeat_head import RepeatHead
from training.two_tower.towers import Shape, TwoTower

Towers = TwoTower | PrivateTowers
Head = RepeatHead | OwnRateHead


def rebuild(weights: Mapping[str, npt.NDArray[Any]], content: npt.NDArray[np.int64]) -> tuple[Towers, Head]:
    """Make the model and the head whose weights a bundle holds.

    Args:
        weights: Arrays by name, under `model.` and `head.`.
        content: (N, C) content codes; a private version has none, C = 0.
    """
    tensors = {name: torch.from_numpy(values) for name, values in weights.items()}
    model_weights, head_weights = _under(tensors, "model."), _under(tensors, "head.")
    if ADAPTER in model_weights:
        return rebuild_private(model_weights, head_weights)
    sizes = [len(model_weights[f"products.content.{i}.weight"]) for i in range(content.shape[1])]
    n_products, dim = model_weights["products.id.weight"].shape
    model = TwoTower(Shape(n_products, sizes, dim, len(model_weights["customers.net.0.weight"])))
    head = RepeatHead(len(head_weights["net.0.weight"]))
    model.load_state_dict(model_weights)
    head.load_state_dict(head_weights)
    return model, head


def _under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values for name, values in weights.items() if name.startswith(prefix)}
