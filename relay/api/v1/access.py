"""Access control of the API: the token in ``Authorization: Bearer``, its role and its sites.

Cookies are never read, so a browser that is signed in to the dashboard cannot be made to send a request
here, and no form token is needed.
"""

from __future__ import annotations

import re

from flask import g, request
from limits import RateLimitItemPerMinute

from relay.api.v1.errors import ApiError
from relay.database import READ_ONLY
from relay.extensions import db
from relay.networks import network_of
from relay.services.audit import By
from relay.services.tokens.checking import TokenAccess, check_token
from relay.services.users import site_limit
from relay.services.users.throttle import AttemptCounter

PER_TOKEN = RateLimitItemPerMinute(600, 1, "api-token")
REFUSED = RateLimitItemPerMinute(60, 1, "api-refused")  # of an address, without a valid token
BEARER = re.compile(r"Bearer +([^\s]+) *", re.IGNORECASE)
SAFE = ("GET", "HEAD")


def enter(role: str, limited: bool) -> TokenAccess:
    """Check the token of this request.  Raises ApiError.

    ``limited``: also for tokens that reach only some sites, which everything it reads and changes
    belongs to.
    """
    access = _access()
    if not (limited or access.sees_all_sites):
        raise ApiError(
            403,
            "This token reaches only some sites, and this request is about all of them. "
            "Use a token without a limit to sites.",
        )
    if not access.may(role):
        raise ApiError(
            403, f"This needs a token with the role {role}, and this one has {access.role}."
        )
    if request.method in SAFE:
        db.session.connection(execution_options=READ_ONLY)
    if access.sites is not None:
        site_limit.apply(access.sites, access.email)
    g.token_access = access
    return access


def _access() -> TokenAccess:
    address = request.remote_addr or ""
    found = BEARER.fullmatch(request.headers.get("Authorization", ""))
    access = check_token(found[1] if found else "", address)
    if access is None:
        refused = AttemptCounter(REFUSED, network_of(address))
        if not refused.add():
            raise ApiError(429, "Too many requests without a valid token.", refused.wait_s())
        raise ApiError(401)
    used = AttemptCounter(PER_TOKEN, access.id)
    if not used.add():
        raise ApiError(
            429, f"A token can send {PER_TOKEN.amount} requests per minute.", used.wait_s()
        )
    return access


def current() -> TokenAccess:
    """The token of a request that was let in."""
    access: TokenAccess = g.token_access
    return access


def current_by() -> By:
    """The token's user, for the audit log."""
    return current().by(request.remote_addr or "")
