"""The preview of a mapping on stored events, before anything is saved or sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any

from relay.delivery.message import (
    account_in,
    apply_mapping,
    fill_for,
    kind_and_config,
    load_site_key,
    mapping_rules,
    message_of,
    requests_of,
    scope_of,
    standard_rules,
)
from relay.delivery.payload import parse_payload
from relay.delivery.test_send import sample_of
from relay.destinations.base import Kind, Message, Rule, SiteKey, TargetField
from relay.destinations.redaction import mask_request
from relay.errors import NotFound, RelayError
from relay.i18n import _
from relay.mapping import ai_answers, checks
from relay.mapping.ai_answers import AnswerField
from relay.mapping.computed import STANDARD, ComputedField, fields_for
from relay.mapping.conditions import group_of, matches_type
from relay.mapping.event_fields import EventField, example_of, fields_of
from relay.mapping.printing import plain_text
from relay.mapping.rules import FieldProblem, FilledMapping
from relay.models import Event, Subscription, db
from relay.public_url import relay_url
from relay.services import events
from relay.services.ai import steps as ai_steps
from relay.services.subscriptions.matching import recent_events, slugs_of

DRY_RUN = 20
Rules = dict[str, Rule]
ABOUT = (("site_name",), ("site_url",), ("event",), ("event_id",), ("received_at",))
SENT_BY_SOME = (("occurred_at",), ("revision",), ("timezone",), ("locale",))


@dataclass(frozen=True)
class SampleEvent:
    """An event to try a mapping on; ``event`` is None for one of Relay's samples."""

    message: Message
    event: Event | None = None


@dataclass(frozen=True)
class ComputedExample:
    """A computed field, and what it is for the newest event that has a value for it."""

    field: ComputedField
    example: str


@dataclass(frozen=True)
class MappingPreview:
    """Everything for editing the mapping of one event type.

    ``computed`` are the computed fields of the type.  ``standard`` has the targets for which the kind
    has a text of its own.  ``samples`` are the newest events, at least one.
    """

    subscription: Subscription
    event_type: str
    kind: Kind
    config: Mapping[str, Any]
    targets: tuple[TargetField, ...]
    default_mapping: Rules
    in_use: Rules | None
    fields: list[EventField]
    computed: list[ComputedExample]
    standard: Rules
    samples: list[SampleEvent]

    @property
    def sends_all(self) -> bool:
        """Whether the whole event is sent if no one made a mapping."""
        return self.kind.open_fields and not self.default_mapping

    @property
    def is_real(self) -> bool:
        """Whether the samples are real events."""
        return self.samples[0].event is not None

    def sample(self, event_id: int | None) -> SampleEvent:
        """The chosen event, or the newest."""
        chosen = (one for one in self.samples if one.event is not None and one.event.id == event_id)
        return next(chosen, self.samples[0])


def types_of(subscription: Subscription) -> list[str]:
    """The known event types that it takes."""
    known = [t for t in events.known_types() if matches_type(subscription.event_types, t)]
    return sorted({*known, *(t for t in subscription.event_types if "*" not in t)})


def rules_in_use(subscription: Subscription) -> dict[str, Rules]:
    """The mappings made by people, by event type."""
    return mapping_rules(db.session.connection(), subscription.id, subscription.version)


def load_preview(subscription: Subscription, event_type: str) -> MappingPreview:
    """Raises NotFound for a type that it does not take, Undeliverable for an unknown kind."""
    if not matches_type(subscription.event_types, event_type):
        raise NotFound(_("This subscription does not take %(type)s.", type=event_type))
    kind, config = kind_and_config(subscription.destination)
    declared = ai_steps.fields_of(subscription)
    samples = _samples(subscription, event_type, kind, declared)
    fields = [
        *fields_of((one.message.payload for one in samples), of_items=kind.open_fields),
        *_of_ai(declared, samples[0].message),
        *_about(samples[0].message),
    ]
    return MappingPreview(
        subscription,
        event_type,
        kind,
        config,
        kind.targets(config, account_in(config)),
        kind.default_mapping(config, event_type),
        rules_in_use(subscription).get(event_type),
        fields,
        [ComputedExample(one, _example(one, samples)) for one in fields_for(event_type)],
        {
            name: rule
            for name, rule in standard_rules(kind, config, event_type).items()
            if rule.get("computed") == STANDARD
        },
        samples,
    )


def _example(field: ComputedField, samples: Sequence[SampleEvent]) -> str:
    """The first value that is not empty, as a short line."""
    if field.parameters:
        return ""
    for one in samples:
        try:
            if found := example_of(field.value(scope_of(one.message), {})):
                return found
        except RelayError:
            continue  # a headline that does not work for this event
    return ""


def _about(message: Message) -> list[EventField]:
    scope = scope_of(message)
    about = [*ABOUT, *(path for path in SENT_BY_SOME if path[0] in scope)]
    return [EventField(path, example_of(scope.get(path[0]))) for path in about]


def _of_ai(declared: Sequence[AnswerField], message: Message) -> list[EventField]:
    """The fields that the AI step before it fills in."""
    return [EventField(one.path, example_of(message.ai[one.name])) for one in declared]


def _samples(
    subscription: Subscription, event_type: str, kind: Kind, declared: Sequence[AnswerField]
) -> list[SampleEvent]:
    """The newest events that it takes, else others of that type, else one of Relay's samples; each
    with the AI's answer about it, or a possible one.
    """
    found = recent_events([event_type], slugs_of(subscription), DRY_RUN * 5)
    conditions = group_of(subscription.conditions)
    bodies = [(event, parse_payload(event.payload)) for event in found]
    taken = ([pair for pair in bodies if conditions.holds(pair[1])] or bodies)[:DRY_RUN]
    guess = ai_answers.example_of(declared)
    if not taken:
        ours = sample_of(subscription.destination, kind, event_type)
        return [SampleEvent(replace(ours, ai=guess))]
    told = ai_steps.answers_about(subscription, [event.id for event, _ in taken]) if guess else {}
    keys = _site_keys(kind, {event.source_id for event, _ in taken})
    return [
        SampleEvent(
            replace(
                _message(event, body),
                ai={name: told.get(event.id, {}).get(name, value) for name, value in guess.items()},
                site_key=keys.get(event.source_id),
            ),
            event,
        )
        for event, body in taken
    ]


def _message(event: Event, body: Mapping[str, Any]) -> Message:
    source, key = event.source, uuid.uuid4().hex
    return message_of(body, event.received_at, source.name, source.url, key, public_url=relay_url())


def _site_keys(kind: Kind, source_ids: Iterable[int]) -> dict[int, SiteKey | None]:
    """By source, for kinds that sign for the site."""
    if not kind.signs_for_site:
        return {}
    connection = db.session.connection()
    return {source_id: load_site_key(connection, source_id) for source_id in source_ids}


@dataclass(frozen=True)
class PreviewResult:
    """The result of a mapping for one event: the calls, secrets masked, or why there is none.

    ``values`` are the filled fields of the destination as text, by label; empty for a kind without
    fields of its own.
    """

    requests: list[dict[str, Any]]
    error: str
    warnings: list[FieldProblem]
    values: dict[str, str] = field(default_factory=dict)


def preview_event(bench: MappingPreview, rules: Rules, sample: SampleEvent) -> PreviewResult:
    """Sends nothing and saves nothing."""
    filled = _fill(bench, rules, sample)
    warnings = [
        *filled.problems,
        *_missing(bench, rules, filled),
        *checks.unknown(rules, bench.targets, [f.path for f in bench.fields], bench.kind.name),
    ]
    try:
        calls = requests_of(bench.kind, bench.config, sample.message, rules)
        mapped = apply_mapping(bench.kind, bench.config, sample.message, rules)
        notes = bench.kind.notes_of(bench.config, mapped)
    except RelayError as exc:
        return PreviewResult([], str(exc), warnings, _values(bench, filled))
    warnings += [FieldProblem(note.field, "note", note.sentence, note) for note in notes]
    requests = [mask_request(one) for one in calls]
    return PreviewResult(requests, "", warnings, _values(bench, filled))


def _values(bench: MappingPreview, filled: FilledMapping) -> dict[str, str]:
    texts = {
        f"{_(target.group)}: {_(target.label)}" if target.group else _(target.label): plain_text(
            filled.values[target.name]
        )
        for target in bench.targets
        if target.name in filled.values
    }
    return {
        label: unescape(text) if bench.kind.escapes_html else text for label, text in texts.items()
    }


def _fill(bench: MappingPreview, rules: Rules, sample: SampleEvent) -> FilledMapping:
    return fill_for(bench.kind, bench.config, sample.message, rules)


def _missing(bench: MappingPreview, rules: Rules, filled: FilledMapping) -> list[FieldProblem]:
    """The required targets without a value that the kind cannot do without."""
    return [
        problem
        for problem in checks.missing(rules, filled, bench.targets)
        if not bench.kind.can_omit(problem.target, filled.values)
    ]


@dataclass(frozen=True)
class DryRun:
    """Of ``total`` recent events, ``fine`` can be sent; ``wrong`` counts the others by problem."""

    fine: int
    total: int
    wrong: dict[str, int]


def dry_run(bench: MappingPreview, rules: Rules) -> DryRun:
    """The result of a mapping for the newest events."""
    wrong: dict[str, int] = {}
    fine = 0
    for sample in bench.samples:
        why = _why_wrong(bench, rules, sample)
        if why:
            wrong[why] = wrong.get(why, 0) + 1
        else:
            fine += 1
    return DryRun(fine, len(bench.samples), wrong)


def _why_wrong(bench: MappingPreview, rules: Rules, sample: SampleEvent) -> str:
    filled = _fill(bench, rules, sample)
    for problem in (*filled.errors, *_missing(bench, rules, filled)):
        labels = {one.name: _(one.label) for one in bench.targets}
        label = labels.get(problem.target, problem.target)
        if problem.code == "missing_field":
            return _("without a value for %(field)s", field=label)
        if problem.code == "bad_value":
            return _("with a value in %(field)s that does not fit", field=label)
        return problem.sentence
    try:
        requests_of(bench.kind, bench.config, sample.message, rules)
    except RelayError as exc:
        return str(exc)
    return ""
