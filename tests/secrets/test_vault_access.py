"""How Relay calls a vault: its settings, its headers, and the token of AppRole.  The server is a double.

``test_vault`` shows the same against a real OpenBao; here each header and each time is looked at.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from relay.errors import SecretUnreadable, VaultUnavailable
from relay.secrets.vault import Vault
from relay.secrets.vault_access import (
    VaultAnswer,
    VaultLogin,
    VaultSettings,
    call,
    read_setting,
    without_login,
)
from tests.support.network import free_port


class Double:
    """``seen`` are the requests.  A path in ``routes`` has its answer; others get the next of ``answers``.

    The last one of ``answers`` is given again and again.
    """

    def __init__(self) -> None:
        self.routes: dict[str, tuple[int, Any]] = {}
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent = json.loads(raw) if raw else None
                double.seen.append((self.command, self.path, dict(self.headers), sent))
                waiting = double.answers
                found = double.routes.get(self.path.removeprefix("/v1/"))
                status, body = found or (waiting.pop(0) if len(waiting) > 1 else waiting[0])
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if 300 <= status < 400:
                    self.send_header("Location", "/v1/elsewhere")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def grant(self, token: str, lasts_s: Any = 60) -> tuple[int, Any]:
        return 200, {"auth": {"client_token": token, "lease_duration": lasts_s}}


@pytest.fixture
def double() -> Iterator[Double]:
    found = Double()
    yield found
    found.server.shutdown()
    found.server.server_close()


ENV = {
    "VAULT_ADDR": " https://vault.example.com:8200/ ",
    "VAULT_NAMESPACE": "team",
    "VAULT_TOKEN": "t",
    "VAULT_TOKEN_FILE": "/t",
    "VAULT_ROLE_ID": "r",
    "VAULT_SECRET_ID": "s",
    "VAULT_SECRET_ID_FILE": "/s",
    "VAULT_CACERT": "/ca",
}


def test_each_setting_comes_from_its_variable() -> None:
    assert VaultSettings.from_env(ENV, "/other") == VaultSettings(
        "https://vault.example.com:8200", "team", "t", "/t", "r", "s", "/s", "/ca"
    )
    bare = {"VAULT_ADDR": "http://v"}
    assert VaultSettings.from_env(bare, "/other") == VaultSettings("http://v", ca_file="/other")
    assert VaultSettings.from_env(bare) == VaultSettings("http://v")


@pytest.mark.parametrize("address", ["", "vault:8200", "https://", "ftp://vault", "https:///x"])
def test_without_an_address_the_vault_cannot_be_used(address: str) -> None:
    with pytest.raises(VaultUnavailable) as refused:
        VaultSettings.from_env({"VAULT_ADDR": address})
    assert str(refused.value) == (
        "A vault reference needs VAULT_ADDR, such as https://vault.example.com:8200, in the "
        "environment of every process of Relay."
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@vault.example.com/", "https://vault.example.com"),
        ("https://user:p@ss@vault.example.com", "https://vault.example.com"),
        ("https://vault.example.com:8200//", "https://vault.example.com:8200"),
        ("https://u:https://p@vault", "https://vault"),
        ("user:pass@vault", "vault"),
        ("vault", "vault"),
    ],
)
def test_a_login_in_the_address_is_never_shown(url: str, shown: str) -> None:
    assert without_login(url) == shown


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (VaultSettings("a", token="t"), "VAULT_TOKEN"),
        (VaultSettings("a", token_file="/t"), "VAULT_TOKEN_FILE"),
        (VaultSettings("a", role_id="r", token_file="/t"), "VAULT_ROLE_ID and VAULT_SECRET_ID"),
    ],
)
def test_a_sentence_names_where_the_token_comes_from(settings: VaultSettings, names: str) -> None:
    assert settings.credentials == names


def test_a_call_has_its_headers_and_no_others(double: Double) -> None:
    double.answers = [(200, {"data": {"a": 1}, "errors": ["x"]})]
    settings = VaultSettings(double.url, namespace="team")
    answer = call(settings, "GET", "kv/data/shop", "token")
    assert (answer.status, answer.data, answer.error) == (200, {"a": 1}, "x")
    call(VaultSettings(double.url), "POST", "x", body={"b": 2})
    (first, path, headers, body), (second, _, plain, sent) = double.seen
    assert (first, path, body, second, sent) == ("GET", "/v1/kv/data/shop", None, "POST", {"b": 2})
    vault = {name: value for name, value in headers.items() if name.startswith("X-")}
    assert vault == {
        "X-Vault-Request": "true",
        "X-Vault-Token": "token",
        "X-Vault-Namespace": "team",
    }
    assert {name: v for name, v in plain.items() if name.startswith("X-")} == {
        "X-Vault-Request": "true"
    }


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (503, {"errors": ["Vault is sealed"]}, "is sealed. Unseal it."),
        (503, {"errors": ["standby"]}, "answers 503."),
        (500, {"errors": ["sealed"]}, "answers 500."),
        (412, {}, "answers 412."),
        (429, {}, "answers 429."),
        (300, {}, "answers 300."),
        (302, {}, "answers 302."),
        (307, {}, "answers 307."),
        (399, {}, "answers 399."),
    ],
)
def test_a_vault_that_cannot_answer_now(double: Double, status: int, body: Any, says: str) -> None:
    double.answers = [(status, body)]
    double.routes["elsewhere"] = (200, {})  # a redirect could take the token to another host
    with pytest.raises(VaultUnavailable) as refused:
        call(VaultSettings(double.url), "GET", "x")
    assert str(refused.value) == f"The vault at {double.url} {says}"


@pytest.mark.parametrize("status", [200, 299, 400, 403, 404, 411, 413, 428, 430, 499])
def test_any_other_status_is_an_answer(double: Double, status: int) -> None:
    double.answers = [(status, b"no json" if status != 200 else [1])]
    assert call(VaultSettings(double.url), "GET", "x") == VaultAnswer(status, {})


def test_an_error_is_cut_and_data_is_an_object() -> None:
    assert VaultAnswer(400, {"errors": ["x" * 300, "y"]}).error == "x" * 200
    assert VaultAnswer(400, {"errors": []}).error == "" and VaultAnswer(400, {}).error == ""
    assert VaultAnswer(200, {"data": [1]}).data == {}


def test_approle_signs_in_once_and_renews_after_two_thirds(double: Double) -> None:
    settings = VaultSettings(double.url, role_id="role", secret_id="secret")
    login, before = VaultLogin(), time.monotonic()
    double.answers = [double.grant("one", 90)]
    assert login.get(settings) == login.get(settings) == "one"
    (signed_in,) = double.seen
    assert signed_in[:2] == ("POST", "/v1/auth/approle/login")
    assert signed_in[3] == {"role_id": "role", "secret_id": "secret"}
    assert 59.9 < login.renew_at - before < 65 and 89.9 < login.ends_at - before < 95
    login.renew_at = before
    double.answers = [double.grant("two")]
    assert login.get(settings) == "two"
    assert double.seen[1][:2] == ("POST", "/v1/auth/token/renew-self")
    assert double.seen[1][2]["X-Vault-Token"] == "one" and double.seen[1][3] == {}


def test_a_token_that_is_over_or_not_renewed_is_replaced(double: Double) -> None:
    settings = VaultSettings(double.url, role_id="role")
    login = VaultLogin("old", time.monotonic() - 2, time.monotonic() - 1)
    double.answers = [double.grant("new")]
    assert login.get(settings) == "new"
    assert [seen[1] for seen in double.seen] == ["/v1/auth/approle/login"]
    assert double.seen[0][3] == {"role_id": "role"}
    login = VaultLogin("old", time.monotonic() - 1, time.monotonic() + 60)
    double.answers = [(403, {}), double.grant("newer")]
    assert login.get(settings) == "newer"


def test_a_token_without_an_end_is_kept(double: Double) -> None:
    for lasts_s in (0, None):
        login = VaultLogin()
        double.answers = [double.grant("root", lasts_s)]
        assert login.get(VaultSettings(double.url, role_id="r")) == "root"
        assert login.renew_at == login.ends_at == float("inf")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((400, {"errors": ["invalid role"]}), "(400). It says: invalid role"),
        ((403, {}), "(403)."),
        ((200, {}), "(200)."),
        ((200, {"auth": ["x"]}), "(200)."),
        ((200, {"auth": {"client_token": ""}}), "(200)."),
        ((400, {"auth": {"client_token": "x"}}), "(400)."),
    ],
)
def test_a_refused_sign_in_says_why(double: Double, answer: tuple[int, Any], says: str) -> None:
    double.answers = [answer]
    with pytest.raises(VaultUnavailable) as refused:
        VaultLogin().get(VaultSettings(double.url, role_id="r"))
    assert str(refused.value) == (
        f"The vault at {double.url} does not accept VAULT_ROLE_ID and VAULT_SECRET_ID {says}"
    )


def test_only_the_refused_token_is_dropped() -> None:
    login = VaultLogin("one")
    login.drop("other")
    assert login.token == "one"
    login.drop("one")
    assert login.token == ""


def test_a_token_comes_from_its_file_or_the_setting(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" from-file\n")
    settings = VaultSettings("a", token="t", token_file=f"{tmp_path}/token")
    assert VaultLogin().get(settings) == "from-file"
    assert VaultLogin().get(VaultSettings("a", token="t")) == "t"
    with pytest.raises(
        VaultUnavailable, match=r"^A vault reference needs VAULT_TOKEN_FILE, VAULT_"
    ):
        VaultLogin().get(VaultSettings("a"))
    for name, text in (("X", "a b"), ("Y", "a\nb"), ("Z", "ä")):
        with pytest.raises(VaultUnavailable) as refused:
            read_setting(text, "", name)
        assert str(refused.value).startswith(f"{name} has spaces or line breaks in it. Copy it")
    with pytest.raises(VaultUnavailable) as refused:
        read_setting("", "/nonexistent", "NAME")
    assert str(refused.value) == "NAME is /nonexistent, which cannot be read."


def test_the_secret_of_approle_comes_from_its_file(double: Double, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("from-file\n")
    double.answers = [double.grant("t")]
    settings = VaultSettings(double.url, role_id="r", secret_id_file=f"{tmp_path}/id")
    VaultLogin().get(settings)
    assert double.seen[0][3] == {"role_id": "r", "secret_id": "from-file"}
    wrong = VaultSettings(double.url, role_id="r", secret_id_file="/nonexistent")
    with pytest.raises(VaultUnavailable, match=r"^VAULT_SECRET_ID_FILE is /nonexistent"):
        VaultLogin().get(wrong)


MOUNTS = "sys/internal/ui/mounts"
V2: tuple[int, Any] = (200, {"data": {"path": "kv/", "type": "kv", "options": {"version": "2"}}})
V1: tuple[int, Any] = (200, {"data": {"path": "old/", "type": "kv", "options": None}})


@pytest.fixture
def vault(double: Double) -> Vault:
    double.answers = [(404, {})]
    double.routes = {
        f"{MOUNTS}/kv/shop": V2,
        f"{MOUNTS}/old/shop": V1,
        "kv/data/shop": (200, {"data": {"data": {"token": "two", "n": 5, "f": 1.5, "on": True}}}),
        "old/shop": (200, {"data": {"token": "one", "lines": "a\nb", "l": ["x"]}}),
        "auth/token/lookup-self": (200, {}),
        MOUNTS: (200, {"data": {"secret": {"kv/": {}, "old/": {}}}}),
    }
    return Vault(env={"VAULT_ADDR": double.url, "VAULT_TOKEN": "t"}, keep_failure_s=0.0)


@pytest.mark.parametrize(
    ("reference", "value"),
    [("kv/shop#token", "two"), ("kv/shop#n", "5"), ("kv/shop#f", "1.5"), ("old/shop#token", "one")],
)
def test_both_engines_are_read(vault: Vault, double: Double, reference: str, value: str) -> None:
    assert vault.read(reference) == value
    assert {headers["X-Vault-Token"] for _, _, headers, _ in double.seen} == {"t"}


@pytest.mark.parametrize(
    ("routes", "reference", "says"),
    [
        ({}, "kv/shop#none", "has no field none with a text at kv/shop. Check the name."),
        ({}, "kv/shop#on", "has no field on with a text at kv/shop. Check the name."),
        ({}, "old/shop#l", "has no field l with a text at old/shop. Check the name."),
        ({}, "none/shop#a", "answers 404 for the mount of none/shop."),
        (
            {f"{MOUNTS}/kv/shop": (400, {"errors": ["no"]})},
            "kv/shop#a",
            "answers 400 for the mount of kv/shop. no",
        ),
        (
            {f"{MOUNTS}/kv/shop": (200, {"data": {"path": "other/", "type": "kv"}})},
            "kv/shop#a",
            "answers 200 for the mount of kv/shop.",
        ),
        (
            {"kv/data/shop": (404, {})},
            "kv/shop#a",
            "has no secret at kv/shop. Check the path, or store the secret there.",
        ),
        (
            {"kv/data/shop": (404, {"data": {"metadata": {"version": 1}}})},
            "kv/shop#a",
            "has no secret at kv/shop, because it was deleted there. Check the path, or store the "
            "secret there.",
        ),
        ({"kv/data/shop": (400, {"errors": ["bad"]})}, "kv/shop#a", "answers 400 for kv/shop. bad"),
        (
            {"kv/data/shop": (403, {})},
            "kv/shop#a",
            "does not permit Relay to read kv/shop. Add read to the policy of the token "
            "(VAULT_TOKEN).",
        ),
        (
            {f"{MOUNTS}/x/shop": (403, {})},
            "x/shop#a",
            "has no mount for x/shop that the token may see. Check the path, and the policy of the "
            "token.",
        ),
        (
            {f"{MOUNTS}/kv/shop": (403, {}), MOUNTS: (200, {"data": {"secret": None}})},
            "kv/shop#a",
            "has no mount for kv/shop that the token may see. Check the path, and the policy of the "
            "token.",
        ),
    ],
)
def test_what_is_wrong_with_a_reference(
    vault: Vault, double: Double, routes: dict[str, Any], reference: str, says: str
) -> None:
    double.routes |= routes
    with pytest.raises(SecretUnreadable) as refused:
        vault.read(reference)
    assert str(refused.value) == f"The vault at {double.url} {says}"
    assert not isinstance(refused.value, VaultUnavailable)
    assert {headers["X-Vault-Token"] for _, _, headers, _ in double.seen} == {"t"}


def test_what_is_wrong_with_a_value_or_an_engine(vault: Vault, double: Double) -> None:
    with pytest.raises(
        SecretUnreadable, match="the field lines of old/shop in the vault, which has"
    ):
        vault.read("old/shop#lines")
    double.routes[f"{MOUNTS}/kv/shop"] = (200, {"data": {"path": "kv/", "type": "database"}})
    with pytest.raises(SecretUnreadable) as refused:
        vault.read("kv/shop#a")
    assert str(refused.value) == (
        "kv/shop is not in a key-value engine of the vault, and Relay reads no other."
    )
    double.routes[f"{MOUNTS}/kv/shop"] = (200, {"data": {"path": "kv/", "type": "generic"}})
    double.routes["kv/shop"] = (200, {"data": {"a": "generic"}})
    assert vault.read("kv/shop#a") == "generic"
    double.routes[f"{MOUNTS}/kv/shop"] = (
        200,
        {"data": {"path": "kv/", "type": "kv", "options": {}}},
    )
    vault.mounts.clear()
    vault.values.clear()
    assert vault.read("kv/shop#a") == "generic"
    double.routes[f"{MOUNTS}/kv/shop"] = V2
    double.routes["kv/data/shop"] = (200, {"data": {"data": None}})
    vault.mounts.clear()
    with pytest.raises(SecretUnreadable, match="has no field b with a text"):
        vault.read("kv/shop#b")
    with pytest.raises(SecretUnreadable) as refused:
        vault.read("kv#a")
    assert str(refused.value) == (
        "vault:kv#a is not a vault reference. Write vault:mount/path#field, without empty parts and "
        "without . or .. in the path."
    )


def test_a_refused_token_is_a_matter_of_the_vault(vault: Vault, double: Double) -> None:
    double.routes |= {"kv/data/shop": (403, {}), "auth/token/lookup-self": (403, {})}
    with pytest.raises(VaultUnavailable) as refused:
        vault.read("kv/shop#token")
    assert str(refused.value) == (
        f"The vault at {double.url} does not accept the token of VAULT_TOKEN: it is wrong, has "
        "expired or was revoked."
    )
    signed_in = double.grant("new")
    double.routes["auth/approle/login"] = signed_in
    role = Vault(env={"VAULT_ADDR": double.url, "VAULT_ROLE_ID": "r"})
    double.seen.clear()
    with pytest.raises(VaultUnavailable, match="the token of VAULT_ROLE_ID"):
        role.read("kv/shop#token")
    assert [path for _, path, _, _ in double.seen].count("/v1/auth/approle/login") == 2


def test_values_mounts_and_failures_are_kept_for_their_time(vault: Vault, double: Double) -> None:
    vault.keep_failure_s = 60.0
    assert vault.read("kv/shop#token") == vault.read("kv/shop#token") == "two"
    assert len(double.seen) == 2
    kept, until = vault.values["kv/shop#token"]
    assert kept == "two" and 25 < until - time.monotonic() <= 30
    vault.values = {"kv/shop#token": ("stale", time.monotonic() - 1)}
    assert vault.read("kv/shop#token") == "two" and len(double.seen) == 3, "the mount is kept"
    double.routes["kv/data/shop"] = (404, {})
    with pytest.raises(SecretUnreadable):
        vault.read("kv/shop#n")
    assert vault.mounts == {}, "it may be another engine now"
    double.routes[f"{MOUNTS}/old/shop"] = (500, {})
    with pytest.raises(VaultUnavailable, match="answers 500"):
        vault.read("old/shop#token")
    seen = len(double.seen)
    for reference in ("old/shop#token", "kv/other#x"):
        with pytest.raises(VaultUnavailable, match="answers 500"):
            vault.read(reference)
    assert len(double.seen) == seen and vault.read("kv/shop#token") == "two"
    assert 55 < vault.failed_until - time.monotonic() <= 60
    vault.env = {"VAULT_ADDR": double.url, "VAULT_TOKEN": "other"}
    double.routes[f"{MOUNTS}/old/shop"] = V1
    assert vault.read("old/shop#token") == "one", "other settings start afresh"
    assert double.seen[-1][2]["X-Vault-Token"] == "other" and set(vault.values) == {
        "old/shop#token"
    }
    mount = vault.mounts["old/shop"]
    assert mount.prefix == "old/" and mount.version == "1"
    vault.mounts["old/shop"] = replace(mount, until=time.monotonic() - 1)
    vault.values = {}
    seen = len(double.seen)
    assert vault.read("old/shop#token") == "one" and len(double.seen) == seen + 2


def test_no_proxy_and_no_password_of_the_environment_is_used(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    double.answers = [(200, {})]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert call(VaultSettings(double.url), "GET", "x").status == 200


def test_a_vault_that_cannot_be_reached_says_why(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for address, ca_file, says in (
        (nobody, "", f"The vault at {nobody} does not answer (no connection)."),
        (
            "http://[::1",
            "",
            "The vault at http://[::1 cannot be called (InvalidURL). Check VAULT_ADDR and "
            "VAULT_CACERT.",
        ),
        (
            "https://127.0.0.1:1",
            str(tmp_path / "none"),
            "The vault at https://127.0.0.1:1 cannot be called (OSError). Check VAULT_ADDR and "
            "VAULT_CACERT.",
        ),
    ):
        with pytest.raises(VaultUnavailable) as refused:
            call(VaultSettings(address, ca_file=ca_file), "GET", "x")
        assert str(refused.value) == says


def test_a_mount_with_a_slash_is_read(vault: Vault, double: Double) -> None:
    mount = {"data": {"path": "team/k v/", "type": "kv", "options": None}}
    double.routes[f"{MOUNTS}/team/k%20v/a%3Fb"] = (200, mount)
    double.routes["team/k%20v/a%3Fb"] = (200, {"data": {"x": "found"}})
    assert vault.read("team/k v/a?b#x") == "found"


def test_the_certificates_of_relay_are_used_where_the_vault_names_none(double: Double) -> None:
    vault = Vault("/nonexistent.pem", {"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_TOKEN": "t"})
    with pytest.raises(VaultUnavailable, match=r"cannot be called .OSError"):
        vault.read("kv/shop#token")


def test_a_token_is_used_until_its_time(double: Double) -> None:
    settings = VaultSettings(double.url, role_id="r")
    login = VaultLogin("old", time.monotonic() - 1, time.monotonic() + 60)
    double.answers = [double.grant("renewed")]
    assert login.get(settings) == "renewed"
    assert [path for _, path, _, _ in double.seen] == ["/v1/auth/token/renew-self"]
