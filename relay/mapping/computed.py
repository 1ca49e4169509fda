"""The computed fields: values that Relay works out of an event, each with a name and a sentence.

A rule ``{"computed": "lead.email"}`` fills a field of a destination with one.  Some need values of the
destination: ``{"computed": "order.stage", "with": {"paid": "closedwon", …}}``.  To add one, add a row
to ``COMPUTED``.  Its label is shown in the language of the reader; its help is for the documentation, in
English (i18n: keep file).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from relay.errors import Undeliverable
from relay.event_types import REFUNDED, event_type_of
from relay.i18n import N_, _
from relay.mapping import lead_fields, order_fields
from relay.mapping.conditions import matches_type
from relay.mapping.order_fields import text
from relay.mapping.people import name_in, split_name
from relay.mapping.templates import render

Data = Mapping[str, Any]
Scope = Mapping[str, Any]
Value = Callable[[Scope, Mapping[str, Any]], Any]
STANDARD = "message.standard"
ORDERS, LEADS, COMMENTS = ("order.*",), ("lead.*",), ("comment.*",)
USERS = ("user.*", "customer.*")
ORDERS_AND_REFUNDS, REFUNDS, ALL = (*ORDERS, REFUNDED), (REFUNDED,), ("*",)
BUYERS = (*ORDERS_AND_REFUNDS, "subscription.*")
LINKS = ("edit_url", "order_url", "url", "link", "permalink", "page_url")


@dataclass(frozen=True)
class Parameter:
    """A value of the destination that a computed field needs.

    ``label`` is that of its input, ``words`` what a sentence calls it.
    """

    name: str
    label: str
    words: str


@dataclass(frozen=True)
class ComputedField:
    """A value that is worked out of an event.

    ``label`` is what a person chooses, ``help`` one sentence about it.  ``event_types`` are patterns as
    in a subscription.  ``value`` gets the scope of a mapping and the rule's ``with``.  ``type`` is one of
    a target's types: it says which targets the field is suggested for.
    """

    name: str
    label: str
    event_types: tuple[str, ...]
    value: Value
    help: str
    type: str = "text"
    parameters: tuple[Parameter, ...] = ()

    def applies_to(self, event_type: str) -> bool:
        return matches_type(self.event_types, event_type)


def data_of(scope: Scope) -> Data:
    """The event's ``data``; an empty object if it is none."""
    data = scope.get("data")
    return data if isinstance(data, Mapping) else {}


def _of(find: Callable[[Data], Any]) -> Value:
    return lambda scope, _: find(data_of(scope))


def _member(*names: str) -> Value:
    """The first of these members of ``data`` that is not empty."""
    return _of(lambda data: text(data, *names))


def _address(which: str) -> Value:
    return _of(lambda data: order_fields.address_text(data, which))


def _street(which: str) -> Value:
    return _of(lambda data: order_fields.street(data, which))


def _part(which: str, name: str) -> Value:
    return _of(lambda data: order_fields.part(data, which, name))


def _author(part: int) -> Value:
    return _of(lambda data: split_name(name_in(data.get("author")))[part])


def _user_name(part: int) -> Value:
    return _of(lambda data: order_fields.name_parts(data)[part])


def _headline(scope: Scope, _: Mapping[str, Any]) -> str:
    headline = event_type_of(str(scope.get("event", ""))).headline
    return render(headline, scope, escape=False).strip()


BY_STATUS = (
    Parameter("paid", N_("Paid (processing or completed)"), N_("paid")),
    Parameter("cancelled", N_("Cancelled, refunded or failed"), N_("cancelled")),
    Parameter("other", N_("Any other status"), N_("otherwise")),
)
_ROWS = (
    # ---- leads
    ComputedField("lead.email", N_("E-mail address of the lead"), LEADS, _of(lead_fields.email),
        "The e-mail address in the form, without a name or quotes around it.", "email"),
    ComputedField("lead.first_name", N_("First name of the lead"), LEADS, _of(lead_fields.first_name),
        "The field for it, or the first part of a whole name."),
    ComputedField("lead.last_name", N_("Last name of the lead"), LEADS, _of(lead_fields.last_name),
        "The field for it, or the last part of a whole name."),
    ComputedField("lead.full_name", N_("Full name of the lead"), LEADS, _of(lead_fields.full_name),
        "The whole name, or first and last name together."),
    ComputedField("lead.phone", N_("Phone number of the lead"), LEADS, _of(lead_fields.phone),
        "The phone number as the person wrote it."),
    ComputedField("lead.company", N_("Company of the lead"), LEADS, _of(lead_fields.company),
        "The name of the company."),
    ComputedField("lead.message", N_("Message of the lead"), LEADS, _of(lead_fields.message),
        "The message, the question or the comment in the form."),
    ComputedField("lead.consent", N_("Consent of the lead"), LEADS, _of(lead_fields.consent),
        "Whether the person agreed; empty if the form did not ask.", "yes_no"),
    ComputedField("lead.answers", N_("All answers of the form"), LEADS, _of(lead_fields.all_answers),
        "Each field with its answer, one per line."),
    # ---- orders
    ComputedField("order.customer_email", N_("E-mail address of the customer"), BUYERS,
        _of(order_fields.email), "The e-mail address of the order.", "email"),
    ComputedField("order.customer_first_name", N_("First name of the customer"), BUYERS,
        _of(order_fields.first_name), "As given; a whole name is split only if there is no other."),
    ComputedField("order.customer_last_name", N_("Last name of the customer"), BUYERS,
        _of(order_fields.last_name), "As given; a whole name is split only if there is no other."),
    ComputedField("order.customer_full_name", N_("Full name of the customer"), BUYERS,
        _of(order_fields.full_name), "The whole name, or first and last name together."),
    ComputedField("order.customer_phone", N_("Phone number of the customer"), BUYERS,
        _of(order_fields.phone), "The phone number of the order."),
    ComputedField("order.customer_company", N_("Company of the customer"), BUYERS,
        _of(order_fields.company), "The company of the billing address."),
    ComputedField("order.deal_name", N_("Order number and site"), ORDERS_AND_REFUNDS,
        lambda scope, _: order_fields.deal_name(data_of(scope), text(scope, "site_name")),
        "Such as “Order 1042 from Tea Shop”."),
    ComputedField("order.number", N_("Order number"), ORDERS_AND_REFUNDS, _of(order_fields.number),
        "The number that the customer sees."),
    ComputedField("order.total", N_("Order total"), ORDERS_AND_REFUNDS, _member("order_total", "total"),
        "The amount with the digits that the shop sent.", "number"),
    ComputedField("order.total_after_refunds", N_("Order total minus refunds"), REFUNDS,
        _of(order_fields.total_after_refunds), "What is left of the amount after all refunds.", "number"),
    ComputedField("order.refund_amount", N_("Amount of the refund"), REFUNDS, _member("amount"),
        "The amount of this refund.", "number"),
    ComputedField("order.total_with_currency", N_("Order total with currency"), ORDERS_AND_REFUNDS,
        _of(order_fields.total_with_currency), "Such as “129.90 EUR”."),
    ComputedField("order.currency", N_("Currency of the order"), ORDERS_AND_REFUNDS, _member("currency"),
        "The code of the currency, such as EUR."),
    ComputedField("order.date", N_("Date of the order"), ORDERS_AND_REFUNDS, _member("created_at"),
        "When the order was placed, or the refund made.", "date"),
    ComputedField("order.items", N_("Items as text, one per line"), ORDERS_AND_REFUNDS,
        _of(order_fields.items_text), "Such as “2 × Green tea”."),
    ComputedField("order.items_in_one_line", N_("Items as text, in one line"), ORDERS_AND_REFUNDS,
        _of(lambda data: order_fields.items_text(data, ", ")), "The items with commas between them."),
    ComputedField("order.item_count", N_("Number of items"), ORDERS_AND_REFUNDS,
        _of(order_fields.item_count), "The sum of the quantities.", "number"),
    ComputedField("order.status", N_("Status of the order in words"), ORDERS_AND_REFUNDS,
        _of(order_fields.status_words), "Such as “On hold”."),
    ComputedField("order.billing_address", N_("Billing address"), BUYERS, _address("billing"),
        "The whole address, with a line for each part."),
    ComputedField("order.billing_street", N_("Street of the billing address"), BUYERS,
        _street("billing"), "Both lines of the street."),
    ComputedField("order.billing_postcode", N_("Postal code of the billing address"), BUYERS,
        _part("billing", "postcode"), "The postal code."),
    ComputedField("order.billing_city", N_("City of the billing address"), BUYERS,
        _part("billing", "city"), "The city."),
    ComputedField("order.billing_state", N_("State of the billing address"), BUYERS,
        _part("billing", "state"), "The state or region, as the shop writes it."),
    ComputedField("order.billing_country", N_("Country of the billing address"), BUYERS,
        _part("billing", "country"), "The code of the country, such as DE."),
    ComputedField("order.shipping_address", N_("Shipping address"), ORDERS_AND_REFUNDS,
        _address("shipping"), "The whole address, with a line for each part."),
    ComputedField("order.shipping_street", N_("Street of the shipping address"), ORDERS_AND_REFUNDS,
        _street("shipping"), "Both lines of the street."),
    ComputedField("order.shipping_postcode", N_("Postal code of the shipping address"),
        ORDERS_AND_REFUNDS, _part("shipping", "postcode"), "The postal code."),
    ComputedField("order.shipping_city", N_("City of the shipping address"), ORDERS_AND_REFUNDS,
        _part("shipping", "city"), "The city."),
    ComputedField("order.shipping_state", N_("State of the shipping address"), ORDERS_AND_REFUNDS,
        _part("shipping", "state"), "The state or region, as the shop writes it."),
    ComputedField("order.shipping_country", N_("Country of the shipping address"), ORDERS_AND_REFUNDS,
        _part("shipping", "country"), "The code of the country, such as DE."),
    ComputedField("order.stage", N_("By order status"), ORDERS_AND_REFUNDS,
        lambda scope, values: order_fields.by_status(data_of(scope), values),
        "One value for paid orders, one for cancelled orders and one for all others.", "choice", BY_STATUS),
    # ---- comments and users
    ComputedField("comment.author_first_name", N_("First name of the author"), COMMENTS, _author(0),
        "The first part of the author's name."),
    ComputedField("comment.author_last_name", N_("Last name of the author"), COMMENTS, _author(1),
        "The last part of the author's name."),
    ComputedField("comment.author_email", N_("E-mail address of the author"), COMMENTS,
        _member("author_email"), "The address that the author entered.", "email"),
    ComputedField("user.email", N_("E-mail address of the user"), USERS, _member("email"),
        "The address of the account.", "email"),
    ComputedField("user.first_name", N_("First name of the user"), USERS, _user_name(0),
        "As given; the display name is split only if there is no other."),
    ComputedField("user.last_name", N_("Last name of the user"), USERS, _user_name(1),
        "As given; the display name is split only if there is no other."),
    # ---- any event
    ComputedField("event.headline", N_("Headline of the event"), ALL, _headline,
        "One line that says what happened, such as “New order #1042: 129.90 EUR”."),
    ComputedField("event.link", N_("Link to the event on the site"), ALL, _member(*LINKS),
        "Where to see it on the site; empty if the site does not send it."),
    ComputedField("site.name", N_("Name of the site"), ALL, lambda scope, _: text(scope, "site_name"),
        "The name that the site has in Relay."),
    # A template of the kind, which ``rules`` renders; without one it is the headline.
    ComputedField(STANDARD, N_("Relay's standard text"), ALL, _headline,
        "The text that Relay writes for this type of event.", "standard"),
)  # fmt: skip
COMPUTED: dict[str, ComputedField] = {one.name: one for one in _ROWS}


def compute(rule: Mapping[str, Any], scope: Scope) -> Any:
    """The value of a rule with ``computed``.  Raises Undeliverable if there is no such field."""
    found = COMPUTED.get(rule["computed"])
    if found is None:
        raise Undeliverable("bad_mapping", unknown(str(rule["computed"])))
    return found.value(scope, rule.get("with") or {})


def stored(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rules as they are stored: without the templates of a kind's standard texts."""
    return {
        name: {key: value for key, value in rule.items() if key != "template"}
        for name, rule in rules.items()
    }


def unknown(name: str) -> str:
    """A sentence about a computed field that does not exist."""
    close = get_close_matches(name, COMPUTED, 1)
    why = _("Relay has no computed field %(name)s.", name=name)
    return " ".join([why, _("Do you mean %(name)s?", name=close[0])]) if close else why


def fields_for(event_type: str) -> list[ComputedField]:
    """The computed fields of an event type, without the standard text."""
    return [one for one in _ROWS if one.applies_to(event_type) and one.name != STANDARD]


def fits(field: ComputedField, target_type: str, free: bool = False) -> bool:
    """Whether a field is suggested for a target of that type.

    ``free``: a target that the person named, or without a list of its choices.
    """
    if field.parameters:
        return target_type in ("choice", "choices") or (free and target_type == "text")
    if target_type in ("text", "long_text"):
        return field.type != "yes_no" or free
    if target_type in ("choice", "choices"):
        return False
    return field.type == ("date" if target_type == "day" else target_type)


def rule_fault(rule: Mapping[str, Any], event_type: str) -> str:
    """Why a rule with ``computed`` can never work, as a sentence; empty if it can."""
    name = rule["computed"]
    found = COMPUTED.get(name) if isinstance(name, str) else None
    if found is None:
        return unknown(str(name))
    if not found.applies_to(event_type):
        return _(
            "“%(label)s” does not exist for events of the type %(type)s.",
            label=_(found.label),
            type=event_type,
        )
    values = rule.get("with") or {}
    if not isinstance(values, Mapping) or not all(isinstance(one, str) for one in values.values()):
        return _("The values of “%(label)s” must be texts.", label=_(found.label))
    if found.parameters and not any(values.get(one.name) for one in found.parameters):
        return _("Choose at least one value for “%(label)s”.", label=_(found.label))
    extra = set(values) - {one.name for one in found.parameters}
    if extra:
        return _("“%(label)s” does not take %(name)s.", label=_(found.label), name=sorted(extra)[0])
    return ""


def sentence(rule: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """A rule in words, such as ``By order status: paid → Closed won, otherwise → New``.

    ``choices`` are the labels of the target's values.
    """
    found = COMPUTED.get(rule["computed"])
    if found is None:
        return str(rule["computed"])
    values = rule.get("with") or {}
    parts = [
        f"{_(one.words)} → {choices.get(values[one.name], values[one.name])}"
        for one in found.parameters
        if values.get(one.name)
    ]
    label = _(found.label)
    return f"{label}: {', '.join(parts)}" if parts else label
