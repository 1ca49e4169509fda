"""10,000 dead letters are one replay: started within seconds, paused, resumed after a crash, each sent once."""

from __future__ import annotations

import json
import re
import time
from collections import Counter

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from tests.support.people import sign_in, watch
from tests.support.sink import Sink
from tests.support.stack import Stack

MANY = 10_000
STARTS_IN_S = 10.0  # what a user accepts, on a busy machine


def make_dead_letters(stack: Stack, url: str) -> None:
    """Insert 10,000 events that one destination rejected."""
    stack.make_source()
    made = ("webhook", "CRM", "--set", f"url={url}", "--set", "auth=none")
    stack.flask("destinations", "create", *made)
    stack.flask("destinations", "pace", "CRM", "--concurrency", "16")
    source, key, destination, subscription = (
        stack.rows(f"SELECT max(id) AS id FROM {table}")[0]["id"]
        for table in ("source", "signing_key", "destination", "subscription")
    )
    payload = json.dumps(
        {"event": "x.many", "event_id": "EVENT", "site": "https://shop.example.com", "data": {}}
    )
    ids = {"s": source, "k": key, "d": destination, "n": subscription}
    rows = [
        ids | {"e": f"many-{n}", "p": payload.replace("EVENT", f"many-{n}")} for n in range(MANY)
    ]
    with stack.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address,"
                " payload, body_sha256, search_text, routed_at) VALUES (:s, :k, :e, 'x.many',"
                " 'https://shop.example.com', '203.0.113.7', :p, :hash, '', CURRENT_TIMESTAMP)"
            ),
            [row | {"hash": row["e"].encode().ljust(32)} for row in rows],
        )
        connection.execute(
            text(
                "INSERT INTO delivery (key, event_pk, subscription_id, destination_id, state,"
                " attempts, tries, version, settled_at) SELECT 'key-' || id, id, :n, :d, 'dead',"
                " 8, 8, 1, CURRENT_TIMESTAMP FROM event"
            ),
            ids,
        )
        connection.execute(  # it is unknown whether the last hundred arrived
            text(
                "INSERT INTO attempt (key, delivery_id, number, outcome, code, started_at, request,"
                " response) SELECT n || '-' || delivery.id, delivery.id, n, CASE WHEN n = 3 AND"
                " delivery.id > (SELECT max(id) - 100 FROM delivery) THEN 'lost' ELSE 'failed' END,"
                " 'http_503', CURRENT_TIMESTAMP, '{}', '{}' FROM delivery,"
                " (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) AS numbers"
            )
        )
        connection.execute(
            text(
                "INSERT INTO dead_letter (delivery_id, destination_id, code, sentence)"
                " SELECT id, :d, 'http_503', 'The destination answered 503.' FROM delivery"
            ),
            ids,
        )


@pytest.mark.timeout(600)
def test_a_replay_of_ten_thousand_survives_a_crash_and_sends_each_once(
    stack: Stack, sink: Sink, page: Page
) -> None:
    make_dead_letters(stack, f"{sink.url}/crm")
    page.set_default_timeout(30_000)
    sign_in(stack, page, "support", "/dead-letters")
    expect(page.locator(".cause-count")).to_have_text(re.compile(r"10.000\s*failed"))
    began = time.monotonic()
    page.get_by_role("link", name=re.compile("Resend 10.000")).click()
    # the newest ones are examined
    expect(page.locator("#preview")).to_contain_text(
        re.compile(r"2.000 or more\s+deliveries to send")
    )
    expect(page.locator("#preview")).to_contain_text(re.compile("1.900 new"))
    expect(page.locator("#preview")).to_contain_text("100 uncertain")
    print(f"10,000 dead letters: previewed within {time.monotonic() - began:.1f} s")
    assert time.monotonic() - began < STARTS_IN_S

    # it starts within seconds, and a double click starts one replay
    began = time.monotonic()
    page.get_by_role("button", name="Resend all").dblclick()
    page.wait_for_selector("#replay")
    took = time.monotonic() - began
    print(f"10,000 dead letters: the replay started after {took:.1f} s")
    assert took < STARTS_IN_S
    assert len(stack.rows("SELECT 1 FROM replay")) == 1

    # paused, nothing more is sent
    watch(page, lambda: len(sink.requests) > 500, 120, "the first five hundred")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#replay")).to_contain_text("Paused")
    watch(page, lambda: "in_flight" not in stack.states(), 60, "the calls in progress")
    paused_at = len(sink.requests)
    assert paused_at < MANY

    # every process is killed; pending deliveries are still pending
    page.goto("about:blank")
    for name in stack.processes:
        stack.kill(name)
    stack.start()
    assert len(sink.requests) == paused_at
    page.goto(f"{stack.url}/replays")
    page.get_by_role("link", name=re.compile("Failed deliveries to CRM")).click()
    expect(page.locator("#replay")).to_contain_text(re.compile(r"\d+ of 10.000 delivered"))
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#replay")).to_contain_text(
        re.compile("per minute, about .* left"), timeout=30_000
    )

    # cancelled, the rest are dead letters again
    watch(page, lambda: len(sink.requests) > paused_at + 500, 120, "five hundred more")
    page.get_by_role("button", name="Cancel resend").click()
    expect(page.locator("#replay")).to_contain_text("not sent", timeout=30_000)
    watch(page, lambda: {"in_flight", "pending"}.isdisjoint(stack.states()), 60, "the end")
    arrived = Counter(seen.json()["event_id"] for seen in sink.requests)
    assert set(arrived.values()) == {1}, "something was sent twice"
    left = MANY - len(arrived)
    assert stack.states() == {"delivered": len(arrived), "dead": left}
    (open_now,) = stack.rows("SELECT count(*) AS n FROM dead_letter WHERE state <> 'resolved'")
    assert open_now["n"] == left

    # and from the command line the rest is one replay too
    result = stack.flask("dead-letters", "replay", "--destination", "CRM", "--json")
    assert (result["replayed"], result["skipped"]) == (left, 0)
    watch(page, lambda: len(sink.requests) >= MANY, 300, "all of them")
    watch(page, lambda: stack.states() == {"delivered": MANY}, 60, "all to be recorded")
    assert set(Counter(seen.json()["event_id"] for seen in sink.requests).values()) == {1}
