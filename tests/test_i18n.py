"""A translated text still knows its English wording, for what is logged or stored."""

from __future__ import annotations

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
