"""Inbox: stores whole messages and sends nothing."""

from __future__ import annotations

import json

from relay.destinations import KINDS
from relay.destinations.loading import load_config
from relay.rules.lifecycle import Accepted
from tests.support.kind_contract import message

KIND = KINDS["inbox"]


def test_it_stores_the_body_of_a_webhook() -> None:
    webhook = KINDS["webhook"].build({"url": "https://example.com/", "auth": "none"}, message())
    request = KIND.build({}, message())
    assert request.body == webhook.body
    assert json.loads(request.body)["event_id"] == "evt-1"


def test_it_needs_no_network_and_accepts_everything() -> None:
    reply = KIND.send(KIND.build({}, message()), transport=None)
    assert (reply.status, reply.body) == (200, b"kept")
    assert isinstance(KIND.classify(reply), Accepted)


def test_it_has_no_settings() -> None:
    assert load_config(KIND, {}, {}) == ({}, {})
