"""What is read of an account: who it is, its live fields, its pipelines; and the fields as targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Call, TargetField
from relay.destinations.kinds.hubspot import errors
from relay.destinations.kinds.hubspot.api import Api
from relay.destinations.kinds.hubspot.parsing import body_of, object_at, objects, texts
from relay.errors import Undeliverable
from relay.rules.lifecycle import Accepted

ORDER_KEY = "relay_order_key"
OBJECTS = {"contacts": ("contact", "Contact"), "deals": ("deal", "Deal")}
REQUIRED = {"contact.email", "deal.dealname", "deal.dealstage"}
TYPES = {
    "string": "text",
    "phone_number": "text",
    "number": "number",
    "date": "date",
    "datetime": "date",
    "bool": "yes_no",
    "enumeration": "choice",
}
MOST_CHOICES = 400
NOTHING: dict[str, Any] = {"results": []}
STANDARD: dict[str, list[dict[str, Any]]] = {  # what every account has, until ours is read
    "contacts": [
        {"name": "email", "label": "Email", "type": "email"},
        {"name": "firstname", "label": "First name", "type": "text"},
        {"name": "lastname", "label": "Last name", "type": "text"},
        {"name": "phone", "label": "Phone number", "type": "text"},
        {"name": "company", "label": "Company name", "type": "text"},
        {"name": "website", "label": "Website", "type": "text"},
        {"name": "address", "label": "Street address", "type": "text"},
        {"name": "city", "label": "City", "type": "text"},
        {"name": "zip", "label": "Postal code", "type": "text"},
        {"name": "country", "label": "Country", "type": "text"},
        {"name": "message", "label": "Message", "type": "long_text"},
    ],
    "deals": [
        {"name": "dealname", "label": "Deal name", "type": "text"},
        {"name": "dealstage", "label": "Deal stage", "type": "text"},
        {"name": "pipeline", "label": "Pipeline", "type": "text"},
        {"name": "amount", "label": "Amount", "type": "number"},
        {"name": "closedate", "label": "Close date", "type": "date"},
        {"name": "description", "label": "Deal description", "type": "long_text"},
    ],
}


def read(api: Api) -> dict[str, Any]:
    """The account's facts, as plain data; without those of deals where the token may not see them.

    Raises Undeliverable with HubSpot's reason.
    """
    details = _ask(api, "details")
    found: dict[str, Any] = {
        "portal_id": str(details.get("portalId", "")),
        "time_zone": str(details.get("timeZone") or ""),
        "utc_offset_ms": details.get("utcOffsetMilliseconds"),
        "currencies": sorted(
            {str(details.get("companyCurrency") or "")}
            | set(texts(details.get("additionalCurrencies")))
        ),
        "properties": {},
    }
    for object_type in OBJECTS:
        listed = objects(_ask(api, "properties", object_type).get("results"))
        found["properties"][object_type] = [field_of(one) for one in listed if may_be_written(one)]
    found["pipelines"] = [
        pipeline_of(one) for one in objects(_ask(api, "pipelines", "deals").get("results"))
    ]
    return found


def _ask(api: Api, what: str, *names: str) -> dict[str, Any]:
    call: Call = api.get(what, *names)
    signal = errors.signal_of(call.reply, {})
    if "deals" in names and getattr(signal, "code", "") == "missing_scopes":
        return NOTHING
    if not isinstance(signal, Accepted):
        raise Undeliverable(getattr(signal, "code", ""), getattr(signal, "sentence", ""))
    answer = body_of(call.reply)
    if not answer:
        raise Undeliverable(
            "bad_answer", "HubSpot's answer could not be read. Check its address in the settings."
        )
    return answer


def may_be_written(one: Mapping[str, Any]) -> bool:
    """Whether a person may fill this field: not hidden, not calculated, not HubSpot's own."""
    rights = object_at(one, "modificationMetadata")
    closed = one.get("hidden") or one.get("calculated") or one.get("archived")
    return not closed and not rights.get("readOnlyValue") and one.get("name") != ORDER_KEY


def field_of(one: Mapping[str, Any]) -> dict[str, Any]:
    """One field of the account, in our words."""
    kind = TYPES.get(str(one.get("type")), "text")
    if one.get("name") == "email":
        kind = "email"
    elif kind == "text" and one.get("fieldType") == "textarea":
        kind = "long_text"
    choices = [
        [str(option.get("value")), str(option.get("label"))]
        for option in objects(one.get("options"))
        if not option.get("hidden")
    ]
    if kind == "choice" and {value for value, _ in choices} == {"true", "false"}:
        kind = "yes_no"
    if kind == "choice" and (not choices or len(choices) > MOST_CHOICES):
        kind = "text"  # its choices live elsewhere, such as owners, or are too many to keep
    if kind == "choice" and one.get("fieldType") == "checkbox":
        kind = "choices"
    return {
        "name": str(one.get("name")),
        "label": str(one.get("label") or one.get("name")),
        "type": kind,
        "day": one.get("type") == "date",  # without a time
        "help": str(one.get("description") or "")[:300],
        "choices": choices if kind in ("choice", "choices") else [],
    }


def pipeline_of(one: Mapping[str, Any]) -> dict[str, Any]:
    """A pipeline with its stages in their order; ``chance`` is 1 where a deal is won, 0 where lost."""
    stages = sorted(objects(one.get("stages")), key=lambda stage: stage.get("displayOrder") or 0)
    return {
        "id": str(one.get("id")),
        "label": str(one.get("label")),
        "stages": [
            {
                "id": str(stage.get("id")),
                "label": str(stage.get("label")),
                "chance": _chance(object_at(stage, "metadata").get("probability")),
            }
            for stage in stages
        ],
    }


def _chance(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return 0.5


def targets(account: Mapping[str, Any]) -> tuple[TargetField, ...]:
    """The account's fields, those of contacts first, the needed ones at the top of each."""
    found = []
    for object_type, (prefix, group) in OBJECTS.items():
        fields = (account.get("properties") or {}).get(object_type) or STANDARD[object_type]
        some = [
            TargetField(
                name=f"{prefix}.{one['name']}",
                label=one["label"],
                type="choice" if (choices := _choices(one, account)) else one["type"],
                required=f"{prefix}.{one['name']}" in REQUIRED,
                help=one.get("help", ""),
                choices=choices,
                group=group,
            )
            for one in fields
        ]
        found += sorted(some, key=lambda one: not one.required)
    return tuple(found)


def _choices(one: Mapping[str, Any], account: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    pipelines = account.get("pipelines") or ()
    if one["name"] == "pipeline" and pipelines:
        return tuple((p["id"], p["label"]) for p in pipelines)
    if one["name"] == "dealstage" and pipelines:
        several = len(pipelines) > 1
        return tuple(
            (stage["id"], f"{p['label']}: {stage['label']}" if several else stage["label"])
            for p in pipelines
            for stage in p["stages"]
        )
    return tuple((value, label) for value, label in one.get("choices") or ())


def type_of(account: Mapping[str, Any], object_type: str, name: str) -> str:
    """The type of a field as far as it is known; ``day`` is a date without a time."""
    fields = (account.get("properties") or {}).get(object_type) or STANDARD[object_type]
    found = next((one for one in fields if one["name"] == name), {})
    return "day" if found.get("day") else str(found.get("type", "text"))
