"""German texts from the .po files, so that no test needs the built ones."""

from __future__ import annotations

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations

import pytest
from babel.messages.mofile import write_mo

from relay import i18n
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
