"""Chromium, and a page that reports script errors and violations of the security policy."""

from __future__ import annotations

import re
import shutil
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Playwright,
    Route,
    expect,
)

# Upper limits, not expectations of speed: the scripts of a first page wait for the disk of a busy machine.
EXPECT_MS = 20_000
ACTION_MS = 30_000
expect.set_options(timeout=EXPECT_MS)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
]


def launch(playwright: Playwright) -> Browser:
    """Raises RuntimeError that says what to install."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        raise RuntimeError("No browser for the tests. Install Debian's package chromium.")
    return playwright.chromium.launch(executable_path=found, args=FLAGS)


class Console:
    """What went wrong in a page.  ``allow`` takes what a test brings about on purpose."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.allowed: list[str] = []

    def allow(self, pattern: str) -> None:
        """Messages that match ``pattern`` are expected."""
        self.allowed.append(pattern)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.problems.append(f"script error: {error.error}"))
        context.route("**/*", self._route)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            where = message.location.get("url", "")
            self.problems.append(f"console {message.type}: {message.text} ({where})")

    def _route(self, route: Route) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", "localhost", None):
            route.continue_()
        else:
            self.problems.append(f"left this machine: {route.request.url}")
            route.abort()

    def unexpected(self) -> list[str]:
        return [p for p in self.problems if not any(re.search(a, p) for a in self.allowed)]
