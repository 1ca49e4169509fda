"""Connection strings as people write them: they work, or one line names the setting and the mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.connection import parse_url
from sqlalchemy import create_engine, make_url, text

from config import Config
from relay.connection_urls import MailAccount, read_database_url, read_mail_url, read_redis_url
from relay.errors import SettingsError
from relay.launcher.valkey import Valkey
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY
from tests.support.network import free_port
from tests.support.postgres import PostgresServer

PSYCOPG = "postgresql+psycopg://"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("postgresql://u:p@h/d", "u:p@h/d"),
        ("postgres://u:p@h:5433/d?sslmode=require", "u:p@h:5433/d?sslmode=require"),
        ("postgresql+psycopg2://u@h/d", "u@h/d"),
        ("POSTGRESQL://u@h/d", "u@h/d"),
        ("postgresql://u:p#1@h/d", "u:p%231@h/d"),
        ("postgresql://u:p@1@h/d", "u:p%401@h/d"),
        ("postgresql://u:p/1?x@h/d", "u:p%2F1%3Fx@h/d"),
        ("postgresql://u:100%@h/d", "u:100%25@h/d"),
        ("postgresql://u:p%40@h/d", "u:p%40@h/d"),
        ("postgresql://u:p@h/d?application_name=a@b", "u:p@h/d?application_name=a%40b"),
        ("postgresql://u@h/d?pgbouncer=true", "u@h/d"),
        ("postgresql://u@h/d?statement_cache_size=0&sslmode=disable", "u@h/d?sslmode=disable"),
        ("postgresql://[::1]:5433/d", "[::1]:5433/d"),
        ("postgresql:///d?host=/run/postgresql", "/d?host=%2Frun%2Fpostgresql"),
        ("postgresql://%2Frun%2Fpostgresql/d", "/d?host=%2Frun%2Fpostgresql"),
    ],
)
def test_a_database_url_works(written: str, read: str) -> None:
    assert read_database_url(written) == PSYCOPG + read


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("postgresql://h:notaport/d", "wrong port"),
        ("postgresql://h:0/d", "wrong port"),
        ("postgresql://h:65536/d", "wrong port"),
        ("postgresql://h1:5432,h2:x/d", "wrong port"),
        ("postgresql://user:hidden/d", "wrong port"),
        ("postgresql://h1,,h2/d", "comma"),
        ("postgresql://h/d?schema=x", "ALTER ROLE"),
        ("postgresql://h/d?currentSchema=x", "ALTER ROLE"),
        ("postgresql://h/d?ssl=true", "sslmode=require"),
        ("postgresql://h/d?sslmode=no-verify", "sslmode"),
        ("postgresql://h/d?connect_timeout=soon", "connect_timeout"),
        ("postgresql://h/d?connection_limit=5", "connection_limit"),
        ("postgresql://h/d?nonsense=1", "nonsense"),
        ("postgresql://h/d?port=x", "port"),
        ("postgresql://h/d#fragment", "cannot be read"),
        ("postgresql:/h/d", "must start with"),
        ("jdbc:postgresql://h/d", "must start with"),
        ("host=h dbname=d", "must start with"),
        ("sqlite://relay.db", "must start with"),
        ("sqlite:///no/such/folder/relay.db", "folder"),
        ("sqlite:///relay.db?nonsense=1", "nonsense"),
        ("sqlite:///", "no file"),
    ],
)
def test_a_wrong_database_url_is_one_line_with_the_mistake(written: str, mistake: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_database_url(written)
    line = str(caught.value)
    assert line.startswith("DATABASE_URL ")
    assert mistake in line
    assert "\n" not in line
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://:p@h/0", "redis://:p@h/0"),
        ("rediss://u:p@h:6380/1?ssl_cert_reqs=none", "rediss://u:p@h:6380/1?ssl_cert_reqs=none"),
        ("redis://:p#1@h:6379/0", "redis://:p%231@h:6379/0"),
        ("redis://:p@1/x@h:6379/0", "redis://:p%401%2Fx@h:6379/0"),
        ("valkey://h", "redis://h"),
        ("valkeys://h", "rediss://h"),
        ("unix:///run/valkey.sock?db=2", "unix:///run/valkey.sock?db=2"),
        ("redis://[::1]:6379", "redis://[::1]:6379"),
    ],
)
def test_a_redis_url_works(written: str, read: str) -> None:
    assert read_redis_url(written) == read


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("redis://h:abc", "wrong port"),
        ("redis://user:hidden/0", "wrong port"),
        ("redis://h1:6379,h2:6379", "several servers"),
        ("redis://h/cache", "number of a database"),
        ("redis://h?nonsense=1", "nonsense"),
        ("redis://h?socket_timeout=soon", "wrong value"),
        ("redis://h?protocol=9", "protocol"),
        ("redis://h#1", "cannot be read"),
        ("unix://", "no path"),
        ("redis+sentinel://h", "must start with"),
        ("http://h", "must start with"),
        ("h:6379", "must start with"),
    ],
)
def test_a_wrong_redis_url_is_one_line_with_the_mistake(written: str, mistake: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_redis_url(written)
    line = str(caught.value)
    assert line.startswith("REDIS_URL ")
    assert mistake in line
    assert "\n" not in line
    assert "hidden" not in line


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="%"), min_size=1)
)
def test_any_password_without_percent_signs_is_read_as_it_is_written(password: str) -> None:
    database = make_url(read_database_url(f"postgresql://u:{password}@db.example/d"))
    assert (database.host, database.database) == ("db.example", "d")
    assert database.password == password
    assert parse_url(read_redis_url(f"redis://:{password}@h:6379/0"))["password"] == password


@given(st.text())
def test_no_url_raises_anything_else(anything: str) -> None:
    for scheme, read in (
        *((scheme, read_database_url) for scheme in ("", "postgresql://", "sqlite:///")),
        *((scheme, read_redis_url) for scheme in ("", "redis://", "unix://", "unix:///")),
    ):
        try:
            read(scheme + anything)
        except SettingsError as exc:
            assert "\n" not in str(exc)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_url_from_a_file_is_named_by_the_setting_with_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "url").write_text("\ufeffpostgresql://h:notaport/d\n")
    env = {"SECRET_KEY": SECRET_KEY, "RELAY_ENCRYPTION_KEYS": ENCRYPTION_KEY}
    env |= {"RELAY_DATA_DIR": str(tmp_path), f"{name}_FILE": str(tmp_path / "url")}
    with pytest.raises(SettingsError, match=f"^{name}_FILE "):
        Config.from_env(env)


def test_the_primary_of_several_hosts_is_used(postgres_server: PostgresServer) -> None:
    postgres_server.start()
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{postgres_server.port}"
    url = read_database_url(f"postgresql://relay@{hosts}/postgres?connect_timeout=3")
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT inet_server_port()")) == postgres_server.port
    engine.dispose()
    assert "target_session_attrs=read-write" in url


def test_a_password_with_reserved_characters_opens_a_real_broker(valkey: Valkey) -> None:
    admin: Any = Redis.from_url(valkey.url)
    admin.config_set("requirepass", "p#a/s?s@w:d")
    try:
        url = valkey.url.replace("unix://", "unix://:p#a/s?s@w:d@")
        client: Any = Redis.from_url(read_redis_url(url))
        assert client.ping()
        client.close()
    finally:
        admin.execute_command("AUTH", "p#a/s?s@w:d")
        admin.config_set("requirepass", "")
        admin.close()


FROM = "Relay <relay@example.com>"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 587, "starttls", "", "")),
        ("smtps://u:p@h", ("h", 465, "tls", "u", "p")),
        ("smtp://u:p@h:2525/", ("h", 2525, "starttls", "u", "p")),
        ("smtp://shop@example.com:p@h", ("h", 587, "starttls", "shop@example.com", "p")),
        ("smtp://shop@example.com@h", ("h", 587, "starttls", "shop@example.com", "")),
        ("smtp://u:a/b?c#d:e@f@h:25", ("h", 25, "starttls", "u", "a/b?c#d:e@f")),
        ("smtp://u%40x:p%2F@[::1]:25", ("::1", 25, "starttls", "u@x", "p/")),
        ("smtp://localhost:25?encryption=none", ("localhost", 25, "none", "", "")),
    ],
)
def test_a_mail_server_is_read_as_people_write_it(
    written: str, read: tuple[str, int, str, str, str]
) -> None:
    assert read_mail_url(written, FROM) == MailAccount(*read, FROM)
    assert not read[4] or f"'{read[4]}'" not in repr(read_mail_url(written, FROM))


@pytest.mark.parametrize(
    ("written", "sender", "named"),
    [
        ("mail.example.com:587", FROM, "RELAY_MAIL_URL"),
        ("http://h", FROM, "RELAY_MAIL_URL"),
        ("smtp://", FROM, "RELAY_MAIL_URL"),
        ("smtp://u:secret-1@h:99999", FROM, "RELAY_MAIL_URL"),
        ("smtp://u:secret-1@h:0", FROM, "RELAY_MAIL_URL"),
        ("smtp://u:secret-1@h?encryption=tls", FROM, "RELAY_MAIL_URL"),
        ("smtps://u:secret-1@h?encryption=none", FROM, "RELAY_MAIL_URL"),
        ("smtp://u:secret-1@h?timeout=3", FROM, "RELAY_MAIL_URL"),
        ("smtp://u:secret-1@h", "", "RELAY_MAIL_FROM"),
        ("smtp://u:secret-1@h", "Relay", "RELAY_MAIL_FROM"),
        ("smtp://u:secret-1@h", "a@b\r\nBcc: c@d", "RELAY_MAIL_FROM"),
    ],
)
def test_a_wrong_mail_server_stops_the_start_without_its_password(
    written: str, sender: str, named: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{named}") as caught:
        read_mail_url(written, sender)
    assert "secret-1" not in str(caught.value)
