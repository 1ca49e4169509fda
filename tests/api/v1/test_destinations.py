"""Destinations through the API."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from tests.api.v1.conftest import ApiClient


def test_a_destination_is_paused_and_resumed(app: Flask, api: Callable[..., ApiClient]) -> None:
    with app.app_context():
        hook = destination_settings.create_destination(
            "webhook",
            "Hook",
            {"url": "https://example.com/in?key=0123456789abcdef", "auth": "none"},
            COMMAND_LINE,
        )
    client, path = api("support"), f"/destinations/{hook.id}"
    shown = client.get(path)
    assert (shown["status"], shown["kind"], shown["waiting"]) == ("active", "webhook", 0)
    assert shown["subscriptions"][0]["events"] == ["*"]
    assert "0123456789abcdef" not in str(shown)
    paused = client.post(f"{path}/pause", reason="Maintenance")
    assert (paused["status"], paused["reason"]) == ("paused", "Maintenance")
    assert "already paused" in client.post(f"{path}/pause", status=409)["error"]["message"]
    assert client.get("/destinations")["items"][0]["status"] == "paused"
    assert client.post(f"{path}/resume")["status"] != "paused"
    client.post("/destinations/99/pause", status=404)
