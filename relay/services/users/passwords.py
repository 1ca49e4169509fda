"""Passwords: which are good enough, and hashing that cannot exhaust memory."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from relay.errors import Invalid, TooBusy
from relay.i18n import _

SHORTEST = 12
LONGEST = 128
# Each hash takes 64 MiB and a core for 50 ms, so a process computes two at once: one for anyone, and
# one for people whom Relay knows, whom a flood from unknown senders must not keep out.
KNOWN_WAITS_S = 5.0
_HASHER = PasswordHasher()
_for_anyone, _for_known = BoundedSemaphore(1), BoundedSemaphore(1)


def why_refused(password: str, email: str) -> str | None:
    """A sentence, or None if it is good: at least 12 characters and hard to guess (zxcvbn 3 of 4)."""
    if len(password) < SHORTEST:
        return _(
            "Use at least %(num)s characters. Three or four unrelated words are easy to remember.",
            num=SHORTEST,
        )
    if len(password) > LONGEST:
        return _("Use at most %(num)s characters.", num=LONGEST)
    from zxcvbn import zxcvbn  # its word lists take 12 MiB: only where a password is chosen

    if zxcvbn(password[:72], user_inputs=[email, *email.split("@"), "relay"])["score"] < 3:
        return _("This password is easy to guess. Three or four unrelated words make a good one.")
    return None


def check_new(password: str, email: str) -> None:
    """Raises Invalid."""
    if why := why_refused(password, email):
        raise Invalid({"password": [why]})


def hash_of(password: str) -> str:
    """The argon2id hash, for a person who is signed in or has a link.  Raises TooBusy.

    Never call it inside a transaction.
    """
    with _slot(is_known=True):
        return _HASHER.hash(password)


def is_right(password_hash: str, password: str, is_known: bool = True) -> bool:
    """Whether ``password`` belongs to the hash; an empty hash takes as long and matches nothing.

    ``is_known``: the request comes from a session or from a browser that signed in before.  Never call
    it inside a transaction.  Raises TooBusy.
    """
    with _slot(is_known):
        try:
            return _HASHER.verify(password_hash or _hash_of_nobody(), password) and bool(
                password_hash
            )
        except (VerificationError, InvalidHashError):
            return False


def check_free() -> None:
    """Raises TooBusy if a check for an unknown sender would be refused now.

    A flood is refused here, before it costs a query.
    """
    with _slot(is_known=False):
        pass


@contextmanager
def _slot(is_known: bool) -> Iterator[None]:
    slots = _for_known if is_known else _for_anyone
    # an unknown sender is refused at once: threads that wait would be missing elsewhere
    waits = {"timeout": KNOWN_WAITS_S} if is_known else {"blocking": False}
    if not slots.acquire(**waits):  # type: ignore[arg-type]
        raise TooBusy(_("Relay is checking other passwords at the moment. Try again in a second."))
    try:
        yield
    finally:
        slots.release()


@cache
def _hash_of_nobody() -> str:
    """Verified for unknown addresses, so that they take as long as known ones."""
    return _HASHER.hash(secrets.token_urlsafe(16))
