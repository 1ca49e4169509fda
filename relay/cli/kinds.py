"""``flask kinds [KIND]``: the kinds of destinations and their settings."""

from __future__ import annotations

import shlex
from typing import Any

import click
from flask.cli import AppGroup

from relay.cli.output import command, show, show_list
from relay.destinations import KINDS
from relay.destinations.ai import AiKind
from relay.destinations.base import Kind
from relay.destinations.setting_fields import SettingField, setting_fields
from relay.services.destinations import settings as destination_settings

top_level = AppGroup("relay")  # holds the command until it is added to ``flask`` itself


def summary_of(kind: Kind) -> dict[str, Any]:
    """``takes`` is ``events``, or ``ai_questions`` for a kind that AI steps ask."""
    return {
        "slug": kind.slug,
        "name": kind.name,
        "description": kind.tagline,
        "takes": "ai_questions" if isinstance(kind, AiKind) else "events",
    }


def as_dict(kind: Kind) -> dict[str, Any]:
    """One kind with its fields.  ``example`` are the arguments of a command that creates one."""
    return summary_of(kind) | {
        "default_events": list(kind.default_event_types) if kind.takes_events else [],
        "fields": [field_of(setting) for setting in setting_fields(kind.schema)],
        "example": arguments_of(kind),
    }


def field_of(setting: SettingField) -> dict[str, Any]:
    return {
        "name": setting.name,
        "label": setting.label,
        "type": setting.type,
        "required": setting.required,
        "secret": setting.secret,
        "choices": [{"value": value, "label": label} for value, label in setting.choices],
        "default": setting.default,
        "help": setting.help,
        "used_if": dict(setting.shown_if),
    }


def arguments_of(kind: Kind) -> list[str]:
    """The arguments of ``flask`` that create such a destination; secrets come from the environment."""
    found = ["destinations", "create", kind.slug, f"My {kind.name}"]
    for name, value in kind.example_config.items():
        found += ["--set", f"{name}={value}"]
    for name in kind.example_secrets:
        found += ["--secret", f"{name}=env:{kind.slug.upper()}_{name.upper()}"]
    return found


@command(top_level, "kinds", "kinds", "kinds webhook")
@click.argument("kind", required=False)
def kinds(kind: str | None, as_json: bool) -> None:
    """List the kinds of destinations, or show the settings of one KIND."""
    if kind is None:
        items = [summary_of(found) for found in KINDS.values()]
        show_list(items, len(items), as_json, "slug", "name", "takes", "description")
        return
    found = as_dict(destination_settings.kind_of(kind))
    show(found, as_json, text_of(found))


def text_of(found: dict[str, Any]) -> str:
    lines = [f"{found['name']} ({found['slug']}): {found['description']}", ""]
    for field in found["fields"]:
        lines += [f"{field['name']}: {field['label']} ({', '.join(_facts(field))})"]
        lines += [f"    {choice['value']}: {choice['label']}" for choice in field["choices"]]
        lines += [f"    {field['help']}"] if field["help"] else []
    if not found["fields"]:
        lines += ["No settings."]
    return "\n".join([*lines, "", "Example:", f"    flask {shlex.join(found['example'])}"])


def _facts(field: dict[str, Any]) -> list[str]:
    facts = [field["type"]]
    facts += [name for name in ("required", "secret") if field[name]]
    facts += [f"only with {name}={value}" for name, value in field["used_if"].items()]
    if field["default"] is not None:
        facts.append(f"default {field['default']}")
    return facts
