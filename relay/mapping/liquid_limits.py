"""Limits for Liquid templates: loops, sizes and time.  A template can only use its scope.

The time limit counts the thread's own CPU time, so that a busy machine does not make a valid template
fail.  It is checked at every node and filter.  The inputs and results of a filter have at most
``MAX_CHARACTERS`` and ``MAX_PARTS``, so that no single step takes long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import LiquidError, ResourceLimitError

from relay.i18n import _

BUDGET_S = 0.5
MAX_CHARACTERS = 1_000_000
MAX_PARTS = 20_000
MAX_COMPARED = 1_000  # ``uniq`` compares every item with every other
MAX_BITS = 256
_clock = threading.local()


def start() -> None:
    """Start the time limit of one rendering."""
    _clock.until = time.thread_time() + BUDGET_S


def _tick() -> None:
    if time.thread_time() > _clock.until:
        raise ResourceLimitError(_("it takes too long"), token=None)


def _check_size(values: Iterable[Any], max_parts: int = MAX_PARTS) -> None:
    """Raises ResourceLimitError if the values are too large."""
    characters, parts, stack = 0, 0, list(values)
    while stack:
        value = stack.pop()
        parts += 1
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, range):
            parts += len(value)
        elif isinstance(value, list | tuple):
            stack.extend(value[: max_parts + 1])
        elif isinstance(value, Mapping):
            stack.extend(value)
            stack.extend(value.values())
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise ResourceLimitError(_("a number in it becomes too large"), token=None)
        if characters > MAX_CHARACTERS or parts + len(stack) > max_parts:
            raise ResourceLimitError(_("a value in it becomes too large"), token=None)


def _check_growth(name: str, left: Any, args: tuple[Any, ...]) -> None:
    """Raises ResourceLimitError for a filter with a result far larger than its inputs.

    This must be known before the filter runs.
    """
    if name in ("replace", "remove") and args:
        old, new = str(args[0]), str(args[1]) if len(args) > 1 else ""
        text = str(left)
        grown = len(text) + (text.count(old) if old else len(text) + 1) * len(new) * 6
    elif name == "join":
        grown = len(left) * len(str(args[0]) if args else " ") * 6 if isinstance(left, list) else 0
    else:
        return
    if grown > MAX_CHARACTERS:
        raise ResourceLimitError(_("a value in it becomes too large"), token=None)


class TimedContext(RenderContext):
    """The context of a rendering.  It checks the limits at each node and each filter."""

    @property
    def disabled_tags(self) -> list[str]:
        """The library reads this before it renders a node, so the time is checked here."""
        _tick()
        return self._disabled_tags

    @disabled_tags.setter
    def disabled_tags(self, tags: list[str]) -> None:
        self._disabled_tags = tags

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        found = super().filter(name, token)

        def bounded(left: object, *args: Any, **kwargs: Any) -> object:
            _tick()
            max_parts = MAX_COMPARED if name == "uniq" else MAX_PARTS
            _check_size((left, *args, *kwargs.values()), max_parts)
            _check_growth(name, left, args)
            try:
                result = found(left, *args, **kwargs)
            except (ArithmeticError, ValueError, TypeError, LookupError, RecursionError) as exc:
                raise LiquidError(
                    _("%(filter)s does not work with this value", filter=name), token=token
                ) from exc
            _check_size((result,))
            return result

        return bounded


class TimedTemplate(BoundTemplate):
    context_class = TimedContext


class BoundedEnvironment(Environment):
    """The limits of one rendering: loop iterations, bytes of output, bytes of variables."""

    template_class = TimedTemplate
    loop_iteration_limit = 10_000
    output_stream_limit = 64 * 1024
    local_namespace_limit = 256 * 1024
    context_depth_limit = 20
