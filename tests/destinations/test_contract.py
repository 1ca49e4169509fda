"""What holds for every kind of destination."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.destinations import KINDS
from relay.destinations.base import Kind
from tests.support.kind_contract import (
    BROKEN,
    CHECKS,
    check_a_broken_service_is_retried,
)
from tests.support.sink import Answer, Sink

EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


@EVERY_KIND
@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_every_kind_keeps_the_contract(kind: Kind, check: Callable[[Kind], None]) -> None:
    check(kind)


@EVERY_KIND
@pytest.mark.parametrize("answer", BROKEN)
def test_calls_to_slow_and_broken_services_are_retried(
    kind: Kind, answer: Answer, sink: Sink
) -> None:
    check_a_broken_service_is_retried(kind, answer, sink)
