"""Names of fields from a body, as the sentence of a refusal may show them.  Pure.

A sender can use anything as a key, also an e-mail address or a token, and a refusal is stored and shown
on the page of the site.
"""

from __future__ import annotations

import re

from relay.event_types import EVENT_TYPES

LONGEST = 40
PLAIN = re.compile(r"(?!.*[0-9]{4})[a-z]{1,20}([_-][a-z]{1,20}|[_-]?[0-9]{1,3}){0,5}")


def shown_name(name: object) -> str:
    """A name such as ``billing_address_2`` as it is; of any other only how it begins and its length.

    A whole number is the place in a list.
    """
    text = str(name)
    if isinstance(name, int) or (len(text) <= LONGEST and PLAIN.fullmatch(text)):
        return text
    if text in EVENT_TYPES:
        return text
    start = "".join(char for char in text[:2] if char.isprintable())
    return f"{start}… ({len(text)} characters)"
