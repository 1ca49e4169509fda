"""Personal data leaves as placeholders such as ``[EMAIL_1]``; the answer gets it back.

Found by pattern: e-mail addresses, bank accounts (IBAN), card numbers, phone numbers.  Found by the
event's own fields: names, phone numbers and street addresses, wherever they stand in the text.
Too much is masked rather than too little: nothing is lost, since everything comes back.  Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn

EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
IBAN_BEGIN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?=(?:[ -]?[A-Za-z0-9]){11})")
IBAN_LENGTHS = range(15, 35)
CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])")
# what begins like a number that is dialled, in whichever country it may be; the library knows the rest
DIALLED = re.compile(r"(?<![\w.,/-])(?:\+|00|0|\(0)[\d\s()/.-]{5,24}\d(?!\w)")
OURS = re.compile(r"\[(?:EMAIL|IBAN|CARD|PHONE|NAME|ADDRESS|TEXT)_\d+\]")
NAME_KEYS = frozenset(
    """name author fullname firstname lastname yourname surname forename givenname familyname vorname
    nachname nom prenom nombre apellido displayname username login nickname contactname""".split()
)
PHONE_KEYS = frozenset("phone tel telephone telefon mobile handy fax phonenumber whatsapp".split())
STREET_KEYS = frozenset("address address1 address2 street strasse straße addressline1".split())
THINGS = frozenset("items products form utm".split())  # their names are not those of people
LONGEST_NAME = 100
LONGEST_TEXT = 20_000  # of one value; a limit of input cuts far earlier


class Placeholder(str):
    """A piece of text that stands for a hidden one."""


class Masker:
    """Masks the texts of one event and restores them in its answer.

    The same hidden text always has the same placeholder, and texts that differ only in what is
    hidden look the same afterwards: so their answer can be reused.
    """

    def __init__(self, event: Mapping[str, Any], active: bool = True):
        self.active = active
        self.hidden: dict[str, str] = {}  # placeholder -> text
        self.names: dict[tuple[str, str], Placeholder] = {}
        self.counts: Counter[str] = Counter()
        self.known = sorted(set(_known(event)), key=lambda one: len(one[1]), reverse=True)

    def mask(self, value: Any) -> Any:
        """``value`` with every text in it masked."""
        if not self.active or value is None or isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            return {self._text(str(key)): self.mask(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.mask(one) for one in value]
        if isinstance(value, int | float):
            masked = self._text(str(value))
            return value if masked == str(value) else masked
        return self._text(str(value))

    def restore(self, text: str) -> str:
        """``text`` with every placeholder of ours replaced by what it stands for."""
        return OURS.sub(lambda found: self.hidden.get(found[0], found[0]), text)

    def _text(self, text: str) -> str:
        pieces: list[str] = [text[:LONGEST_TEXT]]
        # what a visitor wrote to look like one of ours is hidden like anything else
        pieces = self._hide(pieces, "TEXT", _spans(OURS))
        pieces = self._hide(pieces, "EMAIL", _spans(EMAIL))
        pieces = self._hide(pieces, "IBAN", _ibans)
        pieces = self._hide(pieces, "CARD", _spans(CARD, _is_card))
        for kind, known in self.known:
            pieces = self._hide(pieces, kind, _spans(_word(known, kind)))
        pieces = self._hide(pieces, "PHONE", _spans(DIALLED, _is_dialled))
        pieces = self._hide(pieces, "PHONE", _phones)
        return "".join(pieces)

    def _hide(self, pieces: list[str], kind: str, find: Any) -> list[str]:
        found: list[str] = []
        for piece in pieces:
            if isinstance(piece, Placeholder):
                found.append(piece)
                continue
            at = 0
            for begin, end in find(piece):
                found += [piece[at:begin], self._placeholder(kind, piece[begin:end])]
                at = end
            found.append(piece[at:])
        return found

    def _placeholder(self, kind: str, text: str) -> Placeholder:
        if (kind, text) in self.names:
            return self.names[kind, text]
        self.counts[kind] += 1
        made = self.names[kind, text] = Placeholder(f"[{kind}_{self.counts[kind]}]")
        self.hidden[made] = text
        return made


def _known(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """What the event's own fields say is a name, a phone number or a street address."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            plain = re.sub(r"[\W_]+", "", str(name)).lower()
            if plain not in THINGS:
                yield from _known(one, plain)
    elif isinstance(value, str) and 2 <= len(value.strip()) <= LONGEST_NAME:
        text = value.strip()
        if key in NAME_KEYS:
            yield "NAME", text
            yield from (("NAME", part) for part in re.split(r"[\s,]+", text) if len(part) >= 3)
        elif key in PHONE_KEYS:
            yield "PHONE", text
        elif key in STREET_KEYS and len(text) >= 4:
            yield "ADDRESS", text


def _word(text: str, kind: str) -> re.Pattern[str]:
    """``text`` as a word of its own; a single name only as it is written, since many are words too."""
    alone = kind == "NAME" and " " not in text
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", 0 if alone else re.IGNORECASE)


def _spans(pattern: re.Pattern[str], fits: Any = None) -> Any:
    def find(text: str) -> Iterable[tuple[int, int]]:
        return [
            one.span() for one in pattern.finditer(text) if one[0] and (not fits or fits(one[0]))
        ]

    return find


def _is_card(text: str) -> bool:
    return bool(luhn.is_valid(re.sub(r"\D", "", text)))


def _ibans(text: str) -> Iterable[tuple[int, int]]:
    """Each account by its check digits, however it is grouped."""
    found: list[tuple[int, int]] = []
    for begin in IBAN_BEGIN.finditer(text):
        account, end = "", 0
        for at in range(begin.start(), min(len(text), begin.start() + 60)):
            if text[at].isascii() and text[at].isalnum():
                account += text[at]
            elif text[at] not in " -":
                break
            if len(account) in IBAN_LENGTHS and text[at] not in " -" and iban.is_valid(account):
                end = at + 1
        if end and (not found or begin.start() >= found[-1][1]):
            found.append((begin.start(), end))
    return found


def _is_dialled(text: str) -> bool:
    return sum(sign.isdigit() for sign in text) >= 7


def _phones(text: str) -> Iterable[tuple[int, int]]:
    """What the library knows as a valid number, without a country's sign as one of North America."""
    if sum(sign.isdigit() for sign in text) < 7:
        return []
    found = PhoneNumberMatcher(text, "US", leniency=Leniency.VALID, max_tries=1000)
    return [(one.start, one.end) for one in found]
