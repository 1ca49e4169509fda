"""The fields of an AI's answer: their JSON schema, and the validation of an answer.  Pure.

Only declared fields of an answer are used, each with its type and a maximum length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from relay.errors import Undeliverable
from relay.i18n import N_, _

TYPES = {
    "text": N_("Text"),
    "number": N_("Number"),
    "yes_no": N_("Yes or no"),
    "choice": N_("One of a few words"),
}
MAX_TEXT = 2000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # databases cannot store these
YES, NO = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class AnswerField:
    """A declared field.  Mappings use it as ``ai.name``; ``choices`` are those of the type choice."""

    name: str
    type: str = "text"
    description: str = ""
    choices: tuple[str, ...] = ()

    @property
    def path(self) -> tuple[str, str]:
        """The path of the value in the scope of a mapping."""
        return "ai", self.name

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "choices": list(self.choices),
        }


def field_of(stored: Mapping[str, Any]) -> AnswerField:
    """A field from its JSON, see ``AnswerField.as_json``."""
    return AnswerField(
        stored["name"], stored["type"], stored["description"], tuple(stored["choices"])
    )


def name_of(text: str) -> str:
    """A field's name from a label: ``Summary of request`` becomes ``summary_of_request``."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]


EXAMPLES = {"text": "what the AI writes here", "number": 1, "yes_no": True}


def example_of(fields: Iterable[AnswerField]) -> dict[str, Any]:
    """An example of an answer, for previews without a real one."""
    return {
        field.name: field.choices[0] if field.type == "choice" else EXAMPLES[field.type]
        for field in fields
    }


def schema_of(fields: Iterable[AnswerField]) -> dict[str, Any]:
    """The JSON schema as strict servers require it: all fields required, no other fields."""
    properties: dict[str, Any] = {}
    for field in fields:
        json_type = {"number": "number", "yes_no": "boolean"}.get(field.type, "string")
        schema: dict[str, Any] = {"type": json_type}
        if field.description:
            schema["description"] = field.description
        if field.type == "choice":
            schema["enum"] = list(field.choices)
        properties[field.name] = schema
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def validate(
    fields: Iterable[AnswerField],
    answer: Mapping[str, Any],
    restore: Callable[[str], str] = str,
) -> dict[str, Any]:
    """The declared fields of an answer.  ``restore`` puts masked data back into texts.

    Raises Undeliverable if a field is missing or has another type.
    """
    values = {}
    for field in fields:
        value = _typed(field, answer.get(field.name))
        if value is None:
            raise Undeliverable(
                "bad_answer",
                _(
                    "The AI's answer has no valid value for “%(name)s”. Describe the field more clearly in "
                    "the AI step, or choose a stricter answer format in the AI service's settings.",
                    name=field.name,
                ),
            )
        values[field.name] = restore(value)[:MAX_TEXT] if field.type == "text" else value
    return values


def _typed(field: AnswerField, value: Any) -> Any:
    """The value in the field's type, else None.  Numbers and yes or no can be text in the answer."""
    plain = str(value).strip() if isinstance(value, str | int | float) else ""
    if field.type == "text":
        return CONTROL.sub("", value)[:MAX_TEXT] if isinstance(value, str) else None
    if field.type == "choice":
        return next((c for c in field.choices if c.lower() == plain.lower()), None)
    if field.type == "yes_no":
        word = plain.lower()
        return True if word in YES else False if word in NO else None
    if isinstance(value, bool) or not re.fullmatch(
        r"-?\d{1,15}(\.\d{1,15})?([eE][+-]?\d{1,2})?", plain
    ):
        return None
    return int(plain) if re.fullmatch(r"-?\d+", plain) else float(plain)
