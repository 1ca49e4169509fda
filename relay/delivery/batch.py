"""What is claimed and waits for its call, and what of it goes together in one."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from relay.delivery.claim import Claim
from relay.delivery.message import load_site_key
from relay.destinations.base import Kind
from relay.errors import RelayError


class Batch(deque[Claim]):
    """``as_one`` says that all of it is one digest."""

    as_one = False

    def take(self, most: int) -> list[Claim]:
        """The next one with those that go in the same call, at most so many.  They are ready no more."""
        first = self[0]
        alike = [one for one in self if self.as_one or one is first or one.goes_with(first)]
        taken = alike if self.as_one else alike[:most]
        ours = {one.delivery_id for one in taken}
        left = [one for one in self if one.delivery_id not in ours]
        self.clear()
        self.extend(left)
        return taken

    def calls(self, most: int, more: int = 0) -> int:
        """How many calls it will make, and ``more`` besides."""
        count = len(self) + more
        return min(1, count) if self.as_one else math.ceil(count / most)


def signed(connection: Connection, kind: Kind, claims: Iterable[Claim]) -> list[Claim]:
    """The claims, each with its site's key where the kind signs for the site."""
    if not kind.signs_for_site:
        return list(claims)
    claims, keys = list(claims), {}
    for source_id in {one.source_id for one in claims}:
        try:
            keys[source_id] = load_site_key(connection, source_id)
        except RelayError:
            keys[source_id] = None  # the kind says that there is none
    return [replace(one, site_key=keys[one.source_id]) for one in claims]
