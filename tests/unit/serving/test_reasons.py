"""Reasons in words: by source, and by the cause that a product owes its place to."""

from typing import get_args

import pytest

from serving.lists import Pick, items_of
from serving.reasons import reason, reason_of_cause
from serving.schemas import Source
from serving.schemas_recommend import ReasonOut
from serving.shelf import Shelf
from training.ranker.causes import CAUSES

SHELF = Shelf.of(
    ["10", "11"],
    {
        "department": ["G", "G"],
        "category": ["C", "C"],
        "product_type": ["WHOLE MILK", "RYE BREAD"],
        "brand": ["B", "B"],
        "price_usd": [1.0, 2.0],
    },
)


@pytest.mark.parametrize("cause", [cause.code for cause in CAUSES])
def test_every_cause_of_the_ranker_has_words_and_a_place_in_the_contract(cause: str) -> None:
    said = reason_of_cause(cause, 0, -1, shelf=SHELF)
    ReasonOut.model_validate(said)
    assert said["code"] == cause
    assert said["text"].startswith("Whole Milk: ")
    assert said["product_ids"] == []


def test_causes_are_told_apart() -> None:
    assert len({reason_of_cause(cause.code, 0, -1, shelf=SHELF)["text"] for cause in CAUSES}) == len(CAUSES)


def test_a_fit_names_the_product_it_comes_from() -> None:
    said = reason_of_cause("FITS_YOUR_PURCHASES", 0, 1, shelf=SHELF)
    assert said["text"] == "Whole Milk: often chosen by customers who buy Rye Bread."
    assert said["product_ids"] == ["11"]


@pytest.mark.parametrize("source", sorted({*get_args(Source)} - {"pinned"}))
def test_every_source_has_words(source: str) -> None:
    ReasonOut.model_validate(reason(source, 0, -1, shelf=SHELF, where=""))


def test_a_known_cause_outweighs_the_source() -> None:
    picks = [Pick(0, 0.5, "repeat", -1, cause="DUE_AGAIN"), Pick(1, 0.4, "repeat", -1)]
    items = items_of(picks, SHELF, explain=True, basket=frozenset(), profiled=True)
    assert [item["reasons"][0]["code"] for item in items] == ["DUE_AGAIN", "BOUGHT_REGULARLY"]
