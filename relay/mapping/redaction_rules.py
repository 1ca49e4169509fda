"""A site's privacy settings: fields that are masked or dropped before an event is stored.  Pure.

A rule names a field by its path, such as ``["data", "customer", "email"]``; ``[]`` stands for each item
of a list.  The answers of a form are named by their label, ``["data", "fields", "E-mail"]``, whatever
the form; case and spaces make no difference there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relay.errors import Invalid
from relay.i18n import _
from relay.mapping.event_fields import label_of
from relay.mapping.paths import EACH, MAX_KEYS
from relay.mapping.personal import mask_value, role_of

MAX_RULES, MAX_KEY = 100, 200


class RedactionAction(StrEnum):
    MASK = "mask"
    DROP = "drop"


# What Relay itself needs to recognise, count and deliver an event.
NEEDED = frozenset(
    {
        *(("data", name) for name in ("id", "number", "status", "currency", "total", "created_at")),
        *(("data", name) for name in ("post_id", "order_id", "items", "form", "types", "counts")),
        *(("data", "form", name) for name in ("plugin", "id")),
    }
)
# What the schemas of the event types require: instead of being dropped, it is left empty.
REQUIRED = frozenset(
    {("data", "author"), ("data", "content"), ("data", "customer"), ("data", "fields")}
)


@dataclass(frozen=True)
class RedactionRule:
    """What happens to one field.  ``path`` begins with ``data``."""

    path: tuple[str, ...]
    action: RedactionAction

    @property
    def label(self) -> str:
        """For people: ``customer.email``, ``fields.E-mail``."""
        return label_of(self.path)

    def as_json(self) -> dict[str, Any]:
        return {"path": list(self.path), "action": self.action.value}


def read_rules(stored: Iterable[Mapping[str, Any]] | None) -> tuple[RedactionRule, ...]:
    """The rules of a site, as ``RedactionRule.as_json`` stored them."""
    return tuple(
        RedactionRule(tuple(one["path"]), RedactionAction(one["action"])) for one in stored or ()
    )


def check_path(path: Sequence[str]) -> tuple[str, ...]:
    """Raises Invalid if no rule can name this field."""
    keys = tuple(path)
    if not 2 <= len(keys) <= MAX_KEYS or keys[0] != "data" or any(len(k) > MAX_KEY for k in keys):
        raise Invalid(
            {
                "field": [
                    _("Name a field of the event's data, such as customer.email or fields.Phone.")
                ]
            }
        )
    if keys in NEEDED:
        raise Invalid(
            {
                "field": [
                    _(
                        "Relay needs %(field)s to count and deliver events. Keep this field.",
                        field=label_of(keys),
                    )
                ]
            }
        )
    return keys


def path_from_label(text: str) -> tuple[str, ...]:
    """The path of ``customer.email``, ``items[].name`` or ``fields.Your e-mail``.  Raises Invalid.

    What follows ``fields.`` is the label of a form's field, which may have dots of its own.
    """
    text = text.strip().removeprefix("data.")
    head, dot, label = text.partition(".")
    if head == "fields" and dot:
        return check_path(("data", "fields", label.strip()))
    keys = text.replace(EACH, f".{EACH}").split(".")
    if not all(keys):
        raise Invalid({"field": [_("Name a field such as customer.email or fields.Phone.")]})
    return check_path(("data", *keys))


class Redactor:
    """The rules of one site, ready to use.  Not changed after it is made, so threads share it."""

    def __init__(self, rules: Iterable[RedactionRule]):
        self.rules = tuple(rules)

    def apply(self, body: dict[str, Any]) -> list[dict[str, str]]:
        """Change a parsed event.  -> what was removed, as ``RedactedEvent.fields``; empty if nothing was."""
        types = body["data"].get("types")
        roles = types if isinstance(types, dict) else {}
        return [
            {"label": rule.label, "action": rule.action.value}
            for rule in self.rules
            if _apply(body, rule.path, rule, roles)
        ]


def _apply(scope: Any, keys: Sequence[str], rule: RedactionRule, roles: Mapping[str, Any]) -> bool:
    """Whether the field was there with a value."""
    key, rest = keys[0], keys[1:]
    if key == EACH:
        # a list, so that every item is changed and not just the first
        done = (
            [_apply(item, rest, rule, roles) for item in scope] if isinstance(scope, list) else []
        )
        return any(done)
    if isinstance(scope, list) and rest:
        done = [_apply(item, keys, rule, roles) for item in scope]
        return any(done)
    if not isinstance(scope, dict):
        return False
    is_answer = rule.path[:2] == ("data", "fields") and len(keys) == len(rule.path) - 2
    names = (
        [one for one in scope if _same(one, key)] if is_answer else [key] if key in scope else []
    )
    if rest:
        done = [_apply(scope[name], rest, rule, roles) for name in names]
        return any(done)
    done = [_redact(scope, name, rule, roles) for name in names]
    return any(done)


def _same(one: str, other: str) -> bool:
    """Whether two labels of a form are the same for a person."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _redact(
    scope: dict[str, Any], name: str, rule: RedactionRule, roles: Mapping[str, Any]
) -> bool:
    value = scope[name]
    if value in (None, "", [], {}):
        return False
    if rule.action is RedactionAction.MASK:
        scope[name] = masked(value, role_of(name, roles.get(name)))
    elif rule.path in REQUIRED:
        scope[name] = {} if isinstance(value, dict) else ""
    else:
        del scope[name]
    return True


def masked(value: Any, role: str) -> Any:
    """A value with all texts and numbers in it masked."""
    if isinstance(value, dict):
        return {key: masked(inner, role_of(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, role) for inner in value]
    return mask_value(value, role)
