"""A bundle's weights become the model they were, private or not."""

import torch

from training.two_tower.bundling import bundle_parts
from training.two_tower.private_model import OwnRateHead, PrivateTowers
from training.two_tower.rebuilding import rebuild
from training.two_tower.repeat_head import RepeatHead
from training.two_tower.scorer import Scorer
from training.two_tower.towers import TwoTower


def test_other_versions_are_rebuilt_as_they_were(scorer: Scorer) -> None:
    tensors, arrays, _ = bundle_parts(scorer)
    model, head = rebuild({name: tensor.numpy() for name, tensor in tensors.items()}, arrays["content"])
    assert isinstance(model, TwoTower)
    assert isinstance(head, RepeatHead)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, tensors[f"model.{name}"])


def test_private_versions_are_told_by_their_adapter() -> None:
    towers = PrivateTowers(torch.rand(5, 3), torch.rand(5), torch.rand(3, 3))
    head = OwnRateHead.of(half_life_short_days=30, half_life_long_days=90, window_days=14, new_products=5)
    weights = {f"model.{name}": tensor.numpy() for name, tensor in towers.state_dict().items()}
    weights |= {f"head.{name}": tensor.numpy() for name, tensor in head.state_dict().items()}
    model, rebuilt_head = rebuild(weights, torch.empty(5, 0, dtype=torch.int64).numpy())
    assert isinstance(model, PrivateTowers)
    assert isinstance(rebuilt_head, OwnRateHead)
    for name, tensor in towers.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
    assert torch.equal(model.products.pool_vectors, towers.products.pool_vectors)
    assert torch.equal(rebuilt_head.constants, head.constants)
