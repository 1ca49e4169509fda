"""The settings of single sign-on."""

from __future__ import annotations

import pytest

from relay.errors import SettingsError
from relay.oidc_settings import OidcSettings, read_oidc
from relay.rules.states import Role

ISSUER = "https://login.example.com/realms/shop"


def test_nothing_set_means_off_and_roles_are_read() -> None:
    assert read_oidc("", "", "", "", "", "") is None
    roles = " staff=support , cn=boss=admin,"
    found = read_oidc(ISSUER, "relay", "very-secret", "", roles, "")
    expected = (("staff", Role.SUPPORT), ("cn=boss", Role.ADMIN))
    assert found == OidcSettings(ISSUER, "relay", "very-secret", expected)
    assert "very-secret" not in repr(found)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("", "relay", "s", "", "a=admin", ""), "RELAY_OIDC_ISSUER"),
        (("", "", "", "", "", "Google"), "RELAY_OIDC_ISSUER"),
        ((ISSUER, "relay", "", "", "a=admin", ""), "RELAY_OIDC_CLIENT_SECRET"),
        ((ISSUER, "relay", "s", "", "", ""), "RELAY_OIDC_ROLES"),
        ((ISSUER, "relay", "s", "", "a=owner", ""), "'a=owner'"),
        ((ISSUER, "relay", "s", "", "admin", ""), "'admin'"),
        (("http://login.example.com", "relay", "s", "", "a=admin", ""), "https"),
    ],
)
def test_what_is_missing_or_wrong_is_named(settings: tuple[str, ...], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_oidc(*settings)
