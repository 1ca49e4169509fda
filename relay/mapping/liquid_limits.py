"""Liquid that cannot run away: bounded in loops, sizes and time, with nothing in reach but its scope.

Time is the thread's own processor time, so that a busy machine takes nothing from a text that is
fine.  It is looked at with every node and filter; and since no single step may take or give more
than ``MOST_SIGNS`` or ``MOST_PARTS``, no step lasts long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import LiquidError, ResourceLimitError

BUDGET_S = 0.5
MOST_SIGNS = 1_000_000
MOST_PARTS = 20_000
MOST_COMPARED = 1_000  # ``uniq`` compares all with all
MOST_BITS = 256
_clock = threading.local()


def start() -> None:
    """The time of one rendering begins."""
    _clock.until = time.thread_time() + BUDGET_S


def _tick() -> None:
    if time.thread_time() > _clock.until:
        raise ResourceLimitError("it takes too long", token=None)


def _check(values: Iterable[Any], most_parts: int = MOST_PARTS) -> None:
    """Whether values are small enough to be worked with.  Raises ResourceLimitError."""
    signs, parts, stack = 0, 0, list(values)
    while stack:
        one = stack.pop()
        parts += 1
        if isinstance(one, str):
            signs += len(one)
        elif isinstance(one, range):
            parts += len(one)
        elif isinstance(one, list | tuple):
            stack.extend(one[: most_parts + 1])
        elif isinstance(one, Mapping):
            stack.extend(one)
            stack.extend(one.values())
        elif isinstance(one, int) and one.bit_length() > MOST_BITS:
            raise ResourceLimitError("a number in it grows too large", token=None)
        if signs > MOST_SIGNS or parts + len(stack) > most_parts:
            raise ResourceLimitError("a value in it grows too large", token=None)


def _check_growth(name: str, left: Any, args: tuple[Any, ...]) -> None:
    """The filters whose result can be far larger than what they are given."""
    if name in ("replace", "remove") and args:
        old, new = str(args[0]), str(args[1]) if len(args) > 1 else ""
        text = str(left)
        grown = len(text) + (text.count(old) if old else len(text) + 1) * len(new) * 6
    elif name == "join":
        grown = len(left) * len(str(args[0]) if args else " ") * 6 if isinstance(left, list) else 0
    else:
        return
    if grown > MOST_SIGNS:
        raise ResourceLimitError("a value in it grows too large", token=None)


class TimedContext(RenderContext):
    """What a rendering sees, with a look at the clock at each node and each filter."""

    @property
    def disabled_tags(self) -> list[str]:
        """Every node of a text asks for this before it is rendered."""
        _tick()
        return self._disabled_tags

    @disabled_tags.setter
    def disabled_tags(self, tags: list[str]) -> None:
        self._disabled_tags = tags

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        found = super().filter(name, token)

        def bounded(left: object, *args: Any, **kwargs: Any) -> object:
            _tick()
            _check((left, *args, *kwargs.values()), MOST_COMPARED if name == "uniq" else MOST_PARTS)
            _check_growth(name, left, args)
            try:
                result = found(left, *args, **kwargs)
            except (ArithmeticError, ValueError, TypeError, LookupError, RecursionError) as exc:
                raise LiquidError(f"{name} does not work with this value", token=token) from exc
            _check((result,))
            return result

        return bounded


class TimedTemplate(BoundTemplate):
    context_class = TimedContext


class BoundedEnvironment(Environment):
    """Limits of one rendering: steps of loops, bytes of output, bytes of variables."""

    template_class = TimedTemplate
    loop_iteration_limit = 10_000
    output_stream_limit = 64 * 1024
    local_namespace_limit = 256 * 1024
    context_depth_limit = 20
