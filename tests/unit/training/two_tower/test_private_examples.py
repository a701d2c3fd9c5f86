"""One row per customer, from that customer's records alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import torch

from configs.loading import load_settings
from configs.settings import PrivateTrainingSettings
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers
from training.catalogue import Catalogue
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.splits import bought_before, targets
from training.two_tower.fit import snapshot_times
from training.two_tower.private_content import PublicContent, public_catalogue, public_products
from training.two_tower.private_examples import (
    AFFINITIES,
    KNOWN,
    MIX,
    MOMENTS,
    Ints,
    Teaching,
    counted_entries,
    private_customers,
)
from training.two_tower.private_model import FrozenProducts, PrivateTowers

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
    content = PublicContent.of(public_products(town.sources.lake), 8)
    groups = torch.from_numpy(content.groups)
    rarity = torch.linspace(0.1, 3.0, int(groups.max()) + 1)
    frozen = FrozenProducts(torch.from_numpy(content.vectors), groups, rarity, torch.zeros(120, 2))
    return PrivateTowers(frozen, torch.tensor([30.0, 0.6, -0.2, 0.3, 0.2]), torch.ones(1, groups.shape[1]))


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
        assert set(rest.fields) == set(everybody.fields) == {AFFINITIES, MIX, KNOWN, MOMENTS, TARGETS, TARGET_WEIGHTS}
        assert_same(rest, everybody.take(kept))


def assert_same(ours: Customers, theirs: Customers) -> None:
    for name, values in ours.fields.items():
        if values.is_floating_point():
            torch.testing.assert_close(values, theirs.fields[name], rtol=0, atol=1e-6)
        else:
            assert torch.equal(values, theirs.fields[name])


def private_settings(**changes: float) -> PrivateTrainingSettings:
    return load_settings("test", []).two_tower.private.model_copy(update=changes)


END = datetime(2025, 5, 12, tzinfo=UTC)


def test_entries_are_the_latest_and_the_first_purchase_fading_with_time(teaching: Teaching) -> None:
    settings = private_settings(
        popularity_days=28, popularity_half_life_days=7, first_days=60, first_half_life_days=14, first_share=0.5
    )
    times: dict[tuple[int, int], list[datetime]] = {}
    columns = ("event_timestamp", "customer_id", "product_id")
    for at, customer, product in zip(*(teaching.purchases[column] for column in columns), strict=True):
        if at < END:
            times.setdefault((list(teaching.customer_ids).index(customer), int(product[4:])), []).append(at)
    expected = {}
    for (owner, product), bought in times.items():
        for block, at, days, half_life, weight in ((0, max(bought), 28, 7, 1.0), (1, min(bought), 60, 14, 0.5)):
            age = (END - at) / timedelta(days=1)
            if age <= days:
                expected[owner, product + 120 * block] = weight * 0.5 ** (age / half_life)
    owners, cells, values = counted_entries(
        teaching.purchases, teaching.catalogue, teaching.customer_ids, END, settings
    )
    found = dict(zip(zip(owners.tolist(), cells.tolist(), strict=True), values.tolist(), strict=True))
    assert len(found) == len(owners)
    assert found == pytest.approx(expected)
    assert any(cell >= 120 for _, cell in found)


def test_products_outside_the_public_table_are_not_counted(teaching: Teaching) -> None:
    few = Catalogue(np.array(["item003", "item005"]))
    _, columns, _ = counted_entries(
        teaching.purchases, few, teaching.customer_ids, END, private_settings(popularity_days=200, first_days=200)
    )
    assert set(columns.tolist()) == {0, 1, 2, 3}


def test_the_vocabulary_is_told_what_the_towers_say_of_it(teaching: Teaching, towers: PrivateTowers) -> None:
    customers = private_customers(teaching, towers, TAUGHT, max_products=8)
    histories = from_arrow(
        customer_rows(teaching.store, teaching.customer_ids, teaching.cutoffs[:1]), teaching.catalogue
    )
    said = towers.affinities(histories)
    for row, place, level in ((0, 3, 0), (9, 59, 1), (45, 17, 5)):
        group = towers.products.groups[TAUGHT[place], level]
        assert customers.fields[AFFINITIES][row, 0, place, level] == said[row, group]
    assert torch.equal(customers.fields[MIX][:, 0], towers.mix(histories))
