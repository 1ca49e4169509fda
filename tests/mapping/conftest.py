"""Conditions that several tests use."""

from __future__ import annotations

from typing import Any

from relay.mapping.conditions import Condition, ConditionGroup


def group(match: str, *items: Any) -> ConditionGroup:
    return ConditionGroup(match, items)


def total(op: str, value: str) -> Condition:
    return Condition(("data", "total"), op, value)


def country(value: str) -> Condition:
    return Condition(("data", "customer", "country"), "is", value)
