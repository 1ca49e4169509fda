"""A backlog of one destination, written straight to PostgreSQL: as after it was paused for long."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, text

from tests.support.events import comment

EVENTS = """
INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address, payload,
                   body_sha256, search_text, routed_at, wanted)
SELECT source.id, signing_key.id, CAST(:run AS text) || '-' || CAST(number AS text), :type,
       source.url, '127.0.0.1', :payload,
       decode(md5(CAST(:run AS text) || CAST(number AS text))
              || md5(CAST(number AS text) || CAST(:run AS text)), 'hex'), '', now(), 1
FROM source JOIN signing_key ON signing_key.source_id = source.id,
     generate_series(1, :count) AS number
"""
DELIVERIES = """
INSERT INTO delivery (key, event_pk, subscription_id, destination_id, state, due_at)
SELECT md5(event.event_id), event.id, subscription.id, subscription.destination_id, 'pending', now()
FROM event, subscription JOIN destination ON destination.id = subscription.destination_id
WHERE destination.name = :destination AND event.event_id LIKE CAST(:run AS text) || '-%'
"""


def fill(engine: Engine, destination: str, count: int, data: Mapping[str, Any] = {}) -> None:
    """Store that many routed events of the one site, each with a due delivery to the destination."""
    event, run = comment(), uuid.uuid4().hex
    event["data"] |= data
    with engine.begin() as connection:
        values = {"run": run, "count": count, "type": event["event"], "payload": json.dumps(event)}
        connection.execute(text(EVENTS), values)
        connection.execute(text(DELIVERIES), {"run": run, "destination": destination})
