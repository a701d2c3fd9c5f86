"""Who may call what: every role against every route."""

from typing import Any

import pytest

from serving.app import TABLE
from serving.keys import ROLES

# Written out by hand from the contract: the slow, obvious twin of the route table.
WANTED = {
    ("POST", "/v1/recommendations"): {"storefront"},
    ("POST", "/v1/similar-products"): {"storefront"},
    ("POST", "/v1/events"): {"storefront"},
    ("GET", "/v1/decisions/{decision_id}"): {"storefront", "ml_engineer", "ethics", "privacy", "pricing"},
    ("GET", "/v1/models"): {"ml_engineer", "ethics"},
    ("GET", "/v1/models/{name}/versions/{version}"): {"ml_engineer", "ethics"},
    ("POST", "/v1/price-suggestions"): {"pricing"},
    ("GET", "/v1/price-suggestions"): {"pricing"},
    ("GET", "/v1/price-suggestions/{suggestion_id}"): {"pricing"},
    ("POST", "/v1/price-suggestions/{suggestion_id}/approve"): {"pricing"},
    ("POST", "/v1/price-suggestions/{suggestion_id}/reject"): {"pricing"},
    ("POST", "/v1/price-suggestions/{suggestion_id}/override"): {"pricing"},
    ("POST", "/v1/price-suggestions/{suggestion_id}/publish"): {"pricing"},
    ("POST", "/v1/price-simulations"): {"pricing"},
    ("POST", "/v1/forecasts"): {"pricing"},
    ("POST", "/v1/prices"): {"storefront"},
    ("GET", "/v1/fairness-reports"): {"ethics"},
    ("GET", "/v1/fairness-reports/{report_id}"): {"ethics"},
    ("GET", "/v1/fairness-reports/{report_id}/page"): {"ethics"},
    ("GET", "/v1/fairness-reports/{report_id}/notice"): {"ethics", "ml_engineer"},
    ("POST", "/v1/fairness-reports/{report_id}/sign-offs"): {"ethics"},
    ("GET", "/v1/waivers"): {"ethics", "ml_engineer"},
    ("POST", "/v1/waivers"): {"ethics"},
    ("POST", "/v1/waivers/{waiver_id}/approve"): {"ethics"},
    ("POST", "/v1/waivers/{waiver_id}/revoke"): {"ethics"},
    ("GET", "/v1/privacy/budget"): {"privacy", "ethics"},
    ("PUT", "/v1/customers/{customer_id}/consents"): {"privacy"},
    ("GET", "/v1/customers/{customer_id}"): {"privacy"},
    ("POST", "/v1/customers/{customer_id}/erasures"): {"privacy"},
    ("GET", "/v1/erasures/{erasure_id}"): {"privacy"},
}
OPEN = {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/openapi.json")}


def test_the_table_holds_the_routes_of_the_contract() -> None:
    assert {(route.method, route.path) for route in TABLE} == WANTED.keys() | OPEN


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_own_routes_only(shop: Any, role: str) -> None:
    for (method, path), roles in WANTED.items():
        sent: dict[str, Any] = {"json": {}} if method in ("POST", "PUT") else {}
        status = shop.call(method, path.replace("{", "").replace("}", ""), role=role, **sent).status_code
        assert (status == 403) == (role not in roles), (method, path, role, status)
        assert status != 401


def test_without_a_key_only_the_open_routes_answer(shop: Any) -> None:
    for method, path in WANTED:
        assert shop.call(method, path, role=None).status_code == 401
    for method, path in OPEN:
        assert shop.call(method, path, role=None).status_code == 200


def test_a_route_without_roles_admits_nobody() -> None:
    closed = [route for route in TABLE if not route.roles]
    assert closed == []
    route = TABLE[0]
    assert not type(route)(**{**vars(route), "roles": frozenset()}).admits(frozenset(ROLES))
