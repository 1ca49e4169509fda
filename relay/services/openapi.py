"""The interface for machines as an OpenAPI document: the way in and the service pages."""

from __future__ import annotations

from typing import Any

from apispec import APISpec

VERSION = "1.2.0"
TEXT = {"type": "string"}
JSON = "application/json"

EVENT = {
    "type": "object",
    "required": ["event", "event_id", "site", "data"],
    "properties": {
        "event": {
            "type": "string",
            "description": "comment.created, order.created, order.status_changed, lead.created, "
            "user.registered, relay.test, x.<name> for your own, or relay.report: a site's own daily "
            "counts, which are kept in the ledger and never delivered.",
            "examples": ["comment.created"],
        },
        "event_id": {"type": "string", "description": "The same as in X-Event-Id."},
        "site": {"type": "string", "format": "uri"},
        "data": {"type": "object", "additionalProperties": True},
    },
}
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
    "properties": {"error": TEXT, "detail": {}},
}
UNAVAILABLE = {
    "type": "object",
    "required": ["status", "reasons"],
    "properties": {"status": {"const": "unavailable"}, "reasons": {"type": "array", "items": TEXT}},
}
REFUSALS = {
    400: "Headers are missing or malformed, the body is not strict JSON, or the event ids differ.",
    401: "Stale, future or malformed time, or no key matches: never says which.",
    403: "The source has an allowlist and the address is not on it.",
    405: "Only POST.",
    409: "The same event id came before with another body; the first is kept.",
    413: "The body is too large.",
    415: "The body is not JSON, or compressed.",
    422: "The event does not fit its type; detail says why, field by field.",
    429: "The source is above its limit, or too many bad signatures came from the address.",
    503: "The database cannot commit. Send again after Retry-After seconds.",
}


KEY_QUESTION = {
    "type": "object",
    "required": ["want"],
    "properties": {"want": {"enum": ["state", "key"]}},
}
KEY_STANDING = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["current", "newer", "no_newer_key"]},
        "until": {"type": "integer", "description": "When the key that signed ends, unix seconds."},
        "salt": TEXT | {"description": "base64, for HKDF-SHA256 of the old secret"},
        "nonce": TEXT | {"description": "base64, for AES-256-GCM; the X-Event-Id is bound to it"},
        "sealed": TEXT | {"description": "base64 of cipher and tag: {key_id, secret}"},
    },
}


def document() -> dict[str, Any]:
    """OpenAPI 3.1, as JSON can hold it."""
    spec = APISpec(
        title="Relay",
        version=VERSION,
        openapi_version="3.1.0",
        info={"description": "Takes events from WordPress sites and delivers them."},
    )
    for name, schema in (
        ("Event", EVENT),
        ("Stored", STORED),
        ("Error", ERROR),
        ("KeyStanding", KEY_STANDING),
        ("Unavailable", UNAVAILABLE),
    ):
        spec.components.schema(name, schema)
    spec.components.security_scheme("metricsToken", {"type": "http", "scheme": "bearer"})
    spec.path("/webhooks/wp", operations={"post": _receive("receiveEvent")})
    spec.path(
        "/webhooks/wp/{source}",
        operations={"post": _receive("receiveEventOfSource")},
        parameters=[{"name": "source", "in": "path", "required": True, "schema": TEXT}],
    )
    spec.path("/webhooks/key", operations={"post": _ask("askAboutKeys")})
    spec.path(
        "/webhooks/wp/{source}/key",
        operations={"post": _ask("askAboutKeysOfSource")},
        parameters=[{"name": "source", "in": "path", "required": True, "schema": TEXT}],
    )
    spec.path("/healthz", operations=_page("The process is up.", _json("Up.", {"type": "object"})))
    spec.path(
        "/readyz",
        operations=_page("Whether it can work.", _json("Ready.", {"type": "object"}), True),
    )
    metrics = _page(
        "Prometheus text, from this machine or with the token.",
        {"description": "Metrics.", "content": {"text/plain": {"schema": TEXT}}},
        True,
    )
    metrics["get"]["security"] = [{"metricsToken": []}, {}]
    metrics["get"]["responses"]["403"] = _json("Neither.", _ref("Error"))
    spec.path("/metrics", operations=metrics)
    spec.path(
        "/api/openapi.json", operations=_page("This document.", _json("It.", {"type": "object"}))
    )
    return spec.to_dict()


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


def _receive(operation: str) -> dict[str, Any]:
    answers = {
        "202": _json("Committed; will be delivered at least once.", _ref("Stored")),
        "200": _json("The same event came before.", _ref("Stored")),
    }
    return _signed(operation, "Take one signed event.", _ref("Event"), answers, REFUSALS)


def _ask(operation: str) -> dict[str, Any]:
    refusals = {status: why for status, why in REFUSALS.items() if status != 409}
    answers = {"200": _json("How the key that signed stands.", _ref("KeyStanding"))}
    summary = (
        "Ask about the key that signs, or for the newer one, sealed for who holds the old one."
    )
    return _signed(operation, summary, KEY_QUESTION, answers, refusals)


def _signed(
    operation: str,
    summary: str,
    body: dict[str, Any],
    answers: dict[str, Any],
    refusals: dict[int, str],
) -> dict[str, Any]:
    answers |= {str(status): _json(why, _ref("Error")) for status, why in refusals.items()}
    for status in ("429", "503"):
        answers[status]["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}
        }
    return {
        "operationId": operation,
        "summary": summary,
        "parameters": [
            _header("X-WP-Timestamp", "Unix seconds.", pattern="^[0-9]{1,12}$"),
            _header("X-Event-Id", "Unique a source.", pattern="^[A-Za-z0-9._:-]{1,128}$"),
            _header("X-WP-Signature", "base64 of HMAC-SHA256(key, timestamp + '.' + raw body)."),
            _header("X-WP-Key-Id", "Which key signed; without it every live key is tried.", False),
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": answers,
    }


def _page(summary: str, answer: dict[str, Any], may_fail: bool = False) -> dict[str, Any]:
    answers = {"200": answer}
    if may_fail:
        answers["503"] = _json("Not now, for these reasons.", _ref("Unavailable"))
    return {"get": {"summary": summary, "responses": answers}}
