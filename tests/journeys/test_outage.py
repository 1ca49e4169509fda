"""A CRM is down while 2,000 leads arrive: support sees why, waits, and resends the rest."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.support.events import lead
from tests.support.people import sign_in, watch
from tests.support.sink import Seen, Sink
from tests.support.stack import Stack, sign

LEADS = 2000
FIRST = 9  # one less than the calls after which a destination counts as down


def send_all(stack: Stack, secret: str, numbers: range) -> None:
    """All of them, by 16 connections, as fast as Relay takes them."""
    local = threading.local()

    def send(number: int) -> int:
        if not hasattr(local, "http"):
            local.http = requests.Session()
            local.http.trust_env = False
        event = lead(number)
        body, moment = json.dumps(event).encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-WP-Timestamp": moment,
            "X-Event-Id": event["event_id"],
            "X-WP-Signature": sign(secret, moment, body),
        }
        answer = local.http.post(f"{stack.url}/webhooks/wp", body, headers=headers, timeout=60)
        return answer.status_code

    with ThreadPoolExecutor(16) as senders:
        assert Counter(senders.map(send, numbers)) == {202: len(numbers)}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_an_outage_of_a_crm_ends_with_every_lead_there_once(
    stack: Stack, sink: Sink, page: Page
) -> None:
    secret = stack.make_source().secret
    made = ("webhook", "CRM", "--set", f"url={sink.url}/crm", "--set", "auth=none")
    stack.flask("destinations", "create", *made)
    stack.flask("destinations", "pace", "CRM", "--retry", "2 s")  # two attempts, then it fails

    sink.answer(503, b"maintenance", path="/crm")
    send_all(stack, secret, range(FIRST))
    stack.wait_for(lambda: stack.states().get("dead"), 60, "the first lead to fail")
    send_all(stack, secret, range(FIRST, LEADS))
    stack.wait_for(lambda: sum(stack.states().values()) == LEADS, 60, "all to be routed")
    assert len(sink.requests) <= FIRST * 2 + 20, "it was called too often while it was down"

    # the user sees that it is down, why, and when Relay tries again
    sign_in(stack, page, "support", "/destinations")
    page.get_by_role("link", name="CRM").click()
    status = page.locator("#status")
    expect(status).to_contain_text(
        re.compile(r"Not responding|Testing the connection"), timeout=30_000
    )
    expect(status).to_contain_text("503 Service Unavailable")
    expect(status).to_contain_text("Nothing is lost")
    expect(status).to_contain_text(re.compile(r"tries one delivery\s+in \d+ s"))
    expect(page.locator("#open-dead-letters")).to_have_text(re.compile(r"^\d+$"), timeout=30_000)
    page.get_by_role("link", name="Failed deliveries").click()
    card = page.locator(".cause")
    expect(card).to_contain_text("CRM still had an internal error at the last attempt.")

    # it recovers: one test delivery, then more and more
    in_vain = len(sink.requests)
    sink.answer(200, path="/crm")
    page.goto(stack.url + "/destinations")
    page.get_by_role("link", name="CRM").click()
    if page.get_by_role("button", name="Try now").is_visible():
        page.get_by_role("button", name="Try now").click()
    expect(page.locator("#status")).to_contain_text(
        "Relay sends pending deliveries, slowly at first", timeout=60_000
    )
    watch(
        page,
        lambda: not {"pending", "in_flight"} & stack.states().keys(),
        180,
        "all pending deliveries",
    )
    failed = stack.states()["dead"]
    assert stack.states() == {"delivered": LEADS - failed, "dead": failed}
    assert_ramp(sink.requests[in_vain:])

    # what failed meanwhile is resent with "resend everything since"
    page.reload()
    page.get_by_text("Resend everything since").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text(f"{failed} new")
    page.get_by_role("button", name=f"Resend {failed}").click()
    expect(page.locator("#replay")).to_contain_text(
        f"{failed} of {failed} delivered", timeout=60_000
    )
    expect(page.locator("#replay")).to_contain_text("Done", timeout=30_000)
    assert stack.states() == {"delivered": LEADS}
    page.get_by_role("link", name="Failed deliveries").click()
    expect(page.get_by_text("No failed deliveries", exact=True)).to_be_visible()
    arrived = Counter(seen.json()["event_id"] for seen in sink.requests[in_vain:])
    assert len(arrived) == LEADS
    assert set(arrived.values()) == {1}


def assert_ramp(taken: list[Seen]) -> None:
    """Two calls a second at first, doubling every 3 s, so that a recovered service is not flooded."""
    begin = taken[0].at
    for seconds in (1, 3, 6, 9, 12):
        allowed = 2.0 * 3 / math.log(2) * (2 ** (seconds / 3) - 1)
        came = sum(seen.at < begin + seconds for seen in taken)
        assert came <= allowed * 1.2 + 3, f"{came} calls in the first {seconds} s"
