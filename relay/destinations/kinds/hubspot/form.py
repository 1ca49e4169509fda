"""Sends a lead as a submission of a HubSpot form, with the visitor's consent.

Source: https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v3-legacy/submit-data-authenticated
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Call, Message, MessageResult
from relay.destinations.kinds.hubspot import api, errors
from relay.destinations.kinds.hubspot.account import label_of
from relay.destinations.kinds.hubspot.settings import CONSENT, FORM
from relay.i18n import _
from relay.rules.lifecycle import Refused
from relay.rules.notes import Note
from relay.transport.request import OutboundRequest

CONTACT_TYPE = "0-1"
MAX_SUBMISSIONS = 6  # the form names one field at a time


def is_used(config: Mapping[str, Any], event_type: str) -> bool:
    return config.get("leads") == FORM and event_type == "lead.created"


def request(
    config: Mapping[str, Any], message: Message, contact: Mapping[str, str]
) -> OutboundRequest:
    """The submission of one lead."""
    data = message.data
    body: dict[str, Any] = {
        "fields": [
            {"objectTypeId": CONTACT_TYPE, "name": name, "value": value}
            for name, value in contact.items()
        ],
        "context": {"pageName": str((data.get("form") or {}).get("title") or message.site_name)},
    }
    if data.get("page_url"):
        body["context"]["pageUri"] = str(data["page_url"])
    if data.get("consent") is True:
        text = config.get("consent_text") or CONSENT
        body["legalConsentOptions"] = {"consent": {"consentToProcess": True, "text": text}}
    base = str(config.get("forms_url", "https://api.hsforms.com")).rstrip("/")
    address = (
        f"{base}/submissions/v3/integration/secure/submit/"
        f"{config.get('portal_id')}/{config.get('form_guid')}"
    )
    return api.request(config, "POST", address, body, message)


def submit(
    client: api.Api, message: Message, contact: Mapping[str, str], notes: tuple[Note, ...] = ()
) -> MessageResult:
    """Submit the form.  A field that the form refuses is left out, and the rest is sent again."""
    fields = dict(contact)
    calls: tuple[Call, ...] = ()
    for _submission in range(MAX_SUBMISSIONS):
        sent = request(client.config, message, fields)
        reply = client.send(sent)
        calls = (*calls, Call(sent, reply))
        signal = errors.form_signal(reply, client.account)
        name = signal.field if isinstance(signal, Refused) and not signal.pause else ""
        if name not in fields or name == "email":
            break
        reason = _("the form in HubSpot does not accept “%(value)s”", value=fields.pop(name)[:60])
        if getattr(signal, "code", "") == "not_in_form":
            reason = _("the form in HubSpot does not have this field")
        label = label_of(client.account, "contacts", name)
        notes = (*notes, Note(f"contact.{name}", label, reason))
    return MessageResult(signal, calls, notes)
