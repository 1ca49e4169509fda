"""Failed deliveries through the API."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from tests.api.v1.conftest import ApiClient
from tests.support import two_sites
from tests.support.two_sites import TwoSites


def test_failed_deliveries_are_resent_and_discarded_once(
    app: Flask, sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    client, (first, last) = api("support"), sites.mine.letters
    found = client.get("/failed-deliveries", site=sites.mine.slug)["items"]
    assert [one["id"] for one in found] == [last, first]
    assert found[0] == client.get(f"/failed-deliveries/{last}")
    sent = client.post(f"/failed-deliveries/{first}/resend")
    assert (sent["state"], sent["resolution"]) == ("resolved", "replayed")
    gone = client.post(f"/failed-deliveries/{last}/discard", reason="A test")
    assert (gone["state"], gone["resolution"]) == ("resolved", "discarded")
    for action in ("resend", "discard"):
        again = client.post(f"/failed-deliveries/{first}/{action}", status=409)
        assert "already resolved" in again["error"]["message"]
    assert two_sites.states(app, sites.mine) == [("pending", "resolved"), ("discarded", "resolved")]
    assert client.get("/failed-deliveries", site=sites.mine.slug)["items"] == []
    resolved = client.get("/failed-deliveries", state="resolved")["items"]
    assert [one["id"] for one in resolved] == [last, first]
