"""Pooling against a slow loop, and what the towers must and must not depend on."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from training.histories import Histories, with_session
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.scorer import Scorer
from training.two_tower.towers import Shape, Standardizer, TwoTower, pool

MakeHistories = Callable[..., Histories]
DIM = 4


def weighted_products(histories: Histories, customer: int, keep: Sequence[bool]) -> list[tuple[int, list[float]]]:
    """List what a customer bought or saw, each with its weight in the three pools."""
    bought = range(*histories.offsets[customer : customer + 2])
    seen = range(*histories.session_offsets[customer : customer + 2])
    past = [(int(histories.product_idx[pair]), histories.pairs[pair, :3].tolist()) for pair in bought if keep[pair]]
    return [
        *((product, [short, long, math.log(1 + n)]) for product, (n, short, long) in past),
        *((int(histories.session_idx[i]), [1.0, 1.0, 1.0]) for i in seen),
    ]


def slow_pools(vectors: torch.Tensor, histories: Histories, keep: Sequence[bool] | None = None) -> list[list[float]]:
    """Add up each customer's vectors one by one, three ways, and scale every sum to length 1."""
    keep = [True] * len(histories.product_idx) if keep is None else keep
    rows = vectors.tolist()
    pools: list[list[float]] = []
    for customer in range(len(histories)):
        products = weighted_products(histories, customer, keep)
        pools.append([])
        for way in range(3):
            total = [sum(weights[way] * rows[product][d] for product, weights in products) for d in range(DIM)]
            length = math.hypot(*total)
            pools[-1] += [value / length if length else 0.0 for value in total]
    return pools


@pytest.fixture
def vectors() -> torch.Tensor:
    return torch.randn(8, DIM, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def histories(histories_of: MakeHistories, row_of: Callable[..., dict[str, Any]]) -> Histories:
    return histories_of(
        ["milk", "beer", "eggs", "salt"],
        None,
        row_of(["tea"], session=["tea", "jam", "jam"]),
        row_of(session=["bread"]),
        ["chips", "tea"],
        [],
    )


def test_pools_equal_a_slow_loop(vectors: torch.Tensor, histories: Histories) -> None:
    np.testing.assert_allclose(pool(vectors, histories).numpy(), slow_pools(vectors, histories), atol=1e-6)
    no_session = histories.take(np.array([0, 1, 4, 5]))
    np.testing.assert_allclose(pool(vectors, no_session).numpy(), slow_pools(vectors, no_session), atol=1e-6)


def test_hidden_pairs_do_not_count(vectors: torch.Tensor, histories: Histories) -> None:
    keep = [True, False, True, False, False, True, True]
    assert len(keep) == len(histories.product_idx)
    pools = pool(vectors, histories, torch.tensor(keep))
    np.testing.assert_allclose(pools.numpy(), slow_pools(vectors, histories, keep), atol=1e-6)


def test_a_customer_without_history_pools_to_zeros(vectors: torch.Tensor, histories: Histories) -> None:
    assert not pool(vectors, histories)[[1, 5]].any()
    assert not pool(vectors, histories.take(np.array([1, 1]))).any()
    hidden = pool(vectors, histories.take(np.array([0])), torch.zeros(4, dtype=torch.bool))
    assert not hidden.any()


def test_a_session_changes_the_pool_and_stands_for_a_purchase_now(
    vectors: torch.Tensor, histories_of: MakeHistories
) -> None:
    bought = histories_of(["milk"])
    in_session = with_session(bought, np.array([2]))
    assert not torch.allclose(pool(vectors, bought), pool(vectors, in_session))
    alone = with_session(histories_of([]), np.array([2]))
    torch.testing.assert_close(pool(vectors, alone)[0, :DIM], vectors[2] / vectors[2].norm())


def test_no_parameter_grows_with_the_number_of_customers(histories_of: MakeHistories) -> None:
    """Contract: there is no table of customers; whoever joins or leaves changes no shape."""
    n_products, n_customers = 8, 23
    model = TwoTower(Shape(n_products, [3, 4, 2, 3, 5], DIM, 6))
    assert all(n_customers not in values.shape for values in model.state_dict().values())
    tables = {name for name, values in model.named_parameters() if n_products in values.shape}
    assert tables == {"products.id.weight", "products.shift.weight", "products.bias.weight"}
    vectors = model.products.history_vectors(torch.zeros(n_products, 5, dtype=torch.int64))
    model.eval()
    alone = model.queries(vectors, histories_of(["milk", "tea"]))
    among_many = model.queries(vectors, histories_of(*[["milk", "tea"]] * n_customers))
    torch.testing.assert_close(among_many, alone.expand(n_customers, -1))


def test_an_untrained_model_scores_by_sales_alone(histories_of: MakeHistories) -> None:
    torch.manual_seed(0)
    model = TwoTower(Shape(8, [3, 4, 2, 3, 5], DIM, 6)).eval()
    torch.nn.init.zeros_(model.products.id.weight)
    for table in model.products.content:
        assert isinstance(table, torch.nn.Embedding)
        torch.nn.init.zeros_(table.weight)
    vectors = model.products.history_vectors(torch.zeros(8, 5, dtype=torch.int64))
    numeric = torch.randn(8, len(NUMERIC_FIELDS))
    scores = model.queries(vectors, histories_of(["milk"], None)) @ model.products(vectors, numeric).T
    torch.testing.assert_close(scores, numeric[:, 0].expand(2, 8))


def test_the_towers_score_by_the_dot_product_of_content_id_shift_sales_and_bias(
    scorer: Scorer, histories_of: MakeHistories
) -> None:
    histories = histories_of(["milk", "beer"], ["tea"])
    assert isinstance(scorer.model, TwoTower)
    tower = scorer.model.products
    with torch.no_grad():
        queries = scorer.model.queries(scorer.history_vectors, histories)
        for product in range(8):
            content = [
                table(torch.tensor(code)) for table, code in zip(tower.content, scorer.content[product], strict=True)
            ]
            numeric = scorer.numeric[product]
            scaled = (numeric - tower.scale.mean) / tower.scale.std
            scaled[0] = numeric[0]  # the log-probability passes as it is
            taste = tower.id.weight[product] + sum(content) + tower.shift.weight[product] + tower.net(scaled)
            expected = queries[:, :DIM] @ taste + queries[:, DIM:-1] @ scaled + tower.bias.weight[product, 0]
            torch.testing.assert_close(queries @ scorer.product_vectors[:, product], expected)


def test_the_standardizer_leaves_out_what_is_unknown() -> None:
    nan = math.nan
    scale = Standardizer(3)
    scale.fit(torch.tensor([[1.0, nan, 5.0], [3.0, nan, 5.0], [nan, nan, 5.0], [5.0, nan, 5.0]]))
    assert scale.mean.tolist() == pytest.approx([3, 0, 5])
    assert scale.std.tolist() == pytest.approx([math.sqrt(8 / 3), 1e-6, 1e-6])
    scaled = scale(torch.tensor([[nan, nan, 5.0], [3 + math.sqrt(8 / 3), nan, nan]]))
    torch.testing.assert_close(scaled, torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))


def test_the_standardizer_keeps_its_figures_with_the_weights() -> None:
    scale = Standardizer(2)
    scale.fit(torch.tensor([[1.0, 10.0], [3.0, 20.0]]))
    assert scale.state_dict()["mean"].tolist() == [2, 15]
    assert not list(scale.parameters())
