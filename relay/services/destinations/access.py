"""The credentials of destinations: checked after they are saved, and when a person asks.

A check never stops a save, and nothing is delivered or written by it.
"""

from __future__ import annotations

from flask import current_app

from relay import broker, database
from relay.destinations import KINDS
from relay.destinations.base import AccessResult
from relay.errors import Refusal, RelayError, Undeliverable
from relay.i18n import N_, SOURCE, _, in_language
from relay.models import Destination, db
from relay.rules.lifecycle import Accepted, Refused
from relay.rules.states import AccessState
from relay.services.audit import By, record
from relay.stored_text import ENDS

# What some sentences about replies become without their ends, where the derived translation reads badly.
SENTENCES = (
    N_("Create a new access token in HubSpot, enter it in the settings."),
    N_("Reinstall the app in Slack, enter its bot token in the settings."),
    N_("Enter a key with access in the destination's settings."),
)


def can_check(destination: Destination) -> bool:
    """Whether its kind has a check for these settings."""
    kind = KINDS.get(destination.kind)
    return kind is not None and kind.has_access_check(destination.config)


def check_soon(destination: Destination) -> None:
    """Its credentials are new or changed: let a worker check them.  Commits."""
    if not can_check(destination):
        if destination.access_state:
            destination.access_state, destination.access_text = "", ""
            db.session.commit()
        return
    destination.access_state, destination.access_text = AccessState.CHECKING, ""
    destination.access_checked_at = database.now(db.session)
    db.session.commit()
    broker.nudge("check_access", destination.id)


def check_now(destination: Destination, by: By) -> Destination:
    """Check because a person asked.  Raises Refusal if its kind has no check."""
    if not can_check(destination):
        raise Refusal(
            _(
                "There is no check of the credentials of %(name)s. Send a test instead.",
                name=destination.name,
            )
        )
    record(by, "destination.check", destination.name)
    db.session.commit()
    check(destination.id)
    return db.session.get_one(Destination, destination.id, populate_existing=True)


@in_language(SOURCE)
def check(destination_id: int) -> None:
    """Check the credentials and store the result, in English."""
    destination = db.session.get(Destination, destination_id)
    if destination is None or not can_check(destination):
        return
    kind_name = KINDS[destination.kind].name
    # here: few commands make a call
    from relay.delivery.attempt.run import Sender
    from relay.delivery.message import kind_and_config
    from relay.delivery.shared_transport import shared_transport

    try:
        kind, config = kind_and_config(destination)
        db.session.commit()  # no transaction stays open during the call
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        result = kind.check_access(config, Sender(kind, config, shared_transport(app)))
    except Undeliverable as exc:
        result = AccessResult(Refused(exc.code, str(exc)))
    except RelayError as exc:
        note(destination_id, AccessState.UNKNOWN, str(exc))
        return
    note(destination_id, *in_words(kind_name, result))


def in_words(kind_name: str, result: AccessResult) -> tuple[AccessState, str]:
    """The result of a check as a state and a sentence."""
    if isinstance(result.signal, Accepted):
        return AccessState.OK, result.text or _("The credentials work.")
    sentence = str(getattr(result.signal, "sentence", ""))
    for old, new in ENDS.items():
        sentence = sentence.replace(old, new)
    if isinstance(result.signal, Refused):
        return AccessState.REFUSED, _(
            "%(kind)s rejected the credentials: %(why)s", kind=kind_name, why=sentence
        )
    return AccessState.UNKNOWN, _("Relay could not check the credentials: %(why)s", why=sentence)


def note(destination_id: int, state: AccessState, text: str) -> None:
    """Store a result.  Commits."""
    found = db.session.get(
        Destination, destination_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if found is not None:
        found.access_state, found.access_text = state, text
        found.access_checked_at = database.now(db.session)
    db.session.commit()
