"""Buyers by store, counted by hand."""

import numpy as np

from training.ranker.sales import Sales
from training.ranker.stores import UNKNOWN_STORE, count_stores

_STORES = np.array(["north", "south"])


def _sales(*lines: tuple[int, int, int, float]) -> Sales:
    customer, product_idx, store, days_ago = (np.array(column) for column in zip(*lines, strict=True))
    zeros = np.zeros(len(lines))
    return Sales(3, 4, customer, product_idx, store, days_ago.astype(float), zeros, zeros, zeros, zeros > 0)


def test_a_customer_counts_once_per_store_and_product() -> None:
    stores = count_stores(_sales((0, 1, 0, 3.0), (0, 1, 0, 9.0), (2, 1, 0, 9.0), (0, 1, 1, 9.0)), _STORES)
    short, long = stores.buyers(0)
    np.testing.assert_array_equal(short, [0, 2, 0])
    np.testing.assert_array_equal(long, [0, 2, 0])
    np.testing.assert_array_equal(stores.buyers(1)[0], [0, 1, 0])


def test_windows_end() -> None:
    stores = count_stores(_sales((0, 0, 0, 28.0), (1, 0, 0, 29.0), (2, 0, 0, 84.0), (3, 0, 0, 85.0)), _STORES)
    short, long = stores.buyers(0)
    assert short[0] == 1
    assert long[0] == 3


def test_an_unknown_store_has_no_buyers() -> None:
    stores = count_stores(_sales((0, 1, 0, 3.0)), _STORES)
    assert stores.place_of("south") == 1
    assert stores.place_of("west") == stores.place_of("") == stores.place_of(None) == UNKNOWN_STORE
    assert not np.any(stores.buyers(UNKNOWN_STORE))
