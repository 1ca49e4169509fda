"""What is known of the accounts behind destinations: their live fields, read now and then.

A mapping offers these fields, and a kind makes its calls by them.
"""

from __future__ import annotations

from datetime import timedelta

from flask import current_app
from sqlalchemy import or_, select

from relay import broker
from relay.delivery.attempt.run import Sender
from relay.delivery.message import kind_and_config, shared_transport
from relay.destinations import KINDS
from relay.errors import NotFound, Refusal, RelayError
from relay.models import Destination, db
from relay.services.audit import By, record
from relay.services.destinations.settings import find_destination
from relay.services.sources import keys

STALE = timedelta(days=1)
READS = tuple(kind.slug for kind in KINDS.values() if kind.has_account)


def refresh(id_or_name: int | str, by: By) -> Destination:
    """Read the account now, because a person asked.  Raises NotFound, Refusal with the reason."""
    destination = find_destination(id_or_name)
    if destination.kind not in READS:
        raise Refusal(f"{destination.name} has no account whose fields could be read.")
    record(by, "destination.read_account", destination.name)
    read(destination.id)
    destination = find_destination(destination.id)
    if destination.account_trouble:
        raise Refusal(destination.account_trouble)
    return destination


def read(destination_id: int) -> None:
    """Read one account and keep it; where that fails, what was known stays, with the reason."""
    destination = db.session.get(Destination, destination_id)
    if destination is None or destination.kind not in READS:
        return
    try:
        kind, config = kind_and_config(destination)
        db.session.commit()  # no transaction stays open while somebody else answers
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        account = kind.read_account(config, Sender(kind, config, shared_transport(app)))
        trouble = ""
    except RelayError as exc:
        account, trouble = {}, str(exc)
    found = db.session.get(
        Destination, destination_id, with_for_update=True, populate_existing=True
    )
    if found is None:
        raise NotFound("The destination is gone.")
    found.account = account or found.account
    found.account_trouble, found.account_read_at = trouble, keys.database_now()
    db.session.commit()


def wake_stale() -> int:
    """Have accounts read that never were, or not for a day.  -> how many"""
    before = keys.database_now() - STALE
    stale = db.session.scalars(
        select(Destination.id).where(
            Destination.state == "active",
            Destination.kind.in_(READS),
            or_(Destination.account_read_at.is_(None), Destination.account_read_at < before),
        )
    ).all()
    db.session.rollback()
    return sum(broker.nudge("read_account", one) for one in stale)
