"""The default mappings: an order becomes a deal and its contact, a lead becomes a contact.

A comment becomes a contact only if a person selects comments for this destination, and then only with
its author's name and e-mail address.  The text of the comment stays on the site.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relay.destinations.base import Rule
from relay.destinations.kinds.hubspot.money import REFUNDED
from relay.event_types import TEST

WON, LOST = ("processing", "completed"), ("cancelled", "refunded", "failed")


def labelled(*words: str) -> str:
    """A template for the first form field that has one of these words in its label."""
    test = " or ".join(f'label contains "{word}"' for word in words)
    return (
        "{% for f in data.fields %}{% assign label = f[0] | downcase %}"
        f"{{% if {test} %}}{{{{ f[1] }}}}{{% break %}}{{% endif %}}{{% endfor %}}"
    )


EMAIL = (  # a form may call it anything, so the first value that looks like one
    "{% for f in data.fields %}"
    '{% assign parts = f[1] | strip | split: "@" %}'
    '{% if parts.size == 2 and parts[1] contains "." %}{% unless f[1] contains " " %}'
    "{{ f[1] | strip }}{% break %}{% endunless %}{% endif %}{% endfor %}"
)
NAME = (
    "{% for f in data.fields %}{% assign label = f[0] | downcase %}"
    '{% if label contains "name" %}{% unless label contains "company" or label contains "user" '
    'or label contains "first" or label contains "last" or label contains "vorname" '
    'or label contains "nachname" or label contains "firm" %}'
    "{% assign words = f[1] | strip | split: ' ' %}WHICH{% break %}{% endunless %}{% endif %}{% endfor %}"
)
FIRST = "{{ words | first }}"
REST = '{{ words | slice: 1, 20 | join: " " }}'


def first_of(path: str) -> str:
    return f"{{{{ {path} | strip | split: ' ' | first }}}}"


def rest_of(path: str) -> str:
    return f"{{% assign words = {path} | strip | split: ' ' %}}{REST}"


def lead() -> dict[str, Rule]:
    return {
        "contact.email": {"text": EMAIL},
        "contact.firstname": {
            "text": f"{{% capture own %}}{labelled('first', 'vorname')}{{% endcapture %}}"
            f'{{% if own != "" %}}{{{{ own }}}}{{% else %}}{NAME.replace("WHICH", FIRST)}{{% endif %}}'
        },
        "contact.lastname": {
            "text": f"{{% capture own %}}{labelled('last', 'nachname', 'surname')}{{% endcapture %}}"
            f'{{% if own != "" %}}{{{{ own }}}}{{% else %}}{NAME.replace("WHICH", REST)}{{% endif %}}'
        },
        "contact.phone": {"text": labelled("phone", "telefon", "mobile")},
        "contact.company": {"text": labelled("company", "firma", "organi")},
        "contact.message": {"text": labelled("message", "nachricht", "comment", "question")},
    }


def person(path: str, email: str, name: str) -> dict[str, Rule]:
    return {
        "contact.email": {"path": [*path.split("."), email]},
        "contact.firstname": {"text": first_of(f"{path}.{name}")},
        "contact.lastname": {"text": rest_of(f"{path}.{name}")},
    }


def order(account: Mapping[str, Any]) -> dict[str, Rule]:
    pipeline, stages = stages_of(account)
    rules: dict[str, Rule] = {
        **person("data.customer", "email", "name"),
        "contact.phone": {"path": ["data", "customer", "phone"]},
        "deal.dealname": {"text": "Order {{ data.number }} from {{ site_name }}"},
        "deal.amount": {"path": ["data", "total"]},
        "deal.dealstage": {"text": stage_text(*stages)},
        "deal.closedate": {"path": ["data", "created_at"]},
    }
    if pipeline:
        rules["deal.pipeline"] = {"text": pipeline}
    several = [code for code in account.get("currencies") or () if code]
    if len(several) > 1:  # HubSpot refuses the field where only one currency is in use
        known = " or ".join(f'data.currency == "{code}"' for code in several)
        rules["deal.deal_currency_code"] = {
            "text": f"{{% if {known} %}}{{{{ data.currency }}}}{{% endif %}}"
        }
    return rules


def refund(account: Mapping[str, Any]) -> dict[str, Rule]:
    """A refund changes the deal of its order.  ``money`` takes what was refunded off the total."""
    pipeline, stages = stages_of(account)
    stage = stage_text(*stages).replace("data.status", "data.order_status")
    rules: dict[str, Rule] = {
        **person("data.customer", "email", "name"),
        "deal.dealname": {"text": "Order {{ data.order_number }} from {{ site_name }}"},
        "deal.amount": {"path": ["data", "order_total"]},
        "deal.dealstage": {"text": stage},
    }
    return rules | ({"deal.pipeline": {"text": pipeline}} if pipeline else {})


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


def stage_text(first: str, won: str, lost: str) -> str:
    """A paid order is won, a cancelled one lost, any other open."""

    def any_of(words: tuple[str, ...]) -> str:
        return ", ".join(f'"{word}"' for word in words)

    return (
        f"{{% case data.status %}}{{% when {any_of(WON)} %}}{won}"
        f"{{% when {any_of(LOST)} %}}{lost}{{% else %}}{first}{{% endcase %}}"
    )


def comment() -> dict[str, Rule]:
    return {
        "contact.email": {"path": ["data", "author_email"]},
        "contact.firstname": {"text": first_of("data.author")},
        "contact.lastname": {"text": rest_of("data.author")},
        "contact.website": {"path": ["data", "author_url"]},
    }


def user() -> dict[str, Rule]:
    return {"contact.email": {"path": ["data", "email"]}}


MAPPINGS: dict[str, Callable[[Mapping[str, Any]], dict[str, Rule]]] = {
    "comment.created": lambda account: comment(),
    "order.created": order,
    "order.status_changed": order,
    REFUNDED: refund,
    "lead.created": lambda account: lead(),
    "user.registered": lambda account: user(),
}
UNMAPPED = {TEST: "A test event writes nothing: it checks that the account answers."}


def rules_for(account: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
    """The rules for one event type, by target; none for a type without a mapping."""
    found = MAPPINGS.get(event_type)
    return found(account) if found else {}
