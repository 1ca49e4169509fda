"""In every form of every page, nothing typed is lost and nothing is sent twice.

What a server without a browser shows (an expired session at the server, a form sent again by a
reload) is in ``dashboard/test_forms.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.support.browser import Console
from tests.support.fake_openai import FakeOpenAI
from tests.support.sample import fill, pages, sign_in
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Numbers the forms and the fields of a page, and opens what is folded.  -> [form number, its action, [field, type]]
FORMS = """() => {
  for (const box of document.querySelectorAll("main details")) box.open = true;
  const types = ["text", "email", "url", "number", "search", "tel", "textarea"];
  const forms = [...document.querySelectorAll("main form")].filter(
    (form) => form.getAttribute("method") === "post" || form.hasAttribute("hx-post"));
  return forms.map((form, n) => {
    form.dataset.test = n;
    form.noValidate = true;
    const fields = [...form.querySelectorAll("input, textarea")].filter(
      (one) => one.name && types.includes(one.type) && !one.readOnly && !one.disabled && !one.dataset.secret
        && one.checkVisibility());
    fields.forEach((one, k) => (one.dataset.test = `${n}-${k}`));
    return [n, form.getAttribute("hx-post") || form.getAttribute("action") || "", fields.map((one) => one.type)];
  });
}"""
SUBMIT = "(n) => document.querySelector(`form[data-test='${n}']`).requestSubmit()"
SUBMIT_TWICE = f"(n) => {{ ({SUBMIT})(n); ({SUBMIT})(n); }}"
# by form number and field: also after a reload, when the numbers have been given again
VALUES = """() => Object.fromEntries([...document.querySelectorAll("main [data-test]:not(form)")].map(
  (one) => [one.dataset.test, one.value]))"""
TYPED = {"number": "7", "email": "typed@example.com", "url": "https://example.com/typed"}


class EveryForm:
    """Does with each form what can go wrong, on a page that is loaded once, and collects what was lost."""

    def __init__(self, page: Page, stack: Stack):
        self.page, self.stack = page, stack
        self.faults: list[str] = []
        self.seen: set[str] = set()
        self.tried = 0

    def try_page(self, path: str) -> None:
        page = self.page
        page.goto(self.stack.url + path)
        forms = [form for form in page.evaluate(FORMS) if form[1] not in self.seen]
        self.seen |= {form[1] for form in forms}
        if not forms:
            return
        self.tried += len(forms)
        for number, _, types in forms:
            for k, type_ in enumerate(types):
                field = page.locator(f"[data-test='{number}-{k}']")
                new = TYPED.get(type_, "Typed text")
                field.fill("8" if new == field.input_value() else new)
        typed = self.values()
        with self.offline():
            self.send_each(path, [form for form in forms if form[2]], "#toast-unreachable", typed)
        with self.signed_out():
            self.send_each(path, [form for form in forms if form[2]], "#sign-in-again", typed)
        self.reload(path, forms, typed)
        for form in forms:
            self.press_twice(path, form)

    def values(self) -> dict[str, str]:
        found: dict[str, str] = self.page.evaluate(VALUES)
        return found

    def send_each(self, path: str, forms: list[Any], shown: str, typed: dict[str, str]) -> None:
        """Each form is refused by what ``shown`` selects, and has what was typed."""
        for number, action, _ in forms:
            self.page.evaluate(SUBMIT, number)
            notice = self.page.locator(shown)
            expect(notice, f"{path}: {action}").to_be_visible()
            if self.values() != typed:
                self.faults.append(f"{path}: {action} lost what was typed: {shown}")
            notice.evaluate("(one) => one.remove()")

    def reload(self, path: str, forms: list[Any], typed: dict[str, str]) -> None:
        self.page.reload()
        for way in ("a reload", "the way back"):
            self.page.evaluate(FORMS)
            kept = self.values()
            numbers = tuple(f"{form[0]}-" for form in forms)
            lost = [one for one in typed if one.startswith(numbers) and kept.get(one) != typed[one]]
            if lost:
                self.faults.append(f"{path}: {way} lost {lost} of {[form[1] for form in forms]}")
            self.page.goto(f"{self.stack.url}/audit")
            self.page.go_back()
        self.page.evaluate(FORMS)

    def press_twice(self, path: str, form: Any) -> None:
        """The server gets one request for two presses.  It does not act on it: 204 keeps the page."""
        number, action, _ = form
        sent: list[Request] = []

        def answer(route: Route) -> None:
            if route.request.method != "POST":
                return route.fallback()
            sent.append(route.request)
            return route.fulfill(status=204)

        self.page.route(re.compile("."), answer)
        with self.page.expect_request(lambda request: request.method == "POST"):
            self.page.evaluate(SUBMIT_TWICE, number)
        self.page.evaluate(
            "() => fetch(document.body.dataset.session)"
        )  # a second request was before it
        self.page.unroute(re.compile("."), answer)
        if len(sent) != 1:
            self.faults.append(f"{path}: {action} was sent {len(sent)} times")

    @contextmanager
    def offline(self) -> Iterator[None]:
        self.page.context.set_offline(True)
        yield
        self.page.context.set_offline(False)

    @contextmanager
    def signed_out(self) -> Iterator[None]:
        """Every request is answered as it is without a session."""

        def refuse(route: Route) -> None:
            if route.request.url.endswith("/sign-in"):
                return route.fallback()
            return route.fulfill(status=401)

        self.page.route(re.compile("."), refuse)
        yield
        self.page.unroute(re.compile("."), refuse)


@pytest.mark.timeout(300)
def test_nothing_typed_is_lost_and_nothing_is_sent_twice(
    stack: Stack, sink: Sink, page: Page, console: Console
) -> None:
    console.allow(
        r"status of 40[134]|htmx:(sendError|afterRequest)|ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to fetch"
    )
    page.on("dialog", lambda dialog: dialog.accept())
    fill(stack, sink, FakeOpenAI())
    sign_in(page, stack.url)
    every = EveryForm(page, stack)
    for path in pages(stack).values():
        every.try_page(path)
    assert not every.faults, "\n".join(every.faults)
    assert every.tried > 40
