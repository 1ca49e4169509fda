"""Destinations: made, changed, paused, tried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from config import Config, Network
from relay import broker, secrets
from relay.delivery.test_send import TestSendResult, send_sample
from relay.destinations import KINDS, load_config
from relay.destinations.base import Kind
from relay.errors import Invalid, NotFound, Refusal
from relay.mapping.templates import check_template
from relay.models import Destination, DestinationVersion, Subscription, db
from relay.rules.circuit import Circuit, CircuitState, circuit_columns
from relay.services.audit import By, record
from relay.services.deliveries import named
from relay.services.paging import Page, page_of
from relay.services.sources import keys
from relay.services.subscriptions import settings as subscription_settings


def kind_of(slug: str) -> Kind:
    """Raises NotFound."""
    if slug not in KINDS:
        raise NotFound(f"There is no kind {slug}. Kinds are {', '.join(sorted(KINDS))}.")
    return KINDS[slug]


def _check_name(name: str, besides: int | None = None) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise Invalid({"name": ["Give the destination a name of 1 to 120 signs."]})
    taken = db.session.scalar(select(Destination.id).where(Destination.name == name))
    if taken is not None and taken != besides:
        raise Invalid({"name": [f"A destination called {name} exists already."]})
    return name


def _load(
    kind: Kind, values: Mapping[str, Any], kept: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings by the kind's schema, their templates tried.  -> (open ones, secrets).  Raises Invalid."""
    config, hidden = load_config(kind, values, kept, _opened())
    for name, field in kind.schema.fields.items():
        why = check_template(config.get(name, "")) if field.metadata.get("template") else None
        if why:
            raise Invalid({name: [why]})
    return config, hidden


def _opened() -> tuple[Network, ...]:
    """The private networks that the operator opened."""
    config: Config = current_app.extensions["relay_config"]
    return config.allowed_private_networks


def create_destination(
    kind: str,
    name: str,
    values: Mapping[str, Any],
    by: By,
    event_types: Sequence[str] = ("*",),
    sources: Sequence[str] = (),
) -> Destination:
    """A new destination with one subscription, if its kind takes events.  ``values`` holds open and secret settings together.

    Raises NotFound for the kind, Invalid with the reasons per field.
    """
    reasons: dict[str, list[str]] = {}
    the_kind = kind_of(kind)
    config: dict[str, Any] = {}
    hidden: dict[str, str] = {}
    subscription: Subscription | None = None
    try:
        name = _check_name(name)
    except Invalid as exc:
        reasons |= exc.reasons
    try:
        config, hidden = _load(the_kind, values, {})
    except Invalid as exc:
        reasons |= exc.reasons
    try:
        subscription = subscription_settings.fresh(
            subscription_settings.SubscriptionSettings(event_types, sources), by
        )
    except Invalid as exc:
        reasons |= exc.reasons
    if reasons or subscription is None:
        raise Invalid(reasons)
    destination = Destination(
        name=name,
        kind=kind,
        config=config,
        sealed_secrets=secrets.seal(hidden),
        version=1,
        rate_count=the_kind.default_rate[0] if the_kind.default_rate else None,
        rate_unit=the_kind.default_rate[1] if the_kind.default_rate else None,
    )
    if the_kind.takes_events:
        destination.subscriptions = [subscription]
    db.session.add(destination)
    _keep_version(destination, by)
    said = [subscription_settings.sentence_of(one) for one in destination.subscriptions]
    record(by, "destination.create", name, kind=kind, sentence=" ".join(said))
    db.session.commit()
    read_account_soon(destination)
    return destination


def update_destination(
    destination_id: int,
    name: str,
    values: Mapping[str, Any],
    by: By,
) -> Destination:
    """Change settings; an empty secret keeps the old one.

    Raises NotFound, Invalid.
    """
    destination = find_destination(destination_id)
    name = _check_name(name, besides=destination.id)
    kept = secrets.open_sealed(destination.sealed_secrets)
    config, hidden = _load(kind_of(destination.kind), values, kept)
    changed = sorted(k for k in hidden.keys() | kept.keys() if hidden.get(k) != kept.get(k))
    if changed or config != destination.config:
        mend(destination)
    if config != destination.config:
        destination.config, destination.version = config, destination.version + 1
        _keep_version(destination, by)
    destination.name, destination.sealed_secrets = name, secrets.seal(hidden)
    record(by, "destination.update", name, secrets_changed=changed)
    db.session.commit()
    read_account_soon(destination)
    return destination


def read_account_soon(destination: Destination) -> None:
    """Its access is new or changed: have a worker look at the account there."""
    if kind_of(destination.kind).has_account:
        broker.nudge("read_account", destination.id)


def _keep_version(destination: Destination, by: By) -> None:
    """What deliveries are made with from now on, kept for those who look back."""
    db.session.flush()
    db.session.add(
        DestinationVersion(
            destination_id=destination.id,
            number=destination.version,
            config=destination.config,
            made_by=by.actor,
        )
    )


def mend(destination: Destination) -> None:
    """Somebody put it right, within the caller's transaction: what died before may succeed now."""
    destination.fixed_at = keys.database_now()
    if destination.circuit != CircuitState.CLOSED:
        recover(destination)


def recover(destination: Destination) -> None:
    """Begin anew, gently, within the caller's transaction: somebody changed what stood in the way."""
    for name, value in circuit_columns(Circuit(since=keys.database_now())).items():
        setattr(destination, name, value)
    destination.held_until, destination.held_reason = None, ""


def find_destination(id_or_name: int | str) -> Destination:
    """By number, as an int, or also by name.  Raises NotFound."""
    wanted = named(id_or_name)
    destination = db.session.scalar(
        select(Destination)
        .where(wanted, Destination.state != "closed")
        .order_by((Destination.name == str(id_or_name)).desc(), Destination.id)
        .limit(1)
        .options(selectinload(Destination.subscriptions).selectinload(Subscription.sources))
    )
    if destination is None:
        raise NotFound(f"There is no destination {id_or_name}.")
    return destination


def list_destinations(limit: int = 100, after: int | None = None) -> Page[Destination]:
    return page_of(
        select(Destination).where(Destination.state != "closed"),
        Destination.id,
        limit,
        after,
        selectinload(Destination.subscriptions).selectinload(Subscription.sources),
    )


def shown_secrets(destination: Destination) -> dict[str, str]:
    """The secrets as they may be shown: masked."""
    return {k: secrets.mask(v) for k, v in secrets.open_sealed(destination.sealed_secrets).items()}


def pause(id_or_name: int | str, by: By, reason: str = "") -> Destination:
    """Deliveries wait, and nothing is lost.  Raises NotFound, Refusal."""
    destination = find_destination(id_or_name)
    if destination.state == "paused":
        raise Refusal(f"{destination.name} is paused already.")
    destination.state = "paused"
    destination.paused_reason = reason or f"Paused by {by.actor}."
    record(by, "destination.pause", destination.name, reason=reason)
    db.session.commit()
    return destination


def resume(id_or_name: int | str, by: By) -> Destination:
    """What waited goes out.  Raises NotFound, Refusal."""
    destination = find_destination(id_or_name)
    if destination.state != "paused":
        raise Refusal(f"{destination.name} is not paused.")
    destination.state, destination.paused_reason = "active", ""
    mend(destination)
    recover(destination)
    record(by, "destination.resume", destination.name)
    db.session.commit()
    broker.nudge("drain_destination", destination.id)
    return destination


def send_test(id_or_name: int | str, by: By, event_type: str = "comment.created") -> TestSendResult:
    """Send one sample marked as a test, now, and show the answer.  Raises NotFound, Undeliverable."""
    destination = find_destination(id_or_name)
    record(by, "destination.test", destination.name, event_type=event_type)
    db.session.commit()
    return send_sample(destination, event_type)
