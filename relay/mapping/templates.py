"""Liquid templates over one event: bounded in loops, size and depth; nothing else is in reach."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError
from liquid.extra.filters import JSON

from relay.errors import Undeliverable


class Bounded(Environment):
    """Limits of one rendering: steps of loops, bytes of output, bytes of variables."""

    loop_iteration_limit = 10_000
    output_stream_limit = 64 * 1024
    local_namespace_limit = 256 * 1024
    context_depth_limit = 20


LONGEST = 20_000
ESCAPING, PLAIN = (Bounded(autoescape=autoescape) for autoescape in (True, False))
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
        return f"The text has a mistake in its {{{{ }}}} or {{% %}} parts: {exc}"
    return None


def render(text: str, event: Mapping[str, Any], escape: bool = True) -> str:
    """The text with the event's values in it.  Raises Undeliverable.

    With ``escape``, in values, and only there, & < > are written as Slack and HTML want them (``&amp;`` ...), after
    all filters: so a visitor's text stays text and no cut goes through the middle of a sign.
    """
    if why := check_template(text):
        raise Undeliverable("bad_template", f"{why} Change it in the destination's settings.")
    try:
        filled = parse(text, escape).render(event)
    except LiquidError as exc:
        raise Undeliverable(
            "bad_template",
            f"The message text could not be filled in: {exc}. Change it in the destination's settings.",
        ) from exc
    return filled.replace("&#39;", "'").replace("&#34;", '"') if escape else filled
