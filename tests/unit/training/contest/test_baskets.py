"""Hiding products, finding them again, and averaging over customers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from training.catalogue import Catalogue
from training.contest.baskets import (
    FIGURE,
    Completion,
    HiddenProducts,
    hide_products,
    recalls,
    run_completion,
)
from training.contest.judged import judged_rows
from training.errors import NobodyToJudge
from training.peers.tuning import Tuned
from training.splits import Holdout

JANUARY = Holdout(datetime(2017, 1, 1, tzinfo=UTC), datetime(2017, 2, 1, tzinfo=UTC))
BEFORE_MARCH = Holdout(datetime(2017, 1, 1, tzinfo=UTC), datetime(2017, 3, 1, tzinfo=UTC))
EVERYONE = ("ann", "bob", "cyd", "dee")


def hide(purchases: pd.DataFrame, catalogue: Catalogue, holdout: Holdout, *who: str, n: int = 100) -> HiddenProducts:
    return hide_products(purchases, catalogue, holdout, who, max_baskets=n, seed=2)


class Finder:
    """Finds one product in every basket that lacks it."""

    def __init__(self, product: int) -> None:
        self.name = f"finder {product}"
        self._product = product

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> np.ndarray:
        """One place filled, the rest empty."""
        assert len(customer_ids) == held.shape[0]
        found = np.full((held.shape[0], k), -1)
        found[:, 0] = self._product
        return found


def test_each_basket_loses_one_of_its_products(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    baskets = hide(purchases, catalogue, BEFORE_MARCH, *EVERYONE)
    whole = {
        "ann": [{"milk", "bread"}, {"milk", "eggs"}],
        "bob": [{"milk", "beer"}, {"chips", "beer"}],
        "cyd": [{"beer", "chips"}],
        "dee": [{"bread", "eggs"}],  # caviar is not in the catalogue
    }
    found: dict[str, list[set[str]]] = {}
    for place, who in enumerate(baskets.customer_ids):
        held = baskets.held[[place]].toarray()[0]
        assert not held[baskets.hidden[place]]
        names = set(catalogue.product_ids[np.flatnonzero(held)]) | {str(catalogue.product_ids[baskets.hidden[place]])}
        found.setdefault(str(who), []).append({str(name) for name in names})
    assert {who: sorted(map(sorted, sets)) for who, sets in found.items()} == {
        who: sorted(map(sorted, sets)) for who, sets in whole.items()
    }


def test_window_people_and_number_are_kept(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    assert hide(purchases, catalogue, JANUARY, *EVERYONE).customer_ids.tolist() == ["ann", "dee"]
    assert set(hide(purchases, catalogue, BEFORE_MARCH, "bob").customer_ids) == {"bob"}
    assert len(hide(purchases, catalogue, BEFORE_MARCH, *EVERYONE, n=3).hidden) == 3


def test_equal_seeds_hide_alike_whatever_the_order_of_lines(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    one = hide(purchases, catalogue, BEFORE_MARCH, *EVERYONE, n=4)
    other = hide(purchases.iloc[::-1], catalogue, BEFORE_MARCH, *EVERYONE, n=4)
    assert one.hidden.tolist() == other.hidden.tolist()
    assert one.customer_ids.tolist() == other.customer_ids.tolist()


def test_a_window_without_baskets_is_told(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    with pytest.raises(NobodyToJudge):
        hide(purchases, catalogue, JANUARY, "bob")


@pytest.fixture
def three() -> HiddenProducts:
    """Two baskets of ann lost a 1 and a 2, one of bob a 1."""
    held = sparse.csr_array(np.eye(3, 5, dtype=bool))
    return HiddenProducts(np.array(["ann", "ann", "bob"]), held, np.array([1, 2, 1]))


def test_recall_is_averaged_per_customer(three: HiddenProducts) -> None:
    assert recalls(Finder(1), three).tolist() == [0.5, 1]
    assert recalls(Finder(2), three).tolist() == [0.5, 0]
    assert recalls(Finder(4), three).tolist() == [0, 0]


def completion(name: str, *, ours: bool = False, **changes: Any) -> Completion:
    def fit(point: Mapping[str, Any]) -> Finder:
        return Finder(point.get("product", 2))

    return Completion(name, name.title(), fit, ours=ours, **changes)


def test_validation_chooses_the_point(three: HiddenProducts) -> None:
    grid = tuple({"product": product} for product in (4, 1, 2))
    validation = HiddenProducts(three.customer_ids, three.held, np.array([2, 2, 2]))
    done = run_completion(completion("peer", grid=grid, validate=completion("peer").fit), three, lambda: validation)
    assert done.method.chosen == {"basket": {"product": 2}}
    assert done.method.validated == {"basket": 1.0}
    assert done.method.n_tried == 3
    assert done.values[FIGURE].tolist() == [0.5, 0]
    untuned = run_completion(completion("mine"), three, lambda: validation)
    assert (untuned.method.n_tried, untuned.costs["tuning_cpu_s"]) == (0, 0)


def test_ours_is_compared_with_the_best_peer(three: HiddenProducts) -> None:
    entries = [
        run_completion(completion("mine", ours=True, grid=({"product": 1},)), three, lambda: three),
        run_completion(completion("weak", grid=({"product": 4},)), three, lambda: three),
        run_completion(completion("good", grid=({"product": 2},)), three, lambda: three),
    ]
    rows = judged_rows(entries, n_resamples=300, seed=3)
    (compared,) = [row for row in rows if row.ratio_to]
    assert (compared.name, compared.ratio_to, compared.ratio) == ("mine", "good", 3.0)
    own = {row.name: row for row in rows if row.figure == "basket.recall@10" and not row.ratio_to}
    assert {name: row.value for name, row in own.items()} == {"mine": 0.75, "weak": 0, "good": 0.25}
    assert own["mine"].interval_95 == (0.5, 1.0)
    assert {row.unit for row in rows if row.figure.endswith("_s")} == {"s"}


def test_what_is_on_record_is_not_tried_again(three: HiddenProducts) -> None:
    def never() -> HiddenProducts:
        raise AssertionError("on record")

    known = Tuned({"basket": {"product": 1}}, {"basket": 0.4}, 3, 9.0, is_recorded=True)
    grid = tuple({"product": product} for product in (4, 1, 2))
    done = run_completion(completion("peer", grid=grid, validate=completion("x").fit, recorded=known), three, never)
    assert done.values[FIGURE].tolist() == [0.5, 1]
    assert (done.method.n_tried, done.method.recorded, done.costs["tuning_cpu_s"]) == (3, True, 9.0)
