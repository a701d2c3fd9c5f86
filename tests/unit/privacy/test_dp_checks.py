"""What a private training refuses, and why."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from privacy.dp_checks import check_customers, check_model
from privacy.dp_examples import Customers
from privacy.errors import DpModelRefused, DpSamplingRefused


class OwnBatchNorm(nn.BatchNorm1d):
    """A subclass, which Opacus's table of types does not know."""


REFUSED: Sequence[tuple[nn.Module, str]] = [
    (nn.BatchNorm1d(4), "others of the batch"),
    (nn.BatchNorm1d(4, affine=False), "others of the batch"),
    (nn.SyncBatchNorm(4), "others of the batch"),
    (OwnBatchNorm(4), "others of the batch"),
    (nn.InstanceNorm1d(4, affine=True, track_running_stats=True), "running statistics"),
    (nn.EmbeddingBag(4, 4), "sums of rows"),
    (nn.LSTM(4, 4), "LSTM"),
]


@pytest.mark.parametrize(("layer", "reason"), REFUSED, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("training", [True, False])
def test_layers_that_mix_customers_are_named_with_the_reason(layer: nn.Module, reason: str, training: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(layer)).train(training)
    with pytest.raises(DpModelRefused, match=reason):
        check_model(model)
    assert model.training is training


def test_layers_that_keep_customers_apart_pass() -> None:
    check_model(nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.GroupNorm(2, 4)).eval())
    check_model(nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Dropout(0.1)))


def test_a_model_without_anything_to_learn_is_refused() -> None:
    with pytest.raises(DpModelRefused, match="trainable"):
        check_model(nn.Linear(2, 2).requires_grad_(False))


def test_every_unfit_layer_is_listed() -> None:
    with pytest.raises(DpModelRefused, match=r"(?s)0 \(BatchNorm1d\).*2 \(EmbeddingBag\)"):
        check_model(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3), nn.EmbeddingBag(3, 3)))


def test_loaders_are_refused_for_their_sampling() -> None:
    rows = TensorDataset(torch.zeros(8, 2))
    loaders: list[Any] = [DataLoader(rows, shuffle=True), DataLoader(rows, sampler=RandomSampler(rows)), [rows]]
    for loader in loaders:
        with pytest.raises(DpSamplingRefused, match="Poisson"):
            check_customers(loader)
    customers = Customers({"a": torch.zeros(3)})
    assert check_customers(customers) is customers
