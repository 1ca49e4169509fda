"""The alert channels: create, change, order, test and remove them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import delete, func, or_, select

from config import Config
from relay import database, secrets
from relay.destinations.base import Kind
from relay.destinations.channel_kinds import CHANNEL_KINDS
from relay.destinations.endpoints import changed_address
from relay.destinations.kinds.webhook.settings import SIGNED, new_signing_secret
from relay.destinations.loading import load_config
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import _
from relay.models import AlertChannel, AlertMessage, db
from relay.public_url import relay_url
from relay.rules import quiet
from relay.rules.alerts import RULES
from relay.rules.states import AlertChange, AlertMessageState, Severity
from relay.services.alerts import channel_call, state
from relay.services.alerts.channel_call import ChannelAddress, ChannelResult
from relay.services.alerts.messages import CHANNEL_FAILED, iso, subject_of
from relay.services.alerts.results import PATH, mark_good
from relay.services.audit import COMMAND_LINE, By, record

MAX_NAME = 120


@dataclass(frozen=True)
class ChannelChoice:
    """What a channel gets, and when.

    ``severity`` is the lowest that it gets, ``rules`` the only ones (empty: all).  ``quiet_from`` and
    ``quiet_until`` are times such as 22:00 on the clock of ``timezone``; both empty: no quiet hours.
    """

    severity: str = Severity.WARNING
    rules: Sequence[str] = ()
    quiet_from: str = ""
    quiet_until: str = ""
    timezone: str = "UTC"


@dataclass(frozen=True)
class CreatedChannel:
    """``secret`` is the signing secret that Relay made, to be shown once; empty if it made none."""

    channel: AlertChannel
    secret: str = ""


def channel_kind(slug: str) -> Kind:
    """Raises NotFound."""
    if slug not in CHANNEL_KINDS:
        raise NotFound(
            _(
                "There is no kind of alert channel %(kind)s. Kinds are %(kinds)s.",
                kind=slug,
                kinds=", ".join(CHANNEL_KINDS),
            )
        )
    return CHANNEL_KINDS[slug]


def list_channels() -> list[AlertChannel]:
    """In the order in which they take over from each other."""
    return list(
        db.session.scalars(select(AlertChannel).order_by(AlertChannel.position, AlertChannel.id))
    )


def find_channel(id_or_name: int | str, *, lock: bool = False) -> AlertChannel:
    """By its number, as an int; text may be a name or a number, and the name wins.  Raises NotFound."""
    text = str(id_or_name)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    named = AlertChannel.id == number
    if not isinstance(id_or_name, int):
        named = or_(AlertChannel.name == text, named)
    wanted = select(AlertChannel).where(named).order_by((AlertChannel.name == text).desc()).limit(1)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    channel = db.session.scalar(wanted)
    if channel is None:
        raise NotFound(_("There is no alert channel %(name)s.", name=id_or_name))
    return channel


def choice_of(channel: AlertChannel) -> ChannelChoice:
    return ChannelChoice(
        channel.severity,
        tuple(channel.rules),
        channel.quiet_from,
        channel.quiet_until,
        channel.timezone,
    )


def shown_secrets(channel: AlertChannel) -> dict[str, str]:
    """The secrets as they may be shown: masked.  Raises SecretUnreadable.

    A URL with a masked query is in the settings.
    """
    opened = secrets.open_sealed(channel.sealed_secrets or "")
    return {
        name: secrets.mask(value) for name, value in opened.items() if name not in channel.config
    }


def create_channel(
    kind: str, name: str, values: Mapping[str, Any], choice: ChannelChoice, by: By
) -> CreatedChannel:
    """A new channel, last in the order.  ``values`` holds open and secret settings together.

    A webhook with a signature and without a secret gets a new secret.
    Raises NotFound for the kind, Invalid with the reasons per field.
    """
    the_kind, made = channel_kind(kind), ""
    if _needs_secret(kind, values):
        made = new_signing_secret()
        values = {**values, "signing_secret": made}
    name, config, hidden = _check(the_kind, name, values, {}, choice, by)
    last = db.session.scalar(
        select(AlertChannel.position).order_by(AlertChannel.position.desc()).limit(1)
    )
    channel = AlertChannel(
        kind=kind,
        name=name,
        config=config,
        sealed_secrets=secrets.seal(hidden),
        position=0 if last is None else last + 1,
    )
    _choose(channel, choice)
    db.session.add(channel)
    record(by, "alert_channel.create", name, kind=kind, **_audited(choice))
    db.session.commit()
    return CreatedChannel(channel, made)


def update_channel(
    id_or_name: int | str, name: str, values: Mapping[str, Any], choice: ChannelChoice, by: By
) -> AlertChannel:
    """Change settings and what it gets; an empty secret keeps the old one, unless it would go to another
    server.

    Raises NotFound, Invalid, SecretUnreadable.
    """
    channel = find_channel(id_or_name, lock=True)
    kept = secrets.open_sealed(channel.sealed_secrets or "")
    kind = channel_kind(channel.kind)
    old = channel.config
    name, config, hidden = _check(kind, name, values, kept, choice, by, channel)
    changed = sorted(k for k in hidden.keys() | kept.keys() if hidden.get(k) != kept.get(k))
    channel.name, channel.config, channel.sealed_secrets = name, config, secrets.seal(hidden)
    _choose(channel, choice)
    addresses = changed_address(kind, (old, kept), (config, hidden))
    record(
        by, "alert_channel.update", name, secrets_changed=changed, **addresses, **_audited(choice)
    )
    db.session.commit()
    return channel


def set_enabled(id_or_name: int | str, enabled: bool, by: By) -> AlertChannel:
    """Turn a channel on or off; what waits for one that is off is not sent.  Raises NotFound, Refusal."""
    channel = find_channel(id_or_name, lock=True)
    if channel.enabled == enabled:
        raise Refusal(
            _("%(name)s is already turned on.", name=channel.name)
            if enabled
            else _("%(name)s is already turned off.", name=channel.name)
        )
    channel.enabled = enabled
    if not enabled:
        channel.failed_at, channel.last_error = None, ""
        state.resolve(CHANNEL_FAILED, subject_of(channel.id))
    record(by, "alert_channel.enable" if enabled else "alert_channel.disable", channel.name)
    db.session.commit()
    return channel


def move_channel(id_or_name: int | str, position: int, by: By) -> AlertChannel:
    """Put a channel at a place in the order, 1 for the first.  Raises NotFound."""
    moved = find_channel(id_or_name, lock=True)
    others = [one for one in list_channels() if one.id != moved.id]
    at = min(max(position - 1, 0), len(others))
    for n, channel in enumerate([*others[:at], moved, *others[at:]]):
        channel.position = n
    record(by, "alert_channel.move", moved.name, position=at + 1)
    db.session.commit()
    return moved


def waiting_messages(channel: AlertChannel) -> int:
    """How many messages a removal would drop."""
    found = select(func.count()).where(
        AlertMessage.channel_id == channel.id, AlertMessage.state == AlertMessageState.PENDING
    )
    return db.session.scalar(found) or 0


def remove_channel(id_or_name: int | str, by: By) -> str:
    """Remove a channel, its secrets and what waits for it.  -> its name.  Raises NotFound."""
    channel = find_channel(id_or_name, lock=True)
    name = channel.name
    db.session.execute(delete(AlertMessage).where(AlertMessage.channel_id == channel.id))
    state.resolve(CHANNEL_FAILED, subject_of(channel.id))
    db.session.delete(channel)
    record(by, "alert_channel.remove", name)
    db.session.commit()
    return name


def test_channel(id_or_name: int | str, by: By) -> ChannelResult:
    """Send a test now, also through a channel that is turned off.  Raises NotFound."""
    channel = find_channel(id_or_name)
    address, severity, at = ChannelAddress.of(channel), channel.severity, database.now(db.session)
    record(by, "alert_channel.test", channel.name)
    db.session.commit()
    body = {
        "type": f"alert.{AlertChange.TEST}",
        "id": 0,
        "rule": "",
        "subject": subject_of(address.id),
        "severity": Severity(severity).value,
        "sentence": f"This is a test of the alert channel {address.name}.",  # i18n: keep
        "advice": "If you can read this, alerts reach you here. There is nothing to do.",  # i18n: keep
        "url": f"{relay_url().rstrip('/')}{PATH}",
        "since": iso(at),
        "count": 1,
        "opened_at": iso(at),
        "resolved_at": None,
    }
    result = channel_call.call(address, uuid.uuid4().hex, body, at, is_test=True)
    if result.ok:
        mark_good(address.id, database.now(db.session))
    return result


def _needs_secret(kind: str, values: Mapping[str, Any]) -> bool:
    return (
        kind == "webhook"
        and (values.get("auth") or SIGNED) == SIGNED
        and not values.get("signing_secret")
    )


def _check(
    kind: Kind,
    name: str,
    values: Mapping[str, Any],
    kept: Mapping[str, str],
    choice: ChannelChoice,
    by: By,
    channel: AlertChannel | None = None,
) -> tuple[str, dict[str, Any], dict[str, str]]:
    """-> the name, the open settings, the secrets.  Raises Invalid with the reasons of all fields."""
    reasons = _wrong_choice(choice)
    name = " ".join(name.split())
    taken = db.session.scalar(select(AlertChannel.id).where(AlertChannel.name == name))
    if not 1 <= len(name) <= MAX_NAME:
        reasons["name"] = [_("Give the channel a name of 1 to %(most)s characters.", most=MAX_NAME)]
    elif taken is not None and (channel is None or taken != channel.id):
        reasons["name"] = [_("An alert channel called %(name)s already exists.", name=name)]
    config: dict[str, Any] = {}
    hidden: dict[str, str] = {}
    settings: Config = current_app.extensions["relay_config"]
    try:
        config, hidden = load_config(
            kind,
            values,
            kept,
            settings.allowed_private_networks,
            channel.config if channel else None,
            may_refer=by == COMMAND_LINE,
        )
    except Invalid as exc:
        reasons |= exc.reasons
    if reasons:
        raise Invalid(reasons)
    return name, config, hidden


def _wrong_choice(choice: ChannelChoice) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    if choice.severity not in list(Severity):
        reasons["severity"] = [_("Choose one of %(severities)s.", severities=", ".join(Severity))]
    if unknown := sorted(set(choice.rules) - set(RULES)):
        reasons["rules"] = [
            _("There is no rule %(name)s. flask alerts rules lists them.", name=unknown[0])
        ]
    times = (choice.quiet_from, choice.quiet_until)
    if any(times) and not all(quiet.TIME.fullmatch(one) for one in times):
        reasons["quiet_from"] = [_("Enter both times, such as 22:00 and 07:00, or neither.")]
    elif any(times) and times[0] == times[1]:
        reasons["quiet_from"] = [_("The quiet hours begin and end at the same time. Change one.")]
    if not _is_timezone(choice.timezone):
        reasons["timezone"] = [_("Enter a time zone such as Europe/Vienna.")]
    return reasons


def _is_timezone(name: str) -> bool:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _choose(channel: AlertChannel, choice: ChannelChoice) -> None:
    channel.severity, channel.rules = Severity(choice.severity), list(dict.fromkeys(choice.rules))
    channel.quiet_from, channel.quiet_until = choice.quiet_from, choice.quiet_until
    channel.timezone = choice.timezone


def _audited(choice: ChannelChoice) -> dict[str, Any]:
    times = f"{choice.quiet_from}-{choice.quiet_until}" if choice.quiet_from else "none"
    return {
        "severity": str(choice.severity),
        "rules": list(choice.rules) or "all",
        "quiet_hours": times,
        "timezone": choice.timezone,
    }
