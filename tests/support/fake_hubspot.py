"""A local server that responds as documented by HubSpot: contacts, deals, properties, associations, forms.

It keeps everything in memory.  ``hubspot.next(...)`` makes it answer the next calls of a kind in
another way; ``hubspot.multi_status = False`` lets one bad record refuse a whole call, as older
accounts do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.sink import Answer, Seen, Sink

TOKEN = "pat-eu1-0123456789abcdef-token"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
VERSION = r"(?:v[34]|20\d\d-\d\d)"
PORTAL, FORM = "12345678", "78c2891f-ebdd-44c0-bd94-15c012bbbfbf"


def prop(name: str, label: str, kind: str = "string", widget: str = "text", **more: Any) -> Any:
    return {
        "name": name,
        "label": label,
        "type": kind,
        "fieldType": widget,
        "description": "",
        "hidden": False,
        "calculated": False,
        "hasUniqueValue": False,
        "options": [],
        "modificationMetadata": {"readOnlyValue": False},
        **more,
    }


def options(*values: str) -> list[dict[str, Any]]:
    return [{"value": value, "label": value.title(), "hidden": False} for value in values]


READ_ONLY: dict[str, Any] = {"modificationMetadata": {"readOnlyValue": True}}
CONTACTS = [
    prop("email", "Email"),
    prop("firstname", "First Name"),
    prop("lastname", "Last Name"),
    prop("phone", "Phone Number", widget="phonenumber"),
    prop("company", "Company Name"),
    prop("website", "Website URL"),
    prop("message", "Message", widget="textarea"),
    prop("numemployees", "Employees", "number"),
    prop("newsletter", "Newsletter", "bool", "booleancheckbox", options=options("true", "false")),
    prop("birthday", "Birthday", "date", "date"),
    prop("industry", "Industry", "enumeration", "select", options=options("tea", "coffee")),
    prop("hs_object_id", "Record ID", **READ_ONLY),
    prop("hs_calculated_form_submissions", "Submissions", calculated=True),
    prop("hs_secret", "Hidden", hidden=True),
]
DEALS = [
    prop("dealname", "Deal Name"),
    prop("dealstage", "Deal Stage", "enumeration", "radio"),
    prop("pipeline", "Pipeline", "enumeration", "select"),
    prop("amount", "Amount", "number"),
    prop("closedate", "Close Date", "datetime", "date"),
    prop("description", "Deal Description", widget="textarea"),
    prop("hs_createdate", "Created", "datetime", "date", **READ_ONLY),
]
STAGES = [("new", "New order", "0.2"), ("paid", "Paid", "1.0"), ("gone", "Cancelled", "0.0")]


@dataclass
class Object:
    id: str
    properties: dict[str, str] = field(default_factory=dict)


class FakeHubSpot(Sink):
    """``hubspot.url`` is its address; ``contacts``, ``deals``, ``joined``, ``submissions`` what it has."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Object]] = {"contacts": [], "deals": []}
        self.properties = {"contacts": list(CONTACTS), "deals": list(DEALS)}
        self.joined: set[tuple[str, str]] = set()
        self.submissions: list[dict[str, Any]] = []
        self.forms = {FORM: {"email", "firstname", "lastname", "phone", "company", "message"}}
        self.daily, self.used = 250_000, 0
        self.multi_status = True
        self.planned: list[tuple[str, Answer]] = []
        self.lagging: list[tuple[str, float]] = []
        super().__init__()

    @property
    def contacts(self) -> list[dict[str, str]]:
        return [one.properties for one in self.objects["contacts"]]

    @property
    def deals(self) -> list[dict[str, str]]:
        return [one.properties for one in self.objects["deals"]]

    def next(self, path: str, *answers: Answer) -> None:
        """Respond with ``answers`` to the next calls with ``path`` in their path, and do nothing else."""
        with self._lock:
            self.planned += [(path, one) for one in answers]

    def lag(self, path: str, seconds: float) -> None:
        """Process the next call with ``path`` in its path, but delay the response."""
        with self._lock:
            self.lagging.append((path, seconds))

    def calls(self, path: str) -> list[Seen]:
        """The calls with ``path`` in their path."""
        return [one for one in self.requests if path in one.path]

    def take(self, seen: Seen) -> Answer:
        with self._lock:
            self.requests.append(seen)
            self.used += 1
            for planned in self.planned:
                if planned[0] in seen.path:
                    self.planned.remove(planned)
                    return self._with_limits(planned[1])
            answer = self._with_limits(self._answer(seen))
            for lagging in self.lagging:
                if lagging[0] in seen.path:
                    self.lagging.remove(lagging)
                    return replace(answer, delay_s=lagging[1])
            return answer

    def _with_limits(self, answer: Answer) -> Answer:
        limits = {
            "X-HubSpot-RateLimit-Daily": str(self.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self.used)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Max": "100",
            "X-HubSpot-RateLimit-Remaining": "99",
        }
        return replace(answer, headers=limits | dict(answer.headers))

    def _answer(self, seen: Seen) -> Answer:
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        body = json.loads(seen.body) if seen.body else {}
        for pattern, answer in (
            (rf"/account-info/{VERSION}/details", self._details),
            (rf"/crm/(?:objects/)?{VERSION}/(?:objects/)?(\w+)/batch/upsert", self._upsert),
            (rf"/crm/(?:properties/)?{VERSION}/(?:properties/)?(\w+)", self._properties),
            (rf"/crm/(?:pipelines/)?{VERSION}/(?:pipelines/)?deals", self._pipelines),
            (
                rf"/crm/(?:associations/)?{VERSION}/(?:associations/)?deals/contacts/batch/associate/default",
                self._associate,
            ),
            (r"/submissions/v3/integration/secure/submit/(\d+)/([0-9a-f-]+)", self._submit),
        ):
            if found := re.fullmatch(pattern, seen.path):
                return answer(body, *found.groups())
        return error(404, "", "resource not found")

    def _details(self, body: Any) -> Answer:
        return ok(
            {
                "portalId": int(PORTAL),
                "accountType": "STANDARD",
                "timeZone": "Europe/Berlin",
                "companyCurrency": "EUR",
                "additionalCurrencies": [],
                "utcOffset": "+01:00",
                "utcOffsetMilliseconds": 3_600_000,
            }
        )

    def _properties(self, body: Any, object_type: str) -> Answer:
        if not body:
            return ok({"results": self.properties[object_type]})
        if any(one["name"] == body["name"] for one in self.properties[object_type]):
            return error(409, "OBJECT_ALREADY_EXISTS", f"A property named '{body['name']}' exists.")
        self.properties[object_type].append(prop(**_made(body)))
        return Answer(201, json.dumps(body).encode())

    def _pipelines(self, body: Any) -> Answer:
        stages = [
            {"id": i, "label": n, "displayOrder": at, "metadata": {"probability": chance}}
            for at, (i, n, chance) in enumerate(STAGES)
        ]
        return ok({"results": [{"id": "shop", "label": "Shop", "stages": stages}]})

    def _upsert(self, body: Any, object_type: str) -> Answer:
        inputs = body["inputs"]
        if len(inputs) > 100:
            return error(400, "VALIDATION_ERROR", "No more than 100 inputs")
        ids = [one["id"].lower() for one in inputs]
        if len(set(ids)) < len(ids):
            return error(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        unique = inputs[0]["idProperty"]
        known = {one["name"]: one for one in self.properties[object_type]}
        if unique != "email" and not (known.get(unique) or {}).get("hasUniqueValue"):
            if unique not in known:
                return invalid(*wrong("PROPERTY_DOESNT_EXIST", unique))
            return error(
                400, "VALIDATION_ERROR", f"Unable to perform update/upsert by non-unique {unique}"
            )
        results, errors = [], []
        checked = [(one, self._wrong(one["properties"], known)) for one in inputs]
        if not self.multi_status:
            bad = [why for _, why in checked if why]
            if bad:
                return invalid(*bad[0])
        for one, why in checked:
            if why:
                errors.append(
                    {
                        **json.loads(invalid(*why).body),
                        "context": {"objectWriteTraceId": [one["objectWriteTraceId"]]},
                    }
                )
            else:
                results.append(self._write(object_type, one))
        answer = {"status": "COMPLETE", "results": results}
        if errors:
            return Answer(
                207, json.dumps(answer | {"numErrors": len(errors), "errors": errors}).encode()
            )
        return ok(answer)

    def _wrong(self, properties: Mapping[str, str], known: Mapping[str, Any]) -> list[Any]:
        found = []
        for name, value in properties.items():
            one = known.get(name)
            if one is None:
                found += wrong("PROPERTY_DOESNT_EXIST", name)
            elif one["modificationMetadata"]["readOnlyValue"]:
                found += wrong("READ_ONLY_VALUE", name)
            elif name == "email" and not EMAIL.fullmatch(value):
                found += wrong("INVALID_EMAIL", name)
            elif name == "dealstage" and value not in [stage[0] for stage in STAGES]:
                found += wrong("INVALID_OPTION", name)
            elif one["type"] == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
                found += wrong("INVALID_LONG", name)
            elif one["options"] and value not in [o["value"] for o in one["options"]]:
                found += wrong("INVALID_OPTION", name)
        return found

    def _write(self, object_type: str, one: Mapping[str, Any]) -> dict[str, Any]:
        unique, value = one["idProperty"], one["id"].lower()
        objects = self.objects[object_type]
        found = next((o for o in objects if o.properties.get(unique, "").lower() == value), None)
        new = found is None
        if found is None:
            found = Object(str(1000 + sum(map(len, self.objects.values()))))
            objects.append(found)
        found.properties |= {unique: one["id"], **one["properties"]}
        return {
            "id": found.id,
            "new": new,
            "properties": dict(found.properties),
            "objectWriteTraceId": one.get("objectWriteTraceId"),
        }

    def _associate(self, body: Any) -> Answer:
        for one in body["inputs"]:
            self.joined.add((one["from"]["id"], one["to"]["id"]))
        return ok({"status": "COMPLETE", "results": body["inputs"]})

    def _submit(self, body: Any, portal: str, form: str) -> Answer:
        if form not in self.forms:
            return error(404, "", "No form found", errorType="FORM_NOT_FOUND")
        for one in body["fields"]:
            if one["name"] not in self.forms[form]:
                return form_error("FIELD_NOT_IN_FORM_DEFINITION", one["name"])
            if one["name"] == "email" and not EMAIL.fullmatch(one["value"]):
                return form_error("INVALID_EMAIL", "email")
        self.submissions.append(body)
        return ok({"inlineMessage": "Thanks for submitting the form."})


def _made(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": body["name"],
        "label": body["label"],
        "kind": body["type"],
        "widget": body["fieldType"],
        "hasUniqueValue": body.get("hasUniqueValue", False),
    }


def ok(body: Any) -> Answer:
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def error(status: int, category: str, message: str, headers: Any = None, **more: Any) -> Answer:
    """An error as HubSpot words it; every part of it is optional there."""
    body = {
        "status": "error",
        "message": message,
        "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
        "category": category,
        **more,
    }
    kept = {name: value for name, value in body.items() if value}
    return Answer(status, json.dumps(kept).encode(), headers or {})


def wrong(word: str, name: str) -> list[Any]:
    message = f'Property "{name}" does not exist' if word == "PROPERTY_DOESNT_EXIST" else word
    return [{"isValid": False, "message": message, "error": word, "name": name}]


def invalid(*named: Any) -> Answer:
    """The refusal of values, with each field and what is wrong with it inside the message."""
    return error(400, "VALIDATION_ERROR", f"Property values were not valid: {json.dumps(named)}")


def form_error(word: str, name: str) -> Answer:
    listed = [{"message": f"Error in 'fields.{name}'. {word}", "errorType": word}]
    return error(400, "", "The request is not valid", errors=listed)


def too_many(policy: str, headers: Any = None) -> Answer:
    """The 429 of a day (DAILY) or of a short window."""
    return error(
        429, "RATE_LIMITS", f"You have reached your {policy} limit.", headers, policyName=policy
    )
