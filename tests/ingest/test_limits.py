"""Rate limits of the ingest endpoint."""

from __future__ import annotations

from relay.ingest.limits import Limits


def test_addresses_of_one_ipv6_network_share_the_limit_of_failures() -> None:
    limits = Limits()
    waits = [limits.count_failure(f"2001:db8::{n:x}:0:0:1") for n in range(1, 302)]
    assert waits[:300] == [None] * 300
    assert waits[300] is not None and 1 <= waits[300] <= 60
    assert limits.count_failure("2001:db8:0:1::1") is None
