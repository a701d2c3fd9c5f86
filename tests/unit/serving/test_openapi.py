"""The OpenAPI document describes every route, and answers keep to it."""

from typing import Any

from serving import errors
from serving.app import TABLE
from serving.openapi import openapi
from serving.people import errors as people
from serving.pricing import errors as pricing
from serving.problems import KINDS

DOCUMENT = openapi(TABLE)


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_described_with_its_roles() -> None:
    assert operations().keys() == {(route.method, route.path) for route in TABLE}
    for route in TABLE:
        operation = operations()[route.method, route.path]
        assert operation["x-roles"] == ([] if route.public else sorted(route.roles))
        assert bool(operation["security"]) != route.public


def test_every_reference_leads_somewhere() -> None:
    def references(part: Any) -> Any:
        if isinstance(part, dict):
            yield from [part["$ref"]] if "$ref" in part else []
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    used = set(references(DOCUMENT))
    assert used <= known
    assert len(used) > 10


def test_the_document_is_served(shop: Any) -> None:
    assert shop.call("GET", "/openapi.json", role=None).json() == DOCUMENT


def test_requests_refuse_unknown_fields_in_the_document_too() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name in ("RecommendationsRequest", "SimilarProductsRequest", "EventsRequest", "EventIn", "FilterIn", "Money"):
        assert schemas[name]["additionalProperties"] is False, name
    assert schemas["EventsRequest"]["properties"]["events"]["maxItems"] == 500


def test_every_status_that_a_route_can_give_is_documented() -> None:
    for route in TABLE:
        documented = set(operations()[route.method, route.path]["responses"])
        assert {str(KINDS[refusal].status) for refusal in route.refusals} <= documented
        assert {str(status) for status in route.answers} <= documented
        if not route.public:
            assert {"401", "403"} <= documented
        if route.body:
            assert {"400", "413", "415", "422"} <= documented


def test_the_error_table_is_complete() -> None:
    leaves = {
        leaf
        for leaf in (*vars(errors).values(), *vars(pricing).values(), *vars(people).values())
        if isinstance(leaf, type) and issubclass(leaf, errors.Refusal) and leaf is not errors.Refusal
    }
    assert leaves == set(KINDS)
    assert len({kind.code for kind in KINDS.values()}) == len(KINDS)
