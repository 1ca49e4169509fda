"""What a message says, and that nothing in it is read as markup or as a mention."""

from __future__ import annotations

from typing import Any

import pytest

from relay.services.alerts.texts import duration, fields_of, read
from tests.support.fake_slack import check_markup, mentions_in

BODY: dict[str, Any] = {
    "type": "alert.opened",
    "id": 7,
    "rule": "silent_site",
    "subject": "site:shop",
    "severity": "warning",
    "sentence": "Tea <b> & Co @channel <!channel> sent no orders.",
    "advice": "Open the site's page & check <it>.",
    "url": "https://relay.example.com/alerts/7",
    "since": "2026-11-27T17:05:00Z",
    "count": 12345,
    "opened_at": "2026-11-27T17:05:30Z",
    "resolved_at": None,
}
OVER = {"type": "alert.resolved", "resolved_at": "2026-11-27T20:10:00Z"}


def test_slack_gets_escaped_text_that_notifies_no_one() -> None:
    text = fields_of("slack", BODY, "Europe/Vienna")["text"]
    check_markup(text)
    assert mentions_in(text) == [] and "@channel" not in text
    assert text.replace("\u200b", "").splitlines() == [
        "*Warning*: Tea &lt;b&gt; &amp; Co @channel &lt;!channel&gt; sent no orders.",
        "Since 27 Nov 2026, 18:05 (Europe/Vienna). Affected: 12,345.",
        "What to do: Open the site's page &amp; check &lt;it&gt;.",
        "<https://relay.example.com/alerts/7|Open in Relay>",
    ]


def test_a_mail_has_the_sentence_in_its_subject_and_plain_text_below() -> None:
    fields = fields_of("email", BODY, "UTC")
    assert fields["subject"] == f"[Relay] Warning: {BODY['sentence']}"
    assert fields["text"].split("\n\n") == [
        BODY["sentence"],
        "Since 27 Nov 2026, 17:05 (UTC). Affected: 12,345.",
        f"What to do: {BODY['advice']}",
        "Open in Relay: https://relay.example.com/alerts/7",
    ]


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({}, "Warning"),
        ({"severity": "critical"}, "Critical"),
        ({"severity": "notice"}, "Notice"),
        ({"type": "alert.reminder"}, "Still open (warning)"),
        (OVER, "Resolved"),
        (OVER | {"type": "alert.opened"}, "Resolved"),
    ],
)
def test_the_first_word_says_what_it_is(change: dict[str, str], label: str) -> None:
    assert fields_of("email", BODY | change, "UTC")["subject"].startswith(f"[Relay] {label}: ")


def test_a_test_has_no_label_of_its_own_because_each_kind_marks_it() -> None:
    test = BODY | {"type": "alert.test", "sentence": "This is a test."}
    assert fields_of("email", test, "UTC")["subject"] == "[Relay] This is a test."
    assert fields_of("slack", test, "UTC")["text"].startswith("This is a test.\n")
    assert fields_of("ntfy", test, "UTC")["title"] == "Relay"


def test_the_end_says_how_long_it_lasted_and_gives_no_advice() -> None:
    text = fields_of("email", BODY | OVER, "UTC")["text"]
    assert "It lasted 3 hours: from 27 Nov 2026, 17:05 (UTC) to 27 Nov 2026, 20:10 (UTC)." in text
    assert "What to do" not in text


def test_a_phone_shows_critical_alerts_with_the_highest_priority() -> None:
    found = [fields_of("ntfy", BODY | {"severity": one}, "UTC") for one in ("critical", "notice")]
    assert [one["priority"] for one in found] == [5, 2]
    assert found[0]["tags"] == ["rotating_light"] and found[0]["click"] == BODY["url"]
    over = fields_of("ntfy", BODY | OVER | {"severity": "critical"}, "UTC")
    assert (over["priority"], over["tags"]) == (2, ["white_check_mark"])


@pytest.mark.parametrize("kind", ["slack", "email", "ntfy"])
def test_without_a_public_url_there_is_a_path_and_a_hint(kind: str) -> None:
    fields = fields_of(kind, BODY | {"url": "/alerts/7"}, "UTC")
    assert "Open /alerts/7 in Relay. Set RELAY_PUBLIC_URL" in fields["text"]
    assert not fields.get("click")


def test_a_webhook_gets_the_body_as_it_is() -> None:
    assert fields_of("webhook", BODY, "UTC") == BODY


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2026-11-27T00:00:59Z", "less than a minute"),
        ("2026-11-27T00:01:00Z", "1 minute"),
        ("2026-11-27T01:59:00Z", "119 minutes"),
        ("2026-11-27T02:00:00Z", "2 hours"),
        ("2026-11-28T23:59:00Z", "47 hours"),
        ("2026-11-29T00:00:00Z", "2 days"),
    ],
)
def test_a_duration_is_in_its_largest_unit(until: str, words: str) -> None:
    assert duration(read("2026-11-27T00:00:00Z"), read(until)) == words
