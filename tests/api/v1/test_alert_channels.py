"""Alert channels through the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from relay.rules.states import Severity
from relay.services.alerts import channels
from relay.services.alerts.channels import ChannelChoice
from relay.services.audit import COMMAND_LINE
from tests.api.v1.conftest import ApiClient
from tests.support.sink import Sink


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_channels_are_listed_without_secrets_and_tested(
    app: Flask, sink: Sink, api: Callable[..., ApiClient]
) -> None:
    with app.app_context():
        for name in ("First", "Second"):
            made = channels.create_channel(
                *("webhook", name, {"url": f"{sink.url}/{name}"}),
                *(ChannelChoice(Severity.WARNING), COMMAND_LINE),
            )
    client = api("support")
    listed = client.open("GET", "/alert-channels")
    assert [one["name"] for one in listed.get_json()["items"]] == ["First", "Second"]
    assert made.secret and made.secret not in listed.text
    first = client.get("/alert-channels", limit=1)
    rest = client.get("/alert-channels", limit=1, cursor=first["next_cursor"])
    assert [one["name"] for one in rest["items"]] == ["Second"] and rest["next_cursor"] is None
    found = client.post(f"/alert-channels/{made.channel.id}/test")
    assert (found["ok"], found["message"]) == (True, "")
    sink.answer(500, b"no", path="/Second")
    found = client.post(f"/alert-channels/{made.channel.id}/test")
    assert not found["ok"] and "500" in found["message"]
    client.post("/alert-channels/99/test", status=404)
