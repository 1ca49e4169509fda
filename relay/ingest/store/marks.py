"""Stores what belongs to events that their site's privacy settings changed, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert

from relay.models import EmailDigest, RedactedEvent

if TYPE_CHECKING:
    from relay.ingest.store.writer import EventKey, PendingEvent


def insert_marks(
    connection: Connection, ids: Mapping[EventKey, int], marked: Iterable[PendingEvent]
) -> None:
    """``ids`` are the rows of the new events; one that was stored before has its mark already."""
    new = [(ids[event.key], event.mark) for event in marked if event.key in ids and event.mark]
    if not new:
        return
    connection.execute(
        insert(RedactedEvent), [{"event_pk": row, "fields": mark.fields} for row, mark in new]
    )
    digests = [{"event_pk": row, "digest": digest} for row, mark in new for digest in mark.digests]
    if digests:
        connection.execute(insert(EmailDigest), digests)
