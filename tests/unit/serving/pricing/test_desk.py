"""The desk forecasts some products as it would all, shares the chain out among stores, and reads no more of a plan."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from serving.pricing.desk import Desk
from serving.pricing.loading import desk_on_disk
from serving.pricing.ports import PlannedWeek
from training.demand.forecast import Forecast
from training.demand.plan import TRACKS
from training.demand.sources import day_of

SOME = ["p11", "p04"]  # not in the desk's order
CLOSE = 1e-5  # networks reckon in single precision


@pytest.fixture(scope="module")
def desk(chain: Any) -> Desk:
    return desk_on_disk(
        chain.settings.storage, chain.settings.demand, chain.settings.fairness, retrain_by=lambda _: None
    )


def forecast(desk: Desk, *planned: PlannedWeek, stores: list[str] | None = None, **asked: Any) -> Forecast:
    """Ask for four weeks of some products."""
    return desk.forecast(SOME, stores, **{"n_weeks": 4, "track": "full", "planned": planned, **asked})


def week(desk: Desk, ahead: int, product_id: str | None = "p11", **known: Any) -> PlannedWeek:
    """Plan one week; 1 is the first after the data."""
    return PlannedWeek(product_id, day_of(desk.state.history.weeks[-1]) + timedelta(weeks=ahead), **known)


def price_of(desk: Desk, product_id: str) -> float:
    """The last shelf price."""
    found = float(desk.assortment.current_price[desk.assortment.index_of([product_id])[0]])
    assert np.isfinite(found)
    return found


@pytest.mark.parametrize("track", TRACKS)
def test_two_products_are_forecast_as_they_are_among_all(desk: Desk, track: Any) -> None:
    rows = desk.assortment.index_of(SOME)
    everything = desk.assortment.product_ids.tolist()
    whole = desk.forecast(everything, None, n_weeks=4, track=track, planned=()).take(rows)
    ours = forecast(desk, track=track)
    assert ours.product_ids.tolist() == SOME
    assert ours.store_ids is None
    assert ours.origin == whole.origin
    np.testing.assert_array_equal(ours.weeks, ours.origin + 7 * np.arange(1, 5).astype("timedelta64[D]"))
    np.testing.assert_allclose(ours.mean, whole.mean, rtol=CLOSE)
    np.testing.assert_allclose(ours.dispersion, whole.dispersion, rtol=CLOSE)
    assert (np.diff(ours.quantiles, axis=-1) >= 0).all()


def test_the_assortment_says_what_the_desk_forecasts(desk: Desk) -> None:
    known = desk.assortment
    ours = forecast(desk)
    np.testing.assert_allclose(ours.mean, known.weekly_units[known.index_of(SOME)], rtol=CLOSE)


def test_a_shorter_forecast_is_the_beginning_of_a_longer_one(desk: Desk) -> None:
    np.testing.assert_allclose(forecast(desk, n_weeks=2).mean, forecast(desk).mean[:, :2], rtol=CLOSE)


def test_stores_share_the_chain(desk: Desk) -> None:
    chain = forecast(desk)
    stores = forecast(desk, stores=["s2", "s0", "s1"])
    assert stores.store_ids is not None
    assert list(zip(stores.product_ids, stores.store_ids, strict=True)) == [
        (product, store) for product in SOME for store in ("s2", "s0", "s1")
    ]
    np.testing.assert_allclose(stores.mean.reshape(2, 3, 4).sum(axis=1), chain.mean, rtol=1e-9)
    assert (np.diff(stores.quantiles, axis=-1) >= 0).all()
    small, large = stores.mean[:2]  # s2 sells a fifth, s0 half
    assert (small < large).all()


def test_a_store_where_a_product_never_sold_has_no_row(desk: Desk) -> None:
    found = desk.forecast(["p38", "p04"], ["s2", "s1"], n_weeks=1, track="none", planned=())
    assert found.store_ids is not None
    assert list(zip(found.product_ids, found.store_ids, strict=True)) == [("p38", "s1"), ("p04", "s2"), ("p04", "s1")]


def test_an_event_multiplies_its_week_of_its_product_alone(desk: Desk) -> None:
    plain, planned = forecast(desk), forecast(desk, week(desk, 2, uplift=1.5))
    expected = plain.mean.copy()
    expected[0, 1] *= 1.5
    np.testing.assert_allclose(planned.mean, expected, rtol=1e-12)


def test_a_plan_without_a_product_is_for_every_product(desk: Desk) -> None:
    plain, planned = forecast(desk), forecast(desk, week(desk, 3, None, uplift=2.0))
    np.testing.assert_allclose(planned.mean / plain.mean, [[1, 1, 2, 1]] * 2, rtol=1e-12)


def test_a_week_that_is_not_forecast_is_passed_over(desk: Desk) -> None:
    planned = forecast(desk, week(desk, 5, uplift=9.0), week(desk, 0, uplift=9.0))
    np.testing.assert_array_equal(planned.mean, forecast(desk).mean)


@pytest.mark.parametrize(("known", "tracks"), [("display", {"promo", "full"}), ("paid_price", {"full"})])
def test_a_track_reads_what_it_may_know_and_other_products_stay(desk: Desk, known: str, tracks: set[str]) -> None:
    value = 1.0 if known == "display" else 0.7 * price_of(desk, "p11")
    for track in TRACKS:
        plain = forecast(desk, track=track)
        planned = forecast(desk, week(desk, 1, "p11", **{known: value}), track=track)
        assert (planned.mean[0, 0] > plain.mean[0, 0]) == (track in tracks)
        np.testing.assert_allclose(planned.mean[1], plain.mean[1], rtol=CLOSE)


def test_a_discount_leaves_the_shelf_price(desk: Desk) -> None:
    """Both prices named says the same as the discounted one alone: the shelf price stays as it was."""
    price = price_of(desk, "p11")
    alone = forecast(desk, week(desk, 1, paid_price=0.7 * price))
    both = forecast(desk, week(desk, 1, shelf_price=price, paid_price=0.7 * price))
    regular = forecast(desk, week(desk, 1, shelf_price=0.7 * price))  # another price on the shelf, and no discount
    np.testing.assert_allclose(alone.mean, both.mean, rtol=1e-3)  # the current price is known to the cent
    assert abs(regular.mean[0, 0] / alone.mean[0, 0] - 1) > 0.01


def test_asking_leaves_no_trace(desk: Desk) -> None:
    before = forecast(desk).mean
    forecast(desk, week(desk, 1, shelf_price=1.0, paid_price=0.5, display=1.0, mailer=1.0, uplift=3.0))
    np.testing.assert_array_equal(forecast(desk).mean, before)
