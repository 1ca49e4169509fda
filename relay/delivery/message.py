"""Build the message that a kind sends from rows: settings, keys, event and mapping."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, or_, select

from relay import exact_json, secrets
from relay.destinations import ALL_KINDS
from relay.destinations.base import Kind, Message, Rule, SettingText, SiteKey, TextStyle
from relay.destinations.links import event_page
from relay.errors import Undeliverable
from relay.i18n import N_
from relay.mapping import escaped_templates, templates
from relay.mapping.computed import STANDARD
from relay.mapping.rules import FilledMapping, fill_with_problems
from relay.mapping.writer import writer_of
from relay.models import (
    Destination,
    DestinationVersion,
    MappingVersion,
    SigningKey,
    Source,
    db_now,
)
from relay.observability.tracing import traceparent
from relay.rules.states import KeyState, SourceType
from relay.transport.request import OutboundRequest

FILL: Mapping[TextStyle, Callable[[str, Mapping[str, Any]], str]] = {
    TextStyle.PLAIN: partial(templates.render, escape=False),
    TextStyle.PATH: escaped_templates.render_path,
    TextStyle.JSON: escaped_templates.render_json,
}
MAX_SITE_KEYS = 4  # the plugin checks eight signatures at most


def kind_and_config(destination: Destination | Any) -> tuple[Kind, dict[str, Any]]:
    """The kind and its configuration: settings, opened secrets, and ``account``, the data last read
    from the account at the destination.

    Raises SecretUnreadable, Undeliverable.
    """
    if destination.kind not in ALL_KINDS:
        text = N_("This Relay does not know the kind %(kind)s. Update it.")
        raise Undeliverable("unknown_kind", text % {"kind": destination.kind})
    hidden = secrets.resolve_all(secrets.open_sealed(destination.sealed_secrets))
    account = {"account": destination.account} if destination.account else {}
    return ALL_KINDS[destination.kind], dict(destination.config) | hidden | account


def version_config(connection: Connection, destination_id: int, number: int) -> dict[str, Any]:
    """The settings of one version of a destination, without secrets; empty if it is not stored any more."""
    return (
        connection.scalar(
            select(DestinationVersion.config).where(
                DestinationVersion.destination_id == destination_id,
                DestinationVersion.number == number,
            )
        )
        or {}
    )


def load_site_key(connection: Connection, source_id: int) -> SiteKey | None:
    """The signing keys of a site, for kinds that sign for it; None without an active key.

    Raises SecretUnreadable.
    """
    rows = connection.execute(
        select(SigningKey.key_id, SigningKey.sealed_secret, SigningKey.state)
        .join(Source, Source.id == SigningKey.source_id)
        .where(
            SigningKey.source_id == source_id,
            Source.type == SourceType.PLUGIN,  # without the plugin, nothing there takes a callback
            SigningKey.state != KeyState.REVOKED,
            SigningKey.not_before <= db_now(),
            or_(SigningKey.not_after.is_(None), SigningKey.not_after > db_now()),
        )
        .order_by(SigningKey.state, SigningKey.id.desc())  # active before retiring
        .limit(MAX_SITE_KEYS)
    ).all()
    if not rows or rows[0].state != KeyState.ACTIVE:
        return None
    first, *older = (secrets.box().open_sealed(row.sealed_secret) for row in rows)
    return SiteKey(rows[0].key_id, first, tuple(older))


def mapping_rules(connection: Connection, subscription_id: int, number: int) -> dict[str, Any]:
    """One version of a subscription's mapping, by event type; empty if only default mappings are used."""
    return (
        connection.scalar(
            select(MappingVersion.rules).where(
                MappingVersion.subscription_id == subscription_id,
                MappingVersion.number == number,
            )
        )
        or {}
    )


def with_texts(kind: Kind, config: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` with the message texts of ``old``; credentials stay as they are now."""
    texts = [name for name, item in kind.schema.fields.items() if item.metadata.get("template")]
    kept = {name: value for name, value in config.items() if name not in texts}
    return kept | {name: old[name] for name in texts if name in old}


def message_of(
    payload: Mapping[str, Any],
    received_at: datetime,
    site_name: str,
    site_url: str,
    key: str,
    is_test: bool = False,
    site_key: SiteKey | None = None,
    public_url: str = "",
    is_older: bool = False,
) -> Message:
    """A message with a new attempt key.

    ``payload`` is the body as the site sent it, ``public_url`` Relay's own URL for links.
    """
    attempt_key = uuid.uuid4().hex
    return Message(
        event_id=str(payload["event_id"]),
        event_type=str(payload["event"]),
        received_at=received_at,
        payload=payload,
        data=payload["data"],
        site_name=site_name,
        site_url=site_url,
        key=key,
        attempt_key=attempt_key,
        traceparent=traceparent(str(payload["event_id"]), attempt_key),
        is_test=is_test,
        site_key=site_key,
        relay_url=event_page(public_url, str(payload["event_id"])),
        is_older=is_older,
    )


def requests_of(
    kind: Kind,
    config: Mapping[str, Any],
    message: Message,
    rules: Mapping[str, Rule] | None = None,
) -> tuple[OutboundRequest, ...]:
    """All calls that one message makes, for a preview.  Raises Undeliverable."""
    return kind.preview_requests(config, apply_mapping(kind, config, message, rules))


def apply_mapping(
    kind: Kind,
    config: Mapping[str, Any],
    message: Message,
    rules: Mapping[str, Rule] | None = None,
) -> Message:
    """The message with the fields of the kind filled in.  Raises Undeliverable."""
    if rules is None:
        rules = kind.default_mapping(config, message.event_type)
    texts = {one.setting: fill_text(one, scope_of(message)) for one in kind.setting_texts(config)}
    if texts:
        message = replace(message, texts=texts)
    if kind.writes_to_person:
        message = replace(message, person=writer_of(message.event_type, message.data))
    if not rules:
        return message
    filled = fill_for(kind, config, message, rules)
    if filled.errors:
        first = filled.errors[0]
        raise Undeliverable(first.code, first.sentence, first.target)
    return replace(message, mapped=filled.values, has_mapping=True, notes=filled.notes)


def fill_for(
    kind: Kind, config: Mapping[str, Any], message: Message, rules: Mapping[str, Rule]
) -> FilledMapping:
    """The fields of the kind for one message, and what does not fit.

    A required field that the kind can omit here becomes a note, as an optional one does.
    """
    targets = kind.targets(config, account_in(config))
    scope = scope_of(message)
    rules = with_standard_texts(kind, config, message.event_type, rules)
    filled = fill_with_problems(rules, scope, kind.escapes_html, targets, kind.open_fields)
    if not filled.problems:
        return filled
    labels = {target.name: target.label for target in targets}
    problems = tuple(
        problem.as_note(labels.get(problem.target, problem.target))
        if not problem.note and kind.can_omit(problem.target, filled.values)
        else problem
        for problem in filled.problems
    )
    return replace(filled, problems=problems)


def fill_text(text: SettingText, scope: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines of a text of the settings, each filled from an event.  Raises Undeliverable."""
    return tuple(FILL[text.style](line, scope) for line in text.lines)


def standard_rules(kind: Kind, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
    """The kind's default mapping, without the texts that a person wrote in the settings."""
    return kind.default_mapping(with_texts(kind, config, {}), event_type)


def with_standard_texts(
    kind: Kind, config: Mapping[str, Any], event_type: str, rules: Mapping[str, Rule]
) -> Mapping[str, Rule]:
    """Rules in which the kind's standard texts are filled in: only their choice is stored."""
    chosen = [
        name
        for name, rule in rules.items()
        if rule.get("computed") == STANDARD and "template" not in rule
    ]
    if not chosen:
        return rules
    standard = standard_rules(kind, config, event_type)
    return dict(rules) | {name: {**standard.get(name, {}), **rules[name]} for name in chosen}


def scope_of(message: Message) -> dict[str, Any]:
    """Everything that a mapping can use: the event, its site, when it was received, the AI answer."""
    return dict(message.payload) | {
        "site_name": message.site_name,
        "site_url": message.site_url,
        "received_at": message.received_at.isoformat(),
        "ai": {name: _without_exponent(value) for name, value in message.ai.items()},
    }


def _without_exponent(value: Any) -> Any:
    """A number of an AI's answer as a decimal, which is never printed as ``1e-05``."""
    return exact_json.PlainDecimal(repr(value)) if isinstance(value, float) else value


def account_in(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data last read from the account at the destination; see ``kind_and_config``."""
    return config.get("account") or {}
