"""Which passwords are good enough."""

from __future__ import annotations

from zxcvbn import zxcvbn

SHORTEST = 12
LONGEST = 128


def why_refused(password: str, email: str) -> str | None:
    """A sentence, or None for a good one.  At least 12 signs and hard to guess (zxcvbn score 3 of 4)."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} signs; three or four unrelated words are easy to keep in mind."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} signs."
    if zxcvbn(password[:72], user_inputs=[email, *email.split("@"), "relay"])["score"] < 3:
        return "This password is easy to guess. Three or four unrelated words make a good one."
    return None
