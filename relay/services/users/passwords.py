"""Which passwords are good enough."""

from __future__ import annotations

from zxcvbn import zxcvbn

SHORTEST = 12
LONGEST = 128


def why_refused(password: str, email: str) -> str | None:
    """A sentence, or None if it is good: at least 12 characters and hard to guess (zxcvbn 3 of 4)."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. Three or four unrelated words are easy to remember."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    if zxcvbn(password[:72], user_inputs=[email, *email.split("@"), "relay"])["score"] < 3:
        return "This password is easy to guess. Three or four unrelated words make a good one."
    return None
