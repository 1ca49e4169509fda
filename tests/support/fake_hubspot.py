"""A local server that responds as documented by HubSpot: contacts, deals, properties, associations, forms.

It keeps everything in memory and refuses what HubSpot documents as refused; ``hubspot_rules`` has the
rules for values.  ``hubspot.next(...)`` makes it answer the next calls of a kind in another way.
Modes, all off by default: ``multi_status`` answers a batch with 207 and a result for each record,
``echoes_trace_ids`` repeats ``objectWriteTraceId`` in the results.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support import hubspot_rules
from tests.support.hubspot_rules import Problem, problem
from tests.support.sink import Answer, Seen, Sink

TOKEN = "pat-eu1-0123456789abcdef-token"
BURST, INTERVAL_S = 100, 10.0
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


STAGES_OF_A_CONTACT = ("subscriber", "lead", "opportunity", "customer")
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
    prop("followup_at", "Follow up at", "datetime", "date"),
    prop("industry", "Industry", "enumeration", "select", options=options("tea", "coffee")),
    prop("team_size", "Team size", "enumeration", "select", options=options("1-10", "11-50")),
    prop(
        "colors", "Colors", "enumeration", "checkbox", options=options("red", "blue", "sea_green")
    ),
    prop(
        "lifecyclestage",
        "Lifecycle stage",
        "enumeration",
        "radio",
        options=options(*STAGES_OF_A_CONTACT),
    ),
    prop("member_number", "Member number", hasUniqueValue=True),
    prop("address", "Street Address"),
    prop("city", "City"),
    prop("zip", "Postal Code"),
    prop("country", "Country/Region"),
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
        self.company_currency = "EUR"
        self.additional_currencies: list[str] = []
        self.multi_status = False
        self.echoes_trace_ids = False
        self.recent: deque[float] = deque()
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
            if over := self._over_a_limit(seen.at):
                return self._with_limits(over)
            answer = self._with_limits(self._answer(seen))
            for lagging in self.lagging:
                if lagging[0] in seen.path:
                    self.lagging.remove(lagging)
                    return replace(answer, delay_s=lagging[1])
            return answer

    def _over_a_limit(self, now: float) -> Answer | None:
        """A private app makes at most 100 calls in ten seconds, and so many in a day.

        Source: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
        """
        while self.recent and now - self.recent[0] >= INTERVAL_S:
            self.recent.popleft()
        self.recent.append(now)
        if self.used > self.daily:
            return too_many("DAILY")
        return too_many("TEN_SECONDLY_ROLLING") if len(self.recent) > BURST else None

    def _with_limits(self, answer: Answer) -> Answer:
        limits = {
            "X-HubSpot-RateLimit-Daily": str(self.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self.used)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Max": "100",
            "X-HubSpot-RateLimit-Remaining": str(max(0, BURST - len(self.recent))),
        }
        return replace(answer, headers=limits | dict(answer.headers))

    def _answer(self, seen: Seen) -> Answer:
        """A wrong token is a 401, an unknown path a 404, a body that is not JSON a 415.

        Source: https://developers.hubspot.com/docs/api-reference/error-handling
        """
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if seen.body and not seen.headers.get("content-type", "").startswith("application/json"):
            return error(415, "", "Unsupported Media Type")
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

    @property
    def currencies(self) -> list[str]:
        return [self.company_currency, *self.additional_currencies]

    def _known(self, object_type: str) -> dict[str, dict[str, Any]]:
        """The properties of the account, by name.

        A deal has a currency only in an account with several, and only one of them.  Sources:
        https://developers.hubspot.com/docs/api/settings/currencies,
        https://knowledge.hubspot.com/account-management/add-and-edit-your-account-currencies
        """
        known = {one["name"]: one for one in self.properties[object_type]}
        if object_type == "deals" and self.additional_currencies:
            code = "deal_currency_code"
            found = [{"value": one, "label": one, "hidden": False} for one in self.currencies]
            known[code] = prop(code, "Currency", "enumeration", "select", options=found)
        if object_type == "deals":
            stages = options(*(stage[0] for stage in STAGES))
            known["dealstage"] = known["dealstage"] | {"options": stages}
            known["pipeline"] = known["pipeline"] | {"options": options("shop")}
        return known

    def _details(self, body: Any) -> Answer:
        """Source: https://developers.hubspot.com/docs/api-reference/latest/account/account-information/get-account-details"""
        return ok(
            {
                "portalId": int(PORTAL),
                "accountType": "STANDARD",
                "timeZone": "Europe/Berlin",
                "companyCurrency": self.company_currency,
                "additionalCurrencies": self.additional_currencies,
                "utcOffset": "+01:00",
                "utcOffsetMilliseconds": 3_600_000,
            }
        )

    def _properties(self, body: Any, object_type: str) -> Answer:
        """Source: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide"""
        if not body:
            known = self._known(object_type)
            listed = {one["name"] for one in self.properties[object_type]}
            added = [one for name, one in known.items() if name not in listed]
            return ok({"results": [*self.properties[object_type], *added]})
        if any(one["name"] == body["name"] for one in self.properties[object_type]):
            return error(409, "OBJECT_ALREADY_EXISTS", f"A property named '{body['name']}' exists.")
        if missing := {"groupName", "name", "label", "type", "fieldType"} - set(body):
            return error(400, "VALIDATION_ERROR", f"Some required fields were not set: {missing}")
        self.properties[object_type].append(prop(**_made(body)))
        return Answer(201, json.dumps(body).encode())

    def _pipelines(self, body: Any) -> Answer:
        stages = [
            {"id": i, "label": n, "displayOrder": at, "metadata": {"probability": chance}}
            for at, (i, n, chance) in enumerate(STAGES)
        ]
        return ok({"results": [{"id": "shop", "label": "Shop", "stages": stages}]})

    def _upsert(self, body: Any, object_type: str) -> Answer:
        """Create or update up to 100 records, each once, by a property with unique values.

        One bad record refuses the whole call with a 400; only in the mode ``multi_status`` is it a
        207, which HubSpot documents for batches that have an ``objectWriteTraceId``.  Sources:
        https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/batch/upsert-contacts,
        https://developers.hubspot.com/docs/api-reference/latest/error-handling
        """
        inputs = body["inputs"]
        if not inputs:
            return error(400, "VALIDATION_ERROR", "Some required fields were not set: [inputs]")
        if len(inputs) > 100:
            return error(400, "VALIDATION_ERROR", "No more than 100 inputs")
        ids = [one["id"].lower() for one in inputs]
        if len(set(ids)) < len(ids):
            return error(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        unique = inputs[0]["idProperty"]
        known = self._known(object_type)
        if unique != "email" and not (known.get(unique) or {}).get("hasUniqueValue"):
            if unique not in known:
                return invalid(hubspot_rules.unknown(unique))
            return error(
                400, "VALIDATION_ERROR", f"Unable to perform update/upsert by non-unique {unique}"
            )
        checked = [(one, self._problems(object_type, one, known)) for one in inputs]
        bad = [problems for _, problems in checked if problems]
        if bad and not self.multi_status:
            return invalid(*bad[0])
        results = [self._write(object_type, one) for one, why in checked if not why]
        answer: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if not bad:
            return ok(answer)
        errors = [
            json.loads(invalid(*why).body)
            | {"context": {"objectWriteTraceId": [one["objectWriteTraceId"]]}}
            for one, why in checked
            if why
        ]
        answer |= {"numErrors": len(errors), "errors": errors}
        return Answer(207, json.dumps(answer).encode())

    def _problems(
        self, object_type: str, one: Mapping[str, Any], known: Mapping[str, Any]
    ) -> list[Problem]:
        """What is wrong with one record: its values, its identity, or what a new deal lacks."""
        id_property = one["idProperty"]
        values = {id_property: one["id"], **one["properties"]}
        found = [
            hubspot_rules.problem_of(known[name], value)
            if name in known
            else hubspot_rules.unknown(name)
            for name, value in values.items()
        ]
        found += [self._taken(object_type, one, known, name) for name in one["properties"]]
        if object_type == "deals" and self._find(object_type, one) is None:
            found += [_missing(name, values) for name in ("dealname", "dealstage")]
        return [each for each in found if each]

    def _taken(
        self, object_type: str, one: Mapping[str, Any], known: Mapping[str, Any], name: str
    ) -> Problem | None:
        """A property with unique values has each value once.

        Source: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
        """
        value, own = one["properties"][name], self._find(object_type, one)
        if not (known.get(name) or {}).get("hasUniqueValue") or not value:
            return None
        others = (other for other in self.objects[object_type] if other is not own)
        if any(other.properties.get(name) == value for other in others):
            return problem(name, "CONFLICTING_UNIQUE_VALUE", f"{value} is already used.")
        return None

    def _find(self, object_type: str, one: Mapping[str, Any]) -> Object | None:
        unique, value = one["idProperty"], one["id"].lower()
        objects = self.objects[object_type]
        return next((o for o in objects if o.properties.get(unique, "").lower() == value), None)

    def _write(self, object_type: str, one: Mapping[str, Any]) -> dict[str, Any]:
        found = self._find(object_type, one)
        new = found is None
        if found is None:
            found = Object(str(1000 + sum(map(len, self.objects.values()))))
            self.objects[object_type].append(found)
        written = {one["idProperty"]: one["id"], **one["properties"]}
        if _is_backwards(found.properties.get("lifecyclestage"), written.get("lifecyclestage")):
            del written["lifecyclestage"]
        found.properties |= written
        result = {"id": found.id, "new": new, "properties": dict(found.properties)}
        if self.echoes_trace_ids:
            result["objectWriteTraceId"] = one.get("objectWriteTraceId")
        return result

    def _associate(self, body: Any) -> Answer:
        """Associate records that exist; the others are errors of a 207.

        Source: https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide
        """
        known = {kind: {one.id for one in found} for kind, found in self.objects.items()}
        done, errors = [], []
        for one in body["inputs"]:
            deal, contact = one["from"]["id"], one["to"]["id"]
            if deal not in known["deals"]:
                errors.append(_not_found("fromObjectId", deal))
            elif contact not in known["contacts"]:
                errors.append(_not_found("toObjectId", contact))
            else:
                self.joined.add((deal, contact))
                done.append(one)
        answer: dict[str, Any] = {"status": "COMPLETE", "results": done}
        if not errors:
            return ok(answer)
        answer |= {"numErrors": len(errors), "errors": errors}
        return Answer(207, json.dumps(answer).encode())

    def _submit(self, body: Any, portal: str, form: str) -> Answer:
        """A form takes only its own fields, needs its required ones, and checks the e-mail address.

        Sources: https://developers.hubspot.com/changelog/validation-change-to-the-forms-api-submission-endpoints,
        https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v3-legacy/submit-data-authenticated
        """
        if form not in self.forms:
            return error(404, "", "No form found", errorType="FORM_NOT_FOUND")
        for one in body["fields"]:
            if one["name"] not in self.forms[form]:
                return form_error("FIELD_NOT_IN_FORM_DEFINITION", one["name"])
            if one["objectTypeId"] != "0-1":
                return form_error("FIELD_NOT_IN_FORM_DEFINITION", one["name"])
            if one["name"] == "email" and hubspot_rules.email("email", one["value"]):
                return form_error("INVALID_EMAIL", "email")
        if not any(one["name"] == "email" for one in body["fields"]):
            return form_error("REQUIRED_FIELD", "email")
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


def invalid(*problems: Problem) -> Answer:
    """The refusal of values, with each field and what is wrong with it inside the message."""
    return error(400, "VALIDATION_ERROR", f"Property values were not valid: {json.dumps(problems)}")


def _missing(name: str, values: Mapping[str, str]) -> Problem | None:
    """A new deal needs a name and a stage.

    Source: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide
    """
    return (
        None
        if values.get(name)
        else problem(name, "REQUIRED_PROPERTY_MISSING", f"{name} is missing")
    )


def _is_backwards(before: str | None, after: str | None) -> bool:
    """A lifecycle stage only moves forward; HubSpot ignores an earlier one, unless it is cleared first.

    Source: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
    """
    stages = STAGES_OF_A_CONTACT
    return bool(before and after) and stages.index(after or "") < stages.index(before or "")


def _not_found(side: str, id_: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"No record with the id {id_} exists.",
        "context": {side: [id_]},
    }


def form_error(word: str, name: str) -> Answer:
    """The 400 of a form.

    Source: https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v3-legacy/submit-data-authenticated
    """
    listed = [{"message": f"Error in 'fields.{name}'. {word}", "errorType": word}]
    return error(400, "", "The request is not valid", errors=listed)


def too_many(policy: str, headers: Any = None) -> Answer:
    """The 429 of a day (DAILY) or of a short window (TEN_SECONDLY_ROLLING, SECONDLY).

    Source: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
    """
    message, more = f"You have reached your {policy} limit.", {"errorType": "RATE_LIMIT"}
    return error(429, "", message, headers, policyName=policy, **more)
