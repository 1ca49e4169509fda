"""The settings of a site: its slug and its address."""

from __future__ import annotations

import pytest

from relay.errors import Invalid
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


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("teashop.example", "https://teashop.example"),
        ("teashop.example:8443/de/", "https://teashop.example:8443/de"),
        ("http://teashop.example", "http://teashop.example"),
        ("ann@teashop.example", ""),
        ("javascript:alert(1)", ""),
        ("tea shop.example", ""),
    ],
)
def test_the_address_of_a_site_may_lack_its_scheme(typed: str, stored: str) -> None:
    try:
        assert source_settings.check_site_url(source_settings.with_scheme(typed)) == stored
    except Invalid:
        assert not stored
