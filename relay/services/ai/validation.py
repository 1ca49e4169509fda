"""An AI step as a person enters it, and the checks before it is saved."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from relay.destinations.ai import MILLION
from relay.errors import Invalid
from relay.i18n import _
from relay.mapping import ai_answers, prompts
from relay.mapping.ai_answers import TYPES, AnswerField
from relay.mapping.templates import check_template
from relay.rules.states import AiFallback

if TYPE_CHECKING:
    from relay.services.ai.steps import Asker

LONGEST_TASK, MOST_FIELDS, MOST_CHOICES, ROOM = 4000, 20, 50, 100
LIMITS = {
    "max_input_tokens": (200, 100_000),
    "max_output_tokens": (16, 16_000),
    "wait_s": (1, 20),
}


@dataclass(frozen=True)
class Draft:
    """``day_cap`` is in the currency's unit; None: only the destination's own caps."""

    destination_id: int = 0
    model: str = ""
    instructions: str = (
        "Read what this person wrote. Say what it is about and whether someone should answer today, "  # i18n: keep
        "and sum it up in one sentence."
    )
    shown: tuple[tuple[str, ...], ...] = ()
    text: str = ""
    fields: tuple[AnswerField, ...] = (
        AnswerField(
            "topic",
            "choice",
            "What it is about",  # i18n: keep
            ("question", "order", "complaint", "praise", "other"),
        ),
        AnswerField("urgent", "yes_no", "Whether someone should answer today"),  # i18n: keep
        AnswerField("summary", "text", "One sentence, in the language of the text"),  # i18n: keep
    )
    masking: bool = True
    max_input_tokens: int = 2000
    max_output_tokens: int = 1000
    wait_s: int = 15
    day_cap: Decimal | None = None
    day_calls: int | None = None
    fallback: str = AiFallback.GO_ON


@dataclass(frozen=True)
class ValidatedStep:
    """The columns of an ``AiStep``, and the destination that it asks."""

    columns: dict[str, Any]
    asker: Asker


def draft_of(step: Any) -> Draft:
    """A saved step as a draft."""
    return Draft(
        destination_id=step.destination_id,
        model=step.model,
        instructions=step.instructions,
        shown=tuple(map(tuple, step.shown)),
        text=step.text,
        fields=tuple(map(ai_answers.field_of, step.fields)),
        masking=step.masking,
        max_input_tokens=step.max_input_tokens,
        max_output_tokens=step.max_output_tokens,
        wait_s=step.wait_s,
        day_cap=None if step.day_cap is None else Decimal(step.day_cap) / MILLION,
        day_calls=step.day_calls,
        fallback=step.fallback,
    )


def check(draft: Draft, askers: Sequence[Asker]) -> ValidatedStep:
    """The step if it can be saved.  Raises Invalid with the reasons per field."""
    reasons: dict[str, list[str]] = {}
    asker = next((a for a in askers if a.destination.id == draft.destination_id), None)
    if asker is None or all(one.name != draft.model for one in asker.models):
        reasons["model"] = [_("Choose one of the models.")]
    for name, why in (
        ("instructions", _task(draft)),
        ("shown", "" if draft.shown or draft.text else _("Select at least one field.")),
        ("text", check_template(draft.text) or ""),
        ("fields", _fields(draft.fields)),
        ("fallback", "" if draft.fallback in tuple(AiFallback) else _("Choose one of the two.")),
    ):
        if why:
            reasons[name] = [why]
    for name, (low, high) in LIMITS.items():
        if not low <= getattr(draft, name) <= high:
            reasons[name] = [
                _("Enter a whole number from %(low)s to %(high)s.", low=low, high=high)
            ]
    if not reasons and _room(draft) < ROOM:
        reasons["max_input_tokens"] = [
            _(
                "The instructions and fields alone use nearly all of it. Raise the limit, or shorten them."
            )
        ]
    if reasons or asker is None:
        raise Invalid(reasons)
    return ValidatedStep(
        {
            "destination_id": asker.destination.id,
            "model": draft.model,
            "instructions": draft.instructions.strip(),
            "shown": [list(path) for path in draft.shown],
            "text": draft.text,
            "fields": [one.as_json() for one in draft.fields],
            "masking": draft.masking,
            "max_input_tokens": draft.max_input_tokens,
            "max_output_tokens": draft.max_output_tokens,
            "wait_s": draft.wait_s,
            "day_cap": None if draft.day_cap is None else int(draft.day_cap * MILLION),
            "day_calls": draft.day_calls,
            "fallback": draft.fallback,
        },
        asker,
    )


def _task(draft: Draft) -> str:
    task = draft.instructions.strip()
    if not 1 <= len(task) <= LONGEST_TASK:
        return _(
            "Describe in 1 to %(most)s characters what the AI should do.",
            most=LONGEST_TASK,
        )
    if "{{" in task or "{%" in task:
        return _(
            "Fields of the event do not belong in the instructions: select them below. This way, nothing that "
            "a visitor writes can ever become an instruction."
        )
    return ""


def _fields(fields: Sequence[AnswerField]) -> str:
    names = [one.name for one in fields]
    if not 1 <= len(names) <= MOST_FIELDS:
        return _("Name 1 to %(most)s fields that the AI fills in.", most=MOST_FIELDS)
    if len(set(names)) < len(names):
        return _("Two fields have the same name.")
    for one in fields:
        if not re.fullmatch(r"[a-z0-9_]{1,40}", one.name) or one.type not in TYPES:
            return _("Each field needs a name of letters and digits, and one of the types.")
        if len(one.description) > 300:
            return _("Describe “%(name)s” in at most 300 characters.", name=one.name)
        few = 2 <= len(one.choices) <= MOST_CHOICES
        if one.type == "choice" and not (few and all(len(c) <= 80 for c in one.choices)):
            return _(
                "Enter 2 to %(most)s short choices for “%(name)s”, separated by commas.",
                most=MOST_CHOICES,
                name=one.name,
            )
    return ""


def _room(draft: Draft) -> int:
    """Tokens left for the event's data."""
    fixed = prompts.instructions_of(draft.instructions) + json.dumps(
        ai_answers.schema_of(draft.fields), ensure_ascii=False
    )
    return draft.max_input_tokens - prompts.tokens(fixed)
