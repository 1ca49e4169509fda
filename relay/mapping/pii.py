"""Masks personal data with placeholders such as ``[EMAIL_1]``, and restores it in the answer.

E-mail addresses, bank accounts (IBAN), card numbers and phone numbers are found by their pattern.
Names, phone numbers and street addresses are known from the event's own fields and masked anywhere
in its texts.  It masks too much rather than too little: all of it is restored in the answer.  Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn

EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
IBAN_START = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?=(?:[ -]?[A-Za-z0-9]){11})")
IBAN_LENGTHS = range(15, 35)
CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])")
# Starts like a phone number with a trunk or country prefix.  The library finds the other ones.
PREFIXED_PHONE = re.compile(r"(?<![\w.,/-])(?:\+|00|0|\(0)[\d\s()/.-]{5,24}\d(?!\w)")
PLACEHOLDER = re.compile(r"\[(?:EMAIL|IBAN|CARD|PHONE|NAME|ADDRESS|TEXT)_\d+\]")
NAME_KEYS = frozenset(
    """name author fullname firstname lastname yourname surname forename givenname familyname vorname
    nachname nom prenom nombre apellido displayname username login nickname contactname""".split()
)
PHONE_KEYS = frozenset("phone tel telephone telefon mobile handy fax phonenumber whatsapp".split())
STREET_KEYS = frozenset("address address1 address2 street strasse straße addressline1".split())
NOT_PEOPLE = frozenset("items products form types utm".split())  # objects with names of things
MAX_NAME = 100
MAX_TEXT = 20_000  # of one value; the input limit of an AI step is far lower


class Placeholder(str):
    """A text that replaces a masked one."""


class Masker:
    """Masks the texts of one event and restores them in the answer.

    The same text always gets the same placeholder.  So texts that differ only in personal data are
    the same after masking, and the answer of one can be reused for the other.
    """

    def __init__(self, event: Mapping[str, Any], active: bool = True):
        self.active = active
        self.originals: dict[str, str] = {}  # by placeholder
        self.placeholders: dict[tuple[str, str], Placeholder] = {}
        self.counts: Counter[str] = Counter()
        self.known = sorted(set(_known(event)), key=lambda pair: len(pair[1]), reverse=True)

    def mask(self, value: Any) -> Any:
        """``value`` with every text in it masked."""
        if not self.active or value is None or isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            return {self._mask_text(str(key)): self.mask(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.mask(inner) for inner in value]
        if isinstance(value, int | float | Decimal):
            masked = self._mask_text(str(value))
            return value if masked == str(value) else masked
        return self._mask_text(str(value))

    def restore(self, text: str) -> str:
        """``text`` with every placeholder of this masker replaced by the original text."""
        return PLACEHOLDER.sub(lambda found: self.originals.get(found[0], found[0]), text)

    def _mask_text(self, text: str) -> str:
        pieces: list[str] = [text[:MAX_TEXT]]
        # A visitor's text that looks like a placeholder is masked too, so that it is not restored
        # as something else.
        pieces = self._replace(pieces, "TEXT", _spans(PLACEHOLDER))
        pieces = self._replace(pieces, "EMAIL", _spans(EMAIL))
        pieces = self._replace(pieces, "IBAN", _ibans)
        pieces = self._replace(pieces, "CARD", _spans(CARD, _is_card))
        for kind, known in self.known:
            pieces = self._replace(pieces, kind, _spans(_word(known, kind)))
        pieces = self._replace(pieces, "PHONE", _spans(PREFIXED_PHONE, _has_seven_digits))
        pieces = self._replace(pieces, "PHONE", _phones)
        return "".join(pieces)

    def _replace(self, pieces: list[str], kind: str, find: Any) -> list[str]:
        """Replace what ``find`` finds in the pieces that are not placeholders yet."""
        replaced: list[str] = []
        for piece in pieces:
            if isinstance(piece, Placeholder):
                replaced.append(piece)
                continue
            at = 0
            for start, end in find(piece):
                replaced += [piece[at:start], self._placeholder(kind, piece[start:end])]
                at = end
            replaced.append(piece[at:])
        return replaced

    def _placeholder(self, kind: str, text: str) -> Placeholder:
        if (kind, text) in self.placeholders:
            return self.placeholders[kind, text]
        self.counts[kind] += 1
        placeholder = Placeholder(f"[{kind}_{self.counts[kind]}]")
        self.placeholders[kind, text] = placeholder
        self.originals[placeholder] = text
        return placeholder


def _known(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The names, phone numbers and street addresses in the event's own fields."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            plain = re.sub(r"[\W_]+", "", str(name)).lower()
            if plain not in NOT_PEOPLE:
                yield from _known(inner, plain)
    elif isinstance(value, str) and 2 <= len(value.strip()) <= MAX_NAME:
        text = value.strip()
        if key in NAME_KEYS:
            yield "NAME", text
            yield from (("NAME", part) for part in re.split(r"[\s,]+", text) if len(part) >= 3)
        elif key in PHONE_KEYS:
            yield "PHONE", text
        elif key in STREET_KEYS and len(text) >= 4:
            yield "ADDRESS", text


def _word(text: str, kind: str) -> re.Pattern[str]:
    """Matches ``text`` as a word.  Case counts for a single name, because many are also words."""
    single_name = kind == "NAME" and " " not in text
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", 0 if single_name else re.IGNORECASE)


def _spans(pattern: re.Pattern[str], is_valid: Any = None) -> Any:
    def find(text: str) -> Iterable[tuple[int, int]]:
        return [
            match.span()
            for match in pattern.finditer(text)
            if match[0] and (not is_valid or is_valid(match[0]))
        ]

    return find


def _is_card(text: str) -> bool:
    return bool(luhn.is_valid(re.sub(r"\D", "", text)))


def _ibans(text: str) -> Iterable[tuple[int, int]]:
    """The accounts with valid check digits, in any grouping."""
    found: list[tuple[int, int]] = []
    for match in IBAN_START.finditer(text):
        account, end = "", 0
        for at in range(match.start(), min(len(text), match.start() + 60)):
            if text[at].isascii() and text[at].isalnum():
                account += text[at]
            elif text[at] not in " -":
                break
            if len(account) in IBAN_LENGTHS and text[at] not in " -" and iban.is_valid(account):
                end = at + 1
        if end and (not found or match.start() >= found[-1][1]):
            found.append((match.start(), end))
    return found


def _has_seven_digits(text: str) -> bool:
    return sum(character.isdigit() for character in text) >= 7


def _phones(text: str) -> Iterable[tuple[int, int]]:
    """The valid phone numbers.  One without a country code counts as a North American number."""
    if not _has_seven_digits(text):
        return []
    matcher = PhoneNumberMatcher(text, "US", leniency=Leniency.VALID, max_tries=1000)
    return [(match.start, match.end) for match in matcher]
