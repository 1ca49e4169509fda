"""The default mappings: an order becomes a deal and its contact, a lead becomes a contact.

A comment becomes a contact only if a person selects comments for this destination, and then only with
its author's name and e-mail address.  The text of the comment stays on the site.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relay.destinations.base import Rule
from relay.destinations.kinds.hubspot.account import STANDARD
from relay.destinations.kinds.hubspot.money import REFUNDED
from relay.event_types import TEST

LEAD = {
    "email": "lead.email",
    "firstname": "lead.first_name",
    "lastname": "lead.last_name",
    "phone": "lead.phone",
    "company": "lead.company",
    "message": "lead.message",
}
CUSTOMER = {
    "email": "order.customer_email",
    "firstname": "order.customer_first_name",
    "lastname": "order.customer_last_name",
    "phone": "order.customer_phone",
    "company": "order.customer_company",
    "address": "order.billing_street",
    "zip": "order.billing_postcode",
    "city": "order.billing_city",
    "state": "order.billing_state",
    "country": "order.billing_country",
}
AUTHOR = {
    "email": "comment.author_email",
    "firstname": "comment.author_first_name",
    "lastname": "comment.author_last_name",
}
USER = {"email": "user.email", "firstname": "user.first_name", "lastname": "user.last_name"}
DEAL = {
    "dealname": "order.deal_name",
    "amount": "order.total",
    "closedate": "order.date",
}


def rules_of(group: str, fields: Mapping[str, str]) -> dict[str, Rule]:
    """A rule for each property of an object, ``contact`` or ``deal``, with a computed field."""
    return {f"{group}.{name}": {"computed": computed} for name, computed in fields.items()}


def contact(account: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Rule]:
    """The rules for the properties that the account's contacts have."""
    listed = (account.get("properties") or {}).get("contacts") or STANDARD["contacts"]
    known = {one["name"]: one for one in listed}
    return rules_of(
        "contact", {name: value for name, value in fields.items() if takes_text(known.get(name))}
    )


def takes_text(property_: Mapping[str, Any] | None) -> bool:
    """Whether a property exists and is no list of choices, such as a country in some accounts."""
    return property_ is not None and property_.get("type") not in ("choice", "choices")


def lead(account: Mapping[str, Any]) -> dict[str, Rule]:
    return contact(account, LEAD)


def order(account: Mapping[str, Any]) -> dict[str, Rule]:
    pipeline, (first, won, lost) = stages_of(account)
    rules = contact(account, CUSTOMER) | rules_of("deal", DEAL)
    rules["deal.dealstage"] = {
        "computed": "order.stage",
        "with": {"paid": won, "cancelled": lost, "other": first},
    }
    if pipeline:
        rules["deal.pipeline"] = {"text": pipeline}
    if len([code for code in account.get("currencies") or () if code]) > 1:
        # HubSpot refuses the field where only one currency is in use.
        rules["deal.deal_currency_code"] = {"computed": "order.currency"}
    return rules


def refund(account: Mapping[str, Any]) -> dict[str, Rule]:
    """A refund changes the amount and the stage of its order's deal, not the date of its close."""
    rules = order(account) | {"deal.amount": {"computed": "order.total_after_refunds"}}
    del rules["deal.closedate"]
    return rules


def stages_of(account: Mapping[str, Any]) -> tuple[str, tuple[str, str, str]]:
    """The first pipeline, and its stages for open, won and lost; else those of a new account."""
    pipelines = account.get("pipelines") or ()
    chosen = next((p for p in pipelines if p["id"] == "default"), None) or next(
        iter(pipelines), None
    )
    if not chosen or not chosen["stages"]:
        return "", ("appointmentscheduled", "closedwon", "closedlost")
    stages = chosen["stages"]
    first = next((stage for stage in stages if 0 < stage["chance"] < 1), stages[0])
    won = next((stage for stage in stages if stage["chance"] >= 1), stages[-1])
    lost = next((stage for stage in stages if stage["chance"] <= 0), stages[-1])
    return chosen["id"], (first["id"], won["id"], lost["id"])


def comment(account: Mapping[str, Any]) -> dict[str, Rule]:
    return contact(account, AUTHOR) | {"contact.website": {"path": ["data", "author_url"]}}


def user(account: Mapping[str, Any]) -> dict[str, Rule]:
    return contact(account, USER)


def subscription(account: Mapping[str, Any]) -> dict[str, Rule]:
    """The customer.  The orders of a subscription become deals."""
    return contact(account, CUSTOMER)


MAPPINGS: dict[str, Callable[[Mapping[str, Any]], dict[str, Rule]]] = {
    "comment.created": comment,
    "order.created": order,
    "order.status_changed": order,
    REFUNDED: refund,
    "order.updated": order,
    "order.restored": order,
    "lead.created": lead,
    "user.registered": user,
    "customer.created": user,
    "customer.updated": user,
    "subscription.created": subscription,
    "subscription.status_changed": subscription,
    "subscription.renewed": subscription,
    "subscription.renewal_failed": subscription,
}
NO_PRODUCT = "A product becomes neither a contact nor a deal."  # i18n: keep
NO_COUPON = "A coupon becomes neither a contact nor a deal."  # i18n: keep
NO_POST = "A post becomes neither a contact nor a deal."  # i18n: keep
UNMAPPED = {
    TEST: "A test event writes nothing: it checks that the account answers.",  # i18n: keep
    "order.deleted": "The deal of a deleted order stays as it is.",  # i18n: keep
    "product.created": NO_PRODUCT,
    "product.updated": NO_PRODUCT,
    "product.low_stock": NO_PRODUCT,
    "product.out_of_stock": NO_PRODUCT,
    "coupon.created": NO_COUPON,
    "coupon.updated": NO_COUPON,
    "coupon.deleted": NO_COUPON,
    "post.published": NO_POST,
    "post.updated": NO_POST,
}


def rules_for(account: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
    """The rules for one event type, by target; none for a type without a mapping."""
    found = MAPPINGS.get(event_type)
    return found(account) if found else {}
