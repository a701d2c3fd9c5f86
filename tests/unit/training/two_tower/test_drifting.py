"""What the recommender reads and answers, on lists of two places and on the made-up town."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from configs.loading import load_settings
from configs.refresh import DriftSettings
from training.catalogue import Catalogue
from training.two_tower.drifting import Lists, drawn_rows, input_shifts, list_shifts, read_moments
from training.two_tower.scorer import Scorer

DRIFT: DriftSettings = load_settings("test").refresh.drift
THEN = datetime(2025, 4, 14, tzinfo=UTC)
TODAY = datetime(2025, 5, 26, tzinfo=UTC)


def lists(positions: list[list[int]], scores: list[list[float]], sources: list[list[str]]) -> Lists:
    return Lists(np.array(positions), np.array(scores), np.array(sources))


def test_lists_are_compared_by_scores_sources_coverage_and_popularity(scorer: Scorer) -> None:
    before = lists([[0, 1], [2, 3]], [[0.9, 0.8], [0.9, 0.8]], [["repeat", "repeat"], ["repeat", "two_tower"]])
    today = lists([[2, 5], [2, 5], [7, 7]], [[0.1, 0.1], [0.1, 0.1], [9, 9]], [["popular", "repeat"]] * 3)
    found = {shift.figure: shift for shift in list_shifts(before, today, scorer, DRIFT)}
    assert (found["score"].before, found["score"].today) == pytest.approx((0.85, 0.1))  # the third has no counterpart
    assert (found["score"].psi or 0) > DRIFT.alarm_at
    assert (found["share of repeat"].before, found["share of repeat"].today) == (0.75, 0.5)
    assert (found["share of popular"].before, found["share of popular"].today) == (0, 0.5)
    assert (found["coverage@2"].before, found["coverage@2"].today) == (4 / 8, 2 / 8)
    # popularity 0, 3, 6, 1, 4, 7, 2, 5: what sells best of eight stands at 1, the next at 6/7
    assert found["popularity percentile@2"].before == pytest.approx((0 + 3 + 6 + 1) / 4 / 7)
    assert found["popularity percentile@2"].today == pytest.approx((6 + 7) / 2 / 7)


def test_lists_that_stayed_alike_have_not_moved(scorer: Scorer) -> None:
    shown = lists([[0, 1], [2, 3]], [[0.9, 0.8], [0.7, 0.6]], [["repeat", "two_tower"]] * 2)
    for shift in list_shifts(shown, shown, scorer, DRIFT):
        assert shift.psi in (0, None)
        assert shift.before == shift.today


@pytest.fixture(scope="module")
def moments(town: Any) -> Any:
    return read_moments(town.settings, THEN, TODAY, lambda _: None)


def test_only_people_who_allow_personalisation_are_looked_at(town: Any, moments: Any) -> None:
    assert moments.customer_ids == sorted(town.sources.consents.personal)
    assert len(moments.customer_ids) == 46
    assert all(table.num_rows == 46 for table in moments.rows)


def test_a_drawn_customer_is_known_as_of_the_cut_off(moments: Any) -> None:
    drawn = drawn_rows(moments, DRIFT.model_copy(update={"n_lists": 10, "min_lists": 10}))
    assert len(drawn) == 10
    known = [row["product_ids"] for row in moments.rows[0].to_pylist()]
    assert all(row["product_ids"] in known for row in drawn)
    assert drawn == drawn_rows(moments, DRIFT.model_copy(update={"n_lists": 10, "min_lists": 10}))
    assert len(drawn_rows(moments, DRIFT)) == 46


def test_profiles_prices_and_sales_of_unknown_products_are_compared(
    moments: Any, town: Any, scorer_of: Callable[..., Scorer]
) -> None:
    known = town.catalogue.product_ids[:60]
    found = {s.figure: s for s in input_shifts(moments, scorer_of(len(known), known), DRIFT, popularity_days=14)}
    baskets = found["customer n_baskets_total"]
    assert (baskets.before, baskets.today) == (14, 20)  # a basket a week
    assert "customer tenure_days" not in found
    assert found["product price_usd"].psi == pytest.approx(0, abs=0.05)  # the town's prices never change
    purchases = town.sources.purchases
    for moment, share in ((THEN, "before"), (TODAY, "today")):
        times = purchases["event_timestamp"]
        window = purchases[(times < moment) & (times >= moment - timedelta(days=14))]
        window = window[window["customer_id"].isin(moments.customer_ids)]
        unknown = sum(product not in set(known) for product in window["product_id"]) / len(window)
        assert getattr(found["share of sales of unknown products"], share) == pytest.approx(unknown)
    everything = input_shifts(moments, scorer_of(120, Catalogue(town.catalogue.product_ids).product_ids), DRIFT, 14)
    assert everything[-1].today == 0
