"""Liquid templates over one event and the AI's answer: bounded (see ``bounds``); nothing else is in reach."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate
from liquid.exceptions import LiquidError
from liquid.extra.filters import JSON

from relay.errors import Undeliverable
from relay.mapping import liquid_limits
from relay.mapping.liquid_limits import BoundedEnvironment

LONGEST = 20_000
ESCAPING, PLAIN = (BoundedEnvironment(autoescape=autoescape) for autoescape in (True, False))
for environment in (ESCAPING, PLAIN):
    environment.add_filter("json", JSON())
del ESCAPING.filters["safe"]  # a visitor's text stays text, whatever a template says


@lru_cache(maxsize=500)
def parse(text: str, escape: bool = True) -> BoundTemplate:
    return (ESCAPING if escape else PLAIN).from_string(text)


def check_template(text: str) -> str | None:
    """A sentence saying what is wrong with a template, or None."""
    if len(text) > LONGEST:
        return f"The text is longer than {LONGEST} signs."
    try:
        parse(text)
    except LiquidError as exc:
        return f"The text has a mistake in its {{{{ }}}} or {{% %}} parts: {reason(exc)}."
    except RecursionError:
        return "The text is nested too deeply in its {{ }} or {% %} parts."
    return None


def reason(exc: Exception) -> str:
    """What is wrong, in one line, and where."""
    token = getattr(exc, "token", None)
    other = "it is nested too deeply" if isinstance(exc, RecursionError) else "a value does not fit"
    words = str(getattr(exc, "message", None) or other)
    if token is None or token.start_index < 0:
        return words
    line = token.source.count("\n", 0, token.start_index)
    near = token.source.split("\n")[line].strip()
    return f"{words}, near “{near if len(near) <= 60 else near[:59] + '…'}”"


def render(text: str, scope: Mapping[str, Any], escape: bool = True) -> str:
    """The text with the scope's values in it.  Raises Undeliverable.

    With ``escape``, in values, and only there, & < > are written as Slack and HTML want them
    (``&amp;`` ...), after all filters: so a visitor's text stays text and no cut goes through the
    middle of a sign.
    """
    if why := check_template(text):
        raise Undeliverable("bad_template", f"{why} Change it where it is written.")
    liquid_limits.start()
    try:
        filled = parse(text, escape).render(scope)
    except Exception as exc:  # the library's filters raise all kinds of errors on odd values
        raise Undeliverable(
            "bad_template",
            f"The text could not be filled in: {reason(exc)}. Change it where it is written.",
        ) from exc
    return unquoted(filled) if escape else filled


def escaped(text: str) -> str:
    """A visitor's text as ``render`` puts it in, for a value that needs no template."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unquoted(text: str) -> str:
    return text.replace("&#39;", "'").replace("&#34;", '"')


def paths_in(text: str) -> list[tuple[str, ...]]:
    """The fields that a text uses, as far as they are plain paths; none of a broken text."""
    if check_template(text):
        return []
    found = []
    for segments in parse(text).global_variable_segments():
        plain = []
        for one in segments:
            if not isinstance(one, str | int):
                break
            plain.append(str(one))
        found.append(tuple(plain))
    return sorted(found)
