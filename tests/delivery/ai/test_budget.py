"""The AI budget over Relay's real processes: a killed worker costs no second answer."""

from __future__ import annotations

import subprocess
import sys

from relay.launcher.processes import ROOT
from tests.support.events import comment
from tests.support.fake_openai import FakeOpenAI
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

STEP = """
from wsgi import app
from relay.mapping.ai_answers import AnswerField
from relay.services.ai import steps as ai_steps
from relay.services.ai.validation import Draft
from relay.services.destinations import settings as destinations
from relay.services.audit import COMMAND_LINE
app.app_context().push()
crm, ai = (destinations.find_destination(name) for name in ("CRM", "Support AI"))
fields = (AnswerField("summary"),)
draft = Draft(ai.id, "small-1", "Sum it up.", (("data", "content"),), fields=fields, wait_s=20)
ai_steps.save(crm.subscriptions[0], draft, COMMAND_LINE)
"""


def connect(stack: Stack, sink: Sink, openai: FakeOpenAI) -> str:
    """A site, a destination and an AI step before it.  -> the site's secret"""
    source = stack.make_source()
    hook = ("webhook", "CRM", "--set", f"url={sink.url}/crm", "--set", "auth=none")
    stack.flask("destinations", "create", *hook)
    url = ("--set", "service=openai", "--set", f"base_url={openai.base_url}")
    ai = (*url, "--set", "models=small-1 0.25 2.00")
    stack.flask("destinations", "create", "openai", "Support AI", *ai)
    done = subprocess.run(
        [sys.executable, "-c", STEP], cwd=ROOT, env=stack.env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return source.secret


def let_leases_run_out(stack: Stack) -> None:
    """End all leases now."""
    stack.change("UPDATE delivery SET lease_until = created_at WHERE state = 'in_flight'")
    stack.change("UPDATE destination SET drain_until = created_at")
    stack.change("UPDATE ai_answer SET claimed_until = used_at WHERE state = 'claimed'")


def is_delivered(stack: Stack) -> bool:
    rows = stack.rows("SELECT state FROM delivery")
    return bool(rows) and all(row["state"] == "delivered" for row in rows)


def uses(stack: Stack) -> list[str]:
    return [row["state"] for row in stack.rows("SELECT state FROM ai_use ORDER BY id")]


def test_a_worker_killed_during_the_delivery_does_not_ask_again(
    stack: Stack, sink: Sink, openai: FakeOpenAI
) -> None:
    secret = connect(stack, sink, openai)
    sink.answers([Answer(200, delay_s=30), Answer(200)], "/crm")
    stack.send(comment(), secret)
    sink.wait(1)
    stack.kill("worker")
    let_leases_run_out(stack)
    stack.start("worker")
    first, second = sink.wait(2, timeout_s=60)
    assert first.body == second.body and b'"ai":{"summary"' in first.body
    stack.wait_for(lambda: is_delivered(stack), 20, "the delivery")
    assert len(openai.requests) == 1 and uses(stack) == ["settled", "hit"]


def test_a_worker_killed_during_the_question_leaves_its_reservation(
    stack: Stack, sink: Sink, openai: FakeOpenAI
) -> None:
    secret = connect(stack, sink, openai)
    openai.delay_s = 30
    stack.send(comment(), secret)
    openai.wait(1)
    stack.kill("worker")
    openai.delay_s = 0
    let_leases_run_out(stack)
    stack.start("worker")
    stack.wait_for(lambda: is_delivered(stack), 60, "the delivery")
    assert sink.requests[0].json()["ai"] == {"summary": "about summary"}
    assert uses(stack) == ["reserved", "settled"], "the first one may have been charged"
    (lost,) = stack.rows("SELECT cost FROM ai_use WHERE state = 'reserved'")
    assert lost["cost"] > 0


def test_the_metrics_count_tokens_and_cost(stack: Stack, sink: Sink, openai: FakeOpenAI) -> None:
    secret = connect(stack, sink, openai)
    stack.send(comment(), secret)
    stack.wait_for(lambda: is_delivered(stack), 30, "the delivery")
    text = stack.http.get(f"{stack.url}/metrics", timeout=20).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("relay_ai"))
    assert float(values["relay_ai_tokens_total"]) == 160
    assert 0 < float(values["relay_ai_cost_total"]) < 0.01
