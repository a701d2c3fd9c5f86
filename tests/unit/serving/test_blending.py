"""One list of several, by hand-worked tables."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.blending import Bounds, Part, compose
from serving.lists import Pick
from serving.shelf import Facet

KINDS = Facet.of(["milk", "milk", "milk", "bread", "bread", "", "", "jam"])


def part(name: str, share: float, *positions: int) -> Part:
    return Part(name, share, tuple(Pick(at, 1 / (1 + rank), name, -1) for rank, at in enumerate(positions)))


def bounds(limit: int) -> Bounds:
    return Bounds(((KINDS, limit),))


def positions(picks: list[Pick]) -> list[int]:
    return [pick.position for pick in picks]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, [0, 3, 5, 6, 7, 1, 2, 4]),  # nobody knows that 5 and 6 are alike; then the bound gives way
        (2, [0, 1, 3, 4, 5, 6, 7, 2]),
        (3, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_alike_products_wait_until_there_are_no_others(limit: int, expected: list[int]) -> None:
    assert positions(compose([part("profile", 1, *range(8))], bounds(limit), 8)) == expected


def test_each_method_gets_its_share_of_every_beginning() -> None:
    parts = [part("profile", 0.6, *range(10)), part("novel", 0.4, *range(10, 20))]
    shown = compose(parts, Bounds(()), 10)
    assert positions(shown) == [0, 10, 1, 11, 2, 3, 12, 4, 13, 5]
    assert [pick.source for pick in shown].count("novel") == 4


def test_the_share_of_a_method_that_says_nothing_goes_to_the_others() -> None:
    parts = [part("similar", 0.5, 1, 2, 3, 4, 5), part("together", 0.3, 6, 7, 0)]  # 0.2 belong to a profile
    assert positions(compose(parts, Bounds(()), 8)) == [1, 6, 2, 3, 7, 4, 0, 5]
    assert positions(compose([part("similar", 0.5), part("together", 0.5, 6)], Bounds(()), 3)) == [6]


def test_a_product_that_two_methods_bring_stands_once_as_the_first_one_brought_it() -> None:
    shown = compose([part("profile", 0.5, 1, 2), part("basket", 0.5, 1, 3)], Bounds(()), 4)
    assert [(pick.position, pick.source) for pick in shown] == [(1, "profile"), (3, "basket"), (2, "profile")]


def test_a_bound_speaks_of_each_ten_places() -> None:
    kinds = Facet.of([kind for kind in "abcd" for _ in range(8)])
    shown = positions(compose([part("profile", 1, *range(32))], Bounds(((kinds, 3),)), 20))
    assert shown == [0, 1, 2, 8, 9, 10, 16, 17, 18, 24, 3, 4, 5, 11, 12, 13, 19, 20, 21, 25]


ORDERS = st.lists(st.permutations(range(8)), min_size=1, max_size=3)


@given(orders=ORDERS, limit=st.integers(1, 4), n=st.integers(0, 9), share=st.floats(0.05, 0.95))
@settings(max_examples=100, deadline=None)
def test_a_list_loses_nothing_and_begins_every_longer_one(
    orders: list[list[int]], limit: int, n: int, share: float
) -> None:
    parts = [part(str(at), share**at, *order) for at, order in enumerate(orders)]
    shown = positions(compose(parts, bounds(limit), n))
    assert len(shown) == len({*shown}) == min(n, 8)
    assert positions(compose(parts, bounds(limit), 8))[:n] == shown
    head = [int(KINDS.codes[at]) for at in shown if at not in (5, 6)]
    n_within = sum(min(limit, count) for count in np.bincount(KINDS.codes[[0, 1, 2, 3, 4, 7]]))
    assert n > n_within + 2 or max(np.bincount(head), default=0) <= limit or n == 0
