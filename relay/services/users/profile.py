"""What a person changes about their own account: name, time zone and password."""

from __future__ import annotations

import zoneinfo
from functools import cache

from relay import database
from relay.errors import Invalid, Refusal
from relay.i18n import LANGUAGES, N_, _
from relay.models import User, db
from relay.rules.states import LinkPurpose
from relay.services.audit import By, record
from relay.services.users import links, mails, passwords, sessions
from relay.services.users.accounts import read_password_hash
from relay.services.users.throttle import PER_SESSION, AttemptCounter

OLD_WRONG = N_("This is not your current password.")


def clean_name(name: str) -> str:
    """A name on one line, at most 120 characters, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:120].strip()


@cache
def time_zones() -> tuple[str, ...]:
    """The names of time zones for people, such as Europe/Vienna."""
    names = zoneinfo.available_timezones()
    return ("UTC", *sorted(n for n in names if "/" in n and not n.startswith(("Etc/", "SystemV/"))))


def _full_name(text: str) -> str:
    """The time zone of a city, such as Europe/Berlin for "Berlin"; other texts stay as they are."""
    wanted = text.replace(" ", "_").lower()
    cities = [zone for zone in time_zones() if zone.lower().rpartition("/")[2] == wanted]
    return cities[0] if wanted and len(cities) == 1 else text


def update(user_id: int, name: str, time_zone: str, language: str, by: By) -> User:
    """Empty for the browser's: ``time_zone`` and ``language``.  Raises Invalid."""
    name, time_zone = clean_name(name), _full_name(time_zone.strip())
    if time_zone and time_zone not in time_zones():
        raise Invalid(
            {"time_zone": [_("Enter a time zone such as Europe/Vienna, or leave it empty.")]}
        )
    if language and language not in LANGUAGES:
        raise Invalid({"language": [_("Choose one of the languages.")]})
    user = db.session.get_one(User, user_id, with_for_update=True, populate_existing=True)
    before = {"name": user.name, "time_zone": user.time_zone, "language": user.language}
    now = {"name": name, "time_zone": time_zone, "language": language}
    user.name, user.time_zone, user.language = name, time_zone, language
    if changed := [key for key in now if now[key] != before[key]]:
        empty = {"time_zone": "UTC"}  # without a choice
        detail = {
            key: " → ".join(one[key] or empty.get(key, "none") for one in (before, now))
            for key in changed
        }
        record(by, "user.update", user.email, **detail)
    db.session.commit()
    return user


def change_password(user_id: int, session_id: int, old: str, new: str, by: By) -> int:
    """Replace the password and end all other sessions.  -> how many ended

    Raises Invalid, TooBusy, Refusal.
    """
    attempts = AttemptCounter(PER_SESSION, session_id)
    attempts.check()
    old_hash = read_password_hash(user_id)
    if not passwords.is_right(old_hash, old):
        attempts.add()
        record(by, "user.proof_refused", by.actor)
        db.session.commit()
        raise Invalid({"old_password": [_(OLD_WRONG)]})
    if why := passwords.why_refused(new, by.actor):
        raise Invalid({"password": [why]})
    if new == old:
        raise Invalid({"password": [_("This is your current password. Choose another one.")]})
    new_hash = passwords.hash_of(new)
    user = db.session.get_one(User, user_id, with_for_update=True, populate_existing=True)
    if user.password_hash != old_hash:
        db.session.rollback()
        raise Refusal(_("Your password was changed at the same moment. Sign in again."))
    user.password_hash, user.password_changed_at = new_hash, database.now(db.session)
    links.revoke(LinkPurpose.NEW_PASSWORD, user)
    sessions.prove(session_id)
    count = sessions.end_all(user, by, but=session_id)
    record(by, "user.change_password", user.email)
    db.session.commit()
    mails.report_password(user, by)
    return count


def end_other_sessions(user_id: int, session_id: int, by: By) -> int:
    """End all sessions of the person except this one.  -> how many"""
    count = sessions.end_all(db.session.get_one(User, user_id), by, but=session_id)
    db.session.commit()
    return count
