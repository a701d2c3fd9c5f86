"""Which series a backtest judges."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.demand import DemandEvaluationSettings
from training.demand.elasticities import Elasticities
from training.demand.judging import Judged, chosen_elasticities, judged_series, with_pairs
from training.demand.panel import Panel, StorePanel
from training.demand.product_lists import read_products

WEEKS = np.datetime64("2024-01-01") + 7 * np.arange(2).astype("timedelta64[D]")


@pytest.fixture
def known(chain: Any) -> Panel:
    panel: Panel = chain.sources.panel.until(np.datetime64("2024-07-01"))
    return panel


def pairs_of(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(pairs), columns=["product_id", "store_id"])


def test_without_a_list_what_sells_in_enough_weeks_is_judged(
    chain: Any, known: Panel, judging: DemandEvaluationSettings
) -> None:
    often = judging.model_copy(update={"min_selling_weeks": 24, "max_products": 7})
    judged = judged_series(chain.sources, known, often, listed=None, with_stores=False)
    assert judged.pairs.empty
    n_weeks = {
        product_id: int((units > 0).sum()) for product_id, units in zip(known.product_ids, known.units, strict=True)
    }
    sold = {product_id: units.sum() for product_id, units in zip(known.product_ids, known.units, strict=True)}
    eligible = sorted((p for p in sold if n_weeks[p] >= 24), key=lambda product_id: -sold[product_id])
    assert judged.product_ids.tolist() == sorted(eligible[:7])


def test_stores_are_judged_where_the_product_sold_in_enough_weeks(
    chain: Any, known: Panel, judging: DemandEvaluationSettings
) -> None:
    often = judging.model_copy(update={"min_selling_weeks": 20})
    judged = judged_series(chain.sources, known, often, listed=None, with_stores=True)
    stores = chain.sources.stores
    expected = [
        (product_id, store_id)
        for product_id, store_id, units in zip(stores.product_ids, stores.store_ids, stores.units[:, :26], strict=True)
        if sum(units > 0) >= 20 and product_id in judged.product_ids
    ]
    assert [tuple(pair) for pair in judged.pairs.to_numpy()] == expected
    assert 0 < len(expected) < len(stores)


def test_a_list_is_judged_as_it_is_and_stores_join_it(
    chain: Any, known: Panel, judging: DemandEvaluationSettings, tmp_path: Any
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("product_id,store_id\np39,\np38,s2\np00,\n")
    listed = read_products(path)
    alone = judged_series(chain.sources, known, judging, listed=listed, with_stores=False)
    assert alone.product_ids.tolist() == ["p00", "p39"]
    assert alone.pairs.to_numpy().tolist() == [["p38", "s2"]]
    often = judging.model_copy(update={"min_selling_weeks": 3})
    both = judged_series(chain.sources, known, often, listed=listed, with_stores=True)
    assert both.pairs.to_numpy().tolist() == [["p00", "s0"], ["p00", "s1"], ["p00", "s2"], ["p38", "s2"]]


def test_pairs_that_never_sold_are_added_in_order() -> None:
    stores = StorePanel(np.array(["a", "b"]), np.array(["s2", "s1"]), WEEKS, np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert with_pairs(stores, pairs_of(("a", "s2"))) is stores
    more = with_pairs(stores, pairs_of(("a", "s1"), ("b", "s1"), ("c", "s9")))
    assert list(zip(more.product_ids, more.store_ids, strict=True)) == [
        ("a", "s1"),
        ("a", "s2"),
        ("b", "s1"),
        ("c", "s9"),
    ]
    assert more.units.tolist() == [[0.0, 0.0], [1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]


def test_elasticities_of_all_that_is_judged_once(chain: Any, known: Panel) -> None:
    fitted = Elasticities.load(chain.bundle)
    judged = Judged(np.array(["p01", "p05"]), pairs_of(("p01", "s0"), ("p03", "s1"), ("p03", "s2")))
    chosen = chosen_elasticities(fitted, known, judged)
    assert chosen.product_ids.tolist() == ["p01", "p03", "p05"]
    assert chosen.value.tolist() == fitted.value[[1, 3, 5]].tolist()
