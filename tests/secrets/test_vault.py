"""References to a vault, against a real OpenBao: what is read, and the real reason where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.errors import SecretUnreadable, VaultUnavailable
from relay.secrets.vault import Vault, VaultPath
from tests.support.network import free_port
from tests.support.openbao import OpenBao

SECRET = "a-very-secret-value"


def reader_of(env: dict[str, str], keep_value_s: float = 30.0) -> Vault:
    """It does not remember a failure, so that each step of a test sees the vault as it is."""
    return Vault(env=env, keep_value_s=keep_value_s, keep_failure_s=0.0)


@pytest.mark.parametrize(
    ("mount", "path"),
    [("kv", "relay"), ("team/kv", "relay/shop a"), ("old", "relay"), ("old", "deep/er/relay")],
)
def test_both_versions_of_the_engine_are_read_also_in_a_mount_with_slashes(
    mount: str, path: str, openbao: OpenBao
) -> None:
    openbao.store(mount, path, token=SECRET, other="x")
    assert reader_of(openbao.env()).read(f"{mount}/{path}#token") == SECRET


def test_each_failure_of_one_reference_says_its_reason(openbao: OpenBao) -> None:
    openbao.store("kv", "shop", token=SECRET, lines="a\nb", deleted="x")
    openbao.store("kv", "gone", token=SECRET)
    openbao.call("DELETE", "kv/data/gone")
    openbao.policy("shop-only", "kv/data/shop")
    limited = reader_of(openbao.env(VAULT_TOKEN=openbao.new_token("shop-only")))
    assert limited.read("kv/shop#token") == SECRET
    root = reader_of(openbao.env())
    for reader, reference, says in (
        (root, "nowhere/shop#token", "no mount for nowhere/shop"),
        (root, "kv/none#token", "no secret at kv/none. Check the path"),
        (root, "kv/gone#token", "it was deleted there"),
        (root, "kv/shop#password", "no field password"),
        (root, "kv/shop#lines", "more than one line"),
        (root, "cubbyhole/a#b", "not in a key-value engine"),
        (limited, "kv/other#token", "does not permit Relay to read kv/other"),
        (limited, "old/other#token", "no mount for old/other that the token may see"),
    ):
        with pytest.raises(SecretUnreadable, match=says) as caught:
            reader.read(reference)
        assert not isinstance(caught.value, VaultUnavailable), "only this reference is at fault"


def test_what_concerns_the_vault_as_a_whole_is_told_apart(openbao: OpenBao, tmp_path: Path) -> None:
    openbao.store("kv", "shop", token=SECRET)
    openbao.policy("shop", "kv/data/shop")
    token = openbao.new_token("shop")
    openbao.revoke(token)
    nobody = f"http://127.0.0.1:{free_port()}"
    tls = openbao.url.replace("http:", "https:")
    for env, says in (
        (openbao.env(VAULT_TOKEN="wrong"), "does not accept the token of VAULT_TOKEN"),
        (openbao.env(VAULT_TOKEN=token), "was revoked"),
        (openbao.env(VAULT_TOKEN=""), "needs VAULT_TOKEN_FILE"),
        (openbao.env(VAULT_TOKEN_FILE=str(tmp_path / "none")), "VAULT_TOKEN_FILE is .* cannot be"),
        (openbao.env(VAULT_TOKEN="two\nlines"), "has spaces or line breaks"),
        (openbao.env(VAULT_ROLE_ID="nobody", VAULT_SECRET_ID="x"), "does not accept VAULT_ROLE_ID"),
        (openbao.env(VAULT_ADDR=""), "needs VAULT_ADDR"),
        (openbao.env(VAULT_ADDR=nobody), "does not answer .no connection"),
        (openbao.env(VAULT_ADDR=tls), "a certificate that Relay does not trust|does not answer"),
        (openbao.env(VAULT_CACERT=str(tmp_path / "none"), VAULT_ADDR=tls), "Check VAULT_ADDR"),
    ):
        with pytest.raises(VaultUnavailable, match=says) as caught:
            reader_of(env).read("kv/shop#token")
        assert SECRET not in str(caught.value) and openbao.token not in str(caught.value)


def test_a_vault_that_is_sealed_killed_and_started_again_is_read_afterwards(
    openbao: OpenBao,
) -> None:
    openbao.store("kv", "shop", token=SECRET)
    reader = reader_of(openbao.env())
    openbao.seal()
    with pytest.raises(VaultUnavailable, match="is sealed"):
        reader.read("kv/shop#token")
    openbao.kill()
    with pytest.raises(VaultUnavailable, match="does not answer"):
        reader.read("kv/shop#token")
    openbao.start()
    assert reader.read("kv/shop#token") == SECRET


def test_approle_signs_in_and_again_when_its_token_is_revoked(
    openbao: OpenBao, tmp_path: Path
) -> None:
    openbao.store("kv", "shop", token=SECRET)
    openbao.policy("shop", "kv/data/shop")
    role, secret = openbao.new_role("relay", "shop")
    (tmp_path / "secret-id").write_text(f"{secret}\n")
    ids = {"VAULT_ROLE_ID": role, "VAULT_SECRET_ID_FILE": str(tmp_path / "secret-id")}
    reader = reader_of(openbao.env(VAULT_TOKEN="", **ids), keep_value_s=0.0)
    assert reader.read("kv/shop#token") == SECRET
    first = reader.login.token
    assert reader.read("kv/shop#token") == SECRET
    assert reader.login.token == first, "one sign-in serves many reads"
    openbao.revoke(first)
    assert reader.read("kv/shop#token") == SECRET
    second = reader.login.token
    assert second != first
    reader.login.renew_at = 0.0  # two thirds of its time have passed
    assert reader.read("kv/shop#token") == SECRET
    assert reader.login.token == second and reader.login.renew_at > 0.0, "it was renewed"
    reader.login.renew_at = reader.login.ends_at = 0.0
    assert reader.read("kv/shop#token") == SECRET
    assert reader.login.token != second, "a token that has ended is replaced"


def test_a_new_token_in_the_file_is_used_without_a_restart(
    openbao: OpenBao, tmp_path: Path
) -> None:
    openbao.store("kv", "shop", token=SECRET)
    file = tmp_path / "token"
    file.write_text("old")
    reader = reader_of(openbao.env(VAULT_TOKEN="", VAULT_TOKEN_FILE=str(file)))
    with pytest.raises(VaultUnavailable, match="does not accept the token of VAULT_TOKEN_FILE"):
        reader.read("kv/shop#token")
    file.write_text(f"{openbao.token}\n")
    assert reader.read("kv/shop#token") == SECRET


def test_a_value_and_a_failure_are_kept_for_a_short_time(openbao: OpenBao) -> None:
    openbao.store("kv", "shop", token=SECRET)
    openbao.store("kv", "two", token="second")
    reader = Vault(env=openbao.env())
    assert reader.read("kv/shop#token") == SECRET
    openbao.store("kv", "shop", token="changed")
    openbao.seal()
    assert reader.read("kv/shop#token") == SECRET
    with pytest.raises(VaultUnavailable):
        reader.read("kv/two#token")
    openbao.unseal()
    reader.failed_until += 60.0
    with pytest.raises(VaultUnavailable, match="sealed"):
        reader.read("kv/two#token")
    reader.failed_until = 0.0
    reader.values = {"kv/shop#token": (SECRET, 0.0)}
    assert reader.read("kv/shop#token") == "changed"


def test_the_environments_proxy_and_password_file_are_not_used(
    openbao: OpenBao, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    openbao.store("kv", "shop", token=SECRET)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert Vault(env=openbao.env()).read("kv/shop#token") == SECRET


@pytest.mark.parametrize(
    "reference",
    [
        "kv#a",
        "kv/#a",
        "/kv/a#b",
        "kv//a#b",
        "kv/../sys/a#b",
        "kv/./a#b",
        "kv/.. /a#b",
        "kv/a",
        "kv/a#",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(reference: str) -> None:
    with pytest.raises(SecretUnreadable, match="not a vault reference"):
        VaultPath.parse(reference)


def test_a_path_is_encoded_for_the_url() -> None:
    found = VaultPath.parse("team/kv/a%2f..%2fb?list=true#x")
    assert (found.where, found.field) == ("team/kv/a%252f..%252fb%3Flist%3Dtrue", "x")
