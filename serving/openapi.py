"""One OpenAPI document for every route, made from the route table and the models."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from serving import errors
from serving.errors import Refusal
from serving.exchange import JSON_TYPE
from serving.problems import KINDS, PROBLEM_TYPE
from serving.routes import Route
from serving.schemas import Problem

API_VERSION: Final = "1.0.0"  # of the contract; it grows with every route and field added

_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_ANY_BODY: Final[tuple[type[Refusal], ...]] = (
    errors.BodyMalformed,
    errors.BodyTooDeep,
    errors.BodyTooSlow,
    errors.BodyTooLarge,
    errors.ContentTypeUnsupported,
    errors.FieldsInvalid,
)
_ANY_KEY: Final[tuple[type[Refusal], ...]] = (errors.KeyAbsent, errors.KeyUnknown, errors.RoleMissing)

Modelled = tuple[type[BaseModel], JsonSchemaMode]
Schemas = Mapping[Any, dict[str, Any]]  # by Modelled


def openapi(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe the routes of a service.

    Args:
        routes: The whole table.
    """
    schemas, definitions = models_json_schema(list(_models(routes)), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fairshelf",
            "version": API_VERSION,
            "summary": "Recommendations with consent, reasons and a record of every decision",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _models(routes: Iterable[Route]) -> Iterable[Modelled]:
    yield Problem, "serialization"
    for route in routes:
        if route.body:
            yield route.body, "validation"
        if route.query:
            yield route.query, "validation"
        yield from ((answer, "serialization") for answer in route.answers.values() if answer)


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__.strip("_"),
        "summary": route.summary,
        "description": _who(route),
        "security": [] if route.public else [{"bearer": []}, {"apiKey": []}],
        "x-roles": [] if route.public else sorted(route.roles),
        "responses": {**_successes(route, schemas), **_problems(_refusals(route), schemas)},
    }
    parameters = [*_path_parameters(route.path), *_query_parameters(route), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {JSON_TYPE: {"schema": schemas[route.body, "validation"]}},
        }
    return operation


def _who(route: Route) -> str:
    return "No key needed." if route.public else f"Roles: {', '.join(sorted(route.roles))}."


def _successes(route: Route, schemas: Schemas) -> dict[str, Any]:
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {JSON_TYPE: {"schema": schemas[answer, "serialization"]}}
            if answer
            else {route.text_type: {"schema": {"type": "string"}}},
        }
        for status, answer in route.answers.items()
    }


def _refusals(route: Route) -> tuple[type[Refusal], ...]:
    door = () if route.public else _ANY_KEY
    body = _ANY_BODY if route.body else (errors.FieldsInvalid,) if route.query else ()
    return (*door, *body, *route.refusals, errors.Unexpected)


def _problems(refusals: Iterable[type[Refusal]], schemas: Schemas) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for refusal in refusals:
        by_status.setdefault(KINDS[refusal].status, []).append(KINDS[refusal].code)
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
            "content": {PROBLEM_TYPE: {"schema": schemas[Problem, "serialization"]}},
        }
        for status, codes in sorted(by_status.items())
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "description": purpose, "schema": {"type": "string"}}
        for name, purpose in route.headers.items()
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.query:
        return []
    properties: dict[str, Any] = route.query.model_json_schema()["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()]
