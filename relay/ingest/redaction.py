"""Applies a site's privacy settings to an event after its checks and before it is stored.

The digest of the body stays that of the body as it was sent, so the same event sent again is still a
duplicate, and another body with its id is still refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from relay import exact_json
from relay.email_digests import EmailDigests
from relay.event_types import INTERNAL_TYPES
from relay.ingest.schemas import InboundEvent
from relay.mapping.personal import emails_in
from relay.mapping.redaction_rules import Redactor
from relay.models.event import search_text_of


@dataclass(frozen=True)
class RedactionMark:
    """What is stored beside a changed event: ``fields`` as in ``RedactedEvent``, and keyed hashes of the
    addresses that it had.
    """

    fields: list[dict[str, str]]
    digests: list[bytes]


def redact(
    event: InboundEvent, redactor: Redactor, digests: EmailDigests
) -> tuple[InboundEvent, RedactionMark | None]:
    """-> the event as it is stored, and its mark; the event itself if no rule applies to it.

    Internal events are never changed: Relay needs the address in a site's request to erase a person.
    """
    if event.event_type in INTERNAL_TYPES:
        return event, None
    body: dict[str, Any] = exact_json.loads(event.payload)
    addresses = emails_in(body["data"])
    fields = redactor.apply(body)
    if not fields:
        return event, None
    mark = RedactionMark(fields, [digests.digest(address) for address in addresses])
    changed = replace(
        event, payload=exact_json.dumps(body), search_text=search_text_of(body["data"])
    )
    return changed, mark
