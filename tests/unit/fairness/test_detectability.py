"""What the scan says it would have found, it finds."""

import dataclasses

import numpy as np
import pytest

from configs.fairness import StatisticsSettings
from fairness.detectability import fewest_detectable, potential_ranks
from fairness.groups import Grouping
from fairness.price_metrics import Lines, compare_prices
from fairness.surcharges import scan_units

STATISTICS = StatisticsSettings(
    n_draws=300, confidence=0.95, alpha=0.05, power=0.8, min_cell=10, min_n=20, min_events=10, max_levels=20, seed=3
)
CODES = np.random.default_rng(1).choice(3, 200, p=[0.2, 0.5, 0.3])
GROUPING = Grouping("income", ("low", "high", "unknown"), CODES)


def market(seed: int, slips: float = 0.02) -> Lines:
    rng = np.random.default_rng(seed)
    n = 6000
    product = rng.integers(0, 300, n)
    shelf = np.where(rng.random(n) < slips, 3.0, 2.0)
    zeros = np.zeros(n, np.int64)
    return Lines(
        customer=rng.integers(0, 200, n),
        category=zeros,
        product=product,
        store=rng.integers(0, 3, n),
        week=rng.integers(0, 4, n),
        quantity=np.ones(n),
        shelf=shelf,
        discount=np.zeros(n),
        out_of_pocket=shelf,
        single=np.ones(n, np.bool_),
    )


@pytest.mark.parametrize("slips", [0.0, 0.02])
def test_the_fewest_detectable_are_found_about_as_often_as_promised(slips: float) -> None:
    lines = market(0, slips)
    compared = compare_prices(lines, lines.shelf)
    fewest = int(scan_units(compared, compared.product, GROUPING, STATISTICS).detectable[0])
    assert 2 < fewest < 60
    caught = {fewest // 4: 0, fewest: 0}
    for seed in range(25):
        for n_products in caught:
            chosen = np.random.default_rng(seed).choice(300, n_products, replace=False)
            hit = np.isin(lines.product, chosen) & (CODES[lines.customer] == 0)
            dearer = dataclasses.replace(lines, shelf=np.where(hit, lines.shelf + 0.04, lines.shelf))
            found = compare_prices(dearer, dearer.shelf)
            caught[n_products] += scan_units(found, found.product, GROUPING, STATISTICS).n_surcharged[0] > 0
    assert caught[fewest] >= 17  # 20 of 25 promised
    assert caught[fewest // 4] < caught[fewest]


def test_potential_ranks_are_those_of_a_price_that_is_higher_for_the_whole_group() -> None:
    lines = market(1)
    compared = compare_prices(lines, lines.shelf)
    planted = np.where(CODES[lines.customer] == 0, 9.0, 1.0)
    ranked = compare_prices(lines, planted)
    potential = potential_ranks(compared, compared.product, GROUPING, 0)
    wanted = np.bincount(ranked.customer, ranked.rank, 200)
    np.testing.assert_allclose(potential.by_customer, wanted, atol=1e-9)
    np.testing.assert_allclose(potential.by_unit.sum(), ranked.rank[CODES[ranked.customer] == 0].sum())


def test_a_group_that_meets_nobody_can_be_surcharged_unseen() -> None:
    lines = market(2)
    apart = dataclasses.replace(lines, store=np.where(CODES[lines.customer] == 0, 9, lines.store))
    compared = compare_prices(apart, apart.shelf)
    potential = potential_ranks(compared, compared.product, GROUPING, 0)
    assert np.isnan(fewest_detectable(potential, 1.0, 5.0, level=0.01, power=0.8))
