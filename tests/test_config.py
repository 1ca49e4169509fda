"""A wrong setting stops the start with one line that has its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import KNOWN, Config
from relay.errors import SettingsError
from relay.launcher.processes import ROOT
from tests.support.authority import Authority
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY, foreign

GOOD = {"SECRET_KEY": SECRET_KEY, "RELAY_ENCRYPTION_KEYS": ENCRYPTION_KEY}
WRONG = [
    ("DATABASE_URL", "mysql://h/db"),
    ("DATABASE_URL", "relay.db"),
    ("REDIS_URL", "http://h"),
    ("SECRET_KEY", ""),
    ("SECRET_KEY", "short"),
    ("SECRET_KEY", "replace_me"),
    ("RELAY_ENCRYPTION_KEYS", ""),
    ("RELAY_ENCRYPTION_KEYS", "not-a-key"),
    ("RELAY_ENCRYPTION_KEYS", f"{ENCRYPTION_KEY},short"),
    ("PORT", "http"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "٨٠"),
    ("RELAY_PUBLIC_URL", "relay.example.com"),
    ("RELAY_PUBLIC_URL", "ftp://relay.example.com"),
    ("RELAY_CANARY_MINUTES", "1441"),
    ("RELAY_CANARY_MINUTES", "-1"),
    ("RELAY_CANARY_MINUTES", "often"),
    ("RELAY_CANARY_URL", "relay.internal:8000"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1"),
    ("RELAY_TRUSTED_PROXIES", "-1"),
    ("RELAY_TRUSTED_PROXIES", "one"),
    ("RELAY_ALLOWED_PRIVATE_NETWORKS", "10.0.0.1/8"),
    ("RELAY_ALLOWED_PRIVATE_NETWORKS", "intranet"),
    ("RELAY_MAX_BODY_BYTES", "1"),
    ("RELAY_MAX_BODY_BYTES", "1e6"),
    ("RELAY_SIGNATURE_WINDOW_S", "0"),
    ("RELAY_RETENTION_DAYS", "0"),
    ("RELAY_SHARED_SECRET", "replace_me"),
    ("RELAY_SHARED_SECRET", "short"),
    ("RELAY_SHARED_SECRET", "a secret with blanks in it that is long enough"),
    ("RELAY_CA_FILE", "/no/such/file"),
    ("RELAY_BACKUP_TO", "backups"),
    ("RELAY_BACKUP_TO", "s3://"),
    ("RELAY_BACKUP_PASSPHRASE", "too short"),
    ("RELAY_BACKUP_RECIPIENTS", "age1short"),
    ("RELAY_BACKUP_KEEP_DAILY", "0"),
    ("RELAY_CA_FILE", __file__),
    ("RELAY_SECRET_FILES_DIR", "secrets"),
    ("RELAY_SECRET_FILES_DIR", "/run/.."),
    ("RELAY_SECRET_ENV_PREFIX", "A"),
    ("RELAY_SECRET_ENV_PREFIX", "A-B-"),
    ("RELAY_SECRET_ENV_PREFIX", "VAULT_"),
    ("RELAY_MAIL_URL", "mail.example.com"),
    ("RELAY_MAIL_FROM", "relay@example.com"),  # without RELAY_MAIL_URL
    ("RELAY_OUTBOUND_PROXY", "proxy.example:3128"),
    ("RELAY_OUTBOUND_PROXY", "https://proxy.example:3128"),
    ("RELAY_OUTBOUND_PROXY", "socks5://proxy.example:1080"),
    ("RELAY_OUTBOUND_PROXY", "http://proxy.example"),
    ("RELAY_OUTBOUND_PROXY", "http://proxy.example:99999"),
    ("RELAY_OUTBOUND_PROXY", "http://proxy.example:3128/path"),
    ("RELAY_OUTBOUND_PROXY", "http://user:pässwort@proxy.example:3128"),
    ("RELAY_OUTBOUND_PROXY_FILE", "/no/such/file"),
    ("DATABASE_URL_FILE", "/no/such/file"),
    ("REDIS_URL_FILE", "/no/such/file"),
    ("RELAY_NO_SUCH_THING", "1"),
    ("RELAY_RETENTION_DAYS_FILE", "/x"),
    ("SECRET_KEY_FILE", "/no/such/file"),
    ("RELAY_METRICS_TOKEN_FILE", "/no/such/file"),
]


def read(tmp_path: Path, **changes: str) -> Config:
    return Config.from_env({**GOOD, "RELAY_DATA_DIR": str(tmp_path), **changes})


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_one_line_with_its_name(tmp_path: Path, name: str, value: str) -> None:
    env = {**GOOD, "RELAY_DATA_DIR": str(tmp_path), name: value}
    if name == "SECRET_KEY_FILE":
        del env["SECRET_KEY"]
    with pytest.raises(SettingsError) as caught:
        Config.from_env(env)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_never_shows_in_a_message_or_a_repr(tmp_path: Path) -> None:
    hidden = "postgresql://relay:hidden-password@db/relay"
    broker = "redis://:hidden-word@cache:6379/0"
    config = read(tmp_path, DATABASE_URL=hidden, REDIS_URL=broker, RELAY_SHARED_SECRET="s" * 40)
    for secret in (SECRET_KEY, ENCRYPTION_KEY, "hidden-password", "hidden-word", "s" * 40):
        assert secret not in repr(config)
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, RELAY_ENCRYPTION_KEYS="hidden-key")
    assert "hidden-key" not in str(caught.value)


def test_a_secret_can_be_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET_KEY}\n")
    env = {**GOOD, "RELAY_DATA_DIR": str(tmp_path), "SECRET_KEY_FILE": str(path)}
    with pytest.raises(SettingsError, match="Both SECRET_KEY and SECRET_KEY_FILE"):
        Config.from_env(env)
    del env["SECRET_KEY"]
    assert Config.from_env(env).secret_key == SECRET_KEY
    path.write_text(" \n")
    with pytest.raises(SettingsError, match="SECRET_KEY_FILE"):
        Config.from_env(env)


def test_the_urls_of_database_and_broker_can_be_read_from_files(tmp_path: Path) -> None:
    for name, value in (("DATABASE_URL", "postgresql://u:p@h/db"), ("REDIS_URL", "redis://:p@h/0")):
        (tmp_path / name).write_text(value)
    files = {f"{name}_FILE": str(tmp_path / name) for name in ("DATABASE_URL", "REDIS_URL")}
    config = read(tmp_path, **files)
    assert config.database_url == "postgresql+psycopg://u:p@h/db"
    assert config.redis_url == "redis://:p@h/0"


def test_the_outbound_proxy_can_be_read_from_a_file_and_its_password_is_not_shown(
    tmp_path: Path,
) -> None:
    url = "http://relay:hidden-word@proxy.example:3128"
    (tmp_path / "proxy").write_text(f"{url}\n")
    config = read(tmp_path, RELAY_OUTBOUND_PROXY_FILE=str(tmp_path / "proxy"))
    assert config.outbound_proxy == url and "hidden-word" not in repr(config)
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, RELAY_OUTBOUND_PROXY=url.replace("http:", "https:"))
    assert "hidden-word" not in str(caught.value)


def test_a_file_with_authorities_is_accepted(tmp_path: Path) -> None:
    path = str(Authority(tmp_path).path)
    assert read(tmp_path, RELAY_CA_FILE=path).ca_file == path


def test_settings_have_the_documented_defaults(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path / 'relay.db'}"
    assert config.redis_url == f"unix://{tmp_path / 'valkey.sock'}"
    assert (config.port, config.max_body_bytes, config.signature_window_s) == (8000, 262144, 300)
    assert (config.trusted_proxies, config.retention_days) == (0, 30)
    assert config.allowed_private_networks == ()


def test_stored_secrets_are_used_if_none_are_set(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in GOOD.items()]
    (tmp_path / "secrets.env").write_text("# kept\n" + "\n".join(lines) + "\n")
    config = Config.from_env({"RELAY_DATA_DIR": str(tmp_path)})
    assert (config.secret_key, config.encryption_keys) == (SECRET_KEY, (ENCRYPTION_KEY,))


def test_a_postgresql_url_can_have_either_scheme(tmp_path: Path) -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        config = read(tmp_path, DATABASE_URL=f"{scheme}://u@h:5433/db?sslmode=require")
        assert config.database_url == "postgresql+psycopg://u@h:5433/db?sslmode=require"


@pytest.mark.parametrize("process", ["relay.web.server", "relay.scheduler"])
def test_a_process_without_secrets_exits_with_an_error_line(tmp_path: Path, process: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", process],
        cwd=ROOT,
        env={**foreign(dict(os.environ)), "RELAY_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "SECRET_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_references_to_secrets_are_off_until_the_operator_allows_them(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert (config.secret_files_dir, config.secret_env_prefix) == (None, "")
    config = read(tmp_path, RELAY_SECRET_FILES_DIR="/run/secrets", RELAY_SECRET_ENV_PREFIX="DEST_")
    assert (config.secret_files_dir, config.secret_env_prefix) == (Path("/run/secrets"), "DEST_")


def test_every_setting_is_documented() -> None:
    documented = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    names = set(KNOWN) | {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT", "HOST"}
    assert {name for name in names if f"`{name}`" not in documented} == set()
