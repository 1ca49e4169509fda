"""The OpenAPI document."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from relay.api import openapi, v1
from relay.ingest.refusals import RefusalCode
from relay.mapping.lead_fields import FIELD_TYPES
from relay.web.framing import FRAMING_ERRORS

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_the_document_lists_every_path(app: Flask) -> None:
    found = app.test_client().get("/api/openapi.json").get_json()
    assert found["openapi"] == "3.1.0"
    assert set(found["paths"]) == {
        "/webhooks/wp",
        "/webhooks/wp/{source}",
        "/webhooks/key",
        "/webhooks/wp/{source}/key",
        "/webhooks/woocommerce/{source}",
        "/webhooks/form/{source}",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/openapi.json",
        *(one.template for one in v1.operations()),
    }


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/webhooks/wp", "events"),
        ("/webhooks/wp/{source}/key", "keys"),
        ("/webhooks/woocommerce/{source}", "woocommerce"),
        ("/webhooks/form/{source}", "form"),
    ],
)
def test_the_document_lists_exactly_the_refusals_of_the_table(path: str, endpoint: str) -> None:
    responses = openapi.document()["paths"][path]["post"]["responses"]
    listed = {
        (int(status), error)
        for status, response in responses.items()
        if int(status) >= 400
        for error in response["content"]["application/json"]["schema"]["allOf"][1]["properties"][
            "error"
        ]["enum"]
    }
    rows = openapi.refusals_of(endpoint)
    assert all(c.value in rows for c in RefusalCode if c.value.endpoint == endpoint)
    framing = {(status, row.error) for status, row in FRAMING_ERRORS.items() if status < 500}
    assert listed == {(row.status, row.error) for row in rows} | framing
    for row in rows:
        assert row.when in responses[str(row.status)]["description"]
        assert (row.retry_after_s is not None) == ("headers" in responses[str(row.status)])


def test_the_types_of_a_leads_fields_are_documented() -> None:
    schema = openapi.document()["components"]["schemas"]["Event"]
    described = schema["properties"]["data"]["properties"]["types"]["description"]
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    for name, words in FIELD_TYPES.items():
        assert f"- `{name}`: {words}" in described
        assert f"| `{name}` | {words} |" in page
