"""What the next page shows and no later one: one-time links and recovery codes.

It waits in the session cookie, encrypted, for 5 minutes at most, so a reload neither shows nor makes it
again.  The session's row says that it was not shown yet, so an older copy of the cookie shows nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from flask import g, request, session

from relay import secrets
from relay.errors import SecretUnreadable
from relay.services.users import sessions

LASTS_S = 300
AT = "kept-at"


def keep(name: str, values: Mapping[str, str]) -> None:
    sealed = secrets.seal({**values, AT: str(int(time.time()))})
    sessions.will_show(g.person.session_id, sealed)
    session[f"once-{name}"] = sealed


def take(name: str) -> dict[str, str] | None:
    """What was kept under this name; None if there is nothing, it is too old or cannot be decrypted.

    A page that answers a form, which has a transaction that writes, leaves it for the next page.
    """
    if request.method not in ("GET", "HEAD"):
        return None
    sealed = session.pop(f"once-{name}", None)
    try:
        found = secrets.open_sealed(sealed) if sealed else None
    except SecretUnreadable:
        return None
    if found is None or not 0 <= time.time() - int(found.pop(AT, "0")) < LASTS_S:
        return None
    return found if sessions.may_show(g.person.session_id, sealed) else None
