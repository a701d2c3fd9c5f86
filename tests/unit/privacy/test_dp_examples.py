"""One example per customer, of one shape for all."""

import pytest
import torch

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers, as_customers, bounded_targets
from privacy.errors import DpExamplesUneven
from privacy.randomness import SeededRandomness


def test_examples_are_stacked_row_by_row() -> None:
    customers = as_customers([{"a": torch.tensor([float(i)]), "b": torch.tensor(i)} for i in range(4)])
    assert len(customers) == 4
    taken = customers.take(torch.tensor([2, 0]))
    assert taken.fields["a"].tolist() == [[2.0], [0.0]]
    assert taken.fields["b"].tolist() == [2, 0]
    assert taken.double().fields["a"].dtype == torch.float64
    assert taken.double().fields["b"].dtype == torch.int64


def test_uneven_examples_are_refused() -> None:
    with pytest.raises(DpExamplesUneven):
        as_customers([])
    with pytest.raises(DpExamplesUneven):
        as_customers([{"a": torch.zeros(2)}, {"a": torch.zeros(3)}])
    with pytest.raises(DpExamplesUneven, match="row per customer"):
        Customers({"a": torch.zeros(2), "b": torch.zeros(3)})
    with pytest.raises(DpExamplesUneven):
        Customers({})


def test_a_customer_teaches_with_so_many_products_at_most() -> None:
    owners = torch.tensor([2, 0, 2, 2, 2, 0, 2, 2])
    products = torch.tensor([5, 1, 6, 7, 8, 1, 9, 5])
    laid = bounded_targets(owners, products, n_customers=4, max_products=3, randomness=SeededRandomness(1))
    assert laid[TARGETS].shape == laid[TARGET_WEIGHTS].shape == (4, 3)
    assert laid[TARGETS][0].tolist() == [1, 0, 0]  # bought twice, counted once
    assert laid[TARGET_WEIGHTS][0].tolist() == [1, 0, 0]
    assert laid[TARGET_WEIGHTS].sum(1).tolist() == pytest.approx([1, 0, 1, 0])
    chosen = laid[TARGETS][2].tolist()
    assert len(set(chosen)) == 3
    assert set(chosen) <= {5, 6, 7, 8, 9}


def test_every_product_of_a_customer_has_the_same_chance() -> None:
    owners, products = torch.zeros(6, dtype=torch.int64), torch.arange(6)
    stream, hits = SeededRandomness(2), torch.zeros(6)
    for _ in range(1_500):
        laid = bounded_targets(owners, products, n_customers=1, max_products=2, randomness=stream)
        hits[laid[TARGETS][0]] += 1
    assert (hits / 1_500 - 1 / 3).abs().max() < 0.06
