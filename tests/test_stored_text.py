"""Text that a worker wrote in English, in the language of the person who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from gettext import NullTranslations

import pytest

from relay import i18n, stored_text
from tests.support.languages import forget_stored_texts

GERMAN = {
    ".": ",",
    ",": ".",
    "“%(value)s”": "„%(value)s“",
    "The destination responded %(status)s.": "Das Ziel antwortete mit %(status)s.",
    "The URL does not exist there. Check it.": "Die URL gibt es dort nicht. Prüfen Sie sie.",
    "Relay paused %(name)s: %(why)s": "Relay hat %(name)s pausiert: %(why)s",
    "%(count)s hours": "%(count)s Stunden",
    "The oldest of %(count)s failed %(time)s ago (%(percent)s %%).": "%(count)s, die älteste vor %(time)s "
    "(%(percent)s %%).",
    "To %(name)s.": "An %(name)s.",
    "%(name)s failed: %(why)s": "%(name)s ist fehlgeschlagen: %(why)s",
    "%(host)s does not answer; Relay retries.": "%(host)s antwortet nicht; Relay versucht es erneut.",
    "; Relay retries.": "; Relay versucht es erneut.",
}


class Texts(NullTranslations):
    def __init__(self) -> None:
        super().__init__()
        self._catalog = GERMAN

    def gettext(self, message: str) -> str:
        return self._catalog.get(message, message)


@pytest.fixture
def in_german(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = i18n.translations
    monkeypatch.setattr(i18n, "translations", lambda code: Texts() if code == "de" else found(code))
    forget_stored_texts()
    with i18n.in_language("de"):
        yield
    forget_stored_texts()


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("The destination responded 404 Not Found.", "Das Ziel antwortete mit 404 Not Found."),
        (
            "The destination responded 404 Not Found. The URL does not exist there. Check it.",
            "Das Ziel antwortete mit 404 Not Found. Die URL gibt es dort nicht. Prüfen Sie sie.",
        ),
        (
            "Relay paused Shop: The URL does not exist there. Check it.",
            "Relay hat Shop pausiert: Die URL gibt es dort nicht. Prüfen Sie sie.",
        ),
        (
            "The oldest of 1,200 failed 5 hours ago (2.5 %).",
            "1.200, die älteste vor 5 Stunden (2,5 %).",
        ),
        (
            "No such “token”. The URL does not exist there. Check it.",
            "No such „token“. Die URL gibt es dort nicht. Prüfen Sie sie.",
        ),
        (  # the words of a service stay, also if they look like ours
            "The destination responded 404: “Relay paused X: The URL does not exist there. Check it.”.",
            "Das Ziel antwortete mit 404: „Relay paused X: The URL does not exist there. Check it.“.",
        ),
        ("Payment failed: no hours. Order 7 hours", "Payment failed: no hours. Order 7 hours"),
        ("Many hours", "Many hours"),
        ("Everything that Relay does not know.", "Everything that Relay does not know."),
        ("mail.example.com does not answer.", "mail.example.com antwortet nicht."),
        ("To Slack.", "To Slack."),  # could be a note of a person
        (None, ""),
    ],
)
def test_known_texts_are_found_again(in_german: None, stored: str | None, shown: str) -> None:
    assert stored_text.translated(stored) == shown


def test_an_entry_of_a_timeline_may_be_short(in_german: None) -> None:
    assert stored_text.translated_entry("To Slack.") == "An Slack."


def test_a_reader_of_english_gets_what_is_stored() -> None:
    assert stored_text.translated("The destination responded 404.") == (
        "The destination responded 404."
    )


def test_figures_have_the_signs_of_the_language(in_german: None) -> None:
    assert stored_text.figure("1,234.5") == "1.234,5"


def test_the_words_of_a_service_cannot_make_a_page_slow(in_german: None) -> None:
    reading = stored_text._Reading("de", stored_text.FEWEST_LETTERS)
    reading.read(" ".join(f"Relay paused X{n}: The URL failed: y{n}." for n in range(15)), 0)
    assert reading.steps > -2 * stored_text.MOST_PIECES**2  # what is left is looked up whole only
