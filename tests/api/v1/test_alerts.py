"""Alerts through the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from tests.api.v1.conftest import ApiClient
from tests.support.two_sites import TwoSites


def test_an_alert_is_acknowledged_snoozed_and_gets_notes(
    sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    client, path = api("support"), f"/alerts/{sites.mine.alert}"
    until = (datetime.now(UTC) + timedelta(hours=4)).replace(microsecond=0)
    found = client.post(f"{path}/snooze", until=until.isoformat())
    assert datetime.fromisoformat(found["snoozed_until"]) == until
    assert client.post(f"{path}/snooze", until=None)["snoozed_until"] is None
    assert client.post(f"{path}/snooze", status=409, until=None)["error"]["code"] == "conflict"
    client.post(f"{path}/snooze", status=422, until=(until + timedelta(days=60)).isoformat())
    client.post(f"{path}/notes", note="The agency knows. Call +1 555 0100 123.")
    found = client.post(f"{path}/acknowledge", note="Known.")
    assert (found["acknowledged_by"], found["note"]) == (client.email, "Known.")
    assert [one["action"] for one in found["timeline"]] == [
        *("snoozed", "snoozed", "note", "acknowledged")
    ]
    assert "0100" not in found["timeline"][2]["text"]  # masked as in the dashboard
    assert client.get(path) == found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_alerts_are_filtered(app: Flask, sites: TwoSites, api: Callable[..., ApiClient]) -> None:
    client = api("viewer")
    assert len(client.get("/alerts", open="true")["items"]) == 6
    found = client.get("/alerts", rule="silent_site", subject=f"site:{sites.mine.slug}")["items"]
    assert [(one["id"], one["subject_name"]) for one in found] == [
        (sites.mine.alert, f"Shop {sites.mine.mark}")
    ]
    assert client.get("/alerts", severity="critical")["items"] == []
    assert client.open("GET", "/alerts?rule=nothing").status_code == 422
