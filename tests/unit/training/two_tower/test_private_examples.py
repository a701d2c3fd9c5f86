"""One row per customer, from that customer's records alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import torch

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers
from training.catalogue import Catalogue
from training.splits import bought_before, targets
from training.two_tower.fit import snapshot_times
from training.two_tower.private_content import content_vectors, public_catalogue, public_products
from training.two_tower.private_examples import KNOWN, MOMENTS, POOLS, Ints, Teaching, counted_pairs, private_customers
from training.two_tower.private_model import PrivateTowers

TAUGHT: Ints = np.arange(0, 120, 2)


@pytest.fixture(scope="module")
def teaching(town: Any) -> Teaching:
    settings = town.settings
    return Teaching(
        store=town.sources.store,
        purchases=town.data.purchases,
        catalogue=public_catalogue(public_products(town.sources.lake)),
        customer_ids=town.data.customer_ids,
        cutoffs=snapshot_times(town.sources.train_until, settings.features, settings.two_tower)[1:],
        target_days=settings.two_tower.target_days,
    )


@pytest.fixture(scope="module")
def towers(town: Any) -> PrivateTowers:
    vectors = torch.from_numpy(content_vectors(public_products(town.sources.lake), 8))
    return PrivateTowers(vectors, torch.ones(120), torch.eye(8))


def test_targets_are_first_purchases_after_a_history(teaching: Teaching, towers: PrivateTowers) -> None:
    customers = private_customers(teaching, towers, TAUGHT, max_products=500)
    for moment, cutoff in enumerate(teaching.cutoffs):
        end = cutoff + timedelta(days=teaching.target_days)
        known = bought_before(teaching.purchases, teaching.catalogue, teaching.customer_ids, cutoff)
        later = targets(teaching.purchases, teaching.catalogue, teaching.customer_ids, cutoff, end)
        for row in range(len(teaching.customer_ids)):
            before, after = set(known[[row]].indices), set(later[[row]].indices)
            expected = sorted((after - before) & set(TAUGHT.tolist())) if before else []
            taught_now = (customers.fields[MOMENTS][row] == moment) & (customers.fields[TARGET_WEIGHTS][row] > 0)
            assert TAUGHT[customers.fields[TARGETS][row][taught_now].numpy()].tolist() == expected
            assert set(TAUGHT[customers.fields[KNOWN][row, moment].numpy()].tolist()) == before & set(TAUGHT.tolist())


@pytest.mark.parametrize("most", [1, 3, 500])
def test_a_customer_has_at_most_so_many_the_latest_and_one_say(
    teaching: Teaching, towers: PrivateTowers, most: int
) -> None:
    everything = private_customers(teaching, towers, TAUGHT, max_products=500)
    customers = private_customers(teaching, towers, TAUGHT, max_products=most)
    assert customers.fields[TARGETS].shape == (len(teaching.customer_ids), most)
    weights = customers.fields[TARGET_WEIGHTS]
    total = weights.sum(1)
    assert ((total - 1).abs() < 1e-12).logical_or(total == 0).all()
    kept = (weights > 0).sum(1)
    assert torch.equal(kept, (everything.fields[TARGET_WEIGHTS] > 0).sum(1).clamp(max=most))
    first = everything.fields[MOMENTS][:, : customers.fields[MOMENTS].shape[1]]
    assert torch.equal(customers.fields[MOMENTS][weights > 0], first[weights > 0])


def test_the_row_of_one_customer_is_the_same_whoever_else_is_there(teaching: Teaching, towers: PrivateTowers) -> None:
    everybody = private_customers(teaching, towers, TAUGHT, max_products=8)
    for removed in (0, 7, 45):
        ids = [customer for i, customer in enumerate(teaching.customer_ids) if i != removed]
        purchases = teaching.purchases[teaching.purchases["customer_id"].isin(ids)]
        fewer = Teaching(teaching.store, purchases, teaching.catalogue, ids, teaching.cutoffs, teaching.target_days)
        rest = private_customers(fewer, towers, TAUGHT, max_products=8)
        kept = torch.tensor([i for i in range(len(teaching.customer_ids)) if i != removed])
        assert set(rest.fields) == set(everybody.fields) == {POOLS, KNOWN, MOMENTS, TARGETS, TARGET_WEIGHTS}
        assert_same(rest, everybody.take(kept))


def assert_same(ours: Customers, theirs: Customers) -> None:
    for name, values in ours.fields.items():
        if values.is_floating_point():
            torch.testing.assert_close(values, theirs.fields[name], rtol=0, atol=1e-6)
        else:
            assert torch.equal(values, theirs.fields[name])


def test_pairs_are_counted_once_within_the_window(teaching: Teaching) -> None:
    end = datetime(2025, 5, 12, tzinfo=UTC)
    owners, products = counted_pairs(teaching.purchases, teaching.catalogue, teaching.customer_ids, end, days=28)
    expected = set()
    columns = ("event_timestamp", "customer_id", "product_id")
    for at, customer, product in zip(*(teaching.purchases[column] for column in columns), strict=True):
        if end - timedelta(days=28) <= at < end:
            expected.add((list(teaching.customer_ids).index(customer), int(product[4:])))
    found = list(zip(owners.tolist(), products.tolist(), strict=True))
    assert len(found) == len(expected)
    assert set(found) == expected


def test_products_outside_the_public_table_are_not_counted(teaching: Teaching) -> None:
    few = Catalogue(np.array(["item003", "item005"]))
    _, products = counted_pairs(
        teaching.purchases, few, teaching.customer_ids, datetime(2025, 5, 12, tzinfo=UTC), days=200
    )
    assert set(products.tolist()) == {0, 1}
