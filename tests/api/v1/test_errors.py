"""Every error below /api is JSON with a code and a sentence, and never a trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from relay.services.sources import settings as source_settings
from tests.api.v1.conftest import ApiClient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api", 404, "not_found"),
        ("GET", "/api/", 404, "not_found"),
        ("GET", "/api/v1", 404, "not_found"),
        ("POST", "/api/v2/alerts", 404, "not_found"),
        ("GET", "/api/v1/alerts/", 404, "not_found"),
        ("GET", "/api/v1/alerts/x", 404, "not_found"),
        ("DELETE", "/api/v1/alerts", 405, "method_not_allowed"),
        ("POST", "/api/openapi.json", 405, "method_not_allowed"),
        ("GET", "/api/v1/alerts", 401, "unauthorized"),
        ("OPTIONS", "/api/v1/alerts", 405, "method_not_allowed"),
        ("PROPFIND", "/api/v1/alerts", 405, "method_not_allowed"),
        ("TRACE", "/api/openapi.json", 405, "method_not_allowed"),
        ("OPTIONS", "/api/v1/nothing", 404, "not_found"),
    ],
)
def test_a_path_without_an_operation_is_json_too(
    app: Flask, method: str, path: str, status: int, code: str
) -> None:
    answer = app.test_client().open(path, method=method)
    assert (answer.status_code, answer.content_type) == (status, "application/json")
    error = answer.get_json()
    assert list(error) == ["error"] and set(error["error"]) == {"code", "message"}
    assert error["error"]["code"] == code and error["error"]["message"].endswith(".")
    if status == 405:
        assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("raw", "type_", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"note": NaN}', "application/json", 400),
        (b"\xff{}", "application/json", 400),
        (b'{"note": "a\\u0000b"}', "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"note": "\\ud800"}', "application/json", 400),
        (b'{"\\udc00": "x"}', "application/json", 400),
        (b'{"note": "x", "note": "y"}', "application/json", 400),
        (rb'{"note": "C:\\u0000"}', "application/json", 404),
        (b'{"note": "x"}', "text/plain", 415),
        (b"note=x", "application/x-www-form-urlencoded", 415),
        (b" " * 20_000, "application/json", 413),
        (b"", "application/json", 422),
        (b'{"note": ""}', "application/json", 422),
        (b'{"note": 5}', "application/json", 422),
        (b'{"note": "x", "more": 1}', "application/json", 422),
        (b'{"note": "x"}', "application/json", 404),
    ],
)
def test_a_wrong_body_is_refused_with_the_reason(
    api: Callable[..., ApiClient], raw: bytes, type_: str, status: int
) -> None:
    answer = api().open("POST", "/alerts/9/acknowledge", data=raw, content_type=type_)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert set(answer.get_json()["error"]["fields"]) <= {"note", "more"}


def test_a_fault_of_relays_is_logged_and_answered_without_details(
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from structlog.testing import capture_logs

    client = api()
    monkeypatch.setattr(source_settings, "list_sources", lambda *_: 1 / 0)
    with capture_logs() as lines:
        answer = client.open("GET", f"/sites?cursor={client.token}")
        assert answer.status_code == 422
        answer = client.open("GET", "/sites")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in answer.text and "Traceback" not in answer.text
    [line] = [line for line in lines if line["event"] == "api.failed"]
    assert "ZeroDivisionError" in line["trace"] and client.token not in str(lines)


def test_an_unavailable_database_is_503(
    api: Callable[..., ApiClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("secret detail"))

    client = api()
    monkeypatch.setattr(source_settings, "list_sources", fail)
    answer = client.open("GET", "/sites")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5" and "secret detail" not in answer.text


@pytest.mark.parametrize("path", ["/events", "/failed-deliveries"])
def test_a_time_outside_of_the_years_of_a_date_is_refused(
    api: Callable[..., ApiClient], path: str
) -> None:
    client = api()
    for name, value in (
        ("since", "0001-01-01T00:00:00%2B14:00"),
        ("until", "9999-12-31T23:59:59-14:00"),
    ):
        answer = client.open("GET", f"{path}?{name}={value}")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (422, "invalid")
        assert name in answer.get_json()["error"]["fields"]
    assert client.open("GET", f"{path}?until=9999-12-31T23:59:59Z").status_code == 200
