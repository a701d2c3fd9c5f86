"""What is learnt from the town as a whole."""

import numpy as np

from training.histories import Histories
from training.ranker.content import MAKER, TYPE
from training.ranker.moment import Moment
from training.ranker.product_figures import PRODUCT_FIELDS
from training.ranker.shopper import Shopper
from training.ranker.stores import UNKNOWN_STORE


def test_shares_of_stores_add_up(moment: Moment) -> None:
    assert moment.stores.store_ids.tolist() == ["s0", "s1"]
    np.testing.assert_allclose(moment.store_shares.sum(), 1.0, rtol=1e-6)
    assert moment.share_of_store(UNKNOWN_STORE) == 0.0
    assert moment.share_of_store(1) == moment.store_shares[1]


def test_columns_read_for_everybody_are_the_figures(moment: Moment) -> None:
    for column, name in ((moment.log_buyers, "log_buyers_14d"), (moment.share_of_type, "share_of_type")):
        np.testing.assert_array_equal(column, moment.figures[:, PRODUCT_FIELDS.index(name)])
        assert column.flags.c_contiguous


def test_taste_inputs_are_decayed_baskets_by_kind(moment: Moment, histories: Histories) -> None:
    shopper = Shopper.of(histories, 3, 0)
    fields, values = moment.taste_inputs(shopper)
    expected: dict[int, float] = {}
    for product_idx, long in zip(shopper.held, shopper.long, strict=True):
        kinds = (
            moment.content.codes[TYPE][product_idx],
            moment.content.n_codes(TYPE) + moment.content.codes[MAKER][product_idx],
        )
        for kind in kinds:
            expected[int(kind)] = expected.get(int(kind), 0.0) + long
    weights = [1.0 if kind < moment.content.n_codes(TYPE) else 0.7 for kind in expected]
    assert sorted(fields.tolist()) == sorted(expected)
    by_field = dict(zip(fields.tolist(), values, strict=True))
    for kind, weight in zip(expected, weights, strict=True):
        np.testing.assert_allclose(by_field[kind], weight * np.log1p(expected[kind]), rtol=1e-6)


def test_neighbours_share_a_taste(moment: Moment) -> None:
    """What buyers of beer hold beside it are drinks and snacks."""
    strongest = moment.neighbours.idx[0][np.argsort(-moment.neighbours.weights[0])][:3]
    assert set(strongest.tolist()) <= {2, 3, 7}


def test_promotions_and_prices_reach_the_figures(moment: Moment) -> None:
    figures = dict(zip(PRODUCT_FIELDS, moment.figures.T, strict=True))
    assert figures["display_last_week"].argmax() == 0
    np.testing.assert_allclose(figures["log_price"], np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(figures["discount_28d"], np.where(np.arange(8) == 0, 0.25, 0.0), rtol=1e-6)
