"""A person works on an alert in the browser: an open form survives the refresh, the badge follows."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.people import sign_in
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADD = """
from relay.models import Alert, db
for name in ("First", "Second"):
    db.session.add(Alert(rule="ledger.site", subject=f"site:{name}", sentence=f"{name} problem.", advice="Look."))
db.session.commit()
"""
CHANGE = """
from relay.models import Alert, db
db.session.query(Alert).filter_by(subject="site:Second").update({"sentence": "Another problem."})
db.session.commit()
"""


def test_an_alert_is_acknowledged_while_the_list_refreshes(stack: Stack, page: Page) -> None:
    stack.python(ADD)
    sign_in(stack, page, path="/alerts")
    badge = page.locator("#open-alert-count")
    expect(badge).to_have_text("2")
    first = page.locator("article", has_text="First problem.")
    first.locator("summary", has_text="Acknowledge").click()
    first.get_by_label("What did you find?").fill("A typo in the key.")
    stack.python(CHANGE)
    with page.expect_response(lambda answer: answer.url.endswith("/alerts")):
        pass  # the list has polled, and the form is still there
    expect(first.get_by_label("What did you find?")).to_have_value("A typo in the key.")
    expect(page.get_by_text("Second problem.")).to_be_visible()
    first.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#toasts")).to_contain_text("Acknowledged.")
    expect(badge).to_have_text("1")
    expect(page.locator("#open-alerts")).to_contain_text("A typo in the key.")

    # without an open form, a change appears by itself
    stack.python(CHANGE.replace("Another", "A third"))
    expect(page.get_by_text("A third problem.")).to_be_visible(timeout=15_000)
