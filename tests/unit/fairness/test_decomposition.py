"""Where a difference between groups comes from: a shop worked by hand, and parts that add up."""

import dataclasses

import numpy as np
import pytest

from fairness.decomposition import REST, STEPS, adjusted_amounts, mix_effects, overall_rate
from fairness.price_metrics import Lines


def lines_of(customer: list[int], product: list[int], discount: list[float], **codes: list[int]) -> Lines:
    n = len(customer)
    products = np.array(product)
    return Lines(
        customer=np.array(customer),
        category=np.array(codes.get("category", [0] * n)),
        product=products,
        store=np.array(codes.get("store", [0] * n)),
        week=np.array(codes.get("week", [0] * n)),
        quantity=np.ones(n),
        shelf=np.ones(n),
        discount=np.array(discount),
        out_of_pocket=1 - np.array(discount),
        single=np.ones(n, np.bool_),
    )


def test_groups_that_buy_other_products_at_the_same_prices_differ_by_product_mix_alone() -> None:
    # products 0 and 1 are of one category; 0 is never discounted and 1 always by half; customers 0, 1 buy product 0
    lines = lines_of([0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 0, 0, 1, 1, 1, 1], [0.0] * 4 + [0.5] * 4)
    effects = mix_effects(lines, lines.discount, 4)
    assert effects["product"] + effects["category"] == pytest.approx([-0.5, -0.5, 0.5, 0.5])
    assert effects["store"] == pytest.approx(0)
    assert effects["week"] == pytest.approx(0)
    assert effects[REST] == pytest.approx(0)
    assert adjusted_amounts(lines, lines.discount, 4).sum() == pytest.approx(lines.discount.sum())


def test_groups_that_buy_in_other_stores_differ_by_store() -> None:
    lines = lines_of([0, 1, 2, 3], [0] * 4, [0.0, 0.0, 0.4, 0.4], store=[0, 0, 1, 1])
    effects = mix_effects(lines, lines.discount, 4)
    before = effects["category"] + effects["product"]
    # before the store is known, each expects the mean of the three others: .8 / 3 or .4 / 3
    assert before == pytest.approx([0.8 / 3 - 0.2, 0.8 / 3 - 0.2, 0.4 / 3 - 0.2, 0.4 / 3 - 0.2])
    assert effects["store"] == pytest.approx([-0.8 / 3, -0.8 / 3, 0.8 / 3, 0.8 / 3])
    assert effects[REST] == pytest.approx(0)


def test_a_customer_charged_otherwise_than_the_others_in_the_cell_shows_in_the_rest() -> None:
    lines = lines_of([0, 1, 2, 3], [0] * 4, [0.3, 0.1, 0.1, 0.1])
    effects = mix_effects(lines, lines.discount, 4)
    assert effects[REST] == pytest.approx([0.2, -0.2 / 3, -0.2 / 3, -0.2 / 3])
    adjusted = adjusted_amounts(lines, lines.discount, 4)
    assert adjusted[0] - adjusted[1] == pytest.approx(0.2 + 0.2 / 3)


@pytest.mark.parametrize("seed", range(4))
def test_parts_add_up_to_the_distance_of_any_group_from_everyone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, n_customers = 400, 30
    product = rng.integers(0, 12, n)
    lines = dataclasses.replace(
        lines_of(rng.integers(0, n_customers, n).tolist(), product.tolist(), rng.random(n).tolist()),
        category=product // 4,
        store=rng.integers(0, 3, n),
        week=rng.integers(0, 4, n),
        shelf=rng.gamma(2, 2, n),
    )
    effects = mix_effects(lines, lines.discount, n_customers)
    assert tuple(effects) == (*STEPS, REST)
    group = rng.random(n_customers) < 0.4
    mine = group[lines.customer]
    shelf = lines.shelf[mine].sum()
    rate = lines.discount[mine].sum() / shelf
    parts = sum(float(effect[group].sum()) for effect in effects.values()) / shelf
    assert parts == pytest.approx(rate - overall_rate(lines, lines.discount))
    for effect in effects.values():
        assert effect.sum() == pytest.approx(0, abs=1e-9)


def test_a_step_explains_nothing_where_nobody_else_bought() -> None:
    lines = lines_of([0, 1, 2], [0, 1, 2], [0.1, 0.2, 0.6])
    effects = mix_effects(lines, lines.discount, 3)
    assert effects["product"] == pytest.approx(0)
    assert effects["week"] == pytest.approx(0)


def test_without_sales_there_is_no_rate() -> None:
    nothing = lines_of([], [], [])
    assert overall_rate(nothing, nothing.discount) == 0
