"""The OpenAPI document: the ingest endpoints, the service pages and the HTTP API for operators."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from relay.api.v1.document import add_operations
from relay.event_types import EVENT_TYPES
from relay.ingest.refusals import RefusalCode, RefusalRow
from relay.mapping.lead_fields import FIELD_TYPES
from relay.web.framing import FRAMING_ERRORS

VERSION = "1.2.0"
TEXT = {"type": "string"}
OBJECT = {"type": "object"}
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# The rows that need the headers of a signed event, and those that need JSON.
NOT_SIGNED = (
    *(RefusalCode.MISSING_HEADERS, RefusalCode.REPEATED_HEADERS, RefusalCode.INVALID_EVENT_ID),
    *(RefusalCode.UNKNOWN_KEY, RefusalCode.KEY_UNREADABLE, RefusalCode.MALFORMED_TIME),
    *(RefusalCode.TIME_UNIT, RefusalCode.CLOCK_OFF, RefusalCode.BAD_SIGNATURE),
    *(RefusalCode.SIGNATURE_FORM, RefusalCode.SIGNATURE_SHAPE),
)
NOT_A_FORM = (RefusalCode.CONTENT_TYPE, RefusalCode.INVALID_JSON)

STORED = {
    "type": "object",
    "required": ["status", "id", "event_id"],
    "properties": {
        "status": {"enum": ["accepted", "duplicate"]},
        "id": {"type": "integer"},
        "event_id": TEXT,
    },
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": TEXT | {"description": "A stable code for programs."},
        "detail": {
            "description": "Optional: what is wrong, as a sentence or, with 422, as reasons by field."
        },
    },
}
SOURCE = {
    "name": "source",
    "in": "path",
    "required": True,
    "description": "The short name of the site in Relay.",
    "schema": TEXT,
}
SENTENCES = {"type": "array", "items": TEXT}
READY = {
    "type": "object",
    "required": ["status", "warnings"],
    "properties": {
        "status": {"const": "ready"},
        "warnings": SENTENCES
        | {"description": "Problems of the broker, the workers and the scheduler."},
    },
}
UNAVAILABLE = {
    "type": "object",
    "required": ["status", "reasons", "warnings"],
    "properties": {
        "status": {"const": "unavailable"},
        "reasons": SENTENCES | {"description": "Why no event can be committed now."},
        "warnings": SENTENCES,
    },
}
KEY_REQUEST = {
    "type": "object",
    "required": ["want"],
    "properties": {
        "want": {
            "enum": ["state", "key"],
            "description": "`state`: only whether there is a newer key. `key`: the newer key too.",
        }
    },
}
KEY_STATUS = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {
            "enum": ["current", "newer", "no_newer_key"],
            "description": "`current`: the key that signed is the newest. `newer`: it was rotated, and "
            "there is a newer one. `no_newer_key`: it was rotated, and the newer key no longer works.",
        },
        "until": {
            "type": "integer",
            "description": "When the key that signed stops working, in Unix seconds.",
        },
        "salt": TEXT | {"description": "base64: the salt for HKDF-SHA256 of the old secret."},
        "nonce": TEXT
        | {"description": "base64: the nonce for AES-256-GCM. X-Event-Id is the additional data."},
        "sealed": TEXT
        | {"description": "base64 of ciphertext and tag. The plaintext is JSON: {key_id, secret}."},
    },
}


def event_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["event", "event_id", "site", "data"],
        "properties": {
            "event": {
                "type": "string",
                "description": type_list(),
                "examples": ["comment.created"],
            },
            "event_id": {"type": "string", "description": "The same as in X-Event-Id."},
            "site": {"type": "string", "format": "uri"},
            "timezone": {
                "type": "string",
                "description": "The site's time zone, for dates in texts. Optional.",
                "examples": ["Europe/Berlin", "+02:00"],
            },
            "locale": {
                "type": "string",
                "description": "The language and country of the site or the form. Optional.",
                "examples": ["de_DE"],
            },
            "occurred_at": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened on the site, with an offset. Optional. An invalid value "
                "is ignored.",
                "examples": ["2026-03-01T00:30:00+01:00"],
            },
            "revision": {
                "type": "integer",
                "minimum": 0,
                "description": "The number of this change of the object, such as an order. It grows with "
                "each change of the same object, whatever the event type. Optional. With it, an older "
                "change never overwrites a newer one at HubSpot or on the site. An invalid value is "
                "ignored.",
            },
            "data": {
                "type": "object",
                "additionalProperties": True,
                "properties": {
                    "types": field_types_schema(),
                    "current_status": TEXT
                    | {
                        "description": "Of an order, optional: its status at the first attempt to send the event."
                    },
                    "initial": {
                        "type": "boolean",
                        "description": "Of `order.status_changed`, optional: the change belongs to the "
                        "creation of the order, which has an event of its own.",
                    },
                },
            },
        },
    }


def field_types_schema() -> dict[str, Any]:
    """The types of a lead's fields.  Any other value is kept and ignored."""
    lines = [f"- `{name}`: {words}" for name, words in FIELD_TYPES.items()]
    return {
        "type": "object",
        "additionalProperties": {"type": "string", "examples": list(FIELD_TYPES)},
        "description": "\n".join(
            ["Of a lead, optional: the type of each field, by its label.", "", *lines]
        ),
    }


def type_list() -> str:
    """Every event type as a Markdown list."""
    lines = [
        f"- `{found.name}`: {' '.join(found.happens)}."
        + (" Relay handles it itself and delivers it to no destination." if found.internal else "")
        for found in EVENT_TYPES.values()
    ]
    return "\n".join([*lines, "- `x.<name>`: a custom type with any `data` object."])


def document() -> dict[str, Any]:
    """-> the document, OpenAPI 3.1, as it is written to JSON."""
    spec = APISpec(
        title="Relay",
        version=VERSION,
        openapi_version="3.1.0",
        info={
            "description": "Relay accepts events from WordPress sites and delivers them to other services."
        },
        plugins=[MarshmallowPlugin(schema_name_resolver=name_of_shape)],
    )
    for name, schema in (
        ("Event", event_schema()),
        ("Stored", STORED),
        ("Error", ERROR),
        ("KeyStatus", KEY_STATUS),
        ("Ready", READY),
        ("Unavailable", UNAVAILABLE),
    ):
        spec.components.schema(name, schema)
    spec.components.security_scheme("metricsToken", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("formToken", {"type": "http", "scheme": "bearer"})
    spec.path("/webhooks/wp", operations={"post": _event_operation("receiveEvent")})
    spec.path(
        "/webhooks/wp/{source}",
        operations={"post": _event_operation("receiveEventOfSource")},
        parameters=[SOURCE],
    )
    spec.path("/webhooks/key", operations={"post": _key_operation("askAboutKeys")})
    spec.path(
        "/webhooks/wp/{source}/key",
        operations={"post": _key_operation("askAboutKeysOfSource")},
        parameters=[SOURCE],
    )
    spec.path(
        "/webhooks/woocommerce/{source}",
        operations={"post": _woocommerce_operation()},
        parameters=[SOURCE],
    )
    spec.path(
        "/webhooks/form/{source}", operations={"post": _form_operation()}, parameters=[SOURCE]
    )
    spec.path(
        "/healthz", operations=_page("Check that the process runs.", _json("It runs.", OBJECT))
    )
    spec.path(
        "/readyz",
        operations=_page(
            "Check that an event could be committed now.",
            _json("An event could be committed.", _ref("Ready")),
            True,
        ),
    )
    metrics = _page(
        "Read the metrics in the Prometheus text format.",
        {"description": "The metrics.", "content": {"text/plain": {"schema": TEXT}}},
    )
    metrics["get"]["security"] = [{"metricsToken": []}, {}]
    metrics["get"]["responses"]["403"] = _json(
        "The request is not from the same host and has no valid token.", _ref("Error")
    )
    spec.path("/metrics", operations=metrics)
    spec.path(
        "/api/openapi.json", operations=_page("Read this document.", _json("The document.", OBJECT))
    )
    add_operations(spec)
    return spec.to_dict()


def name_of_shape(shape: Any) -> str:
    """The name of a nested shape in the document."""
    kind = shape if isinstance(shape, type) else type(shape)
    return kind.__name__.removesuffix("Shape")


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _header(name: str, description: str, required: bool = True, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": TEXT | schema,
    }


def _event_operation(operation: str) -> dict[str, Any]:
    responses = {
        "202": _json("The event is stored and will be delivered at least once.", _ref("Stored")),
        "200": _json("The same event was stored before.", _ref("Stored")),
    }
    responses |= _refusals("events")
    return _signed_operation(operation, "Send one signed event.", _ref("Event"), responses)


def _key_operation(operation: str) -> dict[str, Any]:
    responses = {"200": _json("The status of the key that signed.", _ref("KeyStatus"))}
    responses |= _refusals("keys")
    summary = (
        "Read the status of the key that signs the request, and the newer key after a rotation, "
        "encrypted with the old secret."
    )
    return _signed_operation(operation, summary, KEY_REQUEST, responses)


def _woocommerce_operation() -> dict[str, Any]:
    """WooCommerce's own webhook; the ping when it is saved has neither topic nor signature."""
    responses = {
        "202": _json("The event is stored and will be delivered at least once.", _ref("Stored")),
        "200": _json("A duplicate, a ping or a draft. Nothing was stored.", OBJECT),
    }
    return {
        "operationId": "receiveWooCommerceWebhook",
        "summary": "Send a webhook of WooCommerce, as WooCommerce sends it.",
        "parameters": [
            _header("X-WC-Webhook-Topic", "Such as `order.updated`. Not in a ping.", False),
            _header(
                "X-WC-Webhook-Signature",
                "base64 of HMAC-SHA256(secret, raw body). Not in a ping.",
                False,
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": OBJECT | {"description": "The object, as in the REST API."}},
                FORM: {"schema": OBJECT | {"description": "A ping: `webhook_id`."}},
            },
        },
        "responses": responses | _refusals("woocommerce"),
    }


def _form_operation() -> dict[str, Any]:
    responses = {
        "202": _json("The lead is stored and will be delivered at least once.", _ref("Stored")),
        "200": _json("The same entry was stored before.", _ref("Stored")),
    }
    fields = OBJECT | {"description": "The answers by name, or an object `fields` with them."}
    return {
        "operationId": "receiveForm",
        "summary": "Send an entry of a form, which becomes a lead.",
        "security": [{"formToken": []}],
        "parameters": [
            _header(
                "Idempotency-Key",
                "An id of the entry. Without it, the same body within an hour is a duplicate.",
                False,
                pattern="^[A-Za-z0-9._:-]{1,100}$",
            )
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": fields},
                FORM: {"schema": fields},
                "multipart/form-data": {"schema": fields},
            },
        },
        "responses": responses | _refusals("form"),
    }


def refusals_of(endpoint: str) -> list[RefusalRow]:
    """The refusals of an ingest endpoint: ``events``, ``keys``, ``woocommerce`` or ``form``."""
    if endpoint in ("events", "keys"):
        return [code.value for code in RefusalCode if code.value.endpoint in ("both", endpoint)]
    codes = [code for code in RefusalCode if code.value.endpoint in ("both", endpoint)]
    other = NOT_SIGNED if endpoint == "woocommerce" else (*NOT_SIGNED, *NOT_A_FORM)
    more = [RefusalCode.UNSTORABLE]
    if endpoint == "form":
        more.append(RefusalCode.EVENT_ID_CONFLICT)
    return [code.value for code in (*codes, *more) if code not in other]


def _refusals(endpoint: str) -> dict[str, Any]:
    """The error responses of one of the ingest endpoints, by status."""
    errors: dict[int, list[tuple[str, str]]] = defaultdict(list)
    rows = refusals_of(endpoint)
    for row in rows:
        errors[row.status].append((row.error, row.when))
    for status, framing in FRAMING_ERRORS.items():
        if status < 500:  # the ingest endpoints answer errors in Relay themselves, with 503
            errors[status].append((framing.error, framing.when))
    responses = {str(status): _refusal(errors[status]) for status in sorted(errors)}
    for waiting in {str(row.status) for row in rows if row.retry_after_s}:
        responses[waiting]["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait before the next request.",
                "schema": {"type": "integer"},
            }
        }
    return responses


def _refusal(errors: list[tuple[str, str]]) -> dict[str, Any]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for error, when in errors:
        reasons[error].append(when)
    lines = []
    for error, whens in reasons.items():
        if len(whens) == 1:
            lines.append(f"- `{error}`: {whens[0]}")
        else:
            lines.append(f"- `{error}`, for one of these reasons:")
            lines += [f"  - {when}" for when in whens]
    description = "\n".join(lines)
    schema = {"allOf": [_ref("Error"), {"properties": {"error": {"enum": sorted(reasons)}}}]}
    return _json(description, schema)


def _signed_operation(
    operation: str, summary: str, body: dict[str, Any], responses: dict[str, Any]
) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "parameters": [
            _header("X-WP-Timestamp", "The current time in Unix seconds.", pattern="^[0-9]{1,12}$"),
            _header(
                "X-Event-Id",
                "The id of the event or of the key request, unique per source.",
                pattern="^[A-Za-z0-9._:-]{1,128}$",
            ),
            _header("X-WP-Signature", "base64 of HMAC-SHA256(secret, timestamp + '.' + raw body)."),
            _header(
                "X-WP-Key-Id",
                "The id of the signing key. Without it Relay tries every live key.",
                False,
            ),
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": responses,
    }


def _page(summary: str, response: dict[str, Any], can_fail: bool = False) -> dict[str, Any]:
    responses = {"200": response}
    if can_fail:
        responses["503"] = _json("Not ready, with the reasons.", _ref("Unavailable"))
    return {"get": {"summary": summary, "responses": responses}}
