"""Sends a lead as a submission of a HubSpot form, with the visitor's consent.

Source: https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v3-legacy/submit-data-authenticated
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Message
from relay.destinations.kinds.hubspot import api
from relay.destinations.kinds.hubspot.settings import CONSENT, FORM
from relay.transport.request import OutboundRequest

CONTACT_TYPE = "0-1"


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
