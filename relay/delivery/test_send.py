"""A test send: one sample event, sent now, and what the destination answered."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import current_app
from sqlalchemy import select

from relay.delivery.ai import enrichment
from relay.delivery.attempt.run import Sender, refused, stored
from relay.delivery.message import (
    apply_mapping,
    kind_and_config,
    load_site_key,
    message_of,
)
from relay.delivery.shared_transport import shared_transport
from relay.destinations import KINDS
from relay.destinations.ai import AiKind
from relay.destinations.base import Kind, Message, MessageResult, Rule, SiteKey
from relay.errors import Invalid, RelayError
from relay.event_types import SAMPLES, TEST
from relay.i18n import _
from relay.models import Destination, Source, db
from relay.rules.lifecycle import Accepted, Signal
from relay.rules.states import SourceState
from relay.transport.request import Reply


@dataclass(frozen=True)
class TestSendResult:
    """``request`` and ``response`` are masked; ``request`` is empty where it could not be built."""

    signal: Signal
    request: dict[str, Any]
    response: dict[str, Any]
    reply: Reply

    @property
    def ok(self) -> bool:
        return isinstance(self.signal, Accepted)

    @property
    def sentence(self) -> str:
        if self.ok:
            return _("It arrived (%(ms)s ms).", ms=round(self.reply.elapsed_ms))
        return str(getattr(self.signal, "sentence", ""))


def send_sample(destination: Destination, event_type: str) -> TestSendResult:
    """Send a sample of ``event_type`` marked as a test.  Raises Invalid for an unknown type."""
    if event_type not in SAMPLES:
        types = ", ".join(sorted(SAMPLES))
        raise Invalid({"event_type": [_("There are samples for %(types)s.", types=types)]})
    try:
        message = sample_of(destination, KINDS.get(destination.kind, Kind()), event_type)
    except RelayError as exc:
        return TestSendResult(refused(exc), {}, {}, Reply())
    return send(destination, replace(message, is_test=True))


def sample_of(destination: Destination, kind: Kind, event_type: str) -> Message:
    """A sample of the event type, or of ``relay.test`` if there is none.  Its site is made up, except
    for kinds that sign for the site: they need a real one.
    """
    site = real_site(destination) if kind.signs_for_site else None
    if site is None:
        return sample_message(event_type)
    key = load_site_key(db.session.connection(), site.id)
    return sample_message(event_type, site.name, site.url, key)


def sample_message(
    event_type: str,
    site_name: str = "Sample site",  # i18n: keep
    site_url: str = "https://shop.example.com",
    site_key: SiteKey | None = None,
) -> Message:
    """A sample of the event type from this site, or of ``relay.test`` if there is none."""
    payload = {
        "event": event_type,
        "event_id": f"test-{uuid.uuid4().hex[:12]}",
        "site": site_url,
        "data": SAMPLES.get(event_type, SAMPLES[TEST]),
    }
    return message_of(
        payload, datetime.now(UTC), site_name, site_url, uuid.uuid4().hex, site_key=site_key
    )


def real_site(destination: Destination) -> Source | None:
    """A site of the destination's subscriptions, else the newest site."""
    chosen = [site for subscription in destination.subscriptions for site in subscription.sources]
    newest = (
        select(Source).where(Source.state == SourceState.ACTIVE).order_by(Source.id.desc()).limit(1)
    )
    return chosen[0] if chosen else db.session.scalar(newest)


def send(
    destination: Destination, message: Message, rules: Mapping[str, Rule] | None = None
) -> TestSendResult:
    """Send one message now, filled by ``rules`` or by the default mapping."""
    began = time.perf_counter()
    try:
        kind, config = kind_and_config(destination)
        call = Sender(kind, config, shared_transport(current_app._get_current_object()))  # type: ignore[attr-defined]
        (result,) = kind.deliver(config, [apply_mapping(kind, config, message, rules)], call)
    except RelayError as exc:
        result = MessageResult(refused(exc))
    elapsed_ms = (time.perf_counter() - began) * 1000
    reply = result.calls[-1].reply if result.calls else Reply()
    if result.calls and isinstance(kind, AiKind):
        enrichment.note_test(db.engine, destination, kind, reply)
    return TestSendResult(
        result.signal,
        reply=replace(reply, elapsed_ms=elapsed_ms),
        **stored(result.calls),
    )
