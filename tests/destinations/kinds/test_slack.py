"""Slack: a real HTTP server that answers as Slack documents."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from relay.destinations import KINDS, load_config
from relay.destinations.base import Message, MessageResult
from relay.destinations.kinds.slack import errors
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.destinations.redaction import mask_request
from relay.errors import Invalid
from relay.event_types import SAMPLES
from relay.mapping.rules import fill
from relay.rules.lifecycle import Accepted, Failed, Held, Refused, Signal
from relay.transport.client import Transport
from relay.transport.request import Reply
from tests.support.fake_slack import CHANNEL, PATH, TOKEN, FakeSlack, refusal
from tests.support.kind_contract import message
from tests.support.sink import Answer

KIND = KINDS["slack"]


def filled(event_type: str = "comment.created", data: Any = None, **changes: Any) -> Any:
    one = message(event_type=event_type, data=data or SAMPLES[event_type], **changes)
    scope = {"event": event_type, "data": one.data, "site_name": one.site_name}
    texts = fill(KIND.default_mapping({}, event_type), scope)
    return message(event_type=event_type, data=one.data, mapped=texts, **changes)


def deliver(slack: FakeSlack, messages: list[Message], **config: Any) -> list[MessageResult]:
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    settings = {"way": "webhook", "webhook_url": slack.webhook_url, **config}
    return KIND.deliver(settings, messages, lambda request: KIND.send(request, transport))


def by_webhook(slack: FakeSlack) -> Signal:
    return deliver(slack, [filled()])[0].signal


def by_bot(slack: FakeSlack) -> Signal:
    bot = {"way": "bot", "bot_token": TOKEN, "channel": CHANNEL, "api_url": slack.api_url}
    return deliver(slack, [filled()], **bot)[0].signal


def test_ok_is_success(slack: FakeSlack) -> None:
    assert isinstance(by_webhook(slack), Accepted)
    (body,) = slack.messages
    assert "Jane Example" in body["text"]
    assert body["blocks"][0]["text"]["type"] == "mrkdwn"


def test_a_page_that_only_answers_200_is_not_slack(slack: FakeSlack) -> None:
    slack.next(Answer(200, b"<html>welcome</html>"))
    signal = by_webhook(slack)
    assert isinstance(signal, Refused) and signal.pause


SIGNALS = {
    ErrorAction.RETRY: Failed,
    ErrorAction.WAIT: Held,
    ErrorAction.PAUSE: Refused,
    ErrorAction.FIX: Refused,
}


def check(signal: Signal, known: KnownError) -> None:
    assert isinstance(signal, SIGNALS[known.verdict])
    assert isinstance(signal, Failed | Held | Refused)
    assert signal.sentence == known.sentence and signal.sentence.endswith(".")
    if isinstance(signal, Refused):
        assert signal.pause is (known.verdict is ErrorAction.PAUSE)


@pytest.mark.parametrize("word", errors.WEBHOOK_ERRORS)
def test_every_documented_error_of_a_webhook_says_what_to_do(slack: FakeSlack, word: str) -> None:
    known = errors.WEBHOOK_ERRORS[word]
    slack.next(Answer(500 if known.verdict is ErrorAction.RETRY else 404, word.encode()))
    check(by_webhook(slack), known)


@pytest.mark.parametrize("word", errors.BOT_ERRORS)
@pytest.mark.parametrize("status", [200, 400])
def test_every_documented_error_of_a_bot_says_what_to_do(
    slack: FakeSlack, word: str, status: int
) -> None:
    slack.next(refusal(word, status))
    check(by_bot(slack), errors.BOT_ERRORS[word])


def test_an_unknown_refusal_with_status_200_is_a_failure(slack: FakeSlack) -> None:
    slack.next(refusal("something_new"))
    signal = by_bot(slack)
    assert isinstance(signal, Refused) and "something_new" in signal.sentence


@pytest.mark.parametrize("body", [b"ok", b"<html>", b"", b"[]", b'{"ok": "yes"}'])
def test_a_bots_answer_that_is_not_slacks_pauses(slack: FakeSlack, body: bytes) -> None:
    slack.next(Answer(200, body))
    signal = by_bot(slack)
    assert isinstance(signal, Refused) and signal.pause


@pytest.mark.parametrize("status", [404, 410])
def test_an_unknown_word_of_a_lost_webhook_pauses_and_asks_to_reconnect(
    slack: FakeSlack, status: int
) -> None:
    slack.next(Answer(status, b"something_new"))
    signal = by_webhook(slack)
    assert isinstance(signal, Refused) and signal.pause and errors.RECONNECT in signal.sentence


@pytest.mark.parametrize(("wish", "waits"), [("7", 7.0), (None, 1.0)])
def test_too_many_messages_wait_and_cost_no_attempt(
    slack: FakeSlack, wish: str | None, waits: float
) -> None:
    headers = {"Retry-After": wish} if wish else {}
    for send_by in (by_webhook, by_bot):
        slack.next(Answer(429, b"ratelimited", headers))
        signal = send_by(slack)
        assert isinstance(signal, Held) and signal.wait_s == waits


def test_a_bot_writes_into_its_channel(slack: FakeSlack) -> None:
    assert isinstance(by_bot(slack), Accepted)
    (written,) = slack.messages
    assert written["channel"] == CHANNEL and "Jane Example" in written["text"]


@pytest.mark.parametrize("trouble", [Answer(hang_up=True), Answer(503, b"")])
def test_broken_answers_are_tried_again(slack: FakeSlack, trouble: Answer) -> None:
    for send_by in (by_webhook, by_bot):
        slack.next(trouble)
        assert isinstance(send_by(slack), Failed)


# ---- digests -----------------------------------------------------------------------------------


def crowd(count: int, text: str = "*New order {n}* over 10 EUR\nmore") -> list[Message]:
    return [
        message(
            event_type="order.created" if n % 2 else "lead.created",
            key=f"{n:032d}",
            mapped={"text": text.format(n=n)},
        )
        for n in range(count)
    ]


def test_many_messages_are_one_that_counts_and_lists_them(slack: FakeSlack) -> None:
    done = deliver(slack, crowd(30))
    assert all(isinstance(one.signal, Accepted) for one in done)
    (written,) = slack.messages
    assert written["text"].startswith("*30 messages in one: 15 leads, 15 orders*")
    assert "• *New order 29* over 10 EUR" in written["text"] and "more" not in written["text"]
    (call,) = done[3].calls
    assert call.together == 30
    assert json.loads(call.request.body) == {"digest": 30, "text": "*New order 3* over 10 EUR"}


def test_a_huge_digest_stays_within_slacks_limits_and_says_what_it_left_out(
    slack: FakeSlack,
) -> None:
    deliver(slack, crowd(1000, "&lt;{n}&gt; " + "&amp;" * 200))
    (written,) = slack.messages
    sections = [block["text"]["text"] for block in written["blocks"]]
    assert all(len(text) <= 3000 for text in sections) and sum(map(len, sections)) <= 13_000
    shown = sum(text.count("•") for text in sections)
    assert f"and {1000 - shown} more" in sections[-1]
    for text in sections:
        assert not re.search(r"&(?!(amp|lt|gt);)", text)


def test_no_message_dies_of_anothers_in_the_same_digest(slack: FakeSlack) -> None:
    messages = crowd(3)
    messages[1] = replace(messages[1], mapped={})
    slack.next(Answer(400, b"invalid_payload"))
    first, empty, last = deliver(slack, messages)
    assert isinstance(first.signal, Failed) and isinstance(last.signal, Failed)
    assert isinstance(empty.signal, Failed)


def test_a_message_without_text_is_named_in_a_digest(slack: FakeSlack) -> None:
    """A text made of what an AI says is empty there: a digest asks none."""
    messages = crowd(3)
    messages[1] = replace(messages[1], mapped={}, site_name="Tea & <Co>")
    assert all(isinstance(one.signal, Accepted) for one in deliver(slack, messages))
    assert "• New order on Tea &amp; &lt;Co&gt;" in slack.messages[0]["text"]


def test_the_digest_can_be_switched_off() -> None:
    assert KIND.digest({}) is not None
    assert KIND.digest({"digest_above": 0}) is None


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


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "webhook_url"),
        ({"webhook_url": "https://example.com/hook"}, "webhook_url"),
        ({"way": "bot", "channel": CHANNEL}, "bot_token"),
        ({"way": "bot", "bot_token": TOKEN}, "channel"),
        ({"way": "bot", "bot_token": "xoxb two", "channel": CHANNEL}, "bot_token"),
        ({"webhook_url": "https://hooks.slack.com" + PATH, "digest_above": "x"}, "digest_above"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, values, {})
    assert list(refused.value.reasons) == [field]


def test_no_answer_is_a_failure() -> None:
    assert isinstance(KIND.classify(Reply(error="timeout", sentence="Slow.")), Failed)
