"""The exchange of a code for a key is tested with the whole way, in tests/dashboard/test_connect.py."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.api.connect import is_private


@pytest.mark.parametrize(
    ("address", "scheme", "public_url", "private"),
    [
        ("127.0.0.1", "http", "", True),
        ("::1", "http", "", True),
        ("203.0.113.9", "https", "", True),
        ("203.0.113.9", "http", "https://relay.example.com", True),
        ("203.0.113.9", "http", "", False),
        ("10.0.0.5", "http", "http://relay.lan", False),
        ("", "http", "", False),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_secret_is_sent_over_https_or_to_this_machine(
    app: Flask, address: str, scheme: str, public_url: str, private: bool
) -> None:
    from dataclasses import replace

    app.extensions["relay_config"] = replace(app.extensions["relay_config"], public_url=public_url)
    environ = {"REMOTE_ADDR": address, "wsgi.url_scheme": scheme}
    with app.test_request_context(environ_overrides=environ):
        assert is_private() is private
