"""The accounts behind destinations: their live fields, read at intervals.

A mapping offers these fields, and a kind needs them for its calls.
"""

from __future__ import annotations

from datetime import timedelta

from flask import current_app
from sqlalchemy import or_, select

from relay import broker, database
from relay.destinations import KINDS
from relay.errors import NotFound, Refusal, RelayError
from relay.i18n import SOURCE, _, in_language
from relay.models import Destination, db
from relay.rules.states import DestinationState
from relay.services.audit import By, record
from relay.services.destinations.settings import find_destination
from relay.stored_text import translated

STALE = timedelta(days=1)


def has_account(slug: str) -> bool:
    """Whether destinations of this kind have an account that is read."""
    return slug in KINDS and KINDS[slug].has_account


def refresh(id_or_name: int | str, by: By) -> Destination:
    """Read the account now, because a person asked.  Raises NotFound, Refusal with the reason."""
    destination = find_destination(id_or_name)
    if not has_account(destination.kind):
        raise Refusal(_("%(name)s has no account fields to load.", name=destination.name))
    record(by, "destination.read_account", destination.name)
    read(destination.id)
    destination = find_destination(destination.id)
    if destination.account_trouble:
        raise Refusal(translated(destination.account_trouble))
    return destination


@in_language(SOURCE)
def read(destination_id: int) -> None:
    """Read one account and store it; if that fails, keep the old state and store the reason, in English."""
    destination = db.session.get(Destination, destination_id)
    if destination is None or not has_account(destination.kind):
        return
    # here: few commands make a call
    from relay.delivery.attempt.run import Sender
    from relay.delivery.message import kind_and_config
    from relay.delivery.shared_transport import shared_transport

    try:
        kind, config = kind_and_config(destination)
        db.session.commit()  # no transaction stays open during the call
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        account = kind.read_account(config, Sender(kind, config, shared_transport(app)))
        trouble = ""
    except RelayError as exc:
        account, trouble = {}, str(exc)
    found = db.session.get(
        Destination, destination_id, with_for_update=True, populate_existing=True
    )
    if found is None:
        raise NotFound(_("The destination no longer exists."))
    found.account = account or found.account
    found.account_trouble, found.account_read_at = trouble, database.now(db.session)
    db.session.commit()


def wake_stale() -> int:
    """Wake a worker for accounts that were not read for a day, or never.  -> how many"""
    before = database.now(db.session) - STALE
    stale = db.session.scalars(
        select(Destination.id).where(
            Destination.state == DestinationState.ACTIVE,
            Destination.kind.in_([slug for slug in KINDS if has_account(slug)]),
            or_(Destination.account_read_at.is_(None), Destination.account_read_at < before),
        )
    ).all()
    db.session.rollback()
    return sum(broker.nudge("read_account", one) for one in stale)
