"""The person that an event is from."""

from __future__ import annotations

from typing import Any

import pytest

from relay.event_types import SAMPLES
from relay.mapping.writer import writer_of


@pytest.mark.parametrize(
    ("event_type", "data", "writer"),
    [
        ("comment.created", SAMPLES["comment.created"], ("Jane Example", "jane@example.com")),
        ("order.created", SAMPLES["order.created"], ("Jane Example", "jane@example.com")),
        ("x.order.refunded", {"customer": {"email": "a@example.com"}}, ("", "a@example.com")),
        ("lead.created", SAMPLES["lead.created"], ("Jane Example", "jane@example.com")),
        ("user.registered", {"name": "Anna", "email": "a@example.com"}, ("Anna", "a@example.com")),
        ("x.booking", {"email": " a@example.com "}, ("", "a@example.com")),
        ("x.booking", {"room": 5}, ("", "")),
        ("order.created", {"customer": []}, ("", "")),
        ("x.booking", ["a@example.com"], ("", "")),
    ],
)
def test_the_writer_is_read_from_each_type(
    event_type: str, data: Any, writer: tuple[str, str]
) -> None:
    assert writer_of(event_type, data) == writer
