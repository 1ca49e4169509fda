"""Reads names, e-mail addresses and phone numbers as people write them.  Pure: standard library only.

Characters are left out, never added: a result consists of what the person wrote.
"""

from __future__ import annotations

import re
from typing import Any

from relay.mapping.printing import plain_text

ADDRESS = re.compile(
    r"[^\s@<>,;:\"'()\[\]\\]+@[^\s@<>,;:\"'()\[\]\\.]+(?:\.[^\s@<>,;:\"'()\[\]\\.]+)+"
)
BRACKETED = re.compile(r"<\s*(?:mailto:)?([^<>]+?)\s*>")
SPACES_AT_SIGN = re.compile(r"\s*(@)\s*")
BEFORE = " \t\r\n\"'“”„‘’«»<>()[],;:."
AFTER = BEFORE + "!?"
MAX_PHONE, PHONE_DIGITS = 60, 5
MAX_SEARCHED = 1000  # characters of a text in which an address is looked for
PHONE_WORDS = re.compile(
    r"(?i)\b(?:tel|telephone|phone|fon|mobile?|mobil|cell|handy|ext|extn|durchwahl|x|int|poste|anexo|ramal)\b\.?:?"
)
DAY = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
# Words before a name that are no part of it.
TITLES = frozenset(
    "mr mrs ms miss mx dr prof professor herr frau hr fr dipl ing mag mme mlle m monsieur madame sr sra srta "
    "don dona sig sra dott dottssa ing avv dhr mevr mw drs pan pani doutor doutora hr fru fröken".split()
)
# A family name can begin with these.
PARTICLES = frozenset(
    "von vom zu zum zur van vande vander vanden der den de del della delle dello degli dei di da das do dos du "
    "des la le les lo el los las al bin ibn ben ter ten te op af av".split()
)
AFTER_A_NAME = frozenset(
    "jr sr ii iii iv phd md mba msc bsc ba ma dds esq cpa rn llm gmbh ag kg inc ltd llc co corp".split()
)


def email_in(value: Any) -> str:
    """The e-mail address that a value is, without a name, quotes or spaces around it; else empty.

    A text that only mentions an address, or that has none, such as ``@anna.muster``, is not one.
    """
    text = value.strip() if isinstance(value, str) else ""
    if "@" not in text or len(text) > 500:
        return ""
    if found := BRACKETED.search(text):
        text = found[1]
    text = SPACES_AT_SIGN.sub(r"\1", text).lstrip(BEFORE)
    address = re.split(r"[,;\n]|\s+/\s+", text)[0].rstrip(AFTER)
    if address.lower().startswith("mailto:"):
        address = address[7:].partition("?")[0]
    return address if ADDRESS.fullmatch(address) else ""


def email_within(value: Any) -> str:
    """The first e-mail address within the beginning of a text; else empty."""
    # The search takes the square of the length, and a visitor writes the text.
    found = ADDRESS.search(value[:MAX_SEARCHED]) if isinstance(value, str) else None
    return found[0].lstrip(BEFORE).rstrip(AFTER) if found else ""


def phone_in(value: Any, least_digits: int = PHONE_DIGITS) -> str:
    """The phone number that a value is, as it was written; else empty."""
    text = plain_text(value).strip() if isinstance(value, str | int) else ""
    if isinstance(value, bool) or "@" in text or not 1 <= len(text) <= MAX_PHONE:
        return ""
    text = re.sub(r"(?i)\Atel:", "", text).strip()
    digits = sum(character.isdecimal() for character in text)
    letters = sum(character.isalpha() for character in PHONE_WORDS.sub("", text))
    if digits < least_digits or letters > digits or DAY.fullmatch(text):
        return ""
    return text


def split_name(name: str) -> tuple[str, str]:
    """The first and the last name of a whole name; either can be empty.

    ``Muster, Anna`` is turned round.  A last name begins at a particle such as ``von`` or ``de la``,
    otherwise it is all but the first word.
    """
    words = name.split()
    if not words:
        return "", ""
    last, comma, first = name.partition(",")
    is_turned = comma and "," not in first and first.strip() and last.strip()
    if is_turned and _plain(first.split()[0]) not in AFTER_A_NAME:
        return " ".join(_without_titles(first.split())), " ".join(last.split())
    titled = len(words)
    words = _without_titles(words)
    if len(words) == 1:  # after a title, it is the last name
        return ("", words[0]) if titled > 1 else (words[0], "")
    for place in range(1, len(words) - 1):
        if words[place].lower() in PARTICLES:
            return " ".join(words[:place]), " ".join(words[place:])
    return words[0], " ".join(words[1:])


def _without_titles(words: list[str]) -> list[str]:
    place = 0
    while place < len(words) - 1 and _plain(words[place]) in TITLES and _is_title(words[place]):
        place += 1
    return words[place:]


def _is_title(word: str) -> bool:
    """A single letter is an initial, not a title, except the French ``M.``"""
    return len(_plain(word)) > 1 or word == "M."


def _plain(word: str) -> str:
    return word.strip(".,").lower()


def name_in(value: Any) -> str:
    """A value as a name in one line; empty for what is no name, such as an address or a number."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not 1 <= len(text) <= 120 or "@" in text or "://" in text:
        return ""
    return text if any(character.isalpha() for character in text) else ""
