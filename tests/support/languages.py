"""German texts from the .po files, so that no test needs the built ones."""

from __future__ import annotations

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations

import pytest
from babel.messages.mofile import write_mo

from relay import i18n, stored_text
from scripts.check_translations import catalog_of


@cache
def translations(code: str) -> NullTranslations:
    if code == i18n.SOURCE:
        return NullTranslations()
    file = io.BytesIO()
    write_mo(file, catalog_of(code))
    file.seek(0)
    return GNUTranslations(file)


def use_translations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "translations", translations)


def forget_stored_texts() -> None:
    """Before and after a test with other translations: what was found with them is kept otherwise."""
    found = vars(stored_text).values()
    for cached in (one for one in found if hasattr(one, "cache_clear")):
        cached.cache_clear()
