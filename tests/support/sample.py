"""A Relay with sample data, for screenshots and for tests that open every page."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.events import comment
from tests.support.fake_openai import FakeOpenAI
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

PASSWORD = "correct horse battery staple"
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
        "settings": "/settings",
        "health": "/health",
        "alerts": "/alerts",
        "alert-rules": "/alerts/rules",
        "alert-channels": "/alerts/channels",
        "new-alert-channel": "/alerts/channels/new?kind=slack",
        "account": "/account",
        "second-factor": "/account/second-factor",
        "authenticator": "/account/second-factor/app",
        "passkey": "/account/second-factor/passkeys/new",
        "tokens": "/account/tokens",
        "new-token": "/account/tokens/new",
        "team": "/team",
        "person": "/team/1",
        "invite": "/team/invite",
        "sign-in-policy": "/team/sign-in",
        "people": "/people",
        "receipts": "/people/receipts",
        "site-privacy": "/sources/blue-teapot-shop/privacy",
        "destination-form": "/destinations/2/edit",
        "new-subscription": "/destinations/2/subscriptions/new",
        "replays": "/replays",
        "find": "/find?q=shop",
        "help": "/help/alerts",
        "missing": "/no-such-page",
    }
