"""The first event of an empty database: sent over HTTP by a source of its own, watched step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import and_, func, select

from relay.database import READ_ONLY
from relay.errors import RelayError
from relay.models import Delivery, Event, Source, db
from relay.services import events
from relay.services.audit import RELAY
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from relay.services.users import accounts as user_accounts

PATIENCE_S = 30.0


def first_run_url(base: str, data_dir: Path) -> str | None:
    """A fresh link for the first admin, also written to ``first-run-url``; None once there is one."""
    path = data_dir / "first-run-url"
    token = user_accounts.make_first_run_token()
    if token is None:
        path.unlink(missing_ok=True)
        return None
    url = f"{base}/first-run/{token}"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(url + "\n", encoding="utf-8")
    return url


def is_empty() -> bool:
    """Nobody has set anything up; the source that a setting makes does not count."""
    wanted = select(func.count()).select_from(Source).where(Source.slug != source_settings.DEFAULT)
    return not db.session.scalar(wanted)


def show(base: str, say: Callable[[str], None]) -> bool:
    """Make a demo source and an inbox, send one event, tell each step with its milliseconds."""
    source_settings.create_source("Demo site", "https://demo.example.com", RELAY, slug="demo")
    destination_settings.create_destination("inbox", "Inbox", {}, RELAY)
    db.session.remove()
    say("A demonstration: one signed event goes the whole way.")
    try:
        sent = events.send_test_event("demo", RELAY, "comment.created", base)
    except RelayError as exc:
        say(f"  It could not be sent: {exc}")
        return False
    say(f"  accepted   {sent.status}  {sent.elapsed_ms:7.1f} ms  (signed, checked, committed)")
    row_id, until, routed = int(str(sent.answer["id"])), time.monotonic() + PATIENCE_S, False
    while time.monotonic() < until:
        received_at, routed_at, settled_at = look(row_id)
        if routed_at and not routed:
            routed = True
            say(f"  routed          {since(received_at, routed_at):7.1f} ms  (the inbox wants it)")
        if settled_at:
            say(f"  delivered       {since(received_at, settled_at):7.1f} ms  (to the inbox)")
            return True
        time.sleep(0.02)
    say("  It was accepted, but did not arrive in time. The logs say why.")
    return False


def look(row_id: int) -> tuple[datetime, datetime | None, datetime | None]:
    """-> when an event was received, routed and delivered.  Reads without holding a writer up."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        row = connection.execute(
            select(Event.received_at, Event.routed_at, Delivery.settled_at)
            .outerjoin(Delivery, and_(Delivery.event_pk == Event.id, Delivery.state == "delivered"))
            .where(Event.id == row_id)
        ).one()
    return row.received_at, row.routed_at, row.settled_at


def since(start: datetime, instant: datetime) -> float:
    """Milliseconds from ``start`` to ``instant``."""
    return (instant - start).total_seconds() * 1000
