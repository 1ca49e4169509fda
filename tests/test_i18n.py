"""A translated text still knows its English wording, for what is logged or stored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay import i18n
from relay.errors import Refusal
from relay.i18n import _, english, in_language, ngettext
from tests.support.languages import use_translations


def test_a_refusal_is_recorded_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    use_translations(monkeypatch)
    with in_language("de"):
        who = _("An operator")
        exc = Refusal(_("%(email)s has no open invitation.", email=who))
        left = ngettext("%(num)s session ended.", "%(num)s sessions ended.", 2)
    assert str(exc) == "Ein Betreiber hat keine offene Einladung."
    assert english(exc) == "An operator has no open invitation."
    assert (left, english(left)) == ("2 Sitzungen beendet.", "2 sessions ended.")
    assert english(Refusal("No.")) == english("No.") == "No."


def test_an_unknown_language_is_english() -> None:
    with in_language("xx"):
        assert i18n.language() == "en" and _("An operator") == "An operator"
    assert i18n.language() == "en"


def test_a_file_of_macros_translates_inside_of_its_macros() -> None:
    """What is outside is made once for all readers."""
    for path in sorted((Path(i18n.__file__).parent / "templates" / "macros").glob("*.html")):
        outside = re.sub(r"\{%-? macro .*?endmacro -?%\}", "", path.read_text(), flags=re.S)
        assert not re.search(
            r"\b(?:_|ngettext)\(|\btrans\b", re.sub(r"\{#.*?#\}", "", outside, flags=re.S)
        ), path
