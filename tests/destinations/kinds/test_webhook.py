"""Webhook: the request and its authentication."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from standardwebhooks import Webhook

from relay.delivery.attempt.run import AttemptResult, deliver
from relay.delivery.payload import parse_payload
from relay.destinations import KINDS
from relay.destinations.client_credentials import TokenCache
from relay.destinations.kinds import webhook
from relay.destinations.loading import load_config
from relay.errors import Invalid
from relay.event_types import SAMPLES
from relay.rules.lifecycle import Accepted, Failed, Refused
from relay.transport.client import Transport
from relay.transport.proxy import Proxy
from relay.transport.request import OutboundRequest
from tests.support.authority import Authority
from tests.support.connect_proxy import ConnectProxy
from tests.support.kind_contract import LOOPBACK, message
from tests.support.sink import Seen, Sink
from tests.support.token_endpoint import Rules, TokenEndpoint

KIND = KINDS["webhook"]
SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"b" * 32).decode()


def build(**values: str) -> OutboundRequest:
    config, secrets = load_config(KIND, {"url": "https://example.com/hook", **values}, {})
    return KIND.build(config | secrets, message())


def test_the_signature_verifies_with_the_reference_library() -> None:
    request = build(signing_secret=SECRET)
    assert json.loads(request.body) == Webhook(SECRET).verify(request.body, dict(request.headers))


def test_both_secrets_verify_during_a_rotation() -> None:
    request = build(signing_secret=f"{SECRET} {OLD_SECRET}")
    for secret in (SECRET, OLD_SECRET):
        Webhook(secret).verify(request.body, dict(request.headers))


def test_the_webhook_id_is_the_deliverys_key_and_has_no_dot() -> None:
    headers = dict(build(signing_secret=SECRET).headers)
    assert headers["webhook-id"] == headers["Idempotency-Key"] == "d" * 32
    assert "." not in headers["webhook-id"]


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ({"auth": "bearer", "token": "tok-123"}, ("Authorization", "Bearer tok-123")),
        ({"auth": "basic", "user": "u", "password": "p"}, ("Authorization", "Basic dTpw")),
        ({"auth": "headers", "own_headers": "X-Api-Key: k-1\nX-Two: b"}, ("X-Api-Key", "k-1")),
    ],
)
def test_other_kinds_of_authentication(values: dict[str, str], header: tuple[str, str]) -> None:
    assert header in build(**values).headers


def test_the_body_is_the_same_on_every_attempt_in_any_script() -> None:
    first = KIND.build({"url": "https://example.com/", "auth": "none"}, message())
    again = KIND.build(
        {"url": "https://example.com/", "auth": "none"}, message(attempt_key="b" * 32)
    )
    assert first.body == again.body
    assert json.loads(first.body)["data"] == SAMPLES["comment.created"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"auth": "signature"}, "signing_secret"),
        ({"auth": "signature", "signing_secret": "hello"}, "signing_secret"),
        ({"auth": "bearer"}, "token"),
        ({"auth": "headers", "own_headers": "nonsense"}, "own_headers"),
        ({"auth": "magic"}, "auth"),
        ({"auth": "none", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_reported_with_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {"url": "https://example.com/", "auth": "none", **values}, {})
    assert list(refused.value.reasons) == [field]


def test_an_empty_or_masked_secret_keeps_the_stored_one() -> None:
    for typed in ("", "••••abcd"):
        _, secrets = load_config(
            KIND,
            {"url": "https://example.com/", "signing_secret": typed},
            {"signing_secret": SECRET},
        )
        assert secrets == {"signing_secret": SECRET}


# ---- to real servers -----------------------------------------------------------------------------


def send(url: str, transport: Transport | None = None, **values: Any) -> AttemptResult:
    """Deliver an order with these settings."""
    settings = {"url": url, "auth": "none", **values}
    config, secrets = load_config(KIND, settings, {}, LOOPBACK)
    (result,) = deliver(KIND, config | secrets, [(ORDER, None)], transport or Transport(LOOPBACK))
    return result


def event_with(text: str) -> Any:
    """A message whose ``data`` is this JSON, with its digits."""
    body = parse_payload(
        f'{{"event":"x.any","event_id":"evt-1","site":"https://shop.example.com","data":{text}}}'
    )
    return message(event_type="x.any", payload=body, data=body["data"])


def sent(sink: Sink, one: Any, rules: Any = None, **values: Any) -> Seen:
    """What arrives of a message."""
    settings = {"url": f"{sink.url}/in", "auth": "none", **values}
    config, secrets = load_config(KIND, settings, {}, LOOPBACK)
    (result,) = deliver(KIND, config | secrets, [(one, rules)], Transport(LOOPBACK))
    assert isinstance(result.signal, Accepted), result.signal
    return sink.requests[-1]


ORDER = message(event_type="order.created", data=SAMPLES["order.created"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE"])
@pytest.mark.parametrize("content", ["json", "none"])
def test_every_method_is_sent_with_and_without_content(
    sink: Sink, method: str, content: str
) -> None:
    seen = sent(sink, ORDER, method=method, content=content)
    assert seen.method == method
    if content == "none":
        assert seen.body == b"" and "content-type" not in seen.headers
    else:
        assert seen.json()["data"] == SAMPLES["order.created"]


def test_a_request_without_content_is_signed_too(sink: Sink) -> None:
    seen = sent(
        sink, ORDER, method="DELETE", content="none", auth="signature", signing_secret=SECRET
    )
    with pytest.raises(
        json.JSONDecodeError
    ):  # the signature is right, and there is nothing to parse
        Webhook(SECRET).verify(seen.body, seen.headers)


@pytest.mark.parametrize("method", ["TRACE", "post", "HEAD", "CONNECT"])
def test_other_methods_are_refused(method: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {"url": "https://example.com/", "auth": "none", "method": method}, {})
    assert list(refused.value.reasons) == ["method"]


def test_numbers_arrive_with_the_digits_that_were_sent(sink: Sink) -> None:
    data = '{"total":19.90,"tiny":0.00001000,"large":999999999999999.99,"count":3,"text":"1.10"}'
    seen = sent(sink, event_with(data))
    assert f'"data":{data}'.encode() in seen.body
    rules = {
        "amount": {"path": ["data", "total"]},
        "price": {"path": ["data", "text"], "as": "number"},
    }
    assert sent(sink, event_with(data), rules).body == b'{"amount":19.90,"price":1.10}'


def test_picked_fields_make_objects_and_lists(sink: Sink) -> None:
    data = (
        '{"items":[{"name":"Tea","price":4.50},{"name":"Pot","price":20.00}],"email":"a@b.example"}'
    )
    rules = {
        "customer.email": {"path": ["data", "email"]},
        "lines[].title": {"path": ["data", "items", "[]", "name"]},
        "lines[].price": {"path": ["data", "items", "[]", "price"]},
        "lines[].shop": {"text": "7"},
        "tags[]": {"text": "relay"},
    }
    assert sent(sink, event_with(data), rules).body == (
        b'{"customer":{"email":"a@b.example"},"lines":[{"title":"Tea","price":4.50,"shop":"7"},'
        b'{"title":"Pot","price":20.00,"shop":"7"}],"tags":["relay"]}'
    )


def test_a_json_text_is_sent_as_written_with_escaped_values(sink: Sink) -> None:
    text = (
        '{"who": "{{ data.name }}", "total": {{ data.total }},\n "lines": [{% for i in data.items %}'
        '{"t": "{{ i }}"}{% unless forloop.last %},{% endunless %}{% endfor %}]}'
    )
    data = json.dumps({"name": 'A "b", "admin": true', "total": "19.90", "items": ["x\ny", "z"]})
    seen = sent(sink, event_with(data), content="json_text", json_text=text)
    assert seen.headers["content-type"] == "application/json"
    assert seen.json() == {
        "who": 'A "b", "admin": true',
        "total": 19.9,
        "lines": [{"t": "x\ny"}, {"t": "z"}],
    }
    assert b'"total": 19.90,' in seen.body


def test_a_json_text_that_gives_no_json_is_a_failed_delivery_that_names_the_place(
    sink: Sink,
) -> None:
    settings = {"url": sink.url, "auth": "none", "content": "json_text"}
    config, _ = load_config(KIND, {**settings, "json_text": '{"a": {{ data.a }}}'}, {}, LOOPBACK)
    (result,) = deliver(KIND, config, [(event_with("{}"), None)], Transport(LOOPBACK))
    assert isinstance(result.signal, Refused) and not result.signal.pause
    assert result.signal.code == "bad_json" and "line 1, column 7" in result.signal.sentence
    assert sink.requests == []


def test_form_fields_have_nested_names(sink: Sink) -> None:
    rules = {
        "customer.email": {"path": ["data", "email"]},
        "lines[].title": {"path": ["data", "items", "[]", "name"]},
        "total": {"path": ["data", "total"]},
        "note": {"path": ["data", "note"]},
    }
    data = '{"email":"a+b@c.example","items":[{"name":"Tea & pot"}],"total":19.90}'
    seen = sent(sink, event_with(data), rules, content="form")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(seen.body.decode("ascii"), keep_blank_values=True) == [
        ("customer[email]", "a+b@c.example"),
        ("lines[0][title]", "Tea & pot"),
        ("total", "19.90"),
        ("note", ""),
    ]


def test_query_parameters_and_headers_have_values_of_the_event(sink: Sink) -> None:
    seen = sent(
        sink,
        event_with('{"name":"A&b=c\u00e4\\nX-Evil: 1","number":7}'),
        url=f"{sink.url}/in?fixed=1",
        query="who={{ data.name }}\nnumber={{ data.number }}\nempty={{ data.none }}",
        extra_headers="X-Who: {{ data.name }}\nX-Type: {{ event }}\nUser-Agent: Shop/1",
    )
    assert parse_qsl(urlsplit(seen.path).query, keep_blank_values=True) == [
        ("fixed", "1"),
        ("who", "A&b=c\u00e4\nX-Evil: 1"),
        ("number", "7"),
        ("empty", ""),
    ]
    assert seen.headers["x-who"] == "A&b=c%C3%A4 X-Evil: 1" and "x-evil" not in seen.headers
    assert (seen.headers["x-type"], seen.headers["user-agent"]) == ("x.any", "Shop/1")


@pytest.mark.parametrize(
    ("value", "path"),
    [("42", "/in/c/42"), ("a/../b", "/in/c/a%2F..%2Fb"), ("?x=1", "/in/c/%3Fx%3D1")],
)
def test_a_path_has_values_that_cannot_leave_their_place(sink: Sink, value: str, path: str) -> None:
    seen = sent(sink, event_with(json.dumps({"id": value})), method="PUT", path="c/{{ data.id }}")
    assert seen.path == path


@pytest.mark.parametrize(("data", "code"), [("{}", "bad_template"), ('{"id":".."}', "bad_path")])
def test_an_event_without_a_value_for_the_path_is_not_sent(
    sink: Sink, data: str, code: str
) -> None:
    config = {"url": sink.url, "auth": "none", "method": "DELETE", "path": "/c/{{ data.id }}"}
    (result,) = deliver(KIND, config, [(event_with(data), None)], Transport(LOOPBACK))
    assert isinstance(result.signal, Refused) and result.signal.code == code
    assert sink.requests == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"content": "json_text"}, "json_text"),
        ({"content": "xml"}, "content"),
        ({"query": "no sign"}, "query"),
        ({"query": "a b=c"}, "query"),
        ({"extra_headers": "nonsense"}, "extra_headers"),
        ({"extra_headers": "Authorization: Bearer x"}, "extra_headers"),
        ({"extra_headers": "Host: other.example"}, "extra_headers"),
        ({"extra_headers": "Idempotency-Key: 1"}, "extra_headers"),
        ({"path": "/a?b=c"}, "path"),
        ({"url": "https://example.com/?a=b", "path": "/c"}, "path"),
        ({"auth": "oauth2", "client_secret": "s"}, "token_url"),
        (
            {"auth": "oauth2", "token_url": "https://example.com/t", "client_id": "i"},
            "client_secret",
        ),
        (
            {
                "auth": "oauth2",
                "token_url": "https://10.0.0.1/t",
                "client_id": "i",
                "client_secret": "s",
            },
            "token_url",
        ),
        ({"ca_pem": "hello"}, "ca_pem"),
        ({"ca_pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, "ca_pem"),
    ],
)
def test_a_wrong_new_setting_is_reported_with_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {"url": "https://example.com/", "auth": "none", **values}, {})
    assert list(refused.value.reasons) == [field]


# ---- own authority and proxy ---------------------------------------------------------------------


def test_a_server_of_an_own_authority_is_reached_with_its_certificate_only(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    server = Sink(authority.server("127.0.0.1"))
    without = send(server.url)
    assert isinstance(without.signal, Failed) and without.signal.code == "tls_unknown_issuer"
    assert isinstance(send(server.url, ca_pem=authority.pem).signal, Accepted)
    assert isinstance(send(server.url).signal, Failed)
    trusting = Transport(LOOPBACK, ca_file=str(authority.path))
    assert isinstance(send(server.url, transport=trusting).signal, Accepted)
    server.close()


def test_a_private_key_in_the_authority_is_refused_with_a_warning(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with pytest.raises(Invalid) as refused:
        load_config(
            KIND,
            {
                "url": "https://example.com/",
                "auth": "none",
                "ca_pem": authority.pem + authority.key_pem,
            },
            {},
        )
    assert "private key" in refused.value.reasons["ca_pem"][0]
    assert "BEGIN PRIVATE" not in str(refused.value.reasons)


# ---- OAuth 2.0 -----------------------------------------------------------------------------------


@pytest.fixture
def oauth(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenEndpoint]:
    """An API that takes only its own tokens; no token is left from another test."""
    monkeypatch.setattr(webhook, "TOKENS", TokenCache())
    server = TokenEndpoint()
    yield server
    server.close()


def with_oauth(server: TokenEndpoint, **values: str) -> AttemptResult:
    rules = server.rules
    settings = {
        "auth": "oauth2",
        "token_url": server.token_url,
        "client_id": rules.client_id,
        "client_secret": rules.client_secret,
        **values,
    }
    return send(server.api_url, **settings)


def test_a_token_is_fetched_once_for_many_deliveries(oauth: TokenEndpoint) -> None:
    for _ in range(3):
        assert isinstance(with_oauth(oauth, scope="hooks.write").signal, Accepted)
    assert (len(oauth.token_calls()), len(oauth.api_calls()), oauth.faults) == (1, 3, [])


def test_a_token_that_the_api_rejects_is_renewed_once(oauth: TokenEndpoint) -> None:
    with_oauth(oauth)
    oauth.revoke(oauth.issued[0])
    result = with_oauth(oauth)
    assert isinstance(result.signal, Accepted) and result.calls == 3
    assert len(oauth.issued) == 2
    keys = {seen.headers["idempotency-key"] for seen in oauth.api_calls()}
    assert len(keys) == 1


def test_an_api_that_rejects_a_new_token_too_pauses_after_two_calls(oauth: TokenEndpoint) -> None:
    oauth.answer(401, b"{}")
    result = with_oauth(oauth)
    assert isinstance(result.signal, Refused) and result.signal.pause
    assert (result.signal.code, result.by_status) == ("http_401", True)
    assert (len(oauth.api_calls()), len(oauth.issued)) == (2, 2)


def test_a_token_url_that_refuses_pauses_and_the_retry_settings_do_not_apply_to_it(
    oauth: TokenEndpoint,
) -> None:
    result = with_oauth(oauth, client_secret="wrong-secret-here")
    assert isinstance(result.signal, Refused) and result.signal.pause
    assert "invalid_client" in result.signal.sentence and not result.by_status
    assert oauth.api_calls() == []


def test_no_secret_and_no_token_is_stored(oauth: TokenEndpoint) -> None:
    first = with_oauth(oauth)
    stored = json.dumps([first.request, first.response])
    (token,) = oauth.issued
    assert token not in stored and oauth.rules.client_secret not in stored
    assert "(not stored: it has a secret)" in stored
    assert first.request["earlier"][0]["request"]["url"].endswith("/oauth2/token")
    refused = with_oauth(oauth, client_secret="wrong-secret-here")
    assert "wrong-secret-here" not in json.dumps([refused.request, refused.response])
    assert "invalid_client" in json.dumps(refused.response)


def test_a_preview_shows_no_token_and_makes_no_call(oauth: TokenEndpoint) -> None:
    config = {"url": oauth.api_url, "auth": "oauth2", "client_secret": "s"}
    request = KIND.build(config, ORDER)
    assert dict(request.headers)["Authorization"] == "Bearer (access token)"
    assert oauth.requests == []


def test_the_token_comes_through_the_proxy_and_from_an_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TOKENS", TokenCache())
    authority, proxy = Authority(tmp_path), ConnectProxy()
    server = TokenEndpoint(Rules(), authority.server("127.0.0.1"))
    transport = Transport(LOOPBACK, proxy=Proxy.of(proxy.url))
    settings = {
        "auth": "oauth2",
        "token_url": server.token_url,
        "client_id": server.rules.client_id,
        "client_secret": server.rules.client_secret,
        "ca_pem": authority.pem,
    }
    result = send(server.api_url, transport=transport, **settings)
    assert isinstance(result.signal, Accepted), result.signal
    assert set(proxy.asked) == {f"127.0.0.1:{server.port}"} and proxy.faults == []
    assert server.issued[0].encode() not in proxy.bytes_seen
    transport.close()
    server.close()
    proxy.close()
