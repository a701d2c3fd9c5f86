"""Figures of three products, worked out by hand."""

import numpy as np
import pytest

from training.ranker.product_figures import PRODUCT_FIELDS, product_figures
from training.ranker.sales import Sales

from .conftest import MakeHistories

_ALE, _BUN, _COD = 0, 1, 2
_TYPES = np.array([0, 0, 1])


@pytest.fixture
def figures(make_histories: MakeHistories) -> dict[str, np.ndarray]:
    """Two customers: one drinks ale again and again, one came for a bun and for ale lately."""
    lines = [
        # customer, product, days ago, units, shelf, discount, coupon
        (0, _ALE, 50.0, 1.0, 3.0, 0.0, False),
        (0, _ALE, 30.0, 1.0, 3.0, 0.0, False),
        (0, _ALE, 5.0, 2.0, 4.0, 1.0, True),
        (1, _ALE, 10.0, 1.0, 5.0, 0.0, False),
        (1, _BUN, 40.0, 1.0, 1.0, 0.5, False),
    ]
    customer, product_idx, days_ago, units, shelf, discount, coupon = (np.array(c) for c in zip(*lines, strict=True))
    sales = Sales(3, 2, customer, product_idx, np.zeros(5, int), days_ago, units, shelf, discount, coupon)
    histories = make_histories([[(_ALE, 3, 5.0, 50.0)], [(_ALE, 1, 10.0, 10.0), (_BUN, 1, 40.0, 40.0)]])
    table = product_figures(sales, histories, _TYPES, np.arange(12.0).reshape(3, 4))
    assert table.shape == (3, len(PRODUCT_FIELDS))
    assert np.isfinite(table).all()
    return dict(zip(PRODUCT_FIELDS, table.T, strict=True))


def test_buyers_and_trends(figures: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(np.expm1(figures["log_buyers_7d"]), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.expm1(figures["log_buyers_14d"]), [2, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.expm1(figures["log_buyers_56d"]), [2, 1, 0], atol=1e-6)
    np.testing.assert_allclose(figures["trend_28d"], np.log([3 / 2, 1 / 2, 1]), atol=1e-6)


def test_first_purchases(figures: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(np.expm1(figures["log_new_buyers_14d"]), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.expm1(figures["log_new_buyers_56d"]), [2, 1, 0], atol=1e-6)
    np.testing.assert_allclose(figures["new_share_28d"], [0.5, 0, 0])
    np.testing.assert_allclose(figures["type_new_share"], [0.5, 0.5, 0])


def test_habits(figures: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(figures["repeat_share"], [0.5, 0, 0])
    np.testing.assert_allclose(figures["days_since_first_sale"], [50, 40, 0])
    np.testing.assert_allclose(figures["days_since_last_sale"], [5, 40, 400])
    of_type = (45 + 60) / (2 + 1)  # two gaps of 45 days in all, beside one of 60 days for every type
    np.testing.assert_allclose(figures["interval_days"], [(45 + 5 * of_type) / 7, of_type, 60], rtol=1e-6)
    asked = (1 + 0.5) / (2 + 10)  # of the type's two who bought before the last 28 days, one came back
    np.testing.assert_allclose(figures["rebuy_rate"][:2], [(1 + 5 * asked) / 6, 5 * asked / 6], rtol=1e-6)


def test_prices_and_discounts(figures: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(np.exp(figures["log_price"]), [3, 1, 1], rtol=1e-6)
    assert figures["price_over_type"][_ALE] > 0 > figures["price_over_type"][_BUN]
    np.testing.assert_allclose(figures["discount_28d"], [1 / 9, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(figures["discount_change"], [1 / 9, -0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(figures["coupon_share"], [1 / 4, 0, 0])


def test_promotions_pass_through(figures: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(figures["display_last_week"], [0, 4, 8])
    np.testing.assert_allclose(figures["mailer_4_weeks"], [3, 7, 11])
