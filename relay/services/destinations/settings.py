"""Destinations: create, change, pause, resume and test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import current_app
from sqlalchemy import Row, select
from sqlalchemy.orm import defer, selectinload

from config import Config, Network
from relay import broker, database, secrets
from relay.destinations import KINDS
from relay.destinations.base import Kind
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import N_, _
from relay.models import Destination, DestinationVersion, Subscription, db
from relay.models.destination import is_in_use
from relay.rules.circuit import Circuit, CircuitState, circuit_columns
from relay.rules.states import DestinationState
from relay.services.audit import COMMAND_LINE, By, record
from relay.services.deliveries import named
from relay.services.destinations import access
from relay.services.operations import milestones
from relay.services.paging import MAX_LIMIT, Page, page_of
from relay.services.subscriptions import settings as subscription_settings

if TYPE_CHECKING:
    from relay.delivery.test_send import TestSendResult


def kind_of(slug: str) -> Kind:
    """Raises NotFound."""
    if slug not in KINDS:
        raise NotFound(
            _(
                "There is no kind %(kind)s. Kinds are %(kinds)s.",
                kind=slug,
                kinds=", ".join(sorted(KINDS)),
            )
        )
    return KINDS[slug]


def _check_name(name: str, own_id: int | None = None) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise Invalid({"name": [_("Give the destination a name of 1 to 120 characters.")]})
    taken = db.session.scalar(select(Destination.id).where(Destination.name == name))
    if taken is not None and taken != own_id:
        raise Invalid({"name": [_("A destination called %(name)s already exists.", name=name)]})
    return name


def _load(
    kind: Kind,
    values: Mapping[str, Any],
    kept: Mapping[str, str],
    event_types: Iterable[str],
    by: By,
    stored: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Check settings with the kind's schema, and fill their texts from a sample of each event type that
    the destination takes.  -> (open ones, secrets)

    Raises Invalid.
    """
    # here: a list needs no schemas and no templates
    from relay.destinations.loading import load_config
    from relay.mapping.templates import check_template
    from relay.services.destinations import texts

    config, hidden = load_config(
        kind, values, kept, _opened(), stored, may_refer=by == COMMAND_LINE
    )
    for name, field in kind.schema.fields.items():
        why = check_template(config.get(name, "")) if field.metadata.get("template") else None
        if why:
            raise Invalid({name: [why]})
    texts.check(kind, config, event_types)
    return config, hidden


def _opened() -> tuple[Network, ...]:
    """The private networks that the operator allows."""
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
    """A new destination with one subscription, if its kind takes events.

    ``values`` holds open and secret settings together.
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
        config, hidden = _load(the_kind, values, {}, event_types, by)
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
    said = [subscription_settings.sentence_for_audit(one) for one in destination.subscriptions]
    record(by, "destination.create", name, kind=kind, sentence=" ".join(said))
    db.session.commit()
    read_account_soon(destination)
    access.check_soon(destination)
    return destination


def update_destination(
    destination_id: int,
    name: str,
    values: Mapping[str, Any],
    by: By,
) -> Destination:
    """Change settings; an empty secret keeps the old one, unless it would go to another server.

    Raises NotFound, Invalid.
    """
    from relay.destinations.endpoints import changed_address  # here: a list needs no schemas

    destination = find_destination(destination_id, lock=True)
    name = _check_name(name, own_id=destination.id)
    kept = secrets.open_sealed(destination.sealed_secrets)
    taken = [name for one in destination.subscriptions for name in one.event_types]
    kind, old = kind_of(destination.kind), destination.config
    config, hidden = _load(kind, values, kept, taken, by, old)
    changed = sorted(k for k in hidden.keys() | kept.keys() if hidden.get(k) != kept.get(k))
    if changed or config != destination.config:
        mend(destination)
    if config != destination.config:
        destination.config, destination.version = config, destination.version + 1
        _keep_version(destination, by)
    destination.name, destination.sealed_secrets = name, secrets.seal(hidden)
    addresses = changed_address(kind, (old, kept), (config, hidden))
    record(by, "destination.update", name, secrets_changed=changed, **addresses)
    db.session.commit()
    read_account_soon(destination)
    if changed or config != old or not destination.access_state:
        access.check_soon(destination)
    return destination


def read_account_soon(destination: Destination) -> None:
    """Its access is new or changed: let a worker read the account there."""
    if kind_of(destination.kind).has_account:
        broker.nudge("read_account", destination.id)


def _keep_version(destination: Destination, by: By) -> None:
    """Store the settings as a version, so that older deliveries can still show theirs."""
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
    """Record that it was fixed, within the caller's transaction: failed deliveries may succeed now."""
    destination.fixed_at = database.now(db.session)
    if destination.circuit != CircuitState.CLOSED:
        recover(destination)


def recover(destination: Destination) -> None:
    """Close the circuit and drop the hold, within the caller's transaction; calls restart slowly."""
    for name, value in circuit_columns(Circuit(since=database.now(db.session))).items():
        setattr(destination, name, value)
    destination.held_until, destination.held_reason = None, ""


def find_destination(
    id_or_name: int | str, *, removed_too: bool = False, lock: bool = False
) -> Destination:
    """By its number, as an int; text may be a number or a name.  Raises NotFound.

    ``lock`` keeps others from changing or removing it until the transaction ends.
    """
    wanted = (
        select(Destination)
        .where(named(id_or_name))
        .order_by((Destination.name == str(id_or_name)).desc(), Destination.id)
        .limit(1)
        .options(selectinload(Destination.subscriptions).selectinload(Subscription.sources))
    )
    if not removed_too:
        wanted = wanted.where(is_in_use())
    if lock:
        # without blocking the rows that refer to it: ingest and the router keep inserting
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    destination = db.session.scalar(wanted)
    if destination is None:
        raise NotFound(_("There is no destination %(name)s.", name=id_or_name))
    return destination


def list_destinations(
    limit: int = 100, after: int | None = None, *, removed: bool = False
) -> Page[Destination]:
    """Those in use, or those that were ``removed``."""
    is_removed = Destination.state == DestinationState.CLOSED
    return page_of(
        select(Destination).where(is_removed if removed else is_in_use()),
        Destination.id,
        limit,
        after,
        selectinload(Destination.subscriptions).selectinload(Subscription.sources),
    )


def destination_choices() -> Sequence[Row[int, str]]:
    """``id`` and ``name`` of every destination, for a choice in a form."""
    wanted = select(Destination.id, Destination.name).where(is_in_use())
    return db.session.execute(wanted.order_by(Destination.id.desc()).limit(MAX_LIMIT)).all()


def destinations_in_use() -> list[Destination]:
    """Every destination without its subscriptions, secrets and account; the newest first."""
    return list(
        db.session.scalars(
            select(Destination)
            .where(is_in_use())
            .order_by(Destination.id.desc())
            .options(
                defer(Destination.sealed_secrets, raiseload=True),
                defer(Destination.account, raiseload=True),
            )
        )
    )


def shown_secrets(destination: Destination) -> dict[str, str]:
    """The secrets as they may be shown: masked.  A URL with a masked query is in the settings."""
    opened = secrets.open_sealed(destination.sealed_secrets)
    return {k: secrets.mask(v) for k, v in opened.items() if k not in destination.config}


def pause(id_or_name: int | str, by: By, reason: str = "") -> Destination:
    """Deliveries wait, and nothing is lost.  Raises NotFound, Refusal."""
    destination = find_destination(id_or_name, lock=True)
    if destination.state == DestinationState.PAUSED:
        raise Refusal(_("%(name)s is already paused.", name=destination.name))
    destination.state = DestinationState.PAUSED
    destination.paused_reason = reason or N_("Paused by %(actor)s.") % {"actor": by.actor}
    record(by, "destination.pause", destination.name, reason=reason)
    db.session.commit()
    return destination


def resume(id_or_name: int | str, by: By) -> Destination:
    """Send what waited.  Raises NotFound, Refusal."""
    destination = find_destination(id_or_name, lock=True)
    if destination.state != DestinationState.PAUSED:
        raise Refusal(_("%(name)s is not paused.", name=destination.name))
    destination.state, destination.paused_reason = DestinationState.ACTIVE, ""
    mend(destination)
    recover(destination)
    record(by, "destination.resume", destination.name)
    db.session.commit()
    broker.nudge("drain_destination", destination.id)
    return destination


def check_access(id_or_name: int | str, by: By) -> Destination:
    """Check the credentials now.  Raises NotFound, Refusal."""
    return access.check_now(find_destination(id_or_name), by)


def send_test(id_or_name: int | str, by: By, event_type: str = "comment.created") -> TestSendResult:
    """Send one sample marked as a test, now, and show the answer.  Raises NotFound, Undeliverable."""
    from relay.delivery.test_send import send_sample  # here: few commands send something

    destination = find_destination(id_or_name)
    record(by, "destination.test", destination.name, event_type=event_type)
    db.session.commit()
    result = send_sample(destination, event_type)
    if result.ok:
        milestones.mark(milestones.TEST)
    return result
