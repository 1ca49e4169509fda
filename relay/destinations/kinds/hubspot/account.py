"""Reads an account's details, properties and pipelines, and offers the properties as mapping targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Call, TargetField
from relay.destinations.kinds.hubspot import errors
from relay.destinations.kinds.hubspot.api import Api
from relay.destinations.kinds.hubspot.parsing import body_of, object_at, objects, texts
from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.rules.lifecycle import Accepted

ORDER_KEY = "relay_order_key"
OBJECTS = {"contacts": ("contact", N_("Contact")), "deals": ("deal", N_("Deal"))}
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
MAX_CHOICES = 400
NO_RESULTS: dict[str, Any] = {"results": []}
STANDARD: dict[str, list[dict[str, Any]]] = {  # every account has these; used until it is read
    "contacts": [
        {"name": "email", "label": N_("Email"), "type": "email"},
        {"name": "firstname", "label": N_("First name"), "type": "text"},
        {"name": "lastname", "label": N_("Last name"), "type": "text"},
        {"name": "phone", "label": N_("Phone number"), "type": "text"},
        {"name": "company", "label": N_("Company name"), "type": "text"},
        {"name": "website", "label": N_("Website"), "type": "text"},
        {"name": "address", "label": N_("Street address"), "type": "text"},
        {"name": "city", "label": N_("City"), "type": "text"},
        {"name": "zip", "label": N_("Postal code"), "type": "text"},
        {"name": "country", "label": N_("Country"), "type": "text"},
        {"name": "message", "label": N_("Message"), "type": "long_text"},
    ],
    "deals": [
        {"name": "dealname", "label": N_("Deal name"), "type": "text"},
        {"name": "dealstage", "label": N_("Deal stage"), "type": "text"},
        {"name": "pipeline", "label": N_("Pipeline"), "type": "text"},
        {"name": "amount", "label": N_("Amount"), "type": "number"},
        {"name": "closedate", "label": N_("Close date"), "type": "date"},
        {"name": "description", "label": N_("Deal description"), "type": "long_text"},
    ],
}


def read(api: Api) -> dict[str, Any]:
    """The account as plain data.  Deals are left out if the token has no access to them.

    Raises Undeliverable with HubSpot's reason.
    """
    details = _get(api, "details")
    account: dict[str, Any] = {
        "portal_id": str(details.get("portalId", "")),
        "time_zone": str(details.get("timeZone") or ""),
        "utc_offset_ms": details.get("utcOffsetMilliseconds"),
        "currencies": currencies_in(details),
        "properties": {},
    }
    for object_type in OBJECTS:
        listed = objects(_get(api, "properties", object_type).get("results"))
        account["properties"][object_type] = [
            field_of(property_) for property_ in listed if is_writable(property_)
        ]
    account["pipelines"] = [
        pipeline_of(pipeline)
        for pipeline in objects(_get(api, "pipelines", "deals").get("results"))
    ]
    return account


def currencies_in(details: Mapping[str, Any]) -> list[str]:
    """The account's own currency and then the additional ones.

    Source: https://developers.hubspot.com/docs/api-reference/latest/account/account-information/get-account-details
    """
    own = texts(details.get("companyCurrency"))
    return list(dict.fromkeys([*own, *sorted(texts(details.get("additionalCurrencies")))]))


def _get(api: Api, what: str, *names: str) -> dict[str, Any]:
    call: Call = api.get(what, *names)
    signal = errors.signal_of(call.reply, {})
    if "deals" in names and getattr(signal, "code", "") == "missing_scopes":
        return NO_RESULTS
    if not isinstance(signal, Accepted):
        raise Undeliverable(getattr(signal, "code", ""), getattr(signal, "sentence", ""))
    body = body_of(call.reply)
    if not body:
        raise Undeliverable(
            "bad_answer", _("The response is not from HubSpot. Check the URL in the settings.")
        )
    return body


def is_writable(property_: Mapping[str, Any]) -> bool:
    """Whether a person can fill this property: not hidden, calculated, archived or read-only."""
    rights = object_at(property_, "modificationMetadata")
    closed = property_.get("hidden") or property_.get("calculated") or property_.get("archived")
    return not closed and not rights.get("readOnlyValue") and property_.get("name") != ORDER_KEY


def field_of(property_: Mapping[str, Any]) -> dict[str, Any]:
    """A property of the account as a field with one of Relay's types."""
    type_ = TYPES.get(str(property_.get("type")), "text")
    if property_.get("name") == "email":
        type_ = "email"
    elif type_ == "text" and property_.get("fieldType") == "textarea":
        type_ = "long_text"
    choices = [
        [str(option.get("value")), str(option.get("label"))]
        for option in objects(property_.get("options"))
        if not option.get("hidden")
    ]
    if type_ == "choice" and {value for value, _ in choices} == {"true", "false"}:
        type_ = "yes_no"
    if type_ == "choice" and (not choices or len(choices) > MAX_CHOICES):
        type_ = "text"  # HubSpot lists the options elsewhere, such as owners, or there are too many
    if type_ == "choice" and property_.get("fieldType") == "checkbox":
        type_ = "choices"
    return {
        "name": str(property_.get("name")),
        "label": str(property_.get("label") or property_.get("name")),
        "type": type_,
        "day": property_.get("type") == "date",  # without a time
        "help": str(property_.get("description") or "")[:300],
        "choices": choices if type_ in ("choice", "choices") else [],
    }


def pipeline_of(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """A pipeline with its stages in order.  ``chance`` is 1 if the stage means won, 0 if lost."""
    stages = sorted(
        objects(pipeline.get("stages")), key=lambda stage: stage.get("displayOrder") or 0
    )
    return {
        "id": str(pipeline.get("id")),
        "label": str(pipeline.get("label")),
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
    """The account's fields: contacts first, and the required fields of each object first."""
    found = []
    for object_type, (prefix, group) in OBJECTS.items():
        fields = (account.get("properties") or {}).get(object_type) or STANDARD[object_type]
        of_object = [
            _target(field, f"{prefix}.{field['name']}", group, account) for field in fields
        ]
        found += sorted(of_object, key=lambda target: not target.required)
    return tuple(found)


def _target(
    field: Mapping[str, Any], name: str, group: str, account: Mapping[str, Any]
) -> TargetField:
    choices = _choices(field, account)
    type_ = "choice" if choices and field["type"] != "choices" else str(field["type"])
    return TargetField(
        name=name,
        label=field["label"],
        type="day" if field.get("day") else type_,
        required=name in REQUIRED,
        help=field.get("help", ""),
        choices=choices,
        group=group,
    )


def _choices(field: Mapping[str, Any], account: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    pipelines = account.get("pipelines") or ()
    if field["name"] == "pipeline" and pipelines:
        return tuple((pipeline["id"], pipeline["label"]) for pipeline in pipelines)
    if field["name"] == "dealstage" and pipelines:
        with_pipeline = len(pipelines) > 1
        return tuple(
            (
                stage["id"],
                f"{pipeline['label']}: {stage['label']}" if with_pipeline else stage["label"],
            )
            for pipeline in pipelines
            for stage in pipeline["stages"]
        )
    return tuple((value, label) for value, label in field.get("choices") or ())


def type_of(account: Mapping[str, Any], object_type: str, name: str) -> str:
    """The type of a field, ``text`` if it is unknown; ``day`` is a date without a time."""
    found = _field(account, object_type, name)
    return "day" if found.get("day") else str(found.get("type", "text"))


def label_of(account: Mapping[str, Any], object_type: str, name: str) -> str:
    """The label of a field, or its name if it is unknown."""
    return str(_field(account, object_type, name).get("label") or name)


def _field(account: Mapping[str, Any], object_type: str, name: str) -> Mapping[str, Any]:
    fields = (account.get("properties") or {}).get(object_type) or STANDARD[object_type]
    return next((field for field in fields if field["name"] == name), {})
