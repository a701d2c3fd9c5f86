"""Placements: blends that make a list, rules that contradict nothing, and a way out for other names."""

from typing import Any

import pytest
from pydantic import ValidationError

from configs.loading import load_settings
from configs.placements import BlendSettings, PlacementsSettings

SHIPPED = load_settings("test").serving.recommend.placements
NONE = {"profile": 0, "novel": 0, "basket": 0, "similar": 0, "together": 0}


def changed(name: str, **keys: Any) -> dict[str, Any]:
    values = SHIPPED.model_dump()
    return {**values, name: {**values[name], **keys}}


@pytest.mark.parametrize(
    ("blend", "problem"), [({}, "add up to 0, not to 1"), ({"basket": 0.7, "novel": 0.4}, "add up to 1.1")]
)
def test_shares_that_make_no_list_are_refused(blend: dict[str, float], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        BlendSettings.model_validate({**NONE, **blend})


def test_methods_without_a_share_are_not_named_and_what_is_at_hand_goes_first() -> None:
    blend = BlendSettings.model_validate({**NONE, "together": 0.25, "profile": 0.75})
    assert list(blend.shares.items()) == [("together", 0.25), ("profile", 0.75)]


def test_reorder_cannot_be_filled_with_what_was_never_bought() -> None:
    with pytest.raises(ValidationError, match="bought: only leaves none"):
        PlacementsSettings.model_validate(changed("reorder", blend={**NONE, "profile": 0.5, "novel": 0.5}))


@pytest.mark.parametrize(("name", "bought"), [("home", "never"), ("discover", "any")])
def test_records_tell_lists_of_new_products_by_their_name(name: str, bought: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} is otherwise"):
        PlacementsSettings.model_validate(changed(name, bought=bought))


def test_a_name_that_nobody_declared_is_answered_as_home() -> None:
    assert SHIPPED.of("kiosk") == ("home", SHIPPED.home)
    assert SHIPPED.of("depth") == ("home", SHIPPED.home)  # a key beside the placements is none of them
    assert SHIPPED.of("email") == ("email", SHIPPED.email)


def test_the_six_placements_ship_and_differ() -> None:
    assert list(SHIPPED.named) == ["home", "basket", "product", "reorder", "discover", "email"]
    assert len({rule.model_dump_json() for rule in SHIPPED.named.values()}) == 6
    assert not SHIPPED.reorder.is_bounded
    assert SHIPPED.discover.is_bounded
