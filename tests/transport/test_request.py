"""The wait that a reply asks for."""

from __future__ import annotations

import pytest

from relay.transport.request import Reply, retry_after_s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        (
            {
                "retry-after": "Sun, 01 Mar 2026 12:01:00 GMT",
                "Date": "Sun, 01 Mar 2026 12:00:00 GMT",
            },
            60.0,
        ),
        ({"Retry-After": "999999999"}, 86400.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86400.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_can_be_seconds_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(Reply(status=503, headers=tuple(headers.items()))) == seconds
