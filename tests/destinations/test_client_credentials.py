"""OAuth 2.0 client credentials against a strict authorization server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from relay.destinations.base import Call
from relay.destinations.client_credentials import (
    AccessToken,
    ClientCredentials,
    TokenCache,
    read_token,
)
from relay.destinations.redaction import mask_request
from relay.rules.lifecycle import Failed, Refused
from relay.transport.client import Transport
from relay.transport.request import Reply
from tests.support.kind_contract import LOOPBACK
from tests.support.sink import Answer
from tests.support.token_endpoint import Rules, TokenEndpoint

TRANSPORT = Transport(LOOPBACK)
Result = AccessToken | Failed | Refused


@pytest.fixture
def server() -> Iterator[TokenEndpoint]:
    made = TokenEndpoint()
    yield made
    made.close()


def credentials(server: TokenEndpoint, **changes: object) -> ClientCredentials:
    rules = server.rules
    made = ClientCredentials(server.token_url, rules.client_id, rules.client_secret)
    return replace(made, **changes)  # type: ignore[arg-type]


def ask(cache: TokenCache, client: ClientCredentials, refused: str = "") -> Result:
    return cache.token(client, TRANSPORT.send, [], refused)


def test_a_token_is_fetched_once_and_kept(server: TokenEndpoint) -> None:
    cache, client = TokenCache(), credentials(server, scope="hooks.write hooks.read")
    tokens = [ask(cache, client) for _ in range(3)]
    assert [token.value for token in tokens] == server.issued * 3  # type: ignore[union-attr]
    assert (len(server.token_calls()), server.faults) == (1, [])


def test_the_id_and_secret_can_go_in_the_body() -> None:
    server = TokenEndpoint(Rules(login="body"))
    assert isinstance(ask(TokenCache(), credentials(server, in_body=True)), AccessToken)
    (call,) = server.token_calls()
    assert "authorization" not in call.headers and server.faults == []
    server.close()


def test_threads_share_one_call(server: TokenEndpoint) -> None:
    cache, client = TokenCache(), credentials(server)
    server.next_token = [Answer(503, delay_s=0.3)]
    with ThreadPoolExecutor(8) as threads:
        first = list(threads.map(lambda _: ask(cache, client), range(8)))
    assert all(isinstance(one, Failed) for one in first)
    assert len(server.token_calls()) == 1, "each thread asked a server that is down"
    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(lambda _: ask(cache, client), range(8)))
    assert len(server.token_calls()) == 2
    assert {token.value for token in tokens} == set(server.issued)  # type: ignore[union-attr]


def test_an_expired_token_is_fetched_again() -> None:
    server = TokenEndpoint(Rules(lasts_s=0))
    cache, client = TokenCache(), credentials(server)
    assert isinstance(ask(cache, client), AccessToken)
    assert isinstance(ask(cache, client), AccessToken)
    assert len(server.issued) == 2
    server.close()


def test_a_rejected_token_is_not_used_again(server: TokenEndpoint) -> None:
    cache, client = TokenCache(), credentials(server)
    first = ask(cache, client)
    assert isinstance(first, AccessToken)
    second = ask(cache, client, refused=first.value)
    assert isinstance(second, AccessToken) and second.value != first.value
    assert ask(cache, client, refused=first.value) == second, (
        "another thread's new token was not used"
    )
    assert len(server.issued) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"client_secret": "other"},
        {"scope": "hooks.read"},
        {"audience": "x"},
    ],
)
def test_changed_settings_use_another_token(server: TokenEndpoint, changes: dict[str, str]) -> None:
    cache = TokenCache()
    ask(cache, credentials(server))
    ask(cache, credentials(server, **changes))
    assert len(server.token_calls()) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"client_secret": "another-one"},
            "invalid_client: “The client secret is wrong or has expired”",
        ),
        ({"scope": "admin"}, "invalid_scope: “A scope is unknown”"),
        ({"in_body": True}, "invalid_client: “This client cannot log in like this”"),
    ],
)
def test_a_refusal_pauses_with_the_services_own_words(
    server: TokenEndpoint, changes: dict[str, object], words: str
) -> None:
    found = ask(TokenCache(), credentials(server, **changes))
    assert isinstance(found, Refused) and found.pause and found.code == "token_refused"
    assert words in found.sentence and found.sentence.endswith("then resume it.")


def test_a_secret_that_the_service_repeats_is_masked(server: TokenEndpoint) -> None:
    secret = server.rules.client_secret
    body = json.dumps(
        {"error": "invalid_client", "error_description": f"Secret {secret} is unknown"}
    )
    server.next_token = [Answer(401, body.encode())]
    found = ask(TokenCache(), credentials(server))
    assert isinstance(found, Refused) and secret not in found.sentence and "••••" in found.sentence


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503),
        Answer(429, b"{}", {"Retry-After": "7"}),
        Answer(400, b'{"error":"temporarily_unavailable"}'),
        Answer(200, b"<html>Maintenance</html>"),
        Answer(200, b'{"access_token":""}'),
        Answer(200, b'{"access_token":"a\\r\\nX-Evil: 1"}'),
        Answer(200, b'{"access_token":["a"]}'),
        Answer(200, b"[" * 5000),
        Answer(hang_up=True),
    ],
)
def test_a_passing_error_of_the_token_url_is_retried(server: TokenEndpoint, answer: Answer) -> None:
    server.next_token = [answer]
    cache, client = TokenCache(), credentials(server)
    found = ask(cache, client)
    assert isinstance(found, Failed) and "Relay retries" in found.sentence
    assert found.retry_after_s == (7.0 if answer.status == 429 else None)
    assert isinstance(ask(cache, client), AccessToken)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404),
        Answer(302, headers={"Location": "https://evil.example/"}),
        Answer(200, b'{"error":"invalid_client"}'),
        Answer(200, b'{"access_token":"abc","token_type":"mac"}'),
    ],
)
def test_a_lasting_error_of_the_token_url_pauses(server: TokenEndpoint, answer: Answer) -> None:
    server.next_token = [answer]
    found = ask(TokenCache(), credentials(server))
    assert isinstance(found, Refused) and found.pause


def test_a_token_url_in_a_blocked_network_is_not_called(server: TokenEndpoint) -> None:
    blocked = credentials(server, token_url="https://169.254.169.254/token")
    found = ask(TokenCache(), blocked)
    assert isinstance(found, Refused) and found.pause and found.code == "blocked_address"


@pytest.mark.parametrize(
    ("lasts", "seconds"),
    [
        (3600, 3570),
        ("3600", 3570),
        (20, 10),
        (None, 270),
        ("soon", 270),
        (True, 270),
        (1e12, 86_370),
    ],
)
def test_a_token_is_renewed_before_it_expires(lasts: object, seconds: float) -> None:
    client = ClientCredentials("https://login.example/token", "id", "secret-secret")
    body = {"access_token": "abc", "token_type": "bearer"} | (
        {} if lasts is None else {"expires_in": lasts}
    )
    token = read_token(Reply(200, (), json.dumps(body).encode()), client)
    assert isinstance(token, AccessToken)
    assert token.until - time.monotonic() == pytest.approx(seconds, abs=2)


def test_neither_the_secret_nor_the_token_is_shown(server: TokenEndpoint) -> None:
    calls: list[Call] = []
    client = credentials(server)
    TokenCache().token(client, TRANSPORT.send, calls)
    (call,) = calls
    shown = json.dumps(mask_request(call.request)) + repr(call.request.secrets and client)
    assert server.rules.client_secret not in shown and call.request.secret_reply
