"""One request of the API: check the token, read query and body, call the view, write the answer.

``Nouns.add`` makes a route of a view, and keeps what the OpenAPI document says about it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import Schema

from relay import exact_json
from relay.api.v1.access import enter
from relay.api.v1.errors import ApiError, finish
from relay.api.v1.shapes import CURSOR, PageQuery
from relay.services.paging import Page

PREFIX = "/api/v1"
MAX_BODY = 16 * 1024
SURROGATE = re.compile("[\ud800-\udfff]")
View = Callable[..., Any]
blueprint = Blueprint("api_v1", __name__)


@dataclass(frozen=True)
class Operation:
    """``returns`` is the shape of the answer, or of the items of a list."""

    method: str
    path: str
    name: str
    summary: str
    role: str
    limited: bool
    returns: type[Schema]
    query: type[Schema] | None = None
    body: type[Schema] | None = None

    @property
    def is_list(self) -> bool:
        return self.query is not None and issubclass(self.query, PageQuery)

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it: ``/api/v1/alerts/{alert_id}``."""
        return PREFIX + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", self.path)


@dataclass
class OperationGroup:
    """The operations of one noun."""

    title: str
    operations: list[Operation] = field(default_factory=list)

    def add(
        self,
        method: str,
        path: str,
        summary: str,
        returns: type[Schema],
        *,
        role: str = "viewer",
        limited: bool = False,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
    ) -> Callable[[View], View]:
        """The view gets the parts of the path, ``query`` and ``body``, and returns what ``returns`` has.

        A list returns a Page.
        """

        def wrap(view: View) -> View:
            operation = Operation(
                *(method, path, view.__name__, summary, role, limited, returns, query, body)
            )
            self.operations.append(operation)

            @functools.wraps(view)
            def guarded(**parts: Any) -> Response:
                enter(role, limited)
                if query is not None:
                    parts["query"] = query().load(request.args.to_dict())
                if body is not None:
                    parts["body"] = body().load(read_body())
                return answer(operation, view(**parts))

            guarded.relay_role = role  # type: ignore[attr-defined]
            guarded.relay_limited = limited  # type: ignore[attr-defined]
            blueprint.add_url_rule(
                PREFIX + path,
                view.__name__,
                guarded,
                methods=[method],
                provide_automatic_options=False,
            )
            return view

        return wrap


def answer(operation: Operation, found: Any) -> Response:
    shape = operation.returns()
    if isinstance(found, Page):
        value: Any = {
            "items": shape.dump(found.items, many=True),
            "next_cursor": None if found.next_after is None else f"{CURSOR}{found.next_after}",
        }
    else:
        value = shape.dump(found)
    response = Response(exact_json.dumps(value) + "\n", content_type="application/json")
    return finish(response)


def read_body() -> dict[str, Any]:
    """The JSON object of this request; none is an empty one.  Raises ApiError."""
    if (request.content_length or 0) > MAX_BODY:
        raise ApiError(413, f"The body may have at most {MAX_BODY} bytes.")
    raw = request.stream.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise ApiError(413, f"The body may have at most {MAX_BODY} bytes.")
    if not raw.strip():
        return {}
    if request.mimetype != "application/json":
        raise ApiError(415, "Send Content-Type: application/json.")
    try:
        body = exact_json.loads(raw.decode(), _object)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be one JSON object.")
    _check_texts(body)
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ApiError if a key occurs twice: programs do not agree on which one counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ApiError(400, "A key must not occur twice in one object.")
    return found


def _check_texts(body: Any) -> None:
    """Raises ApiError for a text that no database stores, in keys and values at any depth."""
    pending = [body]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str) and ("\x00" in item or SURROGATE.search(item)):
            raise ApiError(400, "The body must not contain NUL or half of a surrogate pair.")
