"""Lines and promotions of the town, cut at a moment."""

from datetime import timedelta

import numpy as np

from features.lake import Lake
from training.catalogue import Catalogue
from training.ranker.sales import Sales, SalesLog

from .conftest import MOMENT, N_CUSTOMERS, SHELF


def test_only_lines_before_the_moment(sales_log: SalesLog, shelf: Catalogue) -> None:
    earlier = MOMENT - timedelta(days=14)
    sales = sales_log.before(shelf, earlier)
    assert sales.days_ago.min() > 0
    assert len(sales.days_ago) == N_CUSTOMERS * 2 * 8  # weeks 0 to 7 of 10 that lie before the moment of the log
    recent = sales_log.before(shelf, earlier, days=7)
    assert len(recent.days_ago) == N_CUSTOMERS * 2


def test_the_log_ends_where_it_was_told(town: Lake, sales_log: SalesLog, shelf: Catalogue) -> None:
    later = MOMENT + timedelta(days=30)
    assert sales_log.before(shelf, later).days_ago.min() >= 30
    assert town.manifest.data_end > MOMENT


def test_products_outside_the_catalogue_are_left_out(sales_log: SalesLog) -> None:
    beer = sales_log.before(Catalogue(np.array(["beer"])), MOMENT)
    assert set(beer.product_idx) == {0}
    assert beer.discount_usd.min() == 1.0


def test_buyers_count_once() -> None:
    lines = np.array([0, 0, 1]), np.array([1, 1, 1])
    zeros = np.zeros(3)
    sales = Sales(2, 2, *lines, np.zeros(3, int), np.array([1.0, 2.0, 9.0]), zeros, zeros, zeros, zeros > 0)
    np.testing.assert_array_equal(sales.buyers(sales.within(7)), [0, 1])
    np.testing.assert_array_equal(sales.buyers(sales.within(9)), [0, 2])
    np.testing.assert_array_equal(sales.within(9, after=2), [False, False, True])


def test_promotions_of_the_week_that_begins_are_unknown(sales_log: SalesLog, shelf: Catalogue) -> None:
    shares = sales_log.promotion_shares(shelf, MOMENT)
    beer, milk = SHELF.index("beer"), SHELF.index("milk")
    assert not shares[milk].any()  # promoted from the moment on
    np.testing.assert_allclose(shares[beer], [0.5, 0.0, 0.125, 0.125])  # a display last week, a mailer the week before
    later = sales_log.promotion_shares(shelf, MOMENT + timedelta(days=7))
    np.testing.assert_allclose(later[milk], [0.5, 0.0, 0.125, 0.0])
