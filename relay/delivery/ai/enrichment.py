"""The AI step before a delivery.

The same question is asked once, within the budget.  Runs in a drain's threads.  An empty balance, an
outage, a cap or a slow answer does not stop a delivery, unless a person chose that it waits for the
answer.  The attempt records what happened.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from sqlalchemy import Engine, or_, select
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.database import READ_ONLY
from relay.delivery import gate
from relay.delivery.ai import budget
from relay.delivery.ai.budget import AiRequest, CachedAnswer, OverBudget, Reservation
from relay.delivery.ai.steps import NO_CAPS, ActiveAiStep
from relay.delivery.quotas import record_quotas
from relay.destinations.ai import MILLION, AiKind, AiModel, AiQuestion, AiReply, TokenUsage
from relay.destinations.base import Message
from relay.errors import RelayError, Undeliverable
from relay.i18n import N_
from relay.mapping import ai_answers, prompts
from relay.mapping.pii import Masker
from relay.models import AiAnswer, Destination, Source, Subscription
from relay.observability import metrics
from relay.rules.lifecycle import Failed, Held, Refused, Signal
from relay.rules.states import AiAnswerState, AiFallback
from relay.transport.client import Transport
from relay.transport.request import Reply

LONGEST_S = 20  # the longest time of an AI step; the lease of its delivery is longer by this
POLL_S = 0.2  # how often a thread checks for the answer that another thread asks for
SHORTEST_S = 0.5  # the shortest time limit of a call
STORED_QUESTION = 4000  # characters of a question that are stored with an attempt
UNCLEAR = (
    "timeout",
    "connection_lost",
    "response_too_large",
    "bad_answer",
)  # may have been charged


@dataclass(frozen=True)
class Enriched:
    """``fields`` for the mapping, ``record`` for the attempt; with a ``signal`` nothing is sent now."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    signal: Signal | None = None


class NoAiAnswer(RelayError):
    """There is no answer.  ``signal`` says why, and what that means for a delivery that waits for one."""

    def __init__(self, signal: Held | Failed | Refused):
        self.signal = signal
        super().__init__(signal.sentence)


def reason(sentence: str) -> str:
    """A sentence as it is written after a colon: in lower case, unless it begins with a name."""
    plain = sentence.startswith(("The ", "Another ", "Nothing ", "What "))
    return sentence[:1].lower() + sentence[1:] if plain else sentence


class Enricher:
    """Asks for the deliveries of one destination.  Safe in many threads, without an application context."""

    def __init__(self, engine: Engine, transport: Transport, stopping: Event | None = None):
        self.engine, self.transport, self.stopping = engine, transport, stopping or Event()

    def enrich(
        self, step: ActiveAiStep, message: Message, source_id: int | None = None
    ) -> Enriched:
        """Ask for one message.  Never raises: without an answer the record says why.

        ``source_id`` is the site of a real event; a sample has none.
        """
        enriched = self._ask(step, message)
        if enriched.signal is not None:
            return enriched
        # The drain checked before it started; the question may have taken many seconds since, also
        # when it got no answer.
        try:
            is_removed = self._is_removed(step, source_id)
        except SQLAlchemyError:
            why = N_("Relay's database did not answer.")
            return Enriched({}, enriched.record, Held("database_busy", why, 5.0))
        if is_removed:
            why = N_("Its subscription or site was removed.")
            return Enriched({}, enriched.record, Held("removed", why))
        return enriched

    def _ask(self, step: ActiveAiStep, message: Message) -> Enriched:
        began = time.monotonic()
        record: dict[str, Any] = {"name": step.name, "model": step.model, "masked": step.masking}
        try:
            fields = self._fields(step, message, began, record)
        except NoAiAnswer as exc:
            return without(step, exc.signal, record)
        except Undeliverable as exc:
            return without(step, Refused(exc.code, str(exc)), record)
        except SQLAlchemyError:
            why = N_("Relay's database was too busy to count the call.")
            return without(step, Held("database_busy", why, 5.0), record)
        except Exception as exc:  # a fault in Relay must not stop a delivery that can go without AI
            text = N_("Relay could not ask (%(error)s). That is on Relay's side.")
            why = text % {"error": type(exc).__name__}
            return without(step, Refused("internal_error", why), record)
        record["answer"] = fields
        if self.stopping.is_set():
            why = N_("The worker stops. The AI's answer is kept.")
            return Enriched({}, record, Held("later", why))
        return Enriched(fields, record)

    def _is_removed(self, step: ActiveAiStep, source_id: int | None) -> bool:
        wanted = (
            select(Subscription.id)
            .join(Destination)
            .outerjoin(Source, Source.id == source_id)
            .where(
                Subscription.id == step.subscription_id,
                or_(gate.is_removed(), gate.is_from_removed_site()),
            )
        )
        with self.engine.connect().execution_options(**READ_ONLY) as connection:
            return connection.scalar(wanted) is not None

    def _fields(
        self, step: ActiveAiStep, message: Message, began: float, record: dict[str, Any]
    ) -> dict[str, Any]:
        model = None if step.trouble else step.kind.model(step.config, step.model)
        if model is None:
            gone = N_("The model %(model)s is not among the models of %(name)s any more.")
            why = step.trouble or gone % {"model": step.model, "name": step.name}
            raise NoAiAnswer(Held("no_model", why, budget.PAUSED_S))
        masker = Masker(message.payload, step.masking)
        schema = ai_answers.schema_of(step.fields)
        instructions = prompts.instructions_of(step.instructions)
        spent = prompts.tokens(instructions + json.dumps(schema, ensure_ascii=False))
        data = prompts.data_of(
            step.shown, step.text, message.payload, masker, step.max_input_tokens - spent
        )
        record["asked"] = data[:STORED_QUESTION]
        question = AiQuestion(
            step.model, instructions, data, schema, step.max_output_tokens, step.wait_s, message
        )
        answer = self._answer(step, model, question, began, record)
        return ai_answers.validate(step.fields, answer, masker.restore)

    def _answer(
        self,
        step: ActiveAiStep,
        model: AiModel,
        question: AiQuestion,
        began: float,
        record: dict[str, Any],
    ) -> Mapping[str, Any]:
        """A stored answer, or the answer to a call; waits while another thread asks the same."""
        request = budget_request(step, model, question)
        while True:
            left_s = step.wait_s - (time.monotonic() - began)
            request = replace(request, max_s=max(SHORTEST_S, left_s))
            with self.engine.begin() as connection:
                decision = budget.begin(connection, request)
            if isinstance(decision, CachedAnswer):
                why = N_("With AI: the same was asked before.")
                record |= {"outcome": "kept", "sentence": why}
                return decision.answer
            if isinstance(decision, OverBudget):
                raise NoAiAnswer(Held(decision.code, decision.sentence, decision.wait_s))
            if isinstance(decision, Reservation):
                return self._call(step, model, question, request, decision, began, record)
            if not self._answered(request, left_s):
                why = N_("Another event asks the same, and the answer takes too long.")
                raise NoAiAnswer(Held("busy", why, 5.0))

    def _answered(self, request: AiRequest, left_s: float) -> bool:
        """Wait until no other thread asks the same.  False if the time is up before."""
        until = time.monotonic() + left_s
        mine = select(AiAnswer.state).where(AiAnswer.key == request.key)
        while time.monotonic() < until:
            time.sleep(POLL_S)
            with self.engine.connect().execution_options(**READ_ONLY) as connection:
                if connection.scalar(mine) != AiAnswerState.CLAIMED:
                    return True
        return False

    def _call(
        self,
        step: ActiveAiStep,
        model: AiModel,
        question: AiQuestion,
        request: AiRequest,
        reservation: Reservation,
        began: float,
        record: dict[str, Any],
    ) -> Mapping[str, Any]:
        """Make the call, and record its cost before the answer is used."""
        time.sleep(reservation.wait_s)
        left_s = max(SHORTEST_S, step.wait_s - (time.monotonic() - began))
        named = replace(question.message, key=request.key, attempt_key=uuid.uuid4().hex)
        call = step.kind.ask(step.config, replace(question, timeout_s=left_s, message=named))
        called_at = time.monotonic()
        reply = step.kind.send(call, self.transport)
        parsed = step.kind.read(reply)
        answer, signal = parsed.answer, parsed.signal
        if answer is not None:
            try:
                answer = ai_answers.validate(step.fields, answer)
            except Undeliverable as exc:
                answer, signal = None, Refused(exc.code, str(exc))
        usage = parsed.usage or TokenUsage()
        cost = cost_of(model, reply, parsed, request.max_cost)
        with self.engine.begin() as connection:
            budget.settle(connection, request, reservation, signal, cost, usage, answer)
            quotas = step.kind.quotas(step.config, reply)
            record_quotas(connection, step.destination_id, quotas, database.now(connection))
        metrics.ai_tokens.inc(usage.tokens_in + usage.tokens_out)
        metrics.ai_cost.inc((cost or 0) / MILLION)
        record |= {
            "ms": round((time.monotonic() - called_at) * 1000),
            "tokens_in": usage.tokens_in,
            "tokens_out": usage.tokens_out,
            "cost": budget.money(cost or 0, request.currency),
            "request_id": parsed.request_id,
        }
        if answer is None:
            assert isinstance(signal, Held | Failed | Refused)
            raise NoAiAnswer(signal)
        said = N_("With AI: %(model)s answered.") % {"model": step.model}
        record |= {"outcome": "answered", "sentence": said}
        return answer


def budget_request(step: ActiveAiStep, model: AiModel, question: AiQuestion) -> AiRequest:
    """A question as the budget sees it.  Its key covers everything that the answer depends on."""
    parts = [
        step.destination_id,
        step.config.get("base_url"),
        question.model,
        question.instructions,
        question.data,
        question.schema,
        question.max_output_tokens,
    ]
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    body = step.kind.ask(step.config, question).body
    # A token has at least one byte, so the number of bytes is an upper limit for that of tokens.
    max_cost = model.cost(TokenUsage(len(body), question.max_output_tokens))
    return AiRequest(
        key=hashlib.sha256(text.encode()).hexdigest(),
        destination_id=step.destination_id,
        subscription_id=step.subscription_id,
        model=step.model,
        currency=step.kind.currency(step.config),
        max_cost=max_cost,
        max_s=step.wait_s,
        caps=step.kind.caps(step.config),
        own_caps=step.caps,
    )


def cost_of(model: AiModel, reply: Reply, parsed: AiReply, max_cost: int) -> int | None:
    """The cost of a call; ``max_cost`` if the reply does not say; None if nothing was charged."""
    if parsed.usage is not None:
        return model.cost(parsed.usage)
    if reply.status is None:
        return max_cost if reply.error in UNCLEAR else None
    return max_cost if reply.status < 300 else None


def without(
    step: ActiveAiStep, signal: Held | Failed | Refused, record: dict[str, Any]
) -> Enriched:
    """There is no answer: the delivery goes on without one, or it waits, as a person chose."""
    record |= {"outcome": "without", "code": signal.code}
    why = {"why": reason(signal.sentence)}
    if step.fallback == AiFallback.GO_ON:
        record["sentence"] = N_("Without AI: %(why)s") % why
        return Enriched({}, record)
    record |= {"outcome": "waits", "sentence": N_("Waits for AI: %(why)s") % why}
    if isinstance(signal, Refused) and signal.pause:  # the AI destination is paused: wait for it
        return Enriched({}, record, Held(signal.code, record["sentence"], budget.PAUSED_S))
    return Enriched({}, record, replace(signal, sentence=record["sentence"]))


def note_test(engine: Engine, destination: Destination, kind: AiKind, reply: Reply) -> None:
    """Record what a person's test of an AI destination cost, if the reply says so."""
    usage, config = kind.read(reply).usage, destination.config
    if usage is None:
        return
    model, currency = kind.models(config)[0], kind.currency(config)
    request = AiRequest("", destination.id, None, model.name, currency, 0, 0.0, NO_CAPS, NO_CAPS)
    with engine.begin() as connection:
        budget.note(connection, request, model.cost(usage), usage)
