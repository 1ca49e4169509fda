"""The named fields of an AI's answer: their JSON schema, and what is taken over of an answer.  Pure.

Only declared fields come through, each of its type and within its length; whatever else an answer
holds is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from relay.errors import Undeliverable

TYPES = {
    "text": "Text",
    "number": "Number",
    "yes_no": "Yes or no",
    "choice": "One of a few words",
}
LONGEST_TEXT = 2000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # what no database or receiver takes
YES, NO = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class AnswerField:
    """``name`` is how mappings say it (``ai.name``); ``choices`` are the words of a choice."""

    name: str
    type: str = "text"
    description: str = ""
    choices: tuple[str, ...] = ()

    @property
    def path(self) -> tuple[str, str]:
        """Where the value stands in the scope of a mapping."""
        return "ai", self.name

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "choices": list(self.choices),
        }


def field_of(stored: Mapping[str, Any]) -> AnswerField:
    """The opposite of ``AnswerField.as_json``."""
    return AnswerField(
        stored["name"], stored["type"], stored["description"], tuple(stored["choices"])
    )


def name_of(text: str) -> str:
    """A field's name from what a person typed: ``Summary of wish`` is ``summary_of_wish``."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]


EXAMPLES = {"text": "what the AI writes here", "number": 1, "yes_no": True}


def example_of(fields: Iterable[AnswerField]) -> dict[str, Any]:
    """An answer as it could be: for a look ahead where none was given yet."""
    return {
        one.name: one.choices[0] if one.type == "choice" else EXAMPLES[one.type] for one in fields
    }


def schema_of(fields: Iterable[AnswerField]) -> dict[str, Any]:
    """The JSON schema, as strict servers want it: every field required, no others."""
    properties: dict[str, Any] = {}
    for one in fields:
        kind = {"number": "number", "yes_no": "boolean"}.get(one.type, "string")
        rule: dict[str, Any] = {"type": kind}
        if one.description:
            rule["description"] = one.description
        if one.type == "choice":
            rule["enum"] = list(one.choices)
        properties[one.name] = rule
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def take(
    fields: Iterable[AnswerField],
    answer: Mapping[str, Any],
    restore: Callable[[str], str] = str,
) -> dict[str, Any]:
    """The declared fields of an answer, checked.  ``restore`` puts hidden data back into texts.

    Raises Undeliverable where a field is missing or of another type.
    """
    taken = {}
    for one in fields:
        value = _checked(one, answer.get(one.name))
        if value is None:
            raise Undeliverable(
                "bad_answer",
                f"The AI's answer has no fitting value for “{one.name}”. Describe the field more "
                "clearly, or choose a stricter way of keeping answers in shape.",
            )
        taken[one.name] = restore(value)[:LONGEST_TEXT] if one.type == "text" else value
    return taken


def _checked(field: AnswerField, value: Any) -> Any:
    """The value in its type; servers that are not strict write numbers and yes or no as text."""
    plain = str(value).strip() if isinstance(value, str | int | float) else ""
    if field.type == "text":
        return CONTROL.sub("", value)[:LONGEST_TEXT] if isinstance(value, str) else None
    if field.type == "choice":
        return next((c for c in field.choices if c.lower() == plain.lower()), None)
    if field.type == "yes_no":
        low = plain.lower()
        return True if low in YES else False if low in NO else None
    if isinstance(value, bool) or not re.fullmatch(
        r"-?\d{1,15}(\.\d{1,15})?([eE][+-]?\d{1,2})?", plain
    ):
        return None
    return int(plain) if re.fullmatch(r"-?\d+", plain) else float(plain)
