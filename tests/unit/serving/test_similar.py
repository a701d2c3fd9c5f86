"""Similar products and products bought together."""

import json
from typing import Any

import pytest

from serving.schemas_recommend import SimilarProductsAnswer


def ask(shop: Any, **asked: Any) -> Any:
    return shop.call("POST", "/v1/similar-products", json=asked)


def test_both_lists_come_with_reasons_and_without_the_product(shop: Any) -> None:
    answer = ask(shop, product_id="11", limit=2).json()
    SimilarProductsAnswer.model_validate_json(json.dumps(answer))
    assert [item["product_id"] for item in answer["similar"]] == ["10", "12"]
    assert [item["product_id"] for item in answer["together"]] == ["17", "16"]
    assert answer["similar"][0]["reasons"] == [
        {"code": "SIMILAR_PRODUCT", "text": "Whole Milk: similar to Oat Milk.", "product_ids": ["11"]}
    ]
    assert answer["together"][0]["reasons"][0]["text"] == "Pears: often bought together with Oat Milk."
    assert answer["filtered_out"] == {"product_id": 1}


@pytest.mark.parametrize(("kind", "empty"), [("similar", "together"), ("together", "similar")])
def test_a_list_not_asked_for_is_empty(shop: Any, kind: str, empty: str) -> None:
    answer = ask(shop, product_id="11", kind=kind).json()
    assert answer[empty] == []
    assert answer[kind]


def test_filters_apply(shop: Any) -> None:
    asked = {"product_id": "11", "filter": {"max_price": {"amount": "2.00", "currency": "USD"}}}
    answer = ask(shop, **asked).json()
    assert [item["product_id"] for item in answer["similar"]] == ["10", "13", "16"]
    assert answer["filtered_out"] == {"max_price": 5, "product_id": 1}


def test_filters_that_leave_nothing_give_empty_lists(shop: Any) -> None:
    answer = ask(shop, product_id="11", filter={"brands": ["unheard of"]}).json()
    assert (answer["similar"], answer["together"]) == ([], [])


def test_an_unknown_product_is_404(shop: Any) -> None:
    answer = ask(shop, product_id="999")
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_PRODUCT")
    assert "8 products of model version 3" in answer.json()["detail"]


def test_the_decision_can_be_looked_up(shop: Any) -> None:
    answer = ask(shop, product_id="11", limit=1).json()
    found = shop.call("GET", f"/v1/decisions/{answer['decision_id']}").json()
    assert (found["kind"], found["subject"], found["personalization"]) == ("similar_products", "product", None)
    assert [(item["list"], item["product_id"]) for item in found["items"]] == [("similar", "10"), ("together", "17")]
