"""Choosing: lengths, what is asked for, and that variety comes from further down the ranking."""

from typing import Any

import numpy as np
import pytest

from serving.shelf import Facet


def test_email_gives_way_to_the_greatest_length_allowed(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = shop.services.recommender._chooser
    monkeypatch.setattr(chooser, "_settings", chooser._settings.model_copy(update={"max_limit": 3}))
    assert len(shop.recommend(placement="email")["items"]) == 3


def test_causes_are_asked_for_only_where_reasons_are(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ranker, asked = shop.services.bundles.champion().ranker, []
    rank = ranker.rank

    def watched(row: Any, *, explain: bool, **others: Any) -> Any:
        asked.append(explain)
        return rank(row, explain=explain, **others)

    monkeypatch.setattr(ranker, "rank", watched)
    shop.know("42", "12")
    for explain in (True, False):
        shop.recommend(customer_id="42", explain=explain)
    assert asked == [True, False]


@pytest.mark.parametrize(("placement", "limit", "asked"), [("home", 2, 4), ("reorder", 2, 2), ("email", None, 40)])
def test_methods_are_asked_for_more_only_where_a_bound_may_pass_some_over(
    shop: Any, monkeypatch: pytest.MonkeyPatch, placement: str, limit: int | None, asked: int
) -> None:
    ranker, lengths = shop.services.bundles.champion().ranker, []
    rank = ranker.rank

    def watched(row: Any, *, k: int, **others: Any) -> Any:
        lengths.append(k)
        return rank(row, k=k, **others)

    monkeypatch.setattr(ranker, "rank", watched)
    shop.know("42", "12")
    shop.recommend(customer_id="42", placement=placement, **({} if limit is None else {"limit": limit}))
    assert {*lengths} == {asked}


def test_a_list_holds_no_more_of_a_type_than_it_may_while_there_are_others(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = shop.services.bundles.champion().shelf
    kinds = Facet.of(["milk", "milk", "milk", "milk", "beef", "beef", "fruit", "fruit"])
    object.__setattr__(shelf, "types", kinds)
    shown = [int(item["product_id"]) - 10 for item in shop.recommend(limit=5)["items"]]
    assert shown == [0, 1, 2, 4, 5]
    assert np.bincount(kinds.codes[shown]).max() == 3
    assert len(shop.recommend(limit=8)["items"]) == 8  # the bound gives way before a list gets short
