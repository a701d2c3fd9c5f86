"""`fairshelf train two-tower --private`: options, and what is said of them."""

from collections.abc import Callable

import pytest

Call = Callable[..., tuple[int, str]]


def test_an_epsilon_without_private_is_refused(call: Call) -> None:
    code, printed = call("train", "two-tower", "--target-epsilon", "3")
    assert code == 2
    assert "--private" in printed


@pytest.mark.parametrize("epsilon", ["0", "-1", "500", "nan"])
def test_an_epsilon_out_of_range_is_refused_with_its_limit(call: Call, epsilon: str) -> None:
    code, printed = call("train", "two-tower", "--private", "--target-epsilon", epsilon)
    assert code == 2
    assert "two_tower.private.target_epsilon" in printed


def test_private_training_needs_data_like_any_other(call: Call) -> None:
    code, printed = call("train", "two-tower", "--private", "--target-epsilon", "3")
    assert code == 2
    assert "fairshelf ingest" in printed
