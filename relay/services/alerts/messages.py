"""The messages about alerts: which channels get one, and the queue they are sent from."""

from __future__ import annotations

from datetime import datetime

from relay.models import Alert
from relay.rules.states import AlertChange


def enqueue(alert: Alert, change: AlertChange, now: datetime) -> int:
    """Queue a message about a change for each channel that wants it.  -> how many.

    Joins the caller's transaction.  Raises nothing.
    """
    return 0


def send_due(limit: int = 20) -> int:
    """Send what is due.  -> how many messages were sent or given up."""
    return 0
