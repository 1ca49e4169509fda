"""Secrets that are stored as references: each is resolved as a delivery would, its value is dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from relay import secrets
from relay.errors import SecretUnreadable, VaultUnavailable
from relay.i18n import N_, _
from relay.models import AlertChannel, Destination
from relay.observability.health import Finding, error, ok, warning
from relay.rules.states import DestinationState
from relay.secrets.references import is_reference
from relay.services.operations.checks.database import reading

CHECK = "secret references"
LIMIT_S = 5.0
DO = N_("Provide it to every process of Relay, or enter the secret again.")


def check() -> Iterator[Finding]:
    found = references()
    until, unreachable, failed = time.monotonic() + LIMIT_S, "", 0
    for number, (reference, users) in enumerate(sorted(found.items(), key=_vaults_last)):
        if time.monotonic() > until:
            yield warning(
                CHECK,
                _(
                    "Only %(number)s of %(found)s references were resolved within %(limit_s)s s.",
                    number=number,
                    found=len(found),
                    limit_s=f"{LIMIT_S:g}",
                ),
                _("Find out why reading a secret takes so long."),
            )
            return
        if unreachable and reference.startswith("vault:"):
            continue
        try:
            secrets.box().resolve(reference)
        except VaultUnavailable as exc:
            unreachable = str(exc)
            yield error(
                "vault",
                _(unreachable),
                _(
                    "Deliveries that need a secret from it wait. Start or unseal it, or correct the setting "
                    "(VAULT_ADDR, VAULT_TOKEN_FILE)."
                ),
            )
        except SecretUnreadable as exc:
            failed += 1
            yield error(
                CHECK,
                _(
                    "%(users)s cannot use %(reference)s. %(exc)s",
                    users=_(users[0]),
                    reference=reference,
                    exc=exc,
                ),
                _(DO),
            )
    if not failed and not unreachable:
        count = len(found)
        yield ok(
            CHECK,
            _("%(count)s resolved.", count=count)
            if count
            else _("No secret is stored as a reference."),
        )


def _vaults_last(item: tuple[str, Any]) -> tuple[bool, str]:
    """A vault may be slow."""
    return item[0].startswith("vault:"), item[0]


def references() -> dict[str, list[str]]:
    """-> who uses each reference.  What cannot be decrypted is left out: its own check names it."""
    found: dict[str, list[str]] = {}
    with reading() as connection:
        sealed = [
            *connection.execute(
                select(Destination.name, Destination.sealed_secrets).where(
                    Destination.sealed_secrets != "", Destination.state != DestinationState.CLOSED
                )
            ),
            *(
                (_("Alert channel %(name)s", name=name), text)
                for name, text in connection.execute(
                    select(AlertChannel.name, AlertChannel.sealed_secrets).where(
                        AlertChannel.sealed_secrets != "", AlertChannel.enabled
                    )
                )
            ),
        ]
    for name, text in sealed:
        try:
            values = secrets.open_sealed(text)
        except SecretUnreadable:
            continue
        for value in values.values():
            if is_reference(value):
                found.setdefault(value, []).append(name)
    return found
