"""Receipts of erasures: proof for later, without the address."""

from __future__ import annotations

import hmac
from typing import Any

from sqlalchemy import select

from relay.errors import NotFound
from relay.i18n import _
from relay.models import ErasureReceipt, db
from relay.services.operations import erasure
from relay.services.paging import Page, page_of


def list_receipts(limit: int = 50, after: int | None = None) -> Page[ErasureReceipt]:
    """Newest first."""
    return page_of(select(ErasureReceipt), ErasureReceipt.id, limit, after)


def find_receipt(number: str) -> ErasureReceipt:
    """Raises NotFound."""
    found = db.session.scalar(select(ErasureReceipt).where(ErasureReceipt.number == number))
    if found is None:
        raise NotFound(_("There is no receipt %(number)s.", number=number[:40]))
    return found


def is_for(receipt: ErasureReceipt, email: str) -> bool:
    """Whether the receipt is for this address.  Raises Invalid if it is no address.

    False also if the encryption key that the hash was made with was removed.
    """
    digests = erasure.digests().all_digests(erasure.check_address(email))
    return any(hmac.compare_digest(receipt.digest, one) for one in digests)


def as_json(receipt: ErasureReceipt) -> dict[str, Any]:
    """For a download."""
    return {
        "receipt": receipt.number,
        "erased_at": receipt.created_at.isoformat(),
        "erased_by": receipt.actor,
        "keyed_hash_of_address": receipt.digest.hex(),
        "counts": receipt.counts,
    }
