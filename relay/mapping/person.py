"""Which values of an event are a person's, and the same event without them.  PURE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MARKER = "[erased]"
SHORTEST = 4  # a shorter value is replaced where it stands, not looked for in other texts
# What says nothing about a person.  Everything that is not named here goes: what is missed would stay.
KEPT = frozenset(
    "id post_id product_id variation_id parent number sku quantity status previous_status currency "
    "total subtotal tax discount price post_title created_at updated_at plugin type entry_id order_id "
    "order_number order_status order_total amount total_refunded payment_method roles".split()
)
KEPT_BELOW = frozenset(("items", "form"))


@dataclass(frozen=True)
class ErasedData:
    """``data`` without the person.  ``is_about`` tells an event of theirs from one that only mentions
    their address; ``values`` are the texts that were taken out.
    """

    data: Any
    is_about: bool
    values: frozenset[str] = field(repr=False)


def erase(data: Any, email: str) -> ErasedData | None:
    """``data`` without the person whose address is ``email``; None where they do not occur.

    Where the address is a value of its own, the event is about them and everything that may be
    personal goes.  Where it only stands inside a text, the address itself goes.
    """
    wanted = email.strip().lower()
    texts = [one for one in strings(data) if wanted in one.lower()]
    if not texts:
        return None
    if not any(one.strip().lower() == wanted for one in texts):
        return ErasedData(scrub(data, {email}), False, frozenset({email}))
    taken: set[str] = {email}
    return ErasedData(_without(data, "", False, taken), True, frozenset(taken))


def scrub(tree: Any, values: set[str] | frozenset[str]) -> Any:
    """The same tree; in its texts ``values`` are replaced, whatever their case.  Short ones are not."""
    longest_first = sorted((one for one in values if len(one) >= SHORTEST), key=len, reverse=True)
    if not longest_first:
        return tree
    return _scrubbed(tree, re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE))


def _scrubbed(tree: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(tree, str):
        return pattern.sub(MARKER, tree)
    if isinstance(tree, list):
        return [_scrubbed(one, pattern) for one in tree]
    if isinstance(tree, dict):
        return {pattern.sub(MARKER, name): _scrubbed(one, pattern) for name, one in tree.items()}
    return tree


def _without(tree: Any, name: str, is_kept: bool, taken: set[str]) -> Any:
    if isinstance(tree, dict):
        return {
            key: _without(one, key, is_kept or key in KEPT_BELOW, taken)
            for key, one in tree.items()
        }
    if isinstance(tree, list):
        return [_without(one, name, is_kept, taken) for one in tree]
    if is_kept or name in KEPT or tree is None or isinstance(tree, bool) or tree == "":
        return tree
    taken.add(str(tree))
    return MARKER


def strings(tree: Any) -> Iterator[str]:
    """Every text of a tree."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from strings(one)
