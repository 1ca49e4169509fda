"""The AI step before a delivery: asked at most once about the same, within its limits, or gone without.

Runs in a drain's sender threads.  An empty balance, an outage, a cap or a slow answer never stops a
delivery, unless somebody chose that it waits.  What came of it is told in the attempt.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from relay.database import READ_ONLY
from relay.delivery.ai import budget
from relay.delivery.ai.budget import AiRequest, CachedAnswer, OverBudget, Reservation
from relay.delivery.ai.steps import NO_CAPS, ActiveAiStep
from relay.delivery.claim import DatabaseClock
from relay.delivery.quotas import record_quotas
from relay.destinations.ai import MILLION, AiKind, AiModel, AiQuestion, AiReply, TokenUsage
from relay.destinations.base import Message
from relay.errors import RelayError, Undeliverable
from relay.mapping import ai_answers, prompts
from relay.mapping.pii import Masker
from relay.models import AiAnswer, Destination
from relay.observability import metrics
from relay.rules.lifecycle import Failed, Held, Refused, Signal
from relay.transport.client import Transport
from relay.transport.request import Reply

LONGEST_S = 20  # an AI step may take so long; the lease of its delivery is longer by as much
LOOK_S = 0.2  # how often a thread looks for the answer that another one asks for
SHORTEST_S = 0.5  # with less time left nothing is asked any more
TOLD = 4000  # signs of what was asked that are kept with an attempt
UNCLEAR = ("timeout", "connection_lost", "response_too_large", "bad_answer")  # may have cost


@dataclass(frozen=True)
class Enriched:
    """``fields`` for the mapping, ``told`` for the attempt; with a ``signal`` nothing is sent now."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    signal: Signal | None = None


class NoAiAnswer(RelayError):
    """No answer: ``signal`` says why, and what it means for a delivery that waits for one."""

    def __init__(self, signal: Held | Failed | Refused):
        self.signal = signal
        super().__init__(signal.sentence)


def reason(sentence: str) -> str:
    """A sentence to stand after a colon: it begins small, unless with a name."""
    plain = sentence.startswith(("The ", "Another ", "Nothing ", "What "))
    return sentence[:1].lower() + sentence[1:] if plain else sentence


class Enricher:
    """Asks for one destination's deliveries.  Safe in many threads; needs no application's context."""

    def __init__(self, engine: Engine, transport: Transport, stopping: Event | None = None):
        self.engine, self.transport, self.stopping = engine, transport, stopping or Event()

    def enrich(self, step: ActiveAiStep, message: Message) -> Enriched:
        """The answer's fields, or none and why.  Never raises."""
        began = time.monotonic()
        told: dict[str, Any] = {"name": step.name, "model": step.model, "masked": step.masking}
        try:
            fields = self._fields(step, message, began, told)
        except NoAiAnswer as exc:
            return without(step, exc.signal, told)
        except Undeliverable as exc:
            return without(step, Refused(exc.code, str(exc)), told)
        except SQLAlchemyError:
            why = "Relay's database was too busy to count the call."
            return without(step, Held("database_busy", why, 5.0), told)
        except Exception as exc:  # a fault of ours in the step must not stop what goes without it
            why = f"Relay could not ask ({type(exc).__name__}). That is on Relay's side."
            return without(step, Refused("internal_error", why), told)
        told["answer"] = fields
        if self.stopping.is_set():
            return Enriched({}, told, Held("later", "The worker stops. The AI's answer is kept."))
        return Enriched(fields, told)

    def _fields(
        self, step: ActiveAiStep, message: Message, began: float, told: dict[str, Any]
    ) -> dict[str, Any]:
        model = None if step.trouble else step.kind.model(step.config, step.model)
        if model is None:
            gone = f"The model {step.model} is not among the models of {step.name} any more."
            raise NoAiAnswer(Held("no_model", step.trouble or gone, budget.PAUSED_S))
        masker = Masker(message.payload, step.masking)
        schema = ai_answers.schema_of(step.fields)
        instructions = prompts.instructions_of(step.instructions)
        spent = prompts.tokens(instructions + json.dumps(schema, ensure_ascii=False))
        data = prompts.data_of(
            step.shown, step.text, message.payload, masker, step.max_input_tokens - spent
        )
        told["asked"] = data[:TOLD]
        question = AiQuestion(
            step.model, instructions, data, schema, step.max_output_tokens, step.wait_s, message
        )
        answer = self._answer(step, model, question, began, told)
        return ai_answers.take(step.fields, answer, masker.restore)

    def _answer(
        self,
        step: ActiveAiStep,
        model: AiModel,
        question: AiQuestion,
        began: float,
        told: dict[str, Any],
    ) -> Mapping[str, Any]:
        """From what is kept, or by a call; waits while somebody else asks the same."""
        order = request_for(step, model, question)
        while True:
            left_s = step.wait_s - (time.monotonic() - began)
            order = replace(order, lasts_s=max(SHORTEST_S, left_s))
            with self.engine.begin() as connection:
                got = budget.begin(connection, order)
            if isinstance(got, CachedAnswer):
                told |= {"outcome": "kept", "sentence": "With AI: the same was asked before."}
                return got.answer
            if isinstance(got, OverBudget):
                raise NoAiAnswer(Held(got.code, got.sentence, got.wait_s))
            if isinstance(got, Reservation):
                return self._call(step, model, question, order, got, began, told)
            if not self._answered(order, left_s):
                why = "Another event asks the same, and the answer takes too long."
                raise NoAiAnswer(Held("busy", why, 5.0))

    def _answered(self, order: AiRequest, left_s: float) -> bool:
        """Wait until nobody asks the same any more.  False where the time is up before."""
        until = time.monotonic() + left_s
        mine = select(AiAnswer.state).where(AiAnswer.key == order.key)
        while time.monotonic() < until:
            time.sleep(LOOK_S)
            with self.engine.connect().execution_options(**READ_ONLY) as connection:
                if connection.scalar(mine) != "claimed":
                    return True
        return False

    def _call(
        self,
        step: ActiveAiStep,
        model: AiModel,
        question: AiQuestion,
        order: AiRequest,
        ticket: Reservation,
        began: float,
        told: dict[str, Any],
    ) -> Mapping[str, Any]:
        """The one call.  Whatever becomes of it is written down before anybody goes on."""
        time.sleep(ticket.wait_s)
        left_s = max(SHORTEST_S, step.wait_s - (time.monotonic() - began))
        named = replace(question.message, key=order.key, attempt_key=uuid.uuid4().hex)
        request = step.kind.ask(step.config, replace(question, timeout_s=left_s, message=named))
        called = time.monotonic()
        reply = step.kind.send(request, self.transport)
        said = step.kind.read(reply)
        answer, signal = said.answer, said.signal
        if answer is not None:
            try:
                answer = ai_answers.take(step.fields, answer)
            except Undeliverable as exc:
                answer, signal = None, Refused(exc.code, str(exc))
        usage, cost = said.usage or TokenUsage(), cost_of(model, reply, said, order.most)
        with self.engine.begin() as connection:
            budget.settle(connection, order, ticket, signal, cost, usage, answer)
            quotas = step.kind.quotas(step.config, reply)
            record_quotas(connection, step.destination_id, quotas, DatabaseClock(connection).read)
        metrics.ai_tokens.inc(usage.tokens_in + usage.tokens_out)
        metrics.ai_cost.inc((cost or 0) / MILLION)
        told |= {
            "ms": round((time.monotonic() - called) * 1000),
            "tokens_in": usage.tokens_in,
            "tokens_out": usage.tokens_out,
            "cost": budget.money(cost or 0, order.currency),
            "request_id": said.request_id,
        }
        if answer is None:
            assert isinstance(signal, Held | Failed | Refused)
            raise NoAiAnswer(signal)
        told |= {"outcome": "answered", "sentence": f"With AI: {step.model} answered."}
        return answer


def request_for(step: ActiveAiStep, model: AiModel, question: AiQuestion) -> AiRequest:
    """What the ledger has to know.  The key is all that the answer depends on."""
    asked = [
        step.destination_id,
        step.config.get("base_url"),
        question.model,
        question.instructions,
        question.data,
        question.schema,
        question.max_output_tokens,
    ]
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    body = step.kind.ask(step.config, question).body
    # a token has at least one byte, so that no call can cost more
    most = model.cost(TokenUsage(len(body), question.max_output_tokens))
    return AiRequest(
        key=hashlib.sha256(text.encode()).hexdigest(),
        destination_id=step.destination_id,
        subscription_id=step.subscription_id,
        model=step.model,
        currency=step.kind.currency(step.config),
        most=most,
        lasts_s=step.wait_s,
        caps=step.kind.caps(step.config),
        own_caps=step.caps,
    )


def cost_of(model: AiModel, reply: Reply, said: AiReply, most: int) -> int | None:
    """What a call cost; all that it can have cost where nobody says; None for nothing."""
    if said.usage is not None:
        return model.cost(said.usage)
    if reply.status is None:
        return most if reply.error in UNCLEAR else None
    return most if reply.status < 300 else None


def without(step: ActiveAiStep, signal: Held | Failed | Refused, told: dict[str, Any]) -> Enriched:
    """No answer: on without one, or a delivery that waits."""
    told |= {"outcome": "without", "code": signal.code}
    if step.fallback == "go_on":
        told["sentence"] = f"Without AI: {reason(signal.sentence)}"
        return Enriched({}, told)
    told |= {"outcome": "waits", "sentence": f"Waits for AI: {reason(signal.sentence)}"}
    if isinstance(signal, Refused) and signal.pause:  # the AI is paused; nothing is lost meanwhile
        return Enriched({}, told, Held(signal.code, told["sentence"], budget.PAUSED_S))
    return Enriched({}, told, replace(signal, sentence=told["sentence"]))


def note_test(engine: Engine, destination: Destination, kind: AiKind, reply: Reply) -> None:
    """Count what a person's test of an AI destination cost, if it tells."""
    usage, config = kind.read(reply).usage, destination.config
    if usage is None:
        return
    model, currency = kind.models(config)[0], kind.currency(config)
    order = AiRequest("", destination.id, None, model.name, currency, 0, 0.0, NO_CAPS, NO_CAPS)
    with engine.begin() as connection:
        budget.note(connection, order, model.cost(usage), usage)


def bound(enricher: Enricher, step: ActiveAiStep | None) -> Callable[[Message], Enriched] | None:
    """What a call has to do before it builds its request, if anything."""
    return None if step is None else lambda message: enricher.enrich(step, message)
