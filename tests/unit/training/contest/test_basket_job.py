"""The contest of baskets in a made-up village."""

from collections.abc import Callable

import pytest

from training.contest.result import Contest


@pytest.fixture(scope="module")
def baskets(hold: Callable[..., Contest]) -> Contest:
    return hold(task="basket")


def test_baskets_are_completed_by_ours_and_four_peers(baskets: Contest) -> None:
    assert [method.name for method in baskets.ranked if method.ours] == ["two-tower-basket", "two-tower-customer"]
    assert len(baskets.ranked) == 6
    assert baskets.n_judged == 23  # one refused personalisation
    for method in baskets.ranked:
        assert 0 <= baskets.value(method.name, "basket.recall@10").value <= 1
    assert baskets.value("personal_frequency", "basket.recall@10").value > 0.5


def test_the_days_that_chose_are_told(baskets: Contest) -> None:
    tuned = {method.name: method.validated_until for method in baskets.ranked if method.n_tried}
    assert set(tuned) == {"popularity", "personal_frequency", "co_occurrence", "basket_cosine"}
    assert set(tuned.values()) == {baskets.train_until}
