"""Every sealed secret together: can it be opened, and sealing all with a new key."""

from __future__ import annotations

# i18n: keep file - for operators, at a command
from typing import Any

from sqlalchemy import Connection, String, cast, select, update
from sqlalchemy.orm import InstrumentedAttribute

from relay import secrets
from relay.errors import SecretUnreadable
from relay.models import AlertChannel, AuditHead, Destination, SigningKey, User, db
from relay.services.audit import By, record
from relay.services.sources import revisions

SIGNING_KEY, DESTINATION, CHANNEL = "signing key", "destination", "alert channel"
AUTHENTICATOR, AUDIT = "authenticator app", "audit log"
# where secrets are stored: the column, its label, and the noun
SEALED: tuple[tuple[InstrumentedAttribute[Any], Any, str], ...] = (
    (SigningKey.sealed_secret, SigningKey.key_id, SIGNING_KEY),
    (Destination.sealed_secrets, Destination.name, DESTINATION),
    (AlertChannel.sealed_secrets, AlertChannel.name, CHANNEL),
    (User.totp_sealed, User.email, AUTHENTICATOR),
    (
        AuditHead.sealed_key,
        cast(AuditHead.id, String).label("label"),
        AUDIT,
    ),  # last: see models.audit_chain
)


def unreadable(connection: Connection, *nouns: str) -> list[str]:
    """The secrets that none of the encryption keys opens, such as ``destination Sales``.

    ``nouns`` are some of SIGNING_KEY, DESTINATION, CHANNEL and AUTHENTICATOR; without any, all.
    """
    found = []
    for column, label, noun in SEALED:
        if nouns and noun not in nouns:
            continue
        for sealed, name in connection.execute(select(column, label).where(column != "")):
            try:
                secrets.box().open_sealed(sealed)
            except SecretUnreadable:
                found.append(f"{noun} {name}")
    return found


def reseal_all(by: By) -> int:
    """Seal every secret with the newest key, all or nothing.  -> how many

    Raises SecretUnreadable for the first that cannot be opened.
    """
    count = 0
    revisions.touch(revisions.SOURCES)
    for column, label, noun in SEALED:
        table = column.class_
        rows = db.session.execute(
            select(table.id, column, label).where(column != "").with_for_update()
        ).all()
        for row_id, sealed, name in rows:
            try:
                anew = secrets.box().rotate(sealed)
            except SecretUnreadable as exc:
                db.session.rollback()
                raise SecretUnreadable(
                    f"The secret of {noun} {name} cannot be decrypted with RELAY_ENCRYPTION_KEYS, so "
                    "nothing was changed. Restore the key that encrypted it and try again."
                ) from exc
            db.session.execute(update(table).where(table.id == row_id).values({column.key: anew}))
        count += 0 if noun == AUDIT else len(rows)  # a key that no person entered
    record(by, "encryption.rotate", "all secrets", count=count)
    db.session.commit()
    return count
