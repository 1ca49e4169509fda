"""The sentence about an event type that does not exist: the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from relay.i18n import _


def unknown(name: str, known: Collection[str], otherwise: str) -> str:
    """``otherwise`` says what to do if no known type is similar."""
    near = difflib.get_close_matches(name, known, n=1)
    what = _("Did you mean %(type)s?", type=near[0]) if near else otherwise
    return _("%(type)s is not an event type. %(advice)s", type=name, advice=what)
