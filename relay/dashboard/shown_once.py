"""What the next page shows and no later one: one-time links and recovery codes.

It waits in the session cookie, encrypted, so a reload neither shows nor makes it again.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import session

from relay import secrets
from relay.errors import SecretUnreadable


def keep(name: str, values: Mapping[str, str]) -> None:
    session[f"once-{name}"] = secrets.seal(values)


def take(name: str) -> dict[str, str] | None:
    """What was kept under this name; None if there is nothing, or it cannot be decrypted."""
    sealed = session.pop(f"once-{name}", None)
    try:
        return secrets.open_sealed(sealed) if sealed else None
    except SecretUnreadable:
        return None
