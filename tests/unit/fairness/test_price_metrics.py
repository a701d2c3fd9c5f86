"""Each customer beside the others, against slow and obvious versions."""

import dataclasses
from statistics import median

import numpy as np
import pandas as pd
import pytest

from fairness.price_metrics import (
    Lines,
    basket_cost,
    cell_codes,
    codes_of,
    compare_prices,
    others_rate,
    per_customer,
)


def lines_of(n: int, seed: int) -> Lines:
    """Few products, stores and weeks, so that customers meet; every third line is of several packs or by weight."""
    rng = np.random.default_rng(seed)
    product = rng.integers(0, 4, n)
    shelf = rng.choice([1.0, 1.5, 2.0, 9.0], n)
    return Lines(
        customer=rng.integers(0, 6, n),
        category=product // 2,
        product=product,
        store=rng.integers(0, 2, n),
        week=rng.integers(0, 3, n),
        quantity=rng.integers(1, 4, n).astype(np.float64),
        shelf=shelf,
        discount=shelf * rng.choice([0.0, 0.1, 0.5], n),
        out_of_pocket=shelf * 0.9,
        single=rng.random(n) < 2 / 3,
    )


@pytest.mark.parametrize("seed", range(5))
def test_comparisons_are_those_of_every_customer_against_every_other(seed: int) -> None:
    lines = lines_of(150, seed)
    compared = compare_prices(lines, lines.shelf)
    found = {}
    for row in range(len(compared.price)):
        found[int(compared.cell[row]), int(compared.customer[row])] = (
            compared.price[row],
            compared.others[row],
            compared.rank[row],
            compared.packs[row],
        )
    cells: dict[tuple[int, ...], dict[int, list[float]]] = {}
    for line in np.flatnonzero(lines.single):
        place = (int(lines.product[line]), int(lines.store[line]), int(lines.week[line]))
        cells.setdefault(place, {}).setdefault(int(lines.customer[line]), []).append(float(lines.shelf[line]))
    wanted = []
    for paid in cells.values():
        prices = {customer: round(sum(amounts) / len(amounts), 4) for customer, amounts in paid.items()}
        for customer, price in prices.items():
            others = [other for whose, other in prices.items() if whose != customer]
            if others:
                lower, higher = sum(o < price for o in others), sum(o > price for o in others)
                wanted.append((price, median(others), (lower - higher) / len(others), len(paid[customer])))
    assert np.array(sorted(found.values())) == pytest.approx(np.array(sorted(wanted)))
    assert np.bincount(compared.cell, compared.rank) == pytest.approx(0)


def test_prices_are_compared_only_where_two_customers_met() -> None:
    lines = lines_of(40, 1)
    alone = dataclasses.replace(lines, customer=np.zeros(40, np.int64))
    assert compare_prices(alone, alone.shelf).price.size == 0
    nothing_single = dataclasses.replace(lines, single=np.zeros(40, np.bool_))
    assert compare_prices(nothing_single, lines.shelf).price.size == 0


def test_a_uniform_surcharge_shows_in_full_and_a_slip_of_the_scales_is_capped() -> None:
    ones = np.ones(3)
    lines = Lines(
        customer=np.array([0, 1, 2]),
        category=np.zeros(3, np.int64),
        product=np.zeros(3, np.int64),
        store=np.zeros(3, np.int64),
        week=np.zeros(3, np.int64),
        quantity=ones,
        shelf=np.array([1.02, 1.0, 1.0]),
        discount=0 * ones,
        out_of_pocket=ones,
        single=np.ones(3, np.bool_),
    )
    dearest = compare_prices(lines, lines.shelf)
    who = int(np.flatnonzero(dearest.customer == 0)[0])
    assert dearest.excess[who] / dearest.charged_others[who] == pytest.approx(0.02)
    slip = compare_prices(dataclasses.replace(lines, shelf=np.array([30.0, 1.0, 1.0])), np.array([30.0, 1.0, 1.0]))
    assert slip.excess[int(np.flatnonzero(slip.customer == 0)[0])] == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(3))
def test_the_rate_of_others_leaves_out_every_line_of_the_customer(seed: int) -> None:
    lines = lines_of(80, seed)
    cell = cell_codes(lines.product, lines.store)
    fallback = np.full(80, 0.123)
    rates = others_rate(lines.discount, lines.shelf, cell, lines.customer, fallback)
    for line in range(80):
        others = (cell == cell[line]) & (lines.customer != lines.customer[line])
        wanted = lines.discount[others].sum() / lines.shelf[others].sum() if others.any() else 0.123
        assert rates[line] == pytest.approx(wanted)


def test_customers_without_a_line_have_sums_of_0() -> None:
    assert per_customer(np.array([1.0, 2.0]), np.array([2, 2]), 4).tolist() == [0, 0, 3, 0]


def test_a_basket_counts_recent_lines_of_products_with_a_price() -> None:
    lines = dataclasses.replace(
        lines_of(4, 0),
        customer=np.array([0, 0, 1, 1]),
        product=np.array([0, 1, 0, 0]),
        week=np.array([5, 5, 5, 1]),
        quantity=np.array([2.0, 1.0, 3.0, 9.0]),
    )
    assert basket_cost(lines, np.array([1.5, np.nan, 7.0, 7.0]), 3, first_week=2).tolist() == [3.0, 4.5, 0.0]


def test_codes_are_places_in_the_list_and_minus_1_elsewhere() -> None:
    values = pd.Series(["b", "z", None, "a", "b"])
    assert codes_of(values, ["a", "b", "c"]).tolist() == [1, -1, -1, 0, 1]
    assert codes_of(values.astype("category"), ["a", "b", "c"]).tolist() == [1, -1, -1, 0, 1]
