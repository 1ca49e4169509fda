"""Text that a worker wrote in English, in the language of the person who reads it.

A worker writes why a call failed, or what an alert is about, long before anyone reads it.  What it
stores is made of texts with translations, whole or with values in them:

    The destination responded 404 Not Found. The URL does not exist there.

A value is written ``%(name)s``, or as ``str.format`` writes it.  ``translated`` finds these texts again
and gives their translation.  What it does not know, such as the words of a service, stays as it is.
Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from relay import i18n

VALUE = re.compile(r"%\((\w+)\)s")
FORMATTED = re.compile(r"\{(\w+)(?:![a-z])?(?::[^{}]*)?\}")  # {name}, {name!a}, {name:.0f}
END = re.compile(r"(?<=[.!?:;”])\s+")
# The values that are texts of Relay themselves.  Others are names, words of a service or numbers.
TEXTS = frozenset(
    {"advice", "day", "direction", "label", "last", "shape", "thing", "time", "unit", "what", "why"}
)
FIGURE = re.compile(r"\d{1,3}(?:,\d{3})*(?:\.\d+)?\+?")
FIGURES = frozenset({"count", "num", "seconds", "minutes", "days", "total"})  # these are figures
CLOCK = re.compile(r"\d\d:\d\d")
FEWEST_LETTERS = 6  # of a text around its values: shorter ones would fit anything
FEWEST_OF_REST = 8  # of a text that begins with a value
FEWEST_OF_ENTRY = 2  # in a short text that Relay wrote, such as "To Slack."
QUOTED, QUOTES = re.compile("“([^“”]*)”"), i18n.N_("“%(value)s”")
MOST_PIECES, MOST_STEPS, LONGEST, DEEPEST = 16, 300, 4000, 2
START = 6  # letters by which patterns are looked up


@dataclass(frozen=True)
class Pattern:
    """A text with values, and its translation."""

    parts: tuple[str, ...]  # the text around the values
    names: tuple[str, ...]  # of the values, in order
    translation: str
    weight: int  # characters around the values
    letters: int

    def values_in(self, text: str) -> dict[str, str] | None:
        """The values with which ``text`` is this text; None if it is another one.

        Each value is the shortest possible.  No expression is used: the words of a service could make
        one with several values take minutes.
        """
        first, *middle, last = self.parts
        at, end = len(first), len(text) - len(last)
        if at > end or not (text.startswith(first) and text.endswith(last)):
            return None
        found = []
        for part in middle:
            begin = text.find(part, at, end)
            if begin < 0:
                return None
            found.append(text[at:begin])
            at = begin + len(part)
        pairs = list(zip(self.names, [*found, text[at:end]], strict=True))
        values = dict(pairs)
        return values if all(values[name] == value for name, value in pairs) else None


def translated(text: object) -> str:
    """``text`` in the language of the reader; what has no translation stays English."""
    return _shown(text, FEWEST_LETTERS)


def translated_entry(text: object) -> str:
    """The same for a short text that is surely Relay's, such as "To Slack."."""
    return _shown(text, FEWEST_OF_ENTRY)


def _shown(text: object, fewest: int) -> str:
    shown, code = str(text or ""), i18n.language()
    if code == i18n.SOURCE or not shown or len(shown) > LONGEST:
        return shown
    return _in_language(code, shown, fewest)


@lru_cache(maxsize=2048)
def _in_language(code: str, text: str, fewest: int) -> str:
    return _Reading(code, fewest).read(text, 0)[1]


class _Reading:
    """Finds the texts in one stored text.  ``steps`` bounds the work: the text can have words of a service."""

    def __init__(self, code: str, fewest: int):
        self.code, self.fewest, self.steps = code, fewest, MOST_STEPS

    def read(self, text: str, depth: int) -> tuple[int, str]:
        """How many characters are known, and the translation: of all divisions of the text into
        sentences, the one that leaves the fewest characters as they are.
        """
        if known := _whole(self.code, text):
            return len(text), known
        breaks = [one for one in END.finditer(text) if _is_balanced(text[: one.start()])]
        if len(breaks) >= MOST_PIECES:
            return 0, text
        starts = [0, *(one.end() for one in breaks)]
        ends = [*(one.start() for one in breaks), len(text)]
        best: list[tuple[int, str]] = [(0, "")]  # of the text before each sentence
        for last, end in enumerate(ends):
            choices = []
            for first in range(last, -1, -1):  # the shortest part first: it wins if two are as good
                weight, before = best[first]
                part = text[starts[first] : end]
                gap = text[ends[first - 1] : starts[first]] if first else ""
                if found := self.find(part, depth, is_first=first == 0):
                    choices.append((weight + found[0], before + gap + found[1]))
                elif first == last:
                    choices.append((weight, before + gap + _with_quotes(self.code, part)))
            best.append(max(choices, key=lambda one: one[0]))
        return best[-1]

    def find(self, part: str, depth: int, is_first: bool) -> tuple[int, str] | None:
        """How many characters of this part are known, and its translation."""
        self.steps -= 1
        if whole := _whole(self.code, part):
            return len(part), whole
        best: tuple[int, str] | None = None
        for pattern in _candidates(self.code, part[:START]) if self.steps > 0 else ():
            found = pattern.values_in(part)
            if found is None or not self.is_sure(pattern, found, depth, is_first):
                continue
            values = {name: self.value(name, it, depth) for name, it in found.items()}
            weight = pattern.weight + sum(one for one, _ in values.values())
            if best is None or weight > best[0]:
                said = pattern.translation % {name: text for name, (_, text) in values.items()}
                best = weight, said
        return best

    def is_sure(
        self, pattern: Pattern, values: Mapping[str, str], depth: int, is_first: bool
    ) -> bool:
        """Whether the part is this text, not words of a service that look like it.

        A text with few letters of its own, such as "5 hours", is one only within another, of numbers.
        One that begins with a value could end any sentence, so it has to be the first.
        """
        if not all(FIGURE.fullmatch(value) for name, value in values.items() if name in FIGURES):
            return False
        if not all(map(_is_balanced, values.values())):
            return False
        if pattern.parts[0]:
            is_long = pattern.letters >= self.fewest
        else:
            is_long = is_first and depth == 0 and pattern.letters >= FEWEST_OF_REST
        if is_long:
            return True
        return depth > 0 and all(
            FIGURE.fullmatch(value) or CLOCK.fullmatch(value) for value in values.values()
        )

    def value(self, name: str, value: str, depth: int) -> tuple[int, str]:
        if FIGURE.fullmatch(value):
            return 0, _figure(self.code, value)
        if name in TEXTS and depth < DEEPEST:
            return self.read(value, depth + 1)
        return 0, _with_quotes(self.code, value)


def _is_balanced(text: str) -> bool:
    """Whether each quotation in it ends."""
    return text.count("“") == text.count("”")


def _whole(code: str, text: str) -> str:
    if not text:
        return ""  # gettext("") is the header of the translations file
    found = i18n.translations(code).gettext(text)
    return _without_ends(code).get(text, "") if found == text else found


def _with_quotes(code: str, text: str) -> str:
    quotes = i18n.translations(code).gettext(QUOTES)
    return QUOTED.sub(lambda found: quotes % {"value": found[1]}, text)


def figure(number: str) -> str:
    """A number that Python wrote, such as ``1,234.5``, as the language of the reader writes it."""
    code = i18n.language()
    return number if code == i18n.SOURCE else _figure(code, number)


def _figure(code: str, value: str) -> str:
    return value.translate(_signs(code))


@cache
def _signs(code: str) -> dict[int, str]:
    """The translations file of a language says which signs it uses."""
    return {ord(sign): i18n.translations(code).gettext(sign) for sign in (DECIMAL_POINT, THOUSANDS)}


DECIMAL_POINT, THOUSANDS = i18n.N_("."), i18n.N_(",")


# What sentences about a call of a destination end with.  Where nothing is retried or resumed, such as in a
# check of credentials, they are stored without it; this is what is there instead.
ENDS = {
    i18n.N_("; Relay retries."): ".",
    i18n.N_(" Relay retries."): "",
    i18n.N_(", then resume."): ".",
    i18n.N_(" and resume."): ".",
}


@cache
def _without_ends(code: str) -> dict[str, str]:
    """The texts with one of ENDS and their translations, both without it."""
    ends = [(end, i18n.translations(code).gettext(end), left) for end, left in ENDS.items()]
    return {
        text.removesuffix(end) + left: translation.removesuffix(its_end) + left
        for text, translation in _catalog(code).items()
        for end, its_end, left in ends
        if text.endswith(end) and translation.endswith(its_end) and text != end
    }


def _catalog(code: str) -> dict[str, str]:
    """The translations of a language by their texts, without plurals and without texts of one context."""
    catalog = getattr(i18n.translations(code), "_catalog", {})
    return {
        text: translation
        for text, translation in catalog.items()
        if isinstance(text, str) and "\x04" not in text
    }


@cache
def _patterns(code: str) -> tuple[Pattern, ...]:
    """The texts with values of a language, the longest first: of two that are as good, the first wins."""
    texts = _catalog(code) | _without_ends(code)
    found = (
        _pattern(*_as_values(text, translation))
        for text, translation in texts.items()
        if VALUE.search(text) or FORMATTED.search(text)
    )
    kept = [one for one in found if one.letters >= FEWEST_OF_ENTRY]
    return tuple(sorted(kept, key=lambda one: -one.weight))


@lru_cache(maxsize=4096)
def _candidates(code: str, start: str) -> tuple[Pattern, ...]:
    """The patterns that a text with this start can be."""
    return tuple(one for one in _patterns(code) if start.startswith(one.parts[0][: len(start)]))


def _as_values(text: str, translation: str) -> tuple[str, str]:
    """Both with ``%(name)s`` for ``{name}``."""
    if VALUE.search(text):
        return text, translation
    one, other = (FORMATTED.sub(r"%(\1)s", each.replace("%", "%%")) for each in (text, translation))
    return one, other


def _pattern(text: str, translation: str) -> Pattern:
    pieces = VALUE.split(text)
    parts = tuple(part.replace("%%", "%") for part in pieces[::2])
    around = "".join(parts)
    letters = len(re.findall(r"\w", around))
    return Pattern(parts, tuple(pieces[1::2]), translation, len(around), letters)
