"""Any form's webhook as a lead: names of fields are labels, their types are guessed.

Understood are flat JSON objects and forms, objects with ``fields``, and lists of fields with names and
values, as form plugins send them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from relay import exact_json
from relay.ingest import strict_json
from relay.ingest.strict_json import NotStrict

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
JSON_TYPES = ("application/json", "text/json", "text/plain", "")
MAX_FIELDS, MAX_LABEL, MAX_VALUE = 200, 200, 10_000
# What a form plugin adds for itself, and what must never be stored.
TECHNICAL = re.compile(
    r"_|(g-recaptcha|h-captcha|cf-turnstile)-response\Z|(nonce|action|referrer)\Z"
)
SECRET = re.compile(
    r"(?i)(^|[^a-z])(pass(word|wort|wd|code)?|pwd|kennwort|pin|cvc2?|cvv2?|iban|(credit|debit)[ _-]?card"
    r"|card[ _-]?(no|num|number))([^a-z]|$)"
)
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # where a name such as userPassword has its next word
# Only values up to MAX_TYPED characters are compared: a visitor can type a long one for which the
# comparison takes seconds.
MAX_TYPED = 2_000
EMAIL = re.compile(r"[^@\s]{1,64}@(?=[^@\s]{4,255}\Z)[^@\s]+\.[^@\s]{2,63}\Z")
LINK = re.compile(r"https?://\S+\Z")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
CONSENT = re.compile(r"(?i)consent|gdpr|dsgvo|privacy|acceptance|newsletter|terms|datenschutz")
YES_NO = frozenset(("0", "1", "on", "off", "yes", "no", "true", "false"))
TITLES = ("form_title", "form_name", "formTitle", "formName")
IDS = ("form_id", "formId", "_wpcf7")
PAGES = ("page_url", "source_url", "referer")
ABOUT = frozenset((*TITLES, *IDS, *PAGES, "form"))  # not answers
KNOWN_TYPES = {
    **{name: name for name in ("email", "tel", "text", "textarea", "number", "date", "url")},
    "phone": "tel",
    "select": "choice",
    "radio": "choice",
    "checkbox": "choices",
    "acceptance": "consent",
    "gdpr": "consent",
    "file": "file",
    "upload": "file",
}


@dataclass
class Lead:
    """The answers by label, and what is known about them."""

    fields: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    shortened: list[str] = field(default_factory=list)
    left_out: int = 0

    def add(self, label: str, value: Any, type_: str = "") -> None:
        label = " ".join(label.split())[:MAX_LABEL]
        if not label or TECHNICAL.match(label) or value in (None, "", []):
            return
        if (
            SECRET.search(HUMP.sub(" ", label))
            or type_ == "password"
            or len(self.fields) >= MAX_FIELDS
        ):
            self.left_out += 1
            return
        name, number = label, 2
        while name in self.fields:
            name, number = f"{label} ({number})", number + 1
        if isinstance(value, str) and len(value) > MAX_VALUE:
            value = value[:MAX_VALUE]
            self.shortened.append(name)
        self.fields[name] = value
        if guessed := KNOWN_TYPES.get(type_) or guess(name, value):
            self.types[name] = guessed


def read_body(content_type: str, raw: bytes) -> dict[str, Any] | list[Any]:
    """The fields of a JSON body or a form.  Raises NotStrict."""
    media_type, options = parse_options_header(content_type)
    if media_type not in FORM_TYPES:
        body = strict_json.loads(raw)
        if not isinstance(body, dict | list):
            raise NotStrict("The body must be an object.")
        return body
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise NotStrict("The form must be UTF-8.")
    pairs = _parts(options, raw) if media_type == "multipart/form-data" else _pairs(raw)
    fields: dict[str, Any] = {}
    for name, value in pairs:
        is_list, name = name.endswith("[]"), name.removesuffix("[]")
        if name in fields or is_list:
            before = fields.get(name, [])
            fields[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            fields[name] = value
    strict_json.check_texts(fields)
    return fields


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=5 * MAX_FIELDS,
        )
    except ValueError as exc:
        raise NotStrict("The form is not valid UTF-8, or has too many fields.") from exc


def _parts(options: Mapping[str, str], raw: bytes) -> list[tuple[str, str]]:
    """The texts of a multipart form; files are left out."""
    try:
        boundary = options["boundary"].encode("ascii")
        parser = MultiPartParser(
            stream_factory=lambda *_, **__: io.BytesIO(),  # not in a file on the disk
            max_form_memory_size=len(raw) + 1,
            max_form_parts=5 * MAX_FIELDS,
        )
        form, _ = parser.parse(io.BytesIO(raw), boundary, len(raw))
    except (KeyError, ValueError, RequestEntityTooLarge) as exc:
        raise NotStrict("The form cannot be read, or has too many fields.") from exc
    return list(form.items(multi=True))


def lead_of(body: dict[str, Any] | list[Any], form_name: str) -> dict[str, Any]:
    """The ``data`` of a ``lead.created``.  ``form_name`` is used if the body does not name its form."""
    lead, outer = Lead(), body if isinstance(body, dict) else {}
    inner = outer.get("fields")
    is_flat = not isinstance(inner, dict | list)
    for label, value, type_ in answers(body if is_flat else inner):
        if not (is_flat and label in ABOUT):
            lead.add(label, value, type_)
    form = outer.get("form")
    about = form if isinstance(form, dict) else {"title": form}
    data: dict[str, Any] = {
        "form": {
            "plugin": "webhook",
            "id": _first(outer, IDS) or _short(about.get("id")) or "webhook",
            "title": _first(outer, TITLES)
            or _short(about.get("title") or about.get("name"))
            or form_name,
        },
        "fields": lead.fields,
        "types": lead.types,
    }
    page = _first(outer, PAGES)
    if LINK.match(page):
        data["page_url"] = page
    if lead.left_out:
        data["left_out"] = lead.left_out
    if lead.shortened:
        data["shortened"] = lead.shortened
    return data


def answers(body: Any) -> Iterator[tuple[str, Any, str]]:
    """Label, value and type of each field."""
    if isinstance(body, list):
        for one in body:
            if isinstance(one, dict):
                yield from _described(str(one.get("name") or one.get("id") or ""), one)
    elif isinstance(body, dict):
        for name, value in body.items():
            if isinstance(value, dict):
                yield from _described(name, value)
            else:
                yield name, plain(value), ""


def _described(name: str, value: dict[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """A field that is an object: with its value in ``value``, or with parts, such as a name."""
    if "value" in value:
        label = value.get("label") or value.get("title") or value.get("name") or name
        yield str(label), plain(value["value"]), str(value.get("type", ""))
        return
    for part, inner in value.items():
        yield f"{name} ({part})", plain(inner), ""


def plain(value: Any) -> Any:
    """A value as a text or a list of texts."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return [one for one in (plain(item) for item in value[:MAX_FIELDS]) if isinstance(one, str)]
    if isinstance(value, dict):
        return exact_json.dumps(value)
    return "" if value is None else str(value)


def guess(label: str, value: Any) -> str:
    """The type of a field where its value leaves no doubt; empty otherwise: then its label decides."""
    if isinstance(value, list):
        return "choices"
    if CONSENT.search(label) and value.lower() in YES_NO:
        return "consent"
    for pattern, type_ in ((EMAIL, "email"), (LINK, "url"), (DAY, "date")):
        if len(value) <= MAX_TYPED and pattern.match(value):
            return type_
    return "textarea" if "\n" in value else ""


def _first(body: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next(filter(None, (_short(body.get(name)) for name in names)), "")


def _short(value: Any) -> str:
    return str(value)[:200] if isinstance(value, str | int) and not isinstance(value, bool) else ""
