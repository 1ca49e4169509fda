"""The quotas in a reply's headers: calls and tokens, each of which resets within minutes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from relay.destinations.base import ReportedQuota
from relay.destinations.kinds.openai.replies import duration_s
from relay.i18n import N_
from relay.transport.request import Reply

LABELS = {"requests": N_("calls"), "tokens": N_("tokens")}


def quotas_of(reply: Reply) -> tuple[ReportedQuota, ...]:
    """The quotas in a reply's headers.  Most compatible servers do not send them."""
    return tuple(_quotas(reply))


def _quotas(reply: Reply) -> Iterator[ReportedQuota]:
    for name, label in LABELS.items():
        limit = (reply.header(f"x-ratelimit-limit-{name}") or "").strip()
        left = (reply.header(f"x-ratelimit-remaining-{name}") or "").strip()
        if not all(text.isascii() and text.isdigit() and len(text) < 13 for text in (limit, left)):
            continue
        seconds = duration_s(reply.header(f"x-ratelimit-reset-{name}") or "")
        resets_at = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
        yield ReportedQuota(name, label, int(limit), int(left), resets_at)
