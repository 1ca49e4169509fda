"""Take screenshots of a Relay with sample data.

Without arguments: ``docs/images/*.png`` for the README.  ``screenshots.py FOLDER``: all pages, each on
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

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from relay.launcher.valkey import Valkey  # noqa: E402
from tests.support.browser import launch  # noqa: E402
from tests.support.databases import Databases  # noqa: E402
from tests.support.events import comment  # noqa: E402
from tests.support.fake_openai import FakeOpenAI  # noqa: E402
from tests.support.sink import Answer, Sink  # noqa: E402
from tests.support.stack import Stack  # noqa: E402

PASSWORD = "correct horse battery staple"
VARIANTS = (  # device, width, color scheme
    ("desktop", 1280, "light"),
    ("desktop", 1280, "dark"),
    ("phone", 390, "light"),
    ("phone", 390, "dark"),
)


AI_STEP = """
from relay.mapping.ai_answers import AnswerField
from relay.services.ai import steps
from relay.services.ai.validation import Draft
from relay.services.audit import COMMAND_LINE
from relay.services.destinations.settings import find_destination
channel, ai = (find_destination(name) for name in ("Team channel", "Our AI"))
steps.save(channel.subscriptions[0], Draft(
    ai.id, "small-1", "Summarize the comment in one sentence and choose its topic.",
    (("data", "author"), ("data", "content"), ("data", "post_title")),
    fields=(
        AnswerField("summary", description="One sentence."),
        AnswerField("topic", "choice", choices=("Question", "Praise", "Complaint", "Other")),
    ),
), COMMAND_LINE)
"""


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


def fill(stack: Stack, sink: Sink, ai: FakeOpenAI) -> None:
    stack.flask(
        "users", "create", "ada@example.com", "--role", "admin", "--password-stdin", input=PASSWORD
    )
    shop = stack.make_source("Blue Teapot Shop", "https://shop.example.com")
    stack.flask("destinations", "create", "inbox", "Inbox")
    stack.flask(
        "destinations",
        "create",
        "slack",
        "Team channel",
        "--events",
        "comment.created,order.*",
        "--secret",
        "webhook_url=-",
        input=f"{sink.url}/services/T000/B000/abcdefghijkl",
    )
    sink.answers([Answer(422, b"no such list")], "/newsletter")
    stack.flask(
        "destinations",
        "create",
        "webhook",
        "Newsletter",
        "--events",
        "lead.created",
        "--set",
        f"url={sink.url}/newsletter",
        "--set",
        "auth=none",
    )
    url = ("--set", "service=openai", "--set", f"base_url={ai.base_url}")
    models = (*url, "--set", "models=small-1 0.25 2.00")
    stack.flask("destinations", "create", "openai", "Our AI", *models)
    for kind in ("order.created", "lead.created", "comment.created", "order.status_changed"):
        stack.flask("events", "send-test", shop.slug, "--type", kind)
    stack.python(AI_STEP)
    for name, words in (
        ("Jane Doe", "Does the blue one come with a lid?"),
        ("Zoë", "Lovely, thank you!"),
    ):
        event = comment()
        event["data"] |= {"author": name, "content": words, "post_title": "Our new teapots"}
        stack.send(event, shop.secret)
    stack.send(comment(), "w" * 40, source=shop.slug)
    stack.wait_for(
        lambda: (
            not stack.rows("SELECT 1 FROM event WHERE routed_at IS NULL")
            and not stack.rows("SELECT 1 FROM delivery WHERE state IN ('pending', 'in_flight')")
        ),
        30,
        "all deliveries to be completed",
    )


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/sign-in")
    page.fill("#f-email", "ada@example.com")
    page.fill("#f-password", PASSWORD)
    page.click("form button")
    page.wait_for_selector("#live")


def pages(stack: Stack) -> dict[str, str]:
    """-> the path of each page, by the name of its screenshot"""
    dead = stack.rows("SELECT event_pk FROM delivery WHERE state = 'dead'")[0]["event_pk"]
    (commented,) = stack.rows(
        "SELECT max(id) AS id FROM event WHERE event_type = 'comment.created'"
    )
    return {
        "overview": "/",
        "sites": "/sources",
        "site": "/sources/blue-teapot-shop",
        "new-site": "/sources/new",
        "waiting": "/sources/blue-teapot-shop/waiting",
        "destinations": "/destinations",
        "pick": "/destinations/new",
        "slack-form": "/destinations/new?kind=slack",
        "webhook-form": "/destinations/new?kind=webhook",
        "inbox": "/destinations/1",
        "slack": "/destinations/2",
        "throttling": "/destinations/2/throttling",
        "hubspot-form": "/destinations/new?kind=hubspot",
        "ai-form": "/destinations/new?kind=openai",
        "ai-step": "/destinations/2/subscriptions/2/ai",
        "ai-mapping": "/destinations/2/subscriptions/2/mapping?type=comment.created",
        "no-ai-step": "/destinations/1/subscriptions/1/ai",
        "ai-spend": "/ai",
        "ai-service": "/destinations/4",
        "ai-event": f"/events/{commented['id']}",
        "subscription": "/destinations/2/subscriptions/2",
        "mapping": "/destinations/2/subscriptions/2/mapping?type=order.created",
        "events": "/events",
        "nothing": "/events?text=nothing-like-this",
        "event": f"/events/{dead}",
        "dead-letters": "/dead-letters",
        "ledger": "/ledger",
        "one-by-one": "/dead-letters/list",
        "send-again": "/replays/new",
        "remove-site": "/sources/blue-teapot-shop/remove",
        "remove-destination": "/destinations/2/remove",
        "audit": "/audit",
        "traffic": "/traffic",
        "traffic-month": "/traffic?range=month",
        "health": "/health",
        "settings": "/settings",
        "help": "/help/operate/retention",
        "missing": "/no-such-page",
    }


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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where to write pictures of all pages")
    folder: Path | None = parser.parse_args().folder
    target = folder or ROOT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="relay-") as name,
        sample_relay(Path(name)) as (stack, _),
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        if folder:
            take(browser, stack, target, (), VARIANTS)
        else:
            take(browser, stack, target, ("overview", "event"), VARIANTS[:1])
        browser.close()


if __name__ == "__main__":
    main()
