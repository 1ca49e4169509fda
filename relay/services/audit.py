"""The audit trail.  ``record`` joins the caller's transaction, so no change lacks its entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from relay.models import AuditEntry, db
from relay.services.paging import Page, page_of


@dataclass(frozen=True)
class By:
    """Who acts, and from which address."""

    actor: str
    address: str = ""


COMMAND_LINE = By("command line")
RELAY = By("relay")


def record(by: By, action: str, label: str, **detail: Any) -> None:
    """Add one entry to the running transaction.  ``detail`` never holds a secret's value."""
    db.session.add(
        AuditEntry(
            actor=by.actor,
            address=by.address,
            action=action,
            object_label=label[:254],
            detail=detail,
        )
    )


def list_entries(limit: int = 50, after: int | None = None) -> Page[AuditEntry]:
    return page_of(select(AuditEntry), AuditEntry.id, limit, after)
