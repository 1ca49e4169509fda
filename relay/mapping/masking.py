"""Shows an event, and what Relay stores about it, to people who may not see personal data.  Pure.

``EventMask`` knows an event's personal values.  It masks them in the event, in sentences about it and
in the calls that were made for it.  Of a call's body only the structure is shown, because a body may
hold a person's values in a form that cannot be found again: cut, joined, translated.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from relay import exact_json
from relay.event_types import family_of
from relay.i18n import _
from relay.mapping.personal import (
    DOTS,
    is_number,
    is_phone,
    is_plain,
    mask_patterns,
    mask_phone,
    mask_value,
    role_of,
)

MIN_WORD = 3  # a shorter part of a name is not searched for by itself
# Any other header can hold what the service was sent, in a form that nobody can search for.
PLAIN_HEADERS = frozenset(
    """accept accept-encoding allow cache-control connection content-encoding content-length content-type
    date host idempotency-key retry-after server traceparent transfer-encoding user-agent vary webhook-id
    webhook-timestamp x-correlation-id x-request-id x-ratelimit-limit x-ratelimit-remaining
    x-ratelimit-reset""".split()
)
MOST_VALUES, MAX_SEARCHED = 500, 500  # values, and characters of one, that are looked for in texts
QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|'[^']*'(?!\w)|«[^»]*»|`[^`]*`")
# Members of a reply that say what is wrong, never who.  Their values are shown if they look like a code.
SAID_BY_SERVICES = frozenset(
    "error code status category type errortype error_code errorcode reason ok success result subcategory".split()
)
CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class EventMask:
    """``body`` is the event as it was sent; ``data`` is its data with every personal value masked."""

    def __init__(self, body: Mapping[str, Any]):
        self._personal: dict[str, str] = {}  # value -> what is shown instead
        self._plain: set[str] = set()
        self._texts: list[str] = []  # the values in lower case
        data = body.get("data")
        types = data.get("types") if isinstance(data, Mapping) else None
        self._types = types if isinstance(types, Mapping) else {}
        masked = self._mask(data, "", family_of(str(body.get("event"))))
        # a name may also occur where no one's data is expected, such as in the title of a post
        self.data = self._again(masked)
        self.body = {
            key: self.data if key == "data" else value if key in ENVELOPE else mask_value(value)
            for key, value in body.items()
        }

    def text(self, text: Any) -> str:
        """A sentence about the event, with the person's values masked."""
        if not text:
            return ""
        # addresses first: without the names in them, what is left would not look like an address
        found = mask_patterns(QUOTED.sub(self._quoted, str(text)))
        if self._known is not None:
            found = self._known.sub(lambda one: self._shown.get(one[0].lower(), DOTS), found)
        return mask_patterns(found)

    def call(self, part: Mapping[str, Any] | None) -> dict[str, Any]:
        """A stored request or response, and the earlier ones of the same attempt."""
        if not part:
            return {}
        shown = dict(part)
        if "url" in shown:
            shown["url"] = self.text(shown["url"])
        if "headers" in shown:
            shown["headers"] = [
                [name, self.text(value) if name.lower() in PLAIN_HEADERS else DOTS]
                for name, value in shown["headers"]
            ]
        if shown.get("body"):
            shown["body"] = self.message(str(shown["body"]))
        if "earlier" in shown:
            shown["earlier"] = [
                {name: self.call(inner) for name, inner in one.items()} for one in shown["earlier"]
            ]
        return shown

    def message(self, text: str) -> str:
        """The body of a request or reply: its structure, without the texts in it."""
        try:
            tree = exact_json.loads(text)
        except (ValueError, RecursionError):
            return _("%(dots)s (%(count)s characters hidden)", dots=DOTS, count=len(text))
        if not isinstance(tree, dict | list):
            return _("%(dots)s (%(count)s characters hidden)", dots=DOTS, count=len(text))
        return exact_json.dumps(self._structure(tree, ""))

    def ai(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """A stored result of an AI step.  Texts of the answer may be about the person."""
        shown = dict(result)
        if shown.get("asked"):
            shown["asked"] = self.message(str(shown["asked"]))
        if shown.get("answer"):
            shown["answer"] = {
                name: value if isinstance(value, bool) or is_number(value) else mask_value(value)
                for name, value in shown["answer"].items()
            }
        shown["sentence"] = self.text(shown.get("sentence"))
        return shown

    def note(self, sentence: str) -> str:
        """What a delivery left out.  It may quote a part of a value."""
        return self.text(QUOTED.sub(f"“{DOTS}”", sentence))

    # ---- how -------------------------------------------------------------------------------------

    def _mask(self, tree: Any, key: str, parent: str, asked: bool = False) -> Any:
        """``asked``: below the answers of a form, where any label may have any value."""
        if isinstance(tree, Mapping):
            within, asked = key or parent, asked or key == "fields"
            return {
                mask_patterns(str(name)): self._mask(inner, str(name), within, asked)
                for name, inner in tree.items()
            }
        if isinstance(tree, list):
            return [self._mask(inner, key, parent, asked) for inner in tree]
        if parent == "types" or tree is None or isinstance(tree, bool) or tree == "":
            return tree
        if not asked and is_plain(key, parent):
            self._plain.add(str(tree))
            return tree
        role = role_of(key, self._types.get(key) if parent == "fields" else None)
        shown = mask_value(tree, role)
        self._remember(str(tree), str(shown), role)
        return shown

    def _remember(self, value: str, shown: str, role: str) -> None:
        if DOTS in value or len(self._personal) > MOST_VALUES:
            return
        value = value.strip()
        self._texts.append(value.lower())
        parts = {value: shown} if len(value) <= MAX_SEARCHED else {}
        if role == "name":
            words = re.split(r"[\s,]+", value)[:10]
            parts |= {word: f"{word[:1]}{DOTS}" for word in words if len(word) >= MIN_WORD}
        if "@" in value:
            local = value.partition("@")[0]
            parts |= {local: DOTS} if MIN_WORD <= len(local) <= MAX_SEARCHED else {}
        lines = [line.strip()[:MAX_SEARCHED] for line in value.splitlines()[:20]]
        parts |= {line: DOTS for line in lines if len(line) >= 4 and line not in parts}
        for part, mask in parts.items():
            if part:
                self._personal.setdefault(part, mask)

    @functools.cached_property
    def _shown(self) -> dict[str, str]:
        """What stands for each form of a value, by the form in lower case."""
        shown: dict[str, str] = {}
        for value, mask in self._personal.items():
            forms = {value, quote(value, safe=""), quote_plus(value), html.escape(value)}
            forms |= {json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
            for form in forms:
                shown.setdefault(form.lower(), mask)
        return shown

    @functools.cached_property
    def _known(self) -> re.Pattern[str] | None:
        """Finds every form of every value.  A short one must be a word, else it would be everywhere."""
        forms = sorted(self._shown, key=len, reverse=True)
        words = [
            re.escape(one) if len(one) > 3 else rf"(?<!\w){re.escape(one)}(?!\w)" for one in forms
        ]
        return re.compile("|".join(words), re.IGNORECASE) if words else None

    def _quoted(self, found: re.Match[str]) -> str:
        """A quoted part of a person's value is masked too: a destination cuts what it quotes."""
        inner = found[0][1:-1].strip().rstrip("….").lower()
        if len(inner) >= 2 and any(inner in value for value in (*self._shown, *self._texts)):
            return f"{found[0][0]}{DOTS}{found[0][-1]}"
        return found[0]

    def _again(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {
                key: inner if key == "types" else self._again(inner) for key, inner in tree.items()
            }
        if isinstance(tree, list):
            return [self._again(inner) for inner in tree]
        if not isinstance(tree, str) or DOTS in tree or CODE.fullmatch(tree):
            # a code, such as a currency, is no sentence; "paid" must not be masked for Mr Paid
            return tree
        return self.text(tree)

    def _structure(self, tree: Any, key: str) -> Any:
        if isinstance(tree, dict):
            return {
                self.text(name) or name: self._structure(v, str(name)) for name, v in tree.items()
            }
        if isinstance(tree, list):
            return [self._structure(inner, key) for inner in tree]
        if tree is None or isinstance(tree, bool) or tree == "":
            return tree
        text = str(tree)
        if text in self._plain and self.text(text) == text:
            return tree
        if is_number(tree):
            known = text.lower() in self._shown
            return DOTS if known else mask_phone(text) if is_phone(text) else tree
        is_code = key.lower() in SAID_BY_SERVICES and CODE.fullmatch(text)
        if is_code and self.text(text) == text:
            return text
        return mask_value(text, role_of(key))


# The members of an event beside its data that Relay knows, none of them about a visitor.
ENVELOPE = frozenset("event event_id site sent_at created_at timezone version plugin".split())


def mask_loosely(text: Any) -> str:
    """A sentence without its event: quoted parts, addresses and phone numbers are masked."""
    if not text:
        return ""
    return mask_patterns(QUOTED.sub(lambda one: f"{one[0][0]}{DOTS}{one[0][-1]}", str(text)))
