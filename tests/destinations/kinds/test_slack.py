"""Slack: a real HTTP server that answers as Slack documents."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from relay.destinations import KINDS, load_config
from relay.destinations.base import Reply
from relay.destinations.http import Transport
from relay.destinations.masking import mask_request
from relay.errors import Invalid
from relay.lifecycle import Accepted, Failed, Refused, Signal
from relay.mapping.rules import fill
from relay.mapping.samples import SAMPLES
from tests.destinations.kinds.test_webhook import message
from tests.support.sink import Sink

KIND = KINDS["slack"]
PATH = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"


def filled(event_type: str = "comment.created", data: Any = None, **changes: Any) -> Any:
    one = message(event_type=event_type, data=data or SAMPLES[event_type], **changes)
    scope = {"event": event_type, "data": one.data, "site_name": one.site_name}
    texts = fill(KIND.ready_made({}, event_type), scope)
    return message(event_type=event_type, data=one.data, mapped=texts, **changes)


def send(sink: Sink, **changes: Any) -> Signal:
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    request = KIND.build({"webhook_url": sink.url + PATH}, filled(**changes))
    return KIND.classify(KIND.send(request, transport))


def test_ok_is_success(sink: Sink) -> None:
    assert isinstance(send(sink), Accepted)
    body = sink.requests[0].json()
    assert "Jane Example" in body["text"]
    assert body["blocks"][0]["text"]["type"] == "mrkdwn"


def test_a_page_that_only_answers_200_is_not_slack(sink: Sink) -> None:
    sink.answer(200, b"<html>welcome</html>")
    signal = send(sink)
    assert isinstance(signal, Refused) and signal.pause


@pytest.mark.parametrize(
    ("status", "word", "pause"),
    [
        (400, "invalid_payload", False),
        (400, "no_text", False),
        (400, "user_not_found", True),
        (403, "action_prohibited", True),
        (403, "invalid_token", True),
        (404, "channel_not_found", True),
        (404, "no_service", True),
        (404, "no_active_hooks", True),
        (404, "no_team", True),
        (410, "channel_is_archived", True),
        (404, "something_new", True),
    ],
)
def test_every_documented_refusal_is_final_and_says_what_to_do(
    sink: Sink, status: int, word: str, pause: bool
) -> None:
    sink.answer(status, word)
    signal = send(sink)
    assert isinstance(signal, Refused)
    assert signal.pause is pause
    assert len(signal.sentence) > 20


@pytest.mark.parametrize(
    ("status", "headers", "wish"),
    [(429, {"Retry-After": "7"}, 7.0), (429, {}, 1.0), (500, {}, None)],
)
def test_too_much_and_trouble_are_tried_again(
    sink: Sink, status: int, headers: dict[str, str], wish: float | None
) -> None:
    sink.answer(status, "rollup_error", headers)
    signal = send(sink)
    assert isinstance(signal, Failed)
    assert signal.retry_after_s == wish


@pytest.mark.parametrize("event_type", sorted(SAMPLES))
def test_every_shipped_type_has_a_message(event_type: str) -> None:
    request = KIND.build({"webhook_url": "https://hooks.slack.com" + PATH}, filled(event_type))
    assert len(json.loads(request.body)["text"]) > 10


def test_a_visitors_text_cannot_call_the_channel() -> None:
    data = SAMPLES["comment.created"] | {"content": "<!channel> & <@U1> {{ site_url }}"}
    request = KIND.build({"webhook_url": "https://hooks.slack.com" + PATH}, filled(data=data))
    text = json.loads(request.body)["text"]
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt; {{ site_url }}" in text


def test_a_long_comment_stays_within_slacks_limits() -> None:
    text = "x" * 50_000
    one = message(mapped={"text": text})
    body = json.loads(KIND.build({"webhook_url": "https://hooks.slack.com" + PATH}, one).body)
    assert len(body["blocks"][0]["text"]["text"]) <= 3000


@pytest.mark.parametrize("ahead", range(2990, 3001))
def test_a_cut_never_goes_through_an_escaped_sign(ahead: int) -> None:
    one = message(mapped={"text": "x" * ahead + "&amp;" * 10})
    body = json.loads(KIND.build({"webhook_url": "https://hooks.slack.com" + PATH}, one).body)
    text = body["blocks"][0]["text"]["text"]
    assert len(text) <= 3000
    assert set(text.removesuffix("…").lstrip("x").split("&amp;")) <= {""}


def test_the_address_is_a_secret() -> None:
    config, secrets = load_config(KIND, {"webhook_url": "https://hooks.slack.com" + PATH}, {})
    assert "webhook_url" not in config
    request = KIND.build(config | secrets, filled())
    assert "abcdefghijklmnopqrst" not in json.dumps(mask_request(request))


def test_another_address_is_refused_on_saving() -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {"webhook_url": "https://example.com/hook"}, {})
    assert list(refused.value.reasons) == ["webhook_url"]


def test_no_answer_is_a_failure() -> None:
    assert isinstance(KIND.classify(Reply(error="timeout", sentence="Slow.")), Failed)
