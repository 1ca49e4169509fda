"""The amount of a deal: in the currency of the order or not at all, and without what was refunded.

HubSpot reads an amount in ``deal_currency_code``, which exists only in an account with several
currencies, and else in the account's own currency.  Sources:
https://developers.hubspot.com/docs/api-reference/latest/account/account-information/get-account-details,
https://developers.hubspot.com/docs/api/settings/currencies
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from relay.destinations.base import Message
from relay.errors import Undeliverable
from relay.event_types import REFUNDED
from relay.i18n import N_, _
from relay.rules.notes import Note

AMOUNT, CODE = "amount", "deal_currency_code"
FIELDS = (AMOUNT, CODE)
HOLD, WITHOUT_AMOUNT = "hold", "without_amount"  # what to do with an order in another currency


@dataclass(frozen=True)
class DealAmount:
    """The properties with the amount and its currency, those that must not be left out, the notes."""

    properties: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    notes: tuple[Note, ...] = ()


def needs_currencies(message: Message, account: Mapping[str, Any]) -> bool:
    """Whether a deal of this message has an amount, and the account's currencies are unknown."""
    return f"deal.{AMOUNT}" in message.mapped and not currencies_of(account)


def currencies_of(account: Mapping[str, Any]) -> list[str]:
    return [code for code in account.get("currencies") or () if code]


def amount_of(
    message: Message, account: Mapping[str, Any], deal: Mapping[str, str], other_currency: str
) -> DealAmount:
    """The amount of a deal.  Raises Undeliverable for an order in a currency that HubSpot lacks."""
    given, known = message.data.get("currency"), currencies_of(account)
    currency = deal.get(CODE) or (given if isinstance(given, str) else "")
    if AMOUNT not in deal:
        return DealAmount({CODE: currency} if len(known) > 1 and currency in known else {})
    amount = net_amount(message, deal[AMOUNT])
    if not currency or not known:
        return DealAmount({AMOUNT: amount})
    if currency not in known:
        return _in_other_currency(currency, known, amount, other_currency)
    if len(known) == 1:  # HubSpot then has no field for it
        return DealAmount({AMOUNT: amount})
    required = frozenset({CODE}) if other_currency == HOLD else frozenset()
    return DealAmount({AMOUNT: amount, CODE: currency}, required)


AND = N_("and")


def _in_other_currency(
    currency: str, known: list[str], amount: str, other_currency: str
) -> DealAmount:
    used = f" {_(AND)} ".join(known)
    if other_currency == WITHOUT_AMOUNT:
        reason = _(
            "%(amount)s %(currency)s would be read as %(known)s; your HubSpot account "
            "uses %(used)s",
            amount=amount,
            currency=currency,
            known=known[0],
            used=used,
        )
        return DealAmount(notes=(Note(f"deal.{AMOUNT}", N_("Amount"), reason),))
    raise Undeliverable(
        "currency_not_used",
        _(
            "The order is in %(currency)s, but your HubSpot account uses only %(used)s, "
            "so the amount would be wrong. Add %(currency)s in HubSpot and choose "
            "“Reload fields” on this destination, or let Relay write such deals without "
            "an amount in its settings. Then replay the delivery.",
            currency=currency,
            used=used,
        ),
    )


def net_amount(message: Message, amount: str) -> str:
    """The amount less what was refunded, if the event says so and the amount is the order's total."""
    total = message.data.get("order_total" if message.event_type == REFUNDED else "total")
    refunded = message.data.get("total_refunded")
    try:
        values = [Decimal(str(value)) for value in (amount, total, refunded)]
    except InvalidOperation:
        return amount
    if not all(value.is_finite() for value in values) or values[0] != values[1]:
        return amount
    with localcontext() as context:
        context.prec = 60
        return f"{values[0] - values[2]:f}"
