"""Nobody adds more than the bound, and the sums are those of the slow way."""

import numpy as np
import pytest

from privacy.events import Gaussian
from privacy.randomness import SeededRandomness
from training.demand.panel import Panel
from training.demand.private_design import N_REGIMES, Design, design_of, public_panel
from training.demand.private_release import Sales, bounded_sums, read_sums, release_sums
from training.demand.private_steps import Family, Step

N_CUSTOMERS = 15
STEP = Step(
    "all",
    Gaussian(noise_multiplier=2.0),
    (Family("products", 4.0, 0.5), Family("weeks", 9.0, 0.2), Family("stores", 20.0, 0.1), Family("regimes", 6.0, 0.2)),
)


@pytest.fixture
def design(panel: Panel) -> Design:
    return design_of(public_panel(panel), np.array(["s0", "s1", "s2"]), half_life_weeks=10)


@pytest.fixture
def sales() -> Sales:
    """Customer 0 buys a thousand at once; customer 1 once."""
    rng = np.random.default_rng(5)
    n = 400
    customers = np.concatenate([[0, 1], rng.integers(2, N_CUSTOMERS, n)])
    return Sales(
        customers=customers,
        products=rng.integers(0, 12, n + 2),
        weeks=rng.integers(0, 40, n + 2),
        stores=rng.integers(0, 3, n + 2),
        units=np.concatenate([[1000.0, 1.0], rng.integers(1, 5, n)]),
    )


def of_customers(sales: Sales, kept: np.ndarray) -> Sales:
    return Sales(sales.customers[kept], sales.products[kept], sales.weeks[kept], sales.stores[kept], sales.units[kept])


def slowly(sales: Sales, design: Design) -> np.ndarray:
    """The same customer by customer, sum by sum."""
    parts = []
    for family in STEP.families:
        total = np.zeros(design.size(family.name))
        for customer in np.unique(sales.customers):
            own = np.zeros_like(total)
            for row in np.flatnonzero(sales.customers == customer):
                product, week = sales.products[row], sales.weeks[row]
                place = {
                    "products": product,
                    "weeks": week,
                    "stores": sales.stores[row],
                    "regimes": design.category[product] * N_REGIMES + design.regime[product, week],
                }[family.name]
                own[place] += sales.units[row] * (design.weights[week] if family.name == "products" else 1)
            total += own * min(1.0, family.max_norm / float(np.linalg.norm(own)))
        parts.append(total / family.scale)
    return np.concatenate(parts)


def test_the_sums_are_those_of_the_slow_way(sales: Sales, design: Design) -> None:
    np.testing.assert_allclose(bounded_sums(sales, design, STEP), slowly(sales, design), rtol=1e-12)


def test_no_customer_moves_the_vector_by_more_than_one(sales: Sales, design: Design) -> None:
    whole = bounded_sums(sales, design, STEP)
    moved = []
    for customer in range(N_CUSTOMERS):
        without = bounded_sums(of_customers(sales, sales.customers != customer), design, STEP)
        moved.append(float(np.linalg.norm(whole - without)))
    assert max(moved) <= 1 + 1e-9
    assert moved[0] == pytest.approx(1)  # who buys a thousand has all of a say, and no more
    assert moved[1] < 0.5


def test_noise_stands_on_every_sum_at_the_size_charged_for(design: Design) -> None:
    none = np.empty(0, dtype=np.int64)
    nobody = Sales(none, none, none, none, np.empty(0))
    stream = SeededRandomness(3)
    drawn = np.stack([release_sums(nobody, design, STEP, stream) for _ in range(60)])
    assert drawn.std() == pytest.approx(2.0, rel=0.05)
    assert (drawn.std(axis=0) > 1).all()


def test_a_released_vector_reads_in_units(sales: Sales, design: Design) -> None:
    values = bounded_sums(sales, design, STEP)
    read = read_sums(values, design, STEP)
    kept = of_customers(sales, sales.customers > 0)
    loose = Step("loose", STEP.event, (Family("weeks", 1e6, 1.0),))
    exact = np.bincount(kept.weeks, kept.units, 40)
    np.testing.assert_allclose(read_sums(bounded_sums(kept, design, loose), design, loose).sums["weeks"], exact)
    assert read.noise_std["products"] == pytest.approx(2 * 4 / 0.5**0.5)
    assert read.sums["stores"].shape == (3,)


def test_only_asked_products_are_added_up(sales: Sales, design: Design) -> None:
    asked = np.zeros(12, dtype=bool)
    asked[4] = True
    some = sales.of(asked)
    assert len(some.units) == (sales.products == 4).sum()
    step = Step("p", STEP.event, (Family("products", 1e6, 1.0),))
    sums = read_sums(bounded_sums(some, design, step), design, step).sums["products"]
    assert np.flatnonzero(sums).tolist() == [4]
