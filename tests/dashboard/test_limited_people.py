"""A person who is limited to some sites: every view that they reach, with two sites full of data.

The views come from the URL map.  Every text of the other site contains its mark, which no answer may
contain, and no request with the other site's ids may change a row.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, url_for
from sqlalchemy import func, select, update
from werkzeug.routing import Rule

from relay.models import DeadLetter, Replay, User, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import removal
from tests.dashboard.conftest import PASSWORD, Visitor
from tests.support import two_sites
from tests.support.two_sites import CONTENT, SHARED_CODE, SiteRows, TwoSites

ONCE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HTMX = {"HX-Request": "true"}
EMAIL = "limited@example.com"


def views(app: Flask, method: str) -> list[Rule]:
    """The routes of the views that a limited person reaches; those of the API are in tests/api/v1."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if method in (rule.methods or ())
        and not rule.endpoint.startswith("api_v1.")
        and getattr(app.view_functions[rule.endpoint], "relay_limited", False)
    ]


def arguments(rule: Rule, site: SiteRows) -> Iterator[dict[str, Any]]:
    """Every set of values for the variables of a route."""
    known: dict[str, tuple[Any, ...]] = {
        "slug": (site.slug,),
        "event_id": (*site.events, f"event-{site.mark}-0"),
        "dead_letter_id": site.letters,
        "delivery_id": (site.pending, site.delivered),
        "replay_id": (site.replay,),
        "verb": ("cancel",),
        **dict.fromkeys(("page", "anchor"), ("none",)),  # of the docs, which are for everyone
        "session_id": (99,),  # these two are of the account pages
        "passkey_id": (99,),
        "page": ("events",),  # these two are of a person, not of a site
        "view_id": (99,),
    }
    names = sorted(rule.arguments)
    assert set(names) <= known.keys(), f"add the values of {rule.rule}"
    for value in known[names[0]] if names else ():
        yield {name: known[name][0] for name in names} | {names[0]: value}
    if not names:
        yield {}


def queries(sites: TwoSites) -> list[dict[str, Any]]:
    """What a person can add to any URL and form to ask for the other site."""
    other = sites.other
    return [
        {},
        {"text": CONTENT},
        {"text": "mark"},
        {"text": "someone@example.com"},
        {"source": other.slug},
        {"destination": other.destination},
        {"destination": sites.shared, "code": SHARED_CODE},
        {"dead_letter": [*sites.mine.letters, *other.letters]},
        {"upto": 10**9},
        {"seen": 1},
        {"state": "resolved"},
        {"state": "removed"},
        {"delivery": other.delivered},
        {"recover": other.destination, "which": "all"},
        {"recover": sites.shared, "which": "all"},
        {"after": 10**9},
    ]


@pytest.fixture
def sites(app: Flask) -> TwoSites:
    return two_sites.make(app)


@pytest.fixture
def limited(app: Flask, sites: TwoSites) -> Visitor:
    """A support person of the first site."""
    return person(app, "support", sites.mine.source_id)


def person(app: Flask, role: str, *source_ids: int, email: str = EMAIL) -> Visitor:
    two_sites.create_person(app, email, PASSWORD, role)
    two_sites.limit(app, email, *source_ids)
    visitor = Visitor(app)
    visitor.email = email
    assert visitor.sign_in().status_code == 303
    return visitor


@ONCE
def test_no_page_shows_anything_of_another_site(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    shown = 0
    for rule in views(app, "GET"):
        for site in (sites.mine, sites.other):
            for values in arguments(rule, site):
                for query in [{}] if values else queries(sites):
                    with app.test_request_context():
                        address = url_for(rule.endpoint, **(values | query))
                    # a fragment has the rows of its page
                    for headers in ({}, HTMX) if not query or "text" in query else ({},):
                        answer = limited.get(address, headers=headers)
                        assert answer.status_code < 500, address
                        echo = sites.other.mark in address
                        assert echo or sites.other.mark.encode() not in answer.data, address
                        if site is sites.other and values:
                            assert answer.status_code == 404, address
                            break
                        shown += sites.mine.mark.encode() in answer.data
    assert shown > 50  # the marks are found where they may be


@ONCE
def test_no_form_changes_anything_of_another_site(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    limited.token()
    before = two_sites.rows_of_all_tables(app)
    for rule in views(app, "POST"):
        if rule.rule.startswith(("/account", "/views")):  # about the person, not about a site
            continue
        for values in arguments(rule, sites.other) if rule.arguments else ():
            with app.test_request_context():
                address = url_for(rule.endpoint, **values)
            for headers in ({}, HTMX):
                answer = limited.post(address, headers=headers)
                assert answer.status_code == 404, address
                assert sites.other.mark not in answer.text or sites.other.mark in address
    other = sites.other
    for form in (
        {"delivery": other.delivered},
        {"dead_letter": list(other.letters)},
        {"source": other.slug},
        {"recover": other.destination, "which": "all"},
        {"destination": other.destination},
    ):
        assert limited.post("/replays", form).status_code in (404, 409), form
        for verb in ("discard", "note", "assign", "unassign", "acknowledge"):
            more = {"do": verb, "reason": "x", "note": "x"}
            assert limited.post("/dead-letters/bulk", form | more).status_code == 303, form
            if "delivery" in form or "recover" in form:
                break  # no selection of failed deliveries: that would be all of the own ones
    after = two_sites.rows_of_all_tables(app)
    for table in before:
        if table != "audit_entry":
            changed = set(map(str, after[table])) ^ set(map(str, before[table]))
            assert not any(other.mark in row for row in changed), table
    assert set(two_sites.states(app, other)) == {("dead", "open")}


@ONCE
def test_discarding_a_cause_of_both_sites_discards_the_own_deliveries(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    """Each site has two failed deliveries of this cause."""
    cause = {"destination": sites.shared, "code": SHARED_CODE, "field": "-", "upto": 10**9}
    page = limited.get("/dead-letters/list", query_string=cause).text
    assert "All 2 matching" in page
    limited.post("/dead-letters/bulk", {**cause, "do": "discard", "reason": "x"})
    assert two_sites.states(app, sites.mine).count(("discarded", "resolved")) == 2
    assert set(two_sites.states(app, sites.other)) == {("dead", "open")}


@ONCE
def test_replaying_a_group_sends_the_own_deliveries(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    form = {"dead_letter": [*sites.mine.letters, *sites.other.letters], "which": "selected"}
    started = limited.post("/replays", form)
    assert started.status_code == 303
    assert two_sites.states(app, sites.mine) == [("pending", "resolved")] * len(sites.mine.letters)
    assert set(two_sites.states(app, sites.other)) == {("dead", "open")}
    page = limited.get(started.location).text
    assert f"0 of {len(sites.mine.letters)} delivered" in page
    assert limited.post(f"{started.location}/cancel").status_code == 303
    assert two_sites.states(app, sites.mine) == [("dead", "open")] * len(sites.mine.letters)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Replay)) == 3


@ONCE
def test_the_counts_are_those_of_the_own_sites(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    own = len(sites.mine.letters)
    assert f">{own}</span>" in limited.get("/dead-letters/count", headers=HTMX).text
    page = limited.get("/").text
    assert f"All {own} failed deliveries" not in page or own
    for label, count in (("Received", 2), ("Failed", own), ("Rejected", 2)):
        found = re.search(rf'{label}</span>\s*<span class="h1[^>]*>(\d+)<', page)
        assert found and int(found[1]) == count, label
    for name in ("sign-out", "sources", "events", "dead-letters", "replays"):
        assert f'"/{name}"' in page, name
    for name in ("destinations", "alerts", "ledger", "ai", "health", "audit"):
        assert f'"/{name}' not in page, name


@ONCE
def test_every_link_and_form_of_a_page_can_be_used(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    with app.app_context():  # with every action of a failed delivery
        db.session.execute(update(DeadLetter).values(code="http_503"))
        db.session.commit()
    mine = sites.mine
    pages = ["/", "/sources", f"/sources/{mine.slug}", f"/sources/{mine.slug}/waiting", "/events"]
    pages += [f"/events/{one}" for one in mine.events]
    pages += [
        "/dead-letters",
        "/dead-letters/list",
        "/replays",
        f"/replays/new?delivery={mine.delivered}",
    ]
    for page in pages:
        text = limited.get(page).text
        for href in set(re.findall(r'href="(/(?!static/)[^"#]*)', text)):
            answer = limited.get(html.unescape(href))
            assert answer.status_code == 200, (page, href)
        for action in set(re.findall(r'method="post" action="(/[^"#]*)', text)):
            endpoint, _ = app.url_map.bind("").match(action.partition("?")[0], "POST")
            assert getattr(app.view_functions[endpoint], "relay_limited", False), (page, action)


@ONCE
def test_changing_the_sites_of_a_person_applies_to_the_next_request(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    mine, other = sites.mine, sites.other

    def sees() -> list[int]:
        """How many deliveries the page of an event of each site shows."""
        pages = [limited.get(f"/events/{one.events[0]}").text for one in (mine, other)]
        return [page.count('id="delivery-') for page in pages]

    for _ in range(2):  # a statement that is compiled for one limit serves the next one
        assert sees() == [2, 0]
        two_sites.limit(app, EMAIL, other.source_id)
        assert sees() == [0, 2]
        two_sites.limit(app, EMAIL, mine.source_id)
    two_sites.limit(app, EMAIL)
    assert sees() == [0, 0]
    assert "You see no site yet" in limited.get("/").text
    assert "No events yet" in limited.get("/events").text
    with app.app_context():
        db.session.execute(update(User).where(User.email == EMAIL).values(sites_limited=False))
        db.session.commit()
    assert sees() == [2, 2]


@ONCE
def test_a_site_that_is_removed_stays_visible_to_its_people(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    with app.app_context():
        for one in (sites.mine, sites.other):
            removal.remove(one.slug, COMMAND_LINE, False)
    removed = limited.get("/sources?state=removed").text
    assert sites.mine.mark in removed and sites.other.mark not in removed
    assert limited.get(f"/events/{sites.mine.events[0]}").status_code == 200
    assert limited.get(f"/events/{sites.other.events[0]}").status_code == 404


@ONCE
def test_a_limited_admin_is_no_admin(app: Flask, sites: TwoSites) -> None:
    admin = person(app, "admin", sites.mine.source_id)
    assert admin.get(f"/sources/{sites.mine.slug}").status_code == 200
    assert admin.post(f"/sources/{sites.mine.slug}/rotate").status_code == 403
    assert "Rotate key" not in admin.get(f"/sources/{sites.mine.slug}").text


@ONCE
def test_the_pages_of_other_people_show_all_sites_after_a_limited_one(
    app: Flask, sites: TwoSites, limited: Visitor
) -> None:
    viewer = Visitor(app, "viewer")
    for _ in range(3):
        assert sites.other.mark not in limited.get("/events").text
        assert sites.other.mark in viewer.get("/events").text
