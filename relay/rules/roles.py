"""Which role includes which."""

from __future__ import annotations

from relay.i18n import N_
from relay.rules.states import Role

ORDER = tuple(role.value for role in Role)  # each includes those before it

# as a page shows them, and inside a sentence
WORDS = (
    (N_("Viewer"), N_("viewer")),
    (N_("Support"), N_("support")),
    (N_("Admin"), N_("admin")),
)


def includes(role: str, wanted: str, *, sees_all_sites: bool = True) -> bool:
    """Whether ``role`` includes ``wanted``.

    Someone who is limited to some sites is never an admin: settings are about all of them.
    """
    if wanted == Role.ADMIN and not sees_all_sites:
        return False
    return ORDER.index(role) >= ORDER.index(wanted)
