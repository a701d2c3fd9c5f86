"""Stores' price levels against who shops there: planted slopes, and a fit by the textbook."""

import dataclasses

import numpy as np
import pytest

from configs.fairness import StatisticsSettings
from fairness.catchments import Stores, catchment_slopes, stores_of
from fairness.groups import Grouping
from fairness.price_metrics import Floats, Lines

STATISTICS = StatisticsSettings(
    n_draws=300, confidence=0.95, alpha=0.05, power=0.8, min_cell=5, min_n=20, min_events=5, max_levels=20, seed=3
)
N_STORES, PER_STORE, N_PRODUCTS = 12, 20, 30
SHARES = np.linspace(0.1, 0.9, N_STORES)


def grouping() -> Grouping:
    """In store s, SHARES[s] of the known are low; every fourth customer is unknown."""
    rng = np.random.default_rng(5)
    store = np.repeat(np.arange(N_STORES), PER_STORE)
    low = rng.random(store.size) < SHARES[store]
    codes = np.where(np.arange(store.size) % 4 == 0, 2, np.where(low, 0, 1))
    return Grouping("income", ("low", "high", "unknown"), codes)


def lines_at(level: Floats) -> Lines:
    """Everybody buys 60 products at home; a store's prices are its level times the chain's."""
    rng = np.random.default_rng(6)
    customer = np.repeat(np.arange(N_STORES * PER_STORE), 60)
    store = customer // PER_STORE
    product = rng.integers(0, N_PRODUCTS, customer.size)
    shelf = (1 + product / 10) * level[store]
    return Lines(
        customer=customer,
        category=np.zeros(customer.size, np.int64),
        product=product,
        store=store,
        week=rng.integers(0, 2, customer.size),
        quantity=np.ones(customer.size),
        shelf=shelf,
        discount=np.zeros(customer.size),
        out_of_pocket=shelf,
        single=np.ones(customer.size, np.bool_),
    )


def test_stores_that_are_dearer_where_the_poor_shop_are_found_out() -> None:
    groups = grouping()
    drawn = catchment_slopes(stores_of(lines_at(1 + 0.1 * SHARES), groups.codes.size), groups, STATISTICS)
    assert drawn is not None
    assert drawn.values[0] == pytest.approx(0.1, abs=0.03)
    assert drawn.values[1] == pytest.approx(-drawn.values[0])  # two groups share out the known
    assert np.isnan(drawn.values[2])
    low, high = np.quantile(drawn.draws[0], [0.025, 0.975])
    assert 0 < low < drawn.values[0] < high * 1.2
    assert drawn.events.tolist() == [N_STORES] * 3
    assert drawn.n.tolist() == groups.counts.tolist()


def test_stores_with_one_price_list_have_no_slope() -> None:
    groups = grouping()
    drawn = catchment_slopes(stores_of(lines_at(np.ones(N_STORES)), groups.codes.size), groups, STATISTICS)
    assert drawn is not None
    assert drawn.values[:2] == pytest.approx(0, abs=1e-12)
    assert drawn.draws[:2] == pytest.approx(0, abs=1e-6)


def test_the_slope_is_that_of_a_weighted_fit() -> None:
    groups, level = grouping(), 1 + np.random.default_rng(1).normal(0, 0.05, N_STORES)
    stores = stores_of(lines_at(level), groups.codes.size)
    drawn = catchment_slopes(stores, groups, STATISTICS)
    assert drawn is not None
    prices = np.asarray(stores.charged.sum(axis=1) / stores.chain.sum(axis=1)).ravel() - 1
    known = np.array([np.sum((stores.home == s) & (groups.codes < 2)) for s in range(N_STORES)])
    share = np.array([np.sum((stores.home == s) & (groups.codes == 0)) for s in range(N_STORES)]) / known
    slope = np.polyfit(share, prices, 1, w=np.sqrt(known))[0]
    assert drawn.values[0] == pytest.approx(slope)


def test_home_is_where_most_was_spent_and_products_of_one_store_price_nothing() -> None:
    lines = lines_at(np.ones(N_STORES))
    lines = dataclasses.replace(lines, product=np.where(lines.store == 0, 99, lines.product))
    stores = stores_of(lines, N_STORES * PER_STORE + 1)
    assert stores.home.tolist() == [*np.repeat(np.arange(N_STORES), PER_STORE), -1]
    assert stores.charged[0].nnz == 0
    assert stores.charged[1].nnz > 0
    drawn = catchment_slopes(
        stores, Grouping("income", ("low", "high", "unknown"), np.append(grouping().codes, 0)), STATISTICS
    )
    assert drawn is not None
    assert drawn.events[0] == N_STORES - 1


def test_without_enough_known_customers_there_is_no_store_to_judge() -> None:
    groups = grouping()
    nobody = Grouping("income", groups.labels, np.full(groups.codes.size, 2))
    stores = stores_of(lines_at(np.ones(N_STORES)), groups.codes.size)
    assert catchment_slopes(stores, nobody, STATISTICS) is None


def test_sales_of_nothing_make_stores_of_nothing() -> None:
    lines = lines_at(np.ones(N_STORES))
    empty = Lines(**{field.name: getattr(lines, field.name)[:0] for field in dataclasses.fields(Lines)})
    stores: Stores = stores_of(empty, 3)
    assert stores.home.tolist() == [-1, -1, -1]
    groups = Grouping("income", ("low", "unknown"), np.zeros(3, np.int64))
    assert catchment_slopes(stores, groups, STATISTICS) is None
