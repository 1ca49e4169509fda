"""The part of the OpenAPI document about ``/api/v1``, made from the operations and their shapes."""

from __future__ import annotations

import re
from typing import Any

from apispec import APISpec
from marshmallow import Schema

from relay.api.v1 import NOUNS
from relay.api.v1.errors import CODES
from relay.api.v1.operations import Operation
from relay.api.v1.shapes import EmptyBody

SECURITY = "apiToken"
API_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"enum": sorted(CODES.values()), "description": "Stable, for programs."},
                "message": {"type": "string", "description": "A sentence for people."},
                "fields": {
                    "type": "object",
                    "description": "With `invalid`: the reasons by field.",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    },
}
WHEN = {
    400: "The body is not one JSON object.",
    401: "The token is missing, unknown, expired or revoked, or its user lost access.",
    403: "The token's role or its limit to sites does not allow it.",
    404: "It does not exist, or belongs to a site that the token does not reach.",
    405: "The path does not have this method.",
    409: "It is not possible in the current state. Nothing was changed.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "A parameter or a member of the body is not valid.",
    429: "Too many requests. `Retry-After` says how many seconds to wait.",
    500: "An error in Relay.",
    503: "The database does not answer. `Retry-After` says how many seconds to wait.",
}
ALWAYS = (401, 403, 429, 500, 503)


def add_operations(spec: APISpec) -> None:
    spec.components.security_scheme(SECURITY, {"type": "http", "scheme": "bearer"})
    spec.components.schema("ApiError", API_ERROR)
    for noun in NOUNS:
        spec.tag({"name": noun.group.title})
        for operation in noun.group.operations:
            spec.path(
                operation.template,
                operations={
                    operation.method.lower(): _operation(spec, operation, noun.group.title)
                },
            )


def statuses_of(operation: Operation) -> list[int]:
    """The errors that this operation can have."""
    found = {*ALWAYS}
    if "<" in operation.path:
        found.add(404)
    if operation.query is not None:
        found.add(422)
    if operation.body is not None:
        found |= {400, 409, 413, 415, 422}
    return sorted(found)


def _operation(spec: APISpec, one: Operation, tag: str) -> dict[str, Any]:
    answer: Any = _named(spec, one.returns)
    if one.is_list:
        answer = {
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": answer},
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "For the parameter `cursor` of the next page; null on the last one.",
                },
            },
        }
    found: dict[str, Any] = {
        "operationId": "".join(
            word if n == 0 else word.capitalize() for n, word in enumerate(one.name.split("_"))
        ),
        "tags": [tag],
        "summary": one.summary,
        "description": _who(one),
        "security": [{SECURITY: []}],
        "parameters": _path_parameters(one),
        "responses": {"200": _json("Done.", answer)}
        | {str(status): _json(WHEN[status], _ref("ApiError")) for status in statuses_of(one)},
    }
    if one.query is not None:
        found["parameters"].append({"in": "query", "schema": one.query})
    if one.body is not None and one.body is not EmptyBody:
        needed = any(field.required for field in one.body().fields.values())
        found["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": _named(spec, one.body)}},
        }
    return found


def _who(one: Operation) -> str:
    sites = "" if one.limited else " Not for tokens with a limit to sites."
    return f"Needs the role {one.role} or a higher one.{sites}"


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if kind else "string"},
        }
        for kind, name in re.findall(r"<(int:)?(\w+)>", one.path)
    ]


def _named(spec: APISpec, shape: type[Schema]) -> dict[str, str]:
    name = re.sub(r"Shape$", "", shape.__name__)
    if name not in spec.components.schemas:
        spec.components.schema(name, schema=shape)
    return _ref(name)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
