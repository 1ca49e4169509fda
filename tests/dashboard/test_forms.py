"""Rules that hold for every form that a page has: nothing is done twice, and nothing typed is lost.

The forms are those of the pages in ``test_pages.GETS``, so a new page takes part at once.  What needs a
browser (a second press, a lost connection, a reload while typing) is in ``journeys/test_typing.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from relay.dashboard import kept_forms
from relay.models import AuditEntry, UserSession, db
from tests.dashboard.conftest import Visitor
from tests.dashboard.test_kept_forms import hidden
from tests.dashboard.test_pages import GETS
from tests.support.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# The forms that are answered with a page of their own.  Sent again by a reload, they show it again.
ANSWER_WITH_A_PAGE = {
    "/reveal": "shows personal data for one page view, and changes nothing",
    "/mapping": "changes the rows of the form; saving redirects",
    "/ai": "tries the step; saving redirects",
    "/find": "searches for a person; the address of the person must not be in a URL",
    "/people": "searches for a person; the address of the person must not be in a URL",
    "/test": "shows the result of a test",
    "/verify": "shows the result of the check",
    ".csv": "is a download",
    "/export": "is a download",
    "/subscriptions": "changes the rows of the form; saving redirects",
    "/privacy": "shows a preview; saving redirects",
    "/account-fields": "shows what was read",
}


@dataclass
class PageForm:
    """A form with the values that it has when the page is loaded."""

    page: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    """Collects the forms of a page that post."""

    def __init__(self, page: str):
        super().__init__()
        self.page, self.forms, self.current = page, [], None  # type: ignore[var-annotated]
        self.text: str | None = None
        self.select: list[tuple[str, bool]] | None = None
        self.name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name, value = has.get("name") or "", has.get("value")
        if tag == "form" and has.get("method") == "post":
            self.current = PageForm(self.page, has.get("action") or "")
            self.forms.append(self.current)
        elif self.current is None or (tag != "option" and not name):
            return
        elif tag == "input" and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
            self.current.fields.append((name, value or ("on" if "checked" in has else "")))
        elif tag == "textarea":
            self.name, self.text = name, ""
        elif tag == "select":
            self.name, self.select = name, []
        elif tag == "option" and self.select is not None:
            self.select.append((value or "", "selected" in has))

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.current = None
        elif self.current is not None and tag == "textarea" and self.text is not None:
            self.current.fields.append((self.name, self.text.removeprefix("\n")))
            self.text = None
        elif self.current is not None and tag == "select" and self.select is not None:
            chosen = [one for one, selected in self.select if selected] or [
                one for one, _ in self.select[:1]
            ]
            self.current.fields += [(self.name, one) for one in chosen]
            self.select = None


def forms_of(visitor: Visitor, world: World) -> Iterator[PageForm]:
    """Each form once, by where it goes."""
    seen = set()
    for path in GETS:
        page = path.format(**vars(world))
        if page.endswith(".zip"):
            continue
        parser = _Forms(page)
        parser.feed(visitor.get(page, follow_redirects=True).text)
        for form in parser.forms:
            if form.action not in seen:
                seen.add(form.action)
                yield form


def data_of(form: PageForm, **more: str) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for name, value in form.fields:
        found.setdefault(name, []).append(value)
    return found | {name: [value] for name, value in more.items()}


def test_a_form_of_an_expired_session_keeps_every_field_and_changes_nothing(
    app: Flask, world: World, admin: Visitor
) -> None:
    forms = [form for form in forms_of(admin, world) if form.action != "/sign-in"]
    assert len(forms) > 40
    with app.app_context():
        db.session.query(UserSession).update({"seen_at": datetime(2020, 1, 1, tzinfo=UTC)})
        db.session.commit()
        before = db.session.query(AuditEntry).count()
    wrong = {}
    for form in forms:
        typed = data_of(form)
        came_from = {"Referer": f"http://localhost{form.page}", "Sec-Fetch-Site": "same-origin"}
        asked = admin.client.post(form.action, data=typed, headers=came_from)
        kept = {"kept_form": hidden(asked.text).get("kept_form", "")}
        with app.test_request_context("/sign-in", method="POST", data=kept):
            found = kept_forms.posted()
        wanted = sorted(pair for pair in form.fields if pair[0] != "csrf_token")
        if asked.status_code != 401 or found is None:
            wrong[form.action] = f"{asked.status_code}: nothing is kept"
        elif (found.url, sorted(found.fields), found.back) != (form.action, wanted, form.page):
            wrong[form.action] = f"{found} is not {wanted}"
    with app.app_context():
        changed = db.session.query(AuditEntry).count() - before
    assert (wrong, changed) == ({}, 0)


def test_a_form_redirects_so_that_a_reload_sends_it_no_second_time(
    app: Flask, world: World, admin: Visitor
) -> None:
    forms = sorted(forms_of(admin, world), key=lambda form: form.action == "/sign-out")
    wrong = {}
    for form in forms:
        answer = admin.client.post(form.action, data=data_of(form, csrf_token=admin.token()))
        expected = any(urlsplit(form.action).path.endswith(end) for end in ANSWER_WITH_A_PAGE)
        if answer.status_code == 200 and not expected:
            wrong[form.action] = answer.text[:200]
        assert answer.status_code < 500, form.action
        assert "secret" not in parse_qs(urlsplit(answer.location or "").query), form.action
    assert wrong == {}
