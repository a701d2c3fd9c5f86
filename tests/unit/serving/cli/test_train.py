"""`fairshelf train … --private`: options, and what is said of them."""

from collections.abc import Callable

import pytest

Call = Callable[..., tuple[int, str]]
MODELS = (("two-tower", "two_tower"), ("demand", "demand"))


@pytest.mark.parametrize("model", ["two-tower", "demand"])
def test_an_epsilon_without_private_is_refused(call: Call, model: str) -> None:
    code, printed = call("train", model, "--target-epsilon", "3")
    assert code == 2
    assert "--private" in printed


@pytest.mark.parametrize("epsilon", ["0", "-1", "500", "nan"])
@pytest.mark.parametrize(("model", "section"), MODELS)
def test_an_epsilon_out_of_range_is_refused_with_its_limit(call: Call, model: str, section: str, epsilon: str) -> None:
    code, printed = call("train", model, "--private", "--target-epsilon", epsilon)
    assert code == 2
    assert f"{section}.private.target_epsilon" in printed


@pytest.mark.parametrize("model", ["two-tower", "demand"])
def test_private_training_needs_data_like_any_other(call: Call, model: str) -> None:
    code, printed = call("train", model, "--private", "--target-epsilon", "3")
    assert code == 2
    assert "fairshelf ingest" in printed
