"""The settings of single sign-on by OpenID Connect, RELAY_OIDC_…"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from relay.errors import SettingsError
from relay.rules.states import Role

LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class OidcSettings:
    """``roles`` are pairs of a value of the claim ``role_claim`` and the role that it gives.

    ``role_claim`` can be a path such as ``realm_access.roles``.  ``label`` names the provider on the
    sign-in page.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    roles: tuple[tuple[str, Role], ...]
    role_claim: str = "groups"
    label: str = "single sign-on"


def read_oidc(
    issuer: str, client_id: str, client_secret: str, role_claim: str, roles: str, label: str
) -> OidcSettings | None:
    """None if nothing is set.  Raises SettingsError."""
    needed = {
        "RELAY_OIDC_ISSUER": issuer,
        "RELAY_OIDC_CLIENT_ID": client_id,
        "RELAY_OIDC_CLIENT_SECRET": client_secret,
        "RELAY_OIDC_ROLES": roles,
    }
    missing = [name for name, value in needed.items() if not value]
    if len(missing) == len(needed) and not (role_claim or label):
        return None
    if missing:
        raise SettingsError(f"{missing[0]} is not set. Single sign-on needs {', '.join(needed)}.")
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in LOCAL:
        raise SettingsError("RELAY_OIDC_ISSUER must start with https://.")
    return OidcSettings(
        issuer,
        client_id,
        client_secret,
        _read_roles(roles),
        role_claim or "groups",
        label or "single sign-on",
    )


def _read_roles(text: str) -> tuple[tuple[str, Role], ...]:
    pairs = []
    for part in re.split(r"\s*,\s*", text.strip(" ,")):
        value, equals, role = (piece.strip() for piece in part.rpartition("="))
        if not (value and equals and role in list(Role)):
            raise SettingsError(
                f"RELAY_OIDC_ROLES must be a list such as relay-admins=admin,relay-support=support, "
                f"with the roles {', '.join(Role)}; {part!r} is not."
            )
        pairs.append((value, Role(role)))
    return tuple(pairs)
