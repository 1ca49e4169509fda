"""Stored secrets: sealed with the newest key, opened by all, and references that are followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from relay import secrets
from relay.errors import SecretUnreadable, VaultUnavailable
from relay.secrets import SecretBox
from relay.secrets.references import AllowList

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = "a-very-secret-value"


def box_of(*keys: str, allowed: AllowList | None = None) -> SecretBox:
    return SecretBox(keys, allowed or AllowList(Path("/nonexistent")))


def test_the_newest_key_seals_and_all_open() -> None:
    sealed = box_of(OLD).seal(SECRET)
    both = box_of(NEW, OLD)
    assert SECRET not in sealed and both.open_sealed(sealed) == SECRET
    assert box_of(NEW).open_sealed(both.seal(SECRET)) == SECRET
    rotated = both.rotate(sealed)
    assert box_of(NEW).open_sealed(rotated) == SECRET
    with pytest.raises(
        SecretUnreadable, match=r"^A stored secret cannot be decrypted, so it was not"
    ):
        box_of(OTHER).rotate(sealed)


def test_a_secret_without_its_key_says_what_to_do() -> None:
    sealed = box_of(OLD).seal(SECRET)
    for wrong in (sealed[:-4] + "AAAA", "", "x"):
        with pytest.raises(SecretUnreadable):
            box_of(OLD).open_sealed(wrong)
    with pytest.raises(SecretUnreadable) as refused:
        box_of(NEW).open_sealed(sealed)
    assert str(refused.value) == (
        "A stored secret cannot be decrypted with the keys in RELAY_ENCRYPTION_KEYS. "
        "Restore the key that encrypted it, or enter the secret again."
    )


def test_references_are_followed_and_other_values_are_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv("DEST_TOKEN", "from-env")
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    box = box_of(NEW, allowed=AllowList(tmp_path / "data", tmp_path, "DEST_"))
    for value, found in (
        ("env:DEST_TOKEN", "from-env"),
        (f"file:{tmp_path}/token", "from-file"),
        ("plain", "plain"),
        ("env:", "env:"),
        ("file:", "file:"),
        ("vault:", "vault:"),
        ("https://a:b@example.com", "https://a:b@example.com"),
        ("ENV:DEST_TOKEN", "ENV:DEST_TOKEN"),
        ("", ""),
    ):
        assert box.resolve(value) == found
    monkeypatch.setenv("DEST_COLON", "a:b")
    assert box.resolve("env:DEST_COLON") == "a:b"
    (tmp_path / "a:b").write_text("colon")
    assert box.resolve(f"file:{tmp_path}/a:b") == "colon"
    with pytest.raises(VaultUnavailable, match="VAULT_ADDR"):
        box.resolve("vault:kv/shop#token")
    with pytest.raises(SecretUnreadable, match="never sent"):
        box.resolve("env:SECRET_KEY")
    monkeypatch.setenv("KEY_FILE", f"{tmp_path}/token")
    with pytest.raises(SecretUnreadable, match="belongs to Relay"):
        box.resolve(f"file:{tmp_path}/token")


def test_the_secrets_of_one_object_are_sealed_together(tmp_path: Path) -> None:
    app = Flask(__name__)
    box = box_of(NEW, allowed=AllowList(tmp_path / "data", tmp_path))
    app.extensions["relay_secrets"] = box
    (tmp_path / "token").write_text("from-file")
    with app.app_context():
        assert secrets.box() is box
        values = {"password": SECRET, "token": f"file:{tmp_path}/token"}
        sealed = secrets.seal(values)
        assert SECRET not in sealed and secrets.open_sealed(sealed) == values
        assert secrets.resolve_all(values) == {"password": SECRET, "token": "from-file"}
        assert secrets.seal({}) == "" and secrets.open_sealed("") == {}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("env:DEST_TOKEN", "env:DEST_TOKEN"),
        ("file:/run/token", "file:/run/token"),
        ("vault:kv/shop#token", "vault:kv/shop#token"),
        ("123456789012", "••••9012"),
        ("12345678901", "••••"),
        ("", "••••"),
    ],
)
def test_a_secret_is_shown_by_its_last_four_characters(value: str, shown: str) -> None:
    assert secrets.mask(value) == shown


def test_the_certificates_of_the_vault_are_those_of_relay() -> None:
    assert SecretBox((NEW,), AllowList(Path("/x")), "/ca.pem").vault.ca_file == "/ca.pem"
