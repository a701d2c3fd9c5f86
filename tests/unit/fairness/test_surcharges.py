"""The scan finds what an average hides, and nothing where labels mean nothing."""

import dataclasses

import numpy as np
import pytest

from configs.fairness import StatisticsSettings
from fairness.groups import Grouping
from fairness.price_metrics import Comparisons, Floats, Ints, Lines, compare_prices
from fairness.surcharges import build_board, scan_units

STATISTICS = StatisticsSettings(
    n_draws=400, confidence=0.95, alpha=0.05, power=0.8, min_cell=10, min_n=20, min_events=10, max_levels=20, seed=3
)
N_CUSTOMERS, N_PRODUCTS = 240, 200
LABELS = ("low", "high", "unknown")
CODES = np.random.default_rng(11).choice(3, N_CUSTOMERS, p=[0.3, 0.4, 0.3])


def market(seed: int = 0, *, n: int = 24_000, noise: float = 0.01) -> Lines:
    """Sales at one price per product and week, but for slips of the record; some customers buy much more."""
    rng = np.random.default_rng(seed)
    heavy = rng.gamma(1, 1, N_CUSTOMERS)
    product = rng.integers(0, N_PRODUCTS, n)
    price = np.round(1 + 4 * rng.random(N_PRODUCTS), 2)[product]
    slips = rng.random(n) < noise
    shelf = np.where(slips, np.round(price * rng.choice([0.5, 0.9, 1.1, 2.0], n), 2), price)
    return Lines(
        customer=rng.choice(N_CUSTOMERS, n, p=heavy / heavy.sum()),
        category=product // 20,
        product=product,
        store=rng.integers(0, 5, n),
        week=rng.integers(0, 8, n),
        quantity=np.ones(n),
        shelf=shelf,
        discount=np.zeros(n),
        out_of_pocket=shelf,
        single=np.ones(n, np.bool_),
    )


def surcharged(lines: Lines, products: Ints, group: int, rate: float) -> Comparisons:
    hit = np.isin(lines.product, products) & (CODES[lines.customer] == group)
    shelf: Floats = np.where(hit, np.round(lines.shelf * (1 + rate), 2), lines.shelf)
    return compare_prices(dataclasses.replace(lines, shelf=shelf), shelf)


GROUPING = Grouping("income", LABELS, CODES)


@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_surcharge_of_2_percent_on_5_percent_of_the_products_is_found(group: int) -> None:
    caught = 0
    for seed in range(10):
        products = np.random.default_rng(seed).choice(N_PRODUCTS, N_PRODUCTS // 20, replace=False)
        compared = surcharged(market(seed), products, group, 0.02)
        mine = CODES[compared.customer] == group
        assert compared.excess[mine].sum() / compared.charged_others[mine].sum() < 0.005  # an average hides it
        scan = scan_units(compared, compared.product, GROUPING, STATISTICS)
        caught += scan.n_surcharged[group] > 0
        assert scan.n_surcharged[group] <= 2 * products.size
        if scan.n_surcharged[group]:
            assert np.isin(scan.likeliest[group], products).mean() >= 0.7
            assert scan.p_value <= STATISTICS.alpha
    assert caught >= 9


def test_random_labels_raise_no_more_alarms_than_agreed() -> None:
    lines = market(noise=0.05)
    compared = compare_prices(lines, lines.shelf)
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(60):
        grouping = Grouping("income", LABELS, rng.permutation(CODES))
        scan = scan_units(compared, compared.product, grouping, STATISTICS)
        assert (scan.p_value <= STATISTICS.alpha) == bool(scan.n_surcharged.max() > 0)
        alarms += scan.p_value <= STATISTICS.alpha
    assert alarms <= 7  # of 60 at 5%: beyond 7 with probability .01


def test_one_customer_with_odd_records_is_no_surcharge_on_a_group() -> None:
    lines = market(noise=0.0)
    compared = compare_prices(lines, np.where(lines.customer == 3, np.round(lines.shelf * 1.5, 2), lines.shelf))
    scan = scan_units(compared, compared.product, GROUPING, STATISTICS)
    assert scan.n_surcharged.tolist() == [0, 0, 0]
    assert scan.p_value > STATISTICS.alpha


def test_a_surcharge_on_one_much_bought_product_is_found_and_named() -> None:
    lines = market(noise=0.0)
    often = dataclasses.replace(lines, product=np.where(lines.product < 20, 7, lines.product))
    often = dataclasses.replace(often, shelf=np.where(often.product == 7, 2.0, often.shelf))
    compared = surcharged(often, np.array([7]), 0, 0.02)
    scan = scan_units(compared, compared.product, GROUPING, STATISTICS)
    assert scan.n_surcharged.tolist() == [1, 0, 0]
    assert scan.likeliest[0].tolist() == [7]
    assert 0.01 < scan.mean_surcharge[0] <= 0.021
    assert np.isnan(scan.mean_surcharge[1:]).all()


def test_surcharges_that_rebates_elsewhere_make_up_for_are_found() -> None:
    lines = market(noise=0.0, n=60_000)
    dear, cheap = np.arange(20), np.arange(20, 40)
    mine = CODES[lines.customer] == 0
    rate = np.where(np.isin(lines.product, dear), 1.1, np.where(np.isin(lines.product, cheap), 0.9, 1.0))
    shelf = np.where(mine, np.round(lines.shelf * rate, 2), lines.shelf)
    compared = compare_prices(dataclasses.replace(lines, shelf=shelf), shelf)
    scan = scan_units(compared, compared.product, GROUPING, STATISTICS)
    assert scan.n_surcharged[0] >= 5
    assert np.isin(scan.likeliest[0], dear).all()


def test_the_rank_sums_of_the_board_are_those_of_a_loop() -> None:
    lines = market(noise=0.2, n=3000)
    compared = compare_prices(lines, lines.shelf)
    judged = np.ones(3, np.bool_)
    board = build_board(compared, compared.product, GROUPING, judged)
    excess = board.excess(CODES)
    for row, product in enumerate(board.units[:25]):
        for group in range(3):
            wanted = 0.0
            for rank, code, customer in zip(compared.rank, compared.product, compared.customer, strict=True):
                if code == product:
                    peers = CODES[board.strata == board.strata[customer]]
                    wanted += rank * (float(CODES[customer] == group) - (peers == group).mean())
            assert excess[row, group] == pytest.approx(wanted)
    assert excess[-1] == pytest.approx(excess[:-1].sum(axis=0))


def test_small_groups_are_compared_with_and_not_scanned() -> None:
    codes = np.where(np.arange(N_CUSTOMERS) < 8, 0, 1)
    lines = market()
    compared = compare_prices(lines, lines.shelf)
    scan = scan_units(compared, compared.product, Grouping("income", LABELS, codes), STATISTICS)
    assert scan.judged.tolist() == [False, True, False]
    assert scan.n_customers[2] == 0
    assert np.isnan(scan.detectable[[0, 2]]).all()
    assert scan.n_surcharged.tolist() == [0, 0, 0]


def test_prices_that_never_differ_are_no_surcharge_and_the_power_is_told() -> None:
    lines = market(noise=0.0)
    compared = compare_prices(lines, lines.shelf)
    scan = scan_units(compared, compared.product, GROUPING, STATISTICS)
    assert scan.n_surcharged.tolist() == [0, 0, 0]
    assert scan.p_value == 1
    assert scan.n_scanned == N_PRODUCTS
    assert (scan.detectable <= 0.05 * N_PRODUCTS).all()
    assert (scan.at_most >= scan.detectable - 1).all()
