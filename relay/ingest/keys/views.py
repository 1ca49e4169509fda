"""What a site may ask about its signing keys: how its own stands, and for the newer one.

Signed and checked like an event, but nothing of it is kept.  The newer key is handed over only while
the key that signed is retiring and inside its window, sealed with that key's secret, and each time
the audit trail says so.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from relay.errors import Unavailable
from relay.ingest.keys import handover
from relay.ingest.request import RequestHead
from relay.ingest.responses import IngestRefusal, unauthorized
from relay.ingest.signature import VerifyingKey
from relay.ingest.snapshots import SourceSnapshot
from relay.models import AuditEntry, SigningKey, db_now
from relay.secrets import SecretBox

WANTS = ("state", "key")
TABLE: Any = SigningKey.__table__


def wanted(body: Any, source_id: int) -> str:
    """``state`` or ``key``.  Raises IngestRefusal (422)."""
    want = body.get("want") if isinstance(body, dict) else None
    if want not in WANTS:
        sentence = "A question about keys says want: state or want: key."
        raise IngestRefusal(
            422,
            "invalid_question",
            "invalid_question",
            sentence,
            {"want": ["Must be state or key."]},
            source_id=source_id,
        )
    return str(want)


def answer(
    engine: Engine,
    box: SecretBox,
    source: SourceSnapshot,
    signed_by: VerifyingKey,
    head: RequestHead,
    want: str,
) -> dict[str, Any]:
    """``status`` current, newer or no_newer_key; for newer ones ``until`` (unix seconds) and, if it is
    wanted, the sealed key.  Raises IngestRefusal (401), SecretUnreadable, Unavailable.
    """
    try:
        with engine.begin() as connection:
            now = connection.scalar(select(db_now()))
            mine = connection.execute(select(TABLE).where(TABLE.c.id == signed_by.row_id)).one()
            if mine.state == "active":
                return {"status": "current"}
            # the snapshot that let the request in may be seconds old
            if mine.state != "retiring" or now is None or mine.not_after <= now:
                sentence = f"The key {mine.key_id} ended while it asked for the newer one."
                raise unauthorized("key_revoked", sentence, source.id)
            newest = connection.execute(
                select(TABLE)
                .where(
                    TABLE.c.source_id == source.id,
                    TABLE.c.state == "active",
                    TABLE.c.not_before <= now,
                )
                .order_by(TABLE.c.id.desc())
                .limit(1)
            ).one_or_none()
            if newest is None:
                return {"status": "no_newer_key"}
            found = {"status": "newer", "until": int(mine.not_after.timestamp())}
            if want == "state":
                return found
            old, new = box.open_sealed(mine.sealed_secret), box.open_sealed(newest.sealed_secret)
            _record(connection, source, head, mine.key_id, newest.key_id)
            return found | handover.seal(old, head.event_id, newest.key_id, new)
    except SQLAlchemyError as exc:
        raise Unavailable("The database cannot be read.") from exc


def _record(
    connection: Connection, source: SourceSnapshot, head: RequestHead, old_id: str, new_id: str
) -> None:
    connection.execute(
        insert(AuditEntry).values(
            actor="site",
            address=head.address,
            action="key.hand_over",
            object_label=source.slug,
            detail={"key": new_id, "signed_by": old_id},
        )
    )
