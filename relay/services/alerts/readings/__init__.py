"""What the alert rules see now: each module reads the state of one part of Relay, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from config import Config


@dataclass(frozen=True)
class Context:
    """What a reader gets.

    ``now`` is the database's time, ``thresholds`` the threshold in effect by rule, ``broker`` the
    Redis client.  ``is_set`` are the rules with a threshold that a person chose.
    """

    connection: Connection
    now: datetime
    thresholds: Mapping[str, float]
    broker: Any
    config: Config
    is_set: frozenset[str] = frozenset()
