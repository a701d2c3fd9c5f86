"""A bundle's weights become the model they were, private or not."""

import torch

from training.two_tower.bundling import bundle_parts
from training.two_tower.private_model import FrozenProducts, OwnRateHead, PrivateTowers
from training.two_tower.rebuilding import rebuild
from training.two_tower.repeat_head import RepeatHead
from training.two_tower.scorer import Scorer
from training.two_tower.towers import TwoTower


def test_other_versions_are_rebuilt_as_they_were(scorer: Scorer) -> None:
    tensors, arrays, _, _ = bundle_parts(scorer)
    model, head = rebuild({name: tensor.numpy() for name, tensor in tensors.items()}, arrays["content"])
    assert isinstance(model, TwoTower)
    assert isinstance(head, RepeatHead)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, tensors[f"model.{name}"])


def test_private_versions_are_told_by_their_adapter() -> None:
    groups = torch.tensor([[0, 2], [0, 3], [1, 3], [1, 2], [0, 2]])
    frozen = FrozenProducts(torch.rand(5, 3), groups, torch.rand(4), torch.rand(5, 2))
    towers = PrivateTowers(frozen, torch.rand(5), torch.rand(1, 2))
    head = OwnRateHead.of(half_life_long_days=90, window_days=14, known_products=2, new_products=5)
    weights = {f"model.{name}": tensor.numpy() for name, tensor in towers.state_dict().items()}
    weights |= {f"head.{name}": tensor.numpy() for name, tensor in head.state_dict().items()}
    model, rebuilt_head = rebuild(weights, torch.empty(5, 0, dtype=torch.int64).numpy())
    assert isinstance(model, PrivateTowers)
    assert isinstance(rebuilt_head, OwnRateHead)
    for name, tensor in towers.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
    assert model.products.levels.tolist() == towers.products.levels.tolist() == [0, 0, 1, 1]
    assert torch.equal(rebuilt_head.constants, head.constants)
