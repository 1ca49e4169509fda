"""People at a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from playwright.sync_api import Page

from tests.support.network import wait_for
from tests.support.stack import Stack

T = TypeVar("T")

PASSWORD = "correct horse battery staple"


def sign_in(stack: Stack, page: Page, role: str = "support", path: str = "/") -> str:
    """Sign in a new person with ``role`` and open ``path``.  -> the e-mail address"""
    email = f"{role}@example.com"
    created = ("users", "create", email, "--role", role, "--password-stdin")
    stack.flask(*created, input=PASSWORD)
    page.goto(stack.url + path)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(stack.url + path)
    return email


def watch(page: Page, condition: Callable[[], T], timeout_s: float, what: str) -> T:
    """Wait for ``condition`` while the page lives on: it polls, and its requests are let through."""

    def look() -> T:
        page.wait_for_timeout(50)
        return condition()

    return wait_for(look, timeout_s, what)
