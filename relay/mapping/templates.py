"""Liquid templates over one event: bounded in loops, size and depth; nothing else is in reach."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError

from relay.errors import Undeliverable


class Bounded(Environment):
    """Limits of one rendering: steps of loops, bytes of output, bytes of variables."""

    loop_iteration_limit = 10_000
    output_stream_limit = 64 * 1024
    local_namespace_limit = 256 * 1024
    context_depth_limit = 20


LONGEST = 20_000
environment = Bounded(autoescape=False)


@lru_cache(maxsize=500)
def parse(text: str) -> BoundTemplate:
    return environment.from_string(text)


def check_template(text: str) -> str | None:
    """A sentence saying what is wrong with a template, or None."""
    if len(text) > LONGEST:
        return f"The text is longer than {LONGEST} signs."
    try:
        parse(text)
    except LiquidError as exc:
        return f"The text has a mistake in its {{{{ }}}} or {{% %}} parts: {exc}"
    return None


def escape(value: Any) -> Any:
    """The event with & < > as Slack and HTML want them, so that a visitor's text stays text."""
    if isinstance(value, str):
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if isinstance(value, Mapping):
        return {key: escape(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [escape(one) for one in value]
    return value


def render(text: str, event: Mapping[str, Any]) -> str:
    """The text with the event's values in it, escaped.  Raises Undeliverable."""
    if why := check_template(text):
        raise Undeliverable("bad_template", f"{why} Change it in the destination's settings.")
    try:
        return parse(text).render(**escape(event))
    except LiquidError as exc:
        raise Undeliverable(
            "bad_template",
            f"The message text could not be filled in: {exc}. Change it in the destination's settings.",
        ) from exc
