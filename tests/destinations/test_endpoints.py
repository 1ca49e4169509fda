"""A stored secret goes only to the server that it was entered for, and a URL's query is one."""

from __future__ import annotations

from typing import Any

import pytest

from relay.destinations import KINDS
from relay.destinations.channel_kinds import CHANNEL_KINDS
from relay.destinations.endpoints import AGAIN, QUERY_AGAIN, changed_address
from relay.destinations.loading import BY_COMMAND_LINE, load_config
from relay.errors import Invalid
from tests.support.kind_contract import mapped_message

WEBHOOK, EMAIL = KINDS["webhook"], KINDS["email"]
URL, TOKEN = "https://hooks.example.com/in?key=0123456789abcdef&v=1", "a-very-secret-token"
MASKED = "https://hooks.example.com/in?key=••••cdef&v=••••"
BEARER = {"url": "https://example.com/in", "auth": "bearer"}
MAIL = {"to": "a@example.com", "sender": "b@example.com", "host": "smtp.example.com"}


def reasons_of(kind: Any, before: dict[str, Any], changes: dict[str, Any]) -> dict[str, list[str]]:
    """What is wrong when a form is saved with ``changes`` and all secrets left empty."""
    config, hidden = load_config(kind, before, {})
    try:
        load_config(kind, {**config, **changes}, hidden, (), config)
    except Invalid as exc:
        return exc.reasons
    return {}


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://evil.example/in"},
        {"url": "https://example.com:8443/in"},
        {"url": "https://example.com./in"},
    ],
)
def test_another_server_asks_for_the_secret_again(changes: dict[str, str]) -> None:
    assert reasons_of(WEBHOOK, BEARER | {"token": TOKEN}, changes) == {"token": [AGAIN]}


@pytest.mark.parametrize(
    "changes", [{"url": "https://EXAMPLE.com:443/other?a=b"}, {"method": "PUT"}, {"user": "x"}]
)
def test_the_same_server_does_not(changes: dict[str, str]) -> None:
    assert reasons_of(WEBHOOK, BEARER | {"token": TOKEN}, changes) == {}


@pytest.mark.parametrize(
    ("kind", "before", "changes", "field"),
    [
        (EMAIL, MAIL | {"password": TOKEN}, {"host": "evil.example"}, "password"),
        (EMAIL, MAIL | {"password": TOKEN}, {"port": "2525"}, "password"),
        (EMAIL, MAIL | {"password": TOKEN}, {"security": "none"}, "password"),
        (
            KINDS["openai"],
            {"api_key": TOKEN, "models": "m 1 2"},
            {"service": "other", "base_url": "https://evil.example/v1"},
            "api_key",
        ),
        (KINDS["hubspot"], {"token": TOKEN}, {"base_url": "https://evil.example"}, "token"),
        (
            CHANNEL_KINDS["ntfy"],
            {"topic": "a", "access_token": TOKEN},
            {"server": "https://evil.example"},
            "access_token",
        ),
        (
            WEBHOOK,
            {
                "url": "https://example.com/in",
                "auth": "oauth2",
                "token_url": "https://login.example.com/t",
                "client_id": "a",
                "client_secret": TOKEN,
            },
            {"token_url": "https://evil.example/t"},
            "client_secret",
        ),
    ],
)
def test_every_kind_says_which_settings_name_the_server(
    kind: Any, before: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    assert reasons_of(kind, before, changes) == {field: [AGAIN]}


def test_another_way_of_signing_in_drops_the_old_secret() -> None:
    config, hidden = load_config(WEBHOOK, BEARER | {"token": TOKEN}, {})
    none = load_config(WEBHOOK, config | {"auth": "none"}, hidden, (), config)
    assert none[1] == {}
    with pytest.raises(Invalid) as caught:
        load_config(WEBHOOK, config | {"auth": "basic", "user": "a"}, hidden, (), config)
    assert caught.value.reasons.keys() == {"password"}


def test_with_the_secret_entered_again_the_address_changes() -> None:
    config, hidden = load_config(WEBHOOK, BEARER | {"token": TOKEN}, {})
    new = {**config, "url": "https://new.example/in", "token": "another-secret"}
    changed = load_config(WEBHOOK, new, hidden, (), config)
    assert changed[1] == {"token": "another-secret"}
    assert changed_address(WEBHOOK, (config, hidden), changed) == {
        "old_address": "https://example.com/in",
        "new_address": "https://new.example/in",
    }


def test_the_values_of_a_query_are_secrets_and_still_sent() -> None:
    config, hidden = load_config(WEBHOOK, {"url": URL, "auth": "none"}, {})
    assert (config["url"], hidden) == (MASKED, {"url": URL})
    request = WEBHOOK.build({**config, **hidden}, mapped_message(WEBHOOK))
    assert request.url.startswith(URL)


@pytest.mark.parametrize(
    ("entered", "becomes"),
    [
        (MASKED, URL),
        (MASKED.replace("/in", "/other"), URL.replace("/in", "/other")),
        (MASKED.replace("v=••••", "v=2"), URL.replace("v=1", "v=2")),
        (MASKED.replace("&v=••••", ""), URL.replace("&v=1", "")),
        ("https://hooks.example.com/in", None),
        ("https://evil.example/in?key=plain-and-new", "https://evil.example/in?key=plain-and-new"),
    ],
)
def test_a_masked_value_stays_as_it_is(entered: str, becomes: str | None) -> None:
    config, hidden = load_config(WEBHOOK, {"url": URL, "auth": "none"}, {})
    _, changed = load_config(WEBHOOK, {"url": entered, "auth": "none"}, hidden, (), config)
    assert changed.get("url") == becomes


@pytest.mark.parametrize(
    "entered",
    [
        MASKED.replace("hooks.example.com", "evil.example"),
        MASKED.replace("https:", "http:"),
        MASKED.replace("key=", "other="),
        MASKED.replace("cdef", "abcd"),
        f"{MASKED}&key=••••cdef",
        "https://••••.example/in",
    ],
)
def test_a_masked_value_follows_to_no_other_server_and_no_other_name(entered: str) -> None:
    config, hidden = load_config(WEBHOOK, {"url": URL, "auth": "none"}, {})
    with pytest.raises(Invalid) as caught:
        load_config(WEBHOOK, {"url": entered, "auth": "none"}, hidden, (), config)
    assert caught.value.reasons["url"] == [QUERY_AGAIN]


@pytest.mark.parametrize("reference", ["env:SECRET_KEY", " file:/etc/passwd", "vault:kv/a#b"])
def test_a_reference_is_taken_from_the_command_line_only(reference: str) -> None:
    values = BEARER | {"token": reference}
    with pytest.raises(Invalid) as caught:
        load_config(WEBHOOK, values, {}, may_refer=False)
    assert caught.value.reasons == {"token": [BY_COMMAND_LINE]}
    config, hidden = load_config(WEBHOOK, values, {})
    assert hidden == {"token": reference.strip()}
    kept = load_config(WEBHOOK, config, hidden, (), config, may_refer=False)
    assert kept == (config, hidden), "an empty field keeps it"
