"""Slack: an HTTP server that responds as documented by Slack."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from relay.destinations import KINDS
from relay.destinations.base import Message, MessageResult
from relay.destinations.kinds.slack import errors
from relay.destinations.loading import load_config
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.destinations.redaction import mask_request
from relay.errors import Invalid
from relay.event_types import SAMPLES
from relay.mapping.rules import fill
from relay.rules.lifecycle import Accepted, Failed, Held, Refused, Signal
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply
from tests.support.fake_slack import (
    CHANNEL,
    PATH,
    TOKEN,
    FakeSlack,
    check_message,
    mentions_in,
    refusal,
    texts_in,
)
from tests.support.fake_slack import Refused as RefusedBySlack
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


def test_a_200_without_ok_is_not_slack(slack: FakeSlack) -> None:
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
    assert isinstance(signal, SIGNALS[known.action])
    assert isinstance(signal, Failed | Held | Refused)
    assert signal.sentence == known.sentence and signal.sentence.endswith(".")
    if isinstance(signal, Refused):
        assert signal.pause is (known.action is ErrorAction.PAUSE)


@pytest.mark.parametrize("word", errors.WEBHOOK_ERRORS)
def test_every_documented_error_of_a_webhook_has_its_outcome(slack: FakeSlack, word: str) -> None:
    known = errors.WEBHOOK_ERRORS[word]
    slack.next(Answer(500 if known.action is ErrorAction.RETRY else 404, word.encode()))
    check(by_webhook(slack), known)


@pytest.mark.parametrize("word", errors.BOT_ERRORS)
@pytest.mark.parametrize("status", [200, 400])
def test_every_documented_error_of_a_bot_has_its_outcome(
    slack: FakeSlack, word: str, status: int
) -> None:
    slack.next(refusal(word, status))
    check(by_bot(slack), errors.BOT_ERRORS[word])


def test_an_unknown_error_with_status_200_is_a_failure(slack: FakeSlack) -> None:
    slack.next(refusal("something_new"))
    signal = by_bot(slack)
    assert isinstance(signal, Refused) and "something_new" in signal.sentence


@pytest.mark.parametrize("body", [b"ok", b"<html>", b"", b"[]", b'{"ok": "yes"}'])
def test_a_response_that_is_not_from_slack_pauses_the_bot(slack: FakeSlack, body: bytes) -> None:
    slack.next(Answer(200, body))
    signal = by_bot(slack)
    assert isinstance(signal, Refused) and signal.pause


@pytest.mark.parametrize("status", [404, 410])
def test_an_unknown_error_of_a_removed_webhook_pauses(slack: FakeSlack, status: int) -> None:
    slack.next(Answer(status, b"something_new"))
    signal = by_webhook(slack)
    assert isinstance(signal, Refused) and signal.pause and errors.RECONNECT in signal.sentence


@pytest.mark.parametrize(("wish", "waits"), [("7", 7.0), (None, 1.0)])
def test_the_rate_limit_is_a_hold_and_costs_no_attempt(
    slack: FakeSlack, wish: str | None, waits: float
) -> None:
    headers = {"Retry-After": wish} if wish else {}
    for send_by in (by_webhook, by_bot):
        slack.next(Answer(429, b"ratelimited", headers))
        signal = send_by(slack)
        assert isinstance(signal, Held) and signal.wait_s == waits


def test_a_bot_posts_to_its_channel(slack: FakeSlack) -> None:
    assert isinstance(by_bot(slack), Accepted)
    (written,) = slack.messages
    assert written["channel"] == CHANNEL and "Jane Example" in written["text"]


@pytest.mark.parametrize("trouble", [Answer(hang_up=True), Answer(503, b"")])
def test_invalid_responses_are_retried(slack: FakeSlack, trouble: Answer) -> None:
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


def test_a_digest_counts_and_lists_the_messages(slack: FakeSlack) -> None:
    done = deliver(slack, crowd(30))
    assert all(isinstance(one.signal, Accepted) for one in done)
    (written,) = slack.messages
    assert written["text"].startswith("*30 messages in one: 15 leads, 15 orders*")
    assert "• *New order 29* over 10 EUR" in written["text"] and "more" not in written["text"]
    (call,) = done[3].calls
    assert call.together == 30
    assert json.loads(call.request.body) == {"digest": 30, "text": "*New order 3* over 10 EUR"}


def test_a_digest_links_to_the_sites_and_to_the_events_in_relay(slack: FakeSlack) -> None:
    messages = [replace(one, relay_url=RELAY) for one in crowd(3)]
    messages[1] = replace(messages[1], site_name="Blog", site_url="https://blog.example.com")
    deliver(slack, messages)
    assert texts_in(slack.messages[0])[-1] == (
        "<https://shop.example.com|Shop> · <https://blog.example.com|Blog> · "
        "<https://relay.example.com/events|Events in Relay>"
    )


def test_a_large_digest_stays_within_slacks_limits_and_counts_the_rest(
    slack: FakeSlack,
) -> None:
    deliver(slack, crowd(1000, "&lt;{n}&gt; " + "&amp;" * 200))
    (written,) = slack.messages
    sections = sections_of(written)
    assert all(len(text) <= 3000 for text in sections) and sum(map(len, sections)) <= 13_000
    shown = sum(text.count("•") for text in sections)
    assert f"and {1000 - shown} more" in sections[-1]
    for text in sections:
        assert not re.search(r"&(?!(amp|lt|gt);)", text)


def test_a_rejected_digest_makes_no_dead_letters(slack: FakeSlack) -> None:
    messages = crowd(3)
    messages[1] = replace(messages[1], mapped={})
    slack.next(Answer(400, b"invalid_payload"))
    first, empty, last = deliver(slack, messages)
    assert isinstance(first.signal, Failed) and isinstance(last.signal, Failed)
    assert isinstance(empty.signal, Failed)


def test_a_message_without_text_has_a_line_in_the_digest(slack: FakeSlack) -> None:
    """A text made of what an AI says is empty there: a digest asks none."""
    messages = crowd(3)
    messages[1] = replace(messages[1], mapped={}, site_name="Tea & <Co>")
    assert all(isinstance(one.signal, Accepted) for one in deliver(slack, messages))
    assert "• New order on Tea &amp; &lt;Co&gt;" in slack.messages[0]["text"]


def test_the_digest_can_be_turned_off() -> None:
    assert KIND.digest({}) is not None
    assert KIND.digest({"digest_above": 0}) is None


@pytest.mark.parametrize("event_type", sorted(SAMPLES))
def test_every_shipped_type_has_a_message(event_type: str) -> None:
    request = KIND.build({"webhook_url": "https://hooks.slack.com" + PATH}, filled(event_type))
    assert len(json.loads(request.body)["text"]) > 10


def test_event_data_cannot_mention_the_channel() -> None:
    data = SAMPLES["comment.created"] | {"content": "<!channel> & <@U1> {{ site_url }}"}
    request = KIND.build({"webhook_url": "https://hooks.slack.com" + PATH}, filled(data=data))
    text = json.loads(request.body)["text"]
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt; {{ site_url }}" in text


# ---- long texts, quotes and links --------------------------------------------------------------


def body_of(one: Message, **config: Any) -> Any:
    """The message as it would be posted; it keeps Slack's rules."""
    settings = {"webhook_url": "https://hooks.slack.com" + PATH, **config}
    body = json.loads(KIND.build(settings, one).body)
    check_message(body, frozenset(body))
    return body


def sections_of(body: Any) -> list[str]:
    return [block["text"]["text"] for block in body["blocks"] if block["type"] == "section"]


def test_a_message_of_a_contact_form_is_whole(slack: FakeSlack) -> None:
    words = " ".join(f"word{n}" for n in range(150))
    assert len(words) > 1000
    data = SAMPLES["lead.created"] | {"fields": {"Name": "Anna", "Message": words}}
    deliver(slack, [filled("lead.created", data)])
    assert words in slack.shown[0]


def test_every_line_of_a_comment_is_quoted(slack: FakeSlack) -> None:
    data = SAMPLES["comment.created"] | {"content": "one\r\n\r\nthree <b>"}
    deliver(slack, [filled(data=data)], links="no")
    text = slack.messages[0]["blocks"][0]["text"]["text"]
    assert text.endswith("\n> one\n> \n> three &lt;b&gt;")


@pytest.mark.parametrize("text", ["x" * 11_990, "line\n" * 2390, "two words " * 1190])
def test_a_long_text_is_in_several_sections_and_whole(text: str) -> None:
    found = sections_of(body_of(message(mapped={"text": text})))
    assert len(found) == 4
    assert "".join(found).replace("\n", "").replace(" ", "") == text.replace("\n", "").replace(
        " ", ""
    )


def test_a_longer_text_ends_with_a_link_to_the_rest() -> None:
    one = message(mapped={"text": "x" * 50_000}, relay_url="https://relay.example.com/events/evt-1")
    found = sections_of(body_of(one))
    assert len(found) == 4 and sum(map(len, found)) > 11_900
    link = "<https://relay.example.com/events/evt-1|Read the rest in Relay>"
    assert found[-1].endswith(f"x…\n{link}")


def test_a_longer_text_says_that_there_is_more_if_relay_has_no_url() -> None:
    found = sections_of(body_of(message(mapped={"text": "x" * 50_000})))
    assert found[-1].endswith("x…\nThe rest of the text is in Relay.")


@pytest.mark.parametrize("ahead", range(2990, 3001))
@pytest.mark.parametrize("piece", ["&amp;", "<https://example.com/a?b=1&amp;c=2|words here>"])
def test_a_split_is_never_within_an_escaped_character_or_a_link(ahead: int, piece: str) -> None:
    body = body_of(message(mapped={"text": "x" * ahead + piece * 10}))
    first, second = sections_of(body)
    assert not first.lstrip("x").replace(piece, "")
    assert first.count(piece) + second.count(piece) == 10


def test_a_quoted_line_that_is_split_is_quoted_in_both_sections() -> None:
    body = body_of(message(mapped={"text": "*Comment*\n> " + "word " * 800}))
    first, second = sections_of(body)
    assert first.startswith("*Comment*\n> word") and second.startswith("> word")


ORDER = SAMPLES["order.created"] | {
    "edit_url": "https://shop.example.com/wp-admin/post.php?post=1042&action=edit"
}
RELAY = "https://relay.example.com/events/evt-1"


def test_a_message_links_to_the_order_the_site_and_the_event(slack: FakeSlack) -> None:
    deliver(slack, [filled("order.created", ORDER, relay_url=RELAY)])
    context = slack.messages[0]["blocks"][-1]
    assert context["type"] == "context"
    assert context["elements"][0]["text"] == (
        "<https://shop.example.com/wp-admin/post.php?post=1042&amp;action=edit|Open the order> · "
        "<https://shop.example.com|Shop> · <https://relay.example.com/events/evt-1|Event in Relay>"
    )
    assert slack.shown[0].endswith("\nOpen the order · Shop · Event in Relay")


def test_a_text_of_ones_own_has_the_links_too_unless_they_are_turned_off() -> None:
    one = message(mapped={"text": "Hello"}, relay_url=RELAY)
    assert "Event in Relay" in texts_in(body_of(one))[-1]
    assert texts_in(body_of(one, links="no")) == ["Hello"]


def test_a_sample_has_no_link_to_an_event() -> None:
    one = message(mapped={"text": "Hello"}, relay_url=RELAY, is_test=True)
    assert texts_in(body_of(one))[-1] == "<https://shop.example.com|Shop>"


def test_links_that_do_not_fit_are_left_out() -> None:
    data = ORDER | {"page_url": "https://shop.example.com/" + "x" * 1500}
    one = message(event_type="order.created", data=data, mapped={"text": "x" * 50_000})
    assert "Page" not in texts_in(body_of(one))[-1]


def test_the_text_of_a_person_can_have_plain_signs_links_and_mentions() -> None:
    text = "R&D: 3 < 5 > 2 <!here> <https://example.com|more> <b> <@U123> &amp;"
    body = body_of(message(mapped={"text": text}), links="no")
    assert body["text"] == (
        "R&amp;D: 3 &lt; 5 &gt; 2 <!here> <https://example.com|more> &lt;b&gt; <@U123> &amp;"
    )
    assert mentions_in(body["text"]) == ["!here", "@U123"]


def test_a_visitors_signs_are_shown_as_they_were_written(slack: FakeSlack) -> None:
    words = "Tom & Jerry <b>3 < 5</b> https://example.com/?a=1&b=2 &amp; <!channel>"
    deliver(slack, [filled(data=SAMPLES["comment.created"] | {"content": words})])
    assert f"> {words}" in slack.shown[0]
    assert mentions_in("\n".join(texts_in(slack.messages[0]))) == []


def test_previews_of_links_are_off_unless_they_are_chosen() -> None:
    url = {"webhook_url": "https://hooks.slack.com" + PATH}
    for chosen, unfurl in (({}, False), ({"unfurl_links": "true", "unfurl_media": "true"}, True)):
        settings, secrets = load_config(KIND, url | chosen, {})
        body = body_of(message(mapped={"text": "Hi"}), **settings, **secrets)
        assert (body["unfurl_links"], body["unfurl_media"]) == (unfurl, unfurl)
    # settings that were saved before there was a choice keep what Slack does by itself
    assert "unfurl_links" not in body_of(message(mapped={"text": "Hi"}))


# ---- other webhook URLs ------------------------------------------------------------------------


def by_url(slack: FakeSlack, url: str, one: Message | None = None) -> Signal:
    return deliver(slack, [one or filled(relay_url=RELAY)], webhook_url=url)[0].signal


def test_a_workflow_gets_flat_variables(slack: FakeSlack) -> None:
    data = SAMPLES["comment.created"] | {"content": "R&D <b>"}
    assert isinstance(
        by_url(slack, slack.workflow_url, filled(data=data, relay_url=RELAY)), Accepted
    )
    assert slack.messages == [
        {
            "text": "New comment by Jane Example on “Our new teapots”\n> R&D <b>",
            "event": "comment.created",
            "site": "Shop",
            "link": RELAY,
        }
    ]


def test_mattermost_gets_one_text_with_the_links(slack: FakeSlack) -> None:
    data = SAMPLES["comment.created"] | {"content": "Hello @channel, mail a@example.com"}
    one = filled(data=data, relay_url=RELAY)
    assert isinstance(by_url(slack, slack.mattermost_url, one), Accepted)
    (body,) = slack.messages
    assert body["text"].startswith(
        "**New comment by Jane Example on “Our new teapots”**\n> Hello @"
    )
    assert "@channel" not in body["text"] and "a@example.com" in body["text"]
    assert body["text"].endswith(f"· <{RELAY}|Event in Relay>")


def test_rocket_chat_gets_one_text(slack: FakeSlack) -> None:
    one = filled(data=SAMPLES["comment.created"] | {"content": "R&D <b> @all"})
    assert isinstance(by_url(slack, slack.rocket_chat_url, one), Accepted)
    text = slack.messages[0]["text"]
    assert text.startswith("*New comment by Jane Example")
    assert "> R&D <b> @\u200ball" in text


@pytest.mark.parametrize("service", ["mattermost_url", "rocket_chat_url", "workflow_url"])
def test_a_long_text_and_a_digest_fit_everywhere(slack: FakeSlack, service: str) -> None:
    long = message(mapped={"text": "x" * 60_000}, relay_url=RELAY)
    url = getattr(slack, service)
    assert isinstance(by_url(slack, url, long), Accepted)
    done = deliver(slack, crowd(400), webhook_url=url)
    assert all(isinstance(one.signal, Accepted) for one in done)


@pytest.mark.parametrize(
    ("service", "answer", "kind", "code"),
    [
        ("workflow_url", refusal("invalid_workflow_input", 400), Refused, "workflow_variables"),
        ("workflow_url", refusal("trigger_not_found", 404), Refused, "workflow_gone"),
        ("workflow_url", Answer(200, b"<html>"), Refused, "not_slack"),
        ("workflow_url", Answer(429, b"", {"Retry-After": "5"}), Held, "rate_limited"),
        ("workflow_url", Answer(503, b""), Failed, "http_503"),
        (
            "mattermost_url",
            Answer(400, b'{"id":"web.incoming_webhook.invalid.app_error"}'),
            Refused,
            "chat_webhook_gone",
        ),
        ("mattermost_url", Answer(200, b"<html>"), Refused, "not_chat"),
        ("rocket_chat_url", Answer(404, b""), Refused, "chat_webhook_gone"),
        ("rocket_chat_url", Answer(500, b""), Failed, "http_500"),
    ],
)
def test_an_error_of_another_service_has_its_outcome(
    slack: FakeSlack, service: str, answer: Answer, kind: type, code: str
) -> None:
    slack.next(answer)
    signal = by_url(slack, getattr(slack, service))
    assert isinstance(signal, kind) and signal.code == code
    assert signal.sentence.endswith(".")
    assert getattr(signal, "pause", False) is (kind is Refused)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T0/B0/key",
        "https://hooks.slack-gov.com/services/T0/B0/key",
        "https://hooks.slack.com/triggers/T0/1/key",
        "https://hooks.slack.com/workflows/T0/A0/1/key",
        "https://chat.example.com/hooks/xk5yfh3ob3bbzj3mjxyq8zjz6o",
        "https://example.com/chat/hooks/xk5yfh3ob3bbzj3mjxyq8zjz6o",
        "https://example.com/hooks/64f0a9c1/Zk3Fq8Wm2L",
    ],
)
def test_the_webhook_urls_of_slack_and_of_services_that_copy_it_are_taken(url: str) -> None:
    assert load_config(KIND, {"webhook_url": url}, {})[1] == {"webhook_url": url}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://discord.com/api/webhooks/1/abc", "webhook URL of Discord.*kind Webhook"),
        ("https://example.webhook.office.com/webhookb2/x", "Microsoft Teams.*kind Webhook"),
        ("https://chat.googleapis.com/v1/spaces/x/messages?key=1", "Google Chat"),
        ("https://example.com/anything", "not a webhook URL of Slack"),
        ("https://hooks.slack.com/hooks/abc", "not a webhook URL of Slack"),
        ("https://hooks.slack.com/services/", "not a webhook URL of Slack"),
    ],
)
def test_another_url_is_refused_and_says_what_to_use(url: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        load_config(KIND, {"webhook_url": url}, {})


# ---- the double ---------------------------------------------------------------------------------


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "no_text"),
        ({"text": " "}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "a & b"}, "invalid_payload"),
        ({"text": "a < b"}, "invalid_payload"),
        ({"text": "a > b"}, "invalid_payload"),
        ({"text": "x", "unfurl_links": "no"}, "invalid_arguments"),
        ({"text": "x", "as_user": True}, "invalid_arguments"),
        ({"text": "x", "blocks": "y"}, "invalid_blocks_format"),
        ({"text": "x", "blocks": [section("y")] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("y" * 3001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("y" * 2999)] * 5}, "msg_blocks_too_long"),
        ({"text": "x", "blocks": [{"type": "section", "fields": [{}] * 11}]}, "invalid_blocks"),
        (
            {
                "text": "x",
                "blocks": [
                    {"type": "section", "fields": [{"type": "mrkdwn", "text": "y" * 2001}]},
                ],
            },
            "invalid_blocks",
        ),
        (
            {
                "text": "x",
                "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "y" * 151}}],
            },
            "invalid_blocks",
        ),
        (
            {"text": "x", "blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "y"}}]},
            "invalid_blocks",
        ),
        ({"text": "x", "blocks": [{"type": "context", "elements": []}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "picture"}]}, "invalid_blocks"),
    ],
)
def test_the_double_refuses_what_slack_refuses(body: dict[str, Any], word: str) -> None:
    keys = frozenset(("text", "blocks", "unfurl_links"))
    with pytest.raises(RefusedBySlack, match=f"^{word}$"):
        check_message(body, keys)


def test_the_double_takes_one_message_per_second_and_channel(slack: FakeSlack) -> None:
    assert isinstance(by_webhook(slack), Accepted)
    assert by_webhook(slack) == Held(
        "rate_limited", "Slack accepts one message per second in a channel. Relay waits.", 1.0
    )
    assert isinstance(by_bot(slack), Accepted)  # another channel


def test_the_webhook_url_is_a_secret() -> None:
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
def test_a_wrong_setting_is_reported_with_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, values, {})
    assert list(refused.value.reasons) == [field]


def test_no_response_is_a_failure() -> None:
    assert isinstance(KIND.classify(Reply(error="timeout", sentence="Slow.")), Failed)


def test_an_earlier_change_says_so_below_the_message_and_in_a_digest() -> None:
    earlier = replace(filled(), is_older=True)
    config = {"webhook_url": "https://hooks.slack.com" + PATH}
    line = "_Earlier change: a newer one of this comment was posted before._"
    assert line in json.loads(KIND.build(config, earlier).body)["text"]
    assert line not in json.loads(KIND.build(config, filled()).body)["text"]
    sent: list[bytes] = []

    def send(request: OutboundRequest) -> Reply:
        sent.append(request.body)
        return Reply(200, body=b"ok")

    KIND.deliver(config, [replace(filled(), key="other"), earlier], send)
    assert sent[0].count(line.encode()) == 2, "once in the text, once in its block"


@pytest.mark.parametrize("older_changes", ["send", "mark", "skip"])
def test_what_happens_to_earlier_changes_is_a_setting(older_changes: str) -> None:
    values = {"webhook_url": "https://hooks.slack.com" + PATH, "older_changes": older_changes}
    config, _ = load_config(KIND, values, {})
    assert KIND.older_changes(config) == older_changes
    assert KIND.older_changes({}) == "mark", "of a destination that was saved before"


def test_the_first_status_of_a_new_order_is_left_out_by_choice() -> None:
    config = {"webhook_url": "https://hooks.slack.com" + PATH, "first_status": "skip"}
    first = replace(filled(), key="first", data={"initial": True})
    sent: list[bytes] = []

    def send(request: OutboundRequest) -> Reply:
        sent.append(request.body)
        return Reply(200, body=b"ok")

    (alone,) = KIND.deliver(config, [first], send)
    assert isinstance(alone.signal, Accepted) and not sent
    assert alone.notes[0].sentence.startswith("Nothing was sent: the destination does not post")
    _, other = KIND.deliver(config, [first, filled()], send)
    assert len(sent) == 1 and len(other.calls) == 1
    KIND.deliver(config | {"first_status": "post"}, [first], send)
    KIND.deliver({"webhook_url": config["webhook_url"]}, [first], send)
    assert len(sent) == 3, "by default it is posted"


def test_the_link_for_a_new_slack_app_is_a_whole_manifest() -> None:
    url = urlsplit(KIND.setup_link[1])
    query = parse_qs(url.query)
    assert (url.netloc, url.path, query["new_app"]) == ("api.slack.com", "/apps", ["1"])
    manifest = json.loads(query["manifest_json"][0])
    assert "chat:write" in manifest["oauth_config"]["scopes"]["bot"]
    assert manifest["features"]["bot_user"]["display_name"] == "Relay"
