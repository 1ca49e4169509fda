"""Inbox: whole messages, and no way out."""

from __future__ import annotations

import json

from relay.destinations import KINDS, load_config
from relay.rules.lifecycle import Accepted
from tests.support.kind_contract import message

KIND = KINDS["inbox"]


def test_it_keeps_the_body_that_a_webhook_would_get() -> None:
    webhook = KINDS["webhook"].build({"url": "https://example.com/", "auth": "none"}, message())
    request = KIND.build({}, message())
    assert request.body == webhook.body
    assert json.loads(request.body)["event_id"] == "evt-1"


def test_it_needs_no_network_and_always_takes() -> None:
    reply = KIND.send(KIND.build({}, message()), transport=None)
    assert (reply.status, reply.body) == (200, b"kept")
    assert isinstance(KIND.classify(reply), Accepted)


def test_it_has_nothing_to_set() -> None:
    assert load_config(KIND, {}, {}) == ({}, {})
