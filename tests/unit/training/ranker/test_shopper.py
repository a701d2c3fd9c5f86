"""One customer out of a batch."""

import numpy as np

from training.histories import with_session
from training.ranker.shopper import Shopper

from .conftest import MakeHistories


def test_rows_are_cut_where_customers_end(make_histories: MakeHistories) -> None:
    histories = make_histories([[(4, 1, 2.0, 2.0)], [(1, 2, 3.0, 33.0), (0, 1, 9.0, 9.0)]])
    shopper = Shopper.of(histories, 1, 7)
    assert shopper.held.tolist() == [1, 0]
    assert shopper.times.tolist() == [2, 1]
    assert shopper.since_last.tolist() == [3, 9]
    assert shopper.since_first.tolist() == [33, 9]
    assert shopper.store == 7


def test_a_product_of_the_session_counts_as_a_basket_now(make_histories: MakeHistories) -> None:
    histories = with_session(make_histories([[(4, 1, 30.0, 30.0)]]), np.array([2]))
    shopper = Shopper.of(histories, 0, -1)
    assert shopper.touched.tolist() == [4, 2]
    np.testing.assert_allclose(shopper.touched_short, [0.5, 1.0])
    np.testing.assert_allclose(shopper.touched_long, [2 ** (-1 / 3), 1.0], rtol=1e-6)
