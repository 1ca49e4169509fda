"""Reading a request: framing, method, headers, addresses and the content type."""

from __future__ import annotations

import io
from typing import Any

import pytest

from relay.ingest.refusals import IngestRefusal
from relay.ingest.request import check_declared, plain_address, read_body, source_address
from tests.ingest.conftest import Sender, StartWeb
from tests.support.events import comment

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:DB8::5]:4711", "2001:db8::5"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("fe80::1%eth0", "fe80::1"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113", ""),
        ("203.0.113.007", ""),
        ("unknown", ""),
        ("203.0.113.7, 10.0.0.1", ""),
        ("'; DROP TABLE event", ""),
        ("", ""),
    ],
)
def test_an_address_has_one_canonical_form(text: str, address: str) -> None:
    assert plain_address(text) == address


def test_an_invalid_forwarded_address_is_replaced_by_the_proxys_address() -> None:
    environ = {
        "REMOTE_ADDR": "nonsense",
        "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "::ffff:10.0.0.9"},
    }
    assert source_address(environ) == "10.0.0.9"
    assert source_address({"REMOTE_ADDR": ""}) == ""


class BrokenInput:
    def read(self, size: int) -> bytes:
        raise ConnectionResetError


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": "9", "wsgi.input": io.BytesIO(b"short")}, 400),
        ({"CONTENT_LENGTH": "9", "wsgi.input": BrokenInput()}, 400),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"x" * 11)}, 413),
        ({"CONTENT_LENGTH": "11"}, 413),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "1e3"}, 400),
        ({"CONTENT_LENGTH": "9" * 30}, 400),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 415),
        ({"HTTP_CONTENT_ENCODING": "identity, br"}, 415),
    ],
)
def test_a_body_that_does_not_match_its_headers_is_refused(
    environ: dict[str, Any], status: int
) -> None:
    with pytest.raises(IngestRefusal) as refusal:
        check_declared(environ, 10)
        read_body(environ, 10)
    assert refusal.value.status == status


@pytest.mark.parametrize(
    "environ",
    [
        {"CONTENT_LENGTH": "10", "wsgi.input": io.BytesIO(b"x" * 10 + b"the next request")},
        {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"x" * 10)},
    ],
)
def test_a_body_as_large_as_the_limit_is_read_completely(environ: dict[str, Any]) -> None:
    assert read_body(environ, 10) == b"x" * 10


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"])
@pytest.mark.parametrize("path", ["/webhooks/wp", "/webhooks/wp/shop"])
def test_another_method_is_405(sender: Sender, method: str, path: str) -> None:
    answer = sender.send(method=method, path=path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_over_the_limit_is_413_by_its_declared_size(sender: Sender) -> None:
    event = comment(data=comment()["data"] | {"content": "x" * 262_144})
    assert sender.send(event).status_code == 413


@SQLITE
def test_the_size_of_the_body_is_checked_before_the_headers(sender: Sender) -> None:
    answer = sender.send(raw=b"x" * 262_145, headers={"X-WP-Signature": None})
    assert answer.status_code == 413


@pytest.mark.parametrize("name", ["X-WP-Timestamp", "X-Event-Id", "X-WP-Signature"])
def test_a_missing_header_is_named(sender: Sender, name: str) -> None:
    answer = sender.send(headers={name: None})
    assert (answer.status_code, answer.json["error"]) == (400, "missing_headers")
    assert name in answer.json["detail"]


@SQLITE
@pytest.mark.parametrize("name", ["X-WP-Timestamp", "X-WP-Signature", "X-WP-Key-Id"])
def test_a_repeated_header_is_refused(sender: Sender, name: str) -> None:
    answer = sender.send(headers={name: "1,1"})
    assert (answer.status_code, answer.json["error"]) == (400, "repeated_headers")


@pytest.mark.parametrize("event_id", ["a b", "a,b", "ä", "x" * 129, "a/b", "<b>"])
def test_a_malformed_event_id_is_refused(sender: Sender, event_id: str) -> None:
    answer = sender.send(headers={"X-Event-Id": event_id})
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_event_id")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "text/plain", None]
)
def test_json_can_be_declared_in_several_ways(sender: Sender, content_type: str | None) -> None:
    assert sender.send(headers={"Content-Type": content_type}).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Encoding": "gzip"},
    ],
)
def test_another_content_type_or_encoding_is_415(
    sender: Sender, headers: dict[str, str | None]
) -> None:
    assert sender.send(headers=headers).status_code == 415


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_behind_one_proxy_the_last_forwarded_address_is_used(start_web: StartWeb) -> None:
    web = start_web(RELAY_TRUSTED_PROXIES="1")
    source = web.make_source()
    web.flask("sources", "allow", source.slug, "203.0.113.0/24")

    def answer(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        return web.send(comment(), source.secret, headers=headers).status_code

    web.wait_for(lambda: answer("203.0.113.7") == 202, 5, "the source")
    web.wait_for(lambda: answer("198.51.100.1") == 403, 5, "the list")
    for forwarded, status in (
        ("::ffff:203.0.113.7", 202),
        ("198.51.100.1, 203.0.113.7", 202),
        ("203.0.113.7, 198.51.100.1", 403),
        ("nonsense", 403),
        ("", 403),
    ):
        assert answer(forwarded) == status, forwarded
