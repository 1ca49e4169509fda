"""Text in the language of the person who reads it.

A sentence is written in English where it is used, and this English text is its key in
``relay/translations``:

    _("The site %(name)s does not exist.", name=name)
    ngettext("%(num)d delivery", "%(num)d deliveries", count)

``N_`` marks the text of a constant; ``_(text)`` then translates it where it is shown.  Text that is
stored, logged or sent to another system stays English: only pages and mails have a language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

SOURCE = "en"
LANGUAGES = {"en": "English", "de": "Deutsch"}  # as their speakers call them
FOLDER = Path(__file__).parent / "translations"
DOMAIN = "messages"

_chosen: ContextVar[str | None] = ContextVar("language", default=None)
_of_reader: Callable[[], str] = lambda: SOURCE  # noqa: E731


def ask_for_language(of_reader: Callable[[], str]) -> None:
    """Let ``of_reader`` say which language the reader of the current request has."""
    global _of_reader
    _of_reader = of_reader


def language() -> str:
    """The language of the text that is written now: one of ``LANGUAGES``."""
    return _chosen.get() or _of_reader()


@contextmanager
def in_language(code: str) -> Iterator[None]:
    """Write the text of this block in the language ``code``; English if there is no such language."""
    token = _chosen.set(code if code in LANGUAGES else SOURCE)
    try:
        yield
    finally:
        _chosen.reset(token)


@cache
def translations(code: str) -> NullTranslations:
    """The texts of a language; the English ones if they have not been built."""
    if code == SOURCE:
        return NullTranslations()
    return translation(DOMAIN, FOLDER, [code], fallback=True)


class Translated(str):
    """A text that also knows its English wording, for what is logged or stored."""

    english: str


def _translated(code: str, found: str, text: str, values: Mapping[str, object]) -> str:
    if code == SOURCE:
        return found % values if values else found
    shown = Translated(found % values if values else found)
    plain = {name: getattr(value, "english", value) for name, value in values.items()}
    shown.english = text % plain if values else text
    return shown


def english(text: object) -> str:
    """The English wording of a text, or of the sentence of an exception."""
    if isinstance(text, BaseException) and text.args:
        text = text.args[0]
    return str(getattr(text, "english", text))


def gettext(text: str, /, **values: object) -> str:
    """``text`` in the language of the reader, with ``%(name)s`` replaced by ``values``."""
    code = language()
    return _translated(code, translations(code).gettext(text), text, values) if text else ""


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """The text for this number; ``%(num)s`` is the number."""
    code = language()
    found = translations(code).ngettext(one, many, num)
    return _translated(code, found, one if num == 1 else many, {"num": num, **values})


def pgettext(context: str, text: str, /, **values: object) -> str:
    """``text`` where one English text has two meanings, such as "Open": a button, a state."""
    found = translations(language()).pgettext(context, text)
    return found % values if values else found


def gettext_noop(text: str) -> str:
    """Marks ``text`` for translation and returns it as it is."""
    return text


_ = gettext
N_ = gettext_noop
