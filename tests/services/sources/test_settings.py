"""The settings of a site: its slug."""

from __future__ import annotations

import pytest

from relay.services.sources import settings as source_settings


@pytest.mark.parametrize(
    ("name", "url", "slug"),
    [
        ("Grüne Teestube & Söhne", "", "gruene-teestube-soehne"),
        ("Zürich", "", "zuerich"),
        ("Café L’Été", "", "cafe-lete"),
        ("急須の店", "https://kyusu.example.jp/shop", "kyusu-example-jp"),
        ("急須の店", "", "site"),
    ],
)
def test_a_slug_spells_out_letters_with_accents(name: str, url: str, slug: str) -> None:
    assert source_settings.slug_from(name, url) == slug
