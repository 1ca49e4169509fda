"""Recovery codes: each replaces the second factor once, when the phone or passkey is lost."""

from __future__ import annotations

import base64
import secrets

from sqlalchemy import delete, func, select, update

from relay.i18n import N_
from relay.models import RecoveryCode, User, db, db_now
from relay.services.audit import By, record
from relay.services.users import mails
from relay.services.users.sessions import digest

COUNT = 10
FEW = 2  # from here on, the pages ask for a new set
BYTES = 15  # 120 bits: enough for a plain hash (ASVS 5.0, 6.5.2)


def make(user_id: int, by: By) -> list[str]:
    """A new set, which replaces the old one.  The codes can be shown only now."""
    user = db.session.get_one(User, user_id, with_for_update=True)
    codes = [_new_code() for _ in range(COUNT)]
    _delete_all(user)
    db.session.add_all(RecoveryCode(user_id=user.id, code_hash=digest(_plain(c))) for c in codes)
    record(by, "user.recovery_codes", user.email, count=COUNT)
    db.session.commit()
    mails.report_factor(user, N_("New recovery codes replaced the earlier ones"), by)
    return codes


def use(user_id: int, code: str) -> bool:
    """Whether the code is one of the person's that was not used yet, in the running transaction.

    Of two requests with the same code, one gets it.
    """
    used = db.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id,
            RecoveryCode.code_hash == digest(_plain(code)),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=db_now()),
        execution_options={"synchronize_session": False},
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def left(user_id: int) -> int:
    """How many codes of the person were not used yet."""
    unused = select(func.count()).where(
        RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    )
    return db.session.scalar(unused) or 0


def drop_unneeded(user: User) -> None:
    """Without a second factor there is nothing to recover.  In the running transaction."""
    if not user.has_second_factor:
        _delete_all(user)


def _delete_all(user: User) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def _new_code() -> str:
    """Six groups of four letters and digits."""
    text = base64.b32encode(secrets.token_bytes(BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(code: str) -> str:
    """As it is hashed: people add spaces and capitals, or leave the hyphens out."""
    return "".join(char for char in code.lower() if char.isalnum())
