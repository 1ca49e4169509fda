"""Take screenshots of a Relay with sample data.

Without arguments: ``docs/images/*.png`` for the README, one of them animated.  ``screenshots.py FOLDER``: all pages, each on
desktop and phone, in the light and the dark theme.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from relay.launcher.valkey import Valkey  # noqa: E402
from scripts.animation import animated  # noqa: E402
from tests.support.browser import launch  # noqa: E402
from tests.support.databases import Databases  # noqa: E402
from tests.support.fake_openai import FakeOpenAI  # noqa: E402
from tests.support.sample import fill, pages, sign_in  # noqa: E402
from tests.support.sink import Sink  # noqa: E402
from tests.support.stack import Stack  # noqa: E402

VARIANTS = (  # device, width, color scheme
    ("desktop", 1280, "light"),
    ("desktop", 1280, "dark"),
    ("phone", 390, "light"),
    ("phone", 390, "dark"),
)


@contextmanager
def sample_relay(folder: Path) -> Iterator[tuple[Stack, Sink]]:
    """A running Relay with a site, four destinations and some events."""
    valkey = Valkey(folder / "valkey", folder / "valkey.sock", folder / "valkey.log")
    valkey.start()
    sink, ai = Sink(), FakeOpenAI()
    ai.says(summary="Asks whether the blue teapot has a lid.", topic="Question")
    stack = Stack(folder / "data", Databases(folder / "db").new_sqlite(), valkey.url)
    try:
        stack.start()
        fill(stack, sink, ai)
        yield stack, sink
    finally:
        stack.close()
        sink.close()
        ai.close()
        valkey.stop()


def take(
    browser: Browser,
    stack: Stack,
    folder: Path,
    chosen: tuple[str, ...],
    variants: tuple[tuple[str, int, str], ...],
) -> None:
    """Take the ``chosen`` screenshots, or all, in each variant."""
    for device, width, scheme in variants:
        context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{stack.url}/sign-in")
        suffix = f"-{device}-{scheme}" if len(variants) > 1 else ""
        if len(variants) > 1:
            page.screenshot(path=folder / f"sign-in{suffix}.png")
        sign_in(page, stack.url)
        for name, path in pages(stack).items():
            if name in chosen or not chosen:
                page.goto(stack.url + path)
                page.wait_for_load_state("load")
                page.screenshot(path=folder / f"{name}{suffix}.png", full_page=len(variants) > 1)
                overflow = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if overflow > 0:
                    print(f"{name} is {overflow} px wider than the screen of {width} px")
        context.close()


def record_repair(browser: Browser, stack: Stack, sink: Sink) -> bytes:
    """An animation: a failed delivery, its cause, the resend, and the event that has arrived."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    page = context.new_page()
    sign_in(page, stack.url)
    frames: list[bytes] = []

    def show(path: str = "") -> None:
        if path:
            page.goto(stack.url + path)
        page.wait_for_load_state("load")
        frames.append(page.screenshot(animations="disabled"))

    show("/")
    show("/dead-letters")
    sink.answer(200, path="/newsletter")  # the list exists again
    page.get_by_role("link", name="Resend 1").first.click()
    show()
    page.get_by_role("button", name="Resend 1").click()
    stack.wait_for(
        lambda: not stack.rows("SELECT 1 FROM delivery WHERE state = 'dead'"), 30, "the resend"
    )
    page.reload()
    show()
    show("/events")
    context.close()
    return animated(frames, [2.5, 3.5, 3.5, 3.0, 3.5])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where to write pictures of all pages")
    folder: Path | None = parser.parse_args().folder
    target = folder or ROOT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="relay-") as name,
        sample_relay(Path(name)) as (stack, sink),
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        if folder:
            take(browser, stack, target, (), VARIANTS)
        else:
            take(browser, stack, target, ("overview", "event", "mapping"), VARIANTS[:1])
            (target / "repair.png").write_bytes(record_repair(browser, stack, sink))
        browser.close()


if __name__ == "__main__":
    main()
