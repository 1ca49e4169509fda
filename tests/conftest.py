"""Fixtures for every test.  All that they start is real, private to this run, and ends with it."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher

from tests.support.env import ENCRYPTION_KEY, SECRET_KEY, foreign
from tests.support.network import guard

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Browser, Page

    from relay.launcher.valkey import Valkey
    from tests.support.browser import Console
    from tests.support.databases import Databases
    from tests.support.fake_hubspot import FakeHubSpot
    from tests.support.fake_openai import FakeOpenAI
    from tests.support.fake_slack import FakeSlack
    from tests.support.openbao import OpenBao
    from tests.support.postgres import PostgresServer
    from tests.support.sink import Sink
    from tests.support.stack import Stack

# Before anything of Relay is imported: none of the caller's settings.
_SETTINGS = {
    name: value for name, value in os.environ.items() if name not in foreign(dict(os.environ))
}
for _name in _SETTINGS:
    del os.environ[_name]

import relay  # noqa: E402, F401 - settled before any test imports a part of it
from relay.services.users import passwords  # noqa: E402

# Each hash takes 0.17 s of CPU, and nearly every test of the dashboard makes three.  The processes that
# tests start hash as in production.
passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


# Files that mostly wait for real time.  They run first, beside tests that need the processor.
WAITING = frozenset(("test_alert_faults", "test_failing_destination", "test_doctor", "test_counts"))
# Folders with few and long tests: at the end, one of them would run alone.
LONG = frozenset(("journeys", "faults", "wordpress"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that wait first, then the long ones, then by number of tests: the workers end together."""
    counts = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (
            item.path.stem not in WAITING,
            item.path.parent.name not in LONG,
            -counts[item.path],
        )
    )


@pytest.fixture(scope="session", autouse=True)
def no_outside_network() -> Iterator[None]:
    """A connection that leaves this machine raises OutsideNetwork."""
    undo = guard()
    yield
    undo()


@pytest.fixture(scope="session")
def work_dir() -> Iterator[Path]:
    """A short path that everybody may enter: servers run there as another user and have sockets there."""
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)  # noqa: S103 - the PostgreSQL server may run as nobody
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_server(work_dir: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL of our own: ``url(name)``, ``start``, ``stop``, ``restart``, ``create_database``."""
    from tests.support.postgres import PostgresServer

    server = PostgresServer(work_dir / "pg")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(work_dir: Path) -> Databases:
    """Where the databases of the tests come from."""
    from tests.support.databases import Databases

    return Databases(work_dir / "databases")


@pytest.fixture
def sqlite_url(databases: Databases) -> Iterator[str]:
    """An empty, migrated SQLite database."""
    url = databases.new_sqlite()
    yield url
    databases.remove(url)


@pytest.fixture
def postgres_url(databases: Databases, postgres_server: PostgresServer) -> Iterator[str]:
    """An empty, migrated PostgreSQL database; its server runs."""
    url = databases.new_postgres(postgres_server)
    yield url
    databases.remove(url, postgres_server)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database: the test runs once on SQLite and once on PostgreSQL.

    A test that wants one of them says
    ``@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)``.
    """
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def valkey_server(work_dir: Path) -> Iterator[Valkey]:
    """A broker of our own on a unix socket: ``url``, ``start``, ``stop``, ``flush``."""
    from relay.launcher.valkey import Valkey

    folder = work_dir / "valkey"
    folder.mkdir()
    server = Valkey(folder, folder / "valkey.sock", folder / "valkey.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """The broker, running and empty; a test may stop and start it."""
    valkey_server.start()
    valkey_server.flush()
    return valkey_server


@pytest.fixture(scope="session")
def openbao_server(work_dir: Path) -> Iterator[OpenBao]:
    """A vault of our own, with engines of both versions."""
    from tests.support.openbao import OpenBao

    server = OpenBao(work_dir / "openbao")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def openbao(openbao_server: OpenBao) -> OpenBao:
    """The vault, running and unsealed; a test may seal, kill and start it."""
    if openbao_server.health() != 200:
        openbao_server.kill()
        openbao_server.start()
    return openbao_server


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory."""
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def app(database_url: str, valkey: Valkey, data_dir: Path) -> Iterator[Flask]:
    """The application on ``database_url`` and ``valkey``.  No context is pushed."""
    from config import Config, env_networks
    from config import database_url as sqlalchemy_url
    from relay import create_app
    from relay.extensions import db
    from tests.support.env import LOOPBACK

    app = create_app(
        Config(
            data_dir=data_dir,
            database_url=sqlalchemy_url(database_url, data_dir),
            redis_url=valkey.url,
            secret_key=SECRET_KEY,
            encryption_keys=(ENCRYPTION_KEY,),
            allowed_private_networks=env_networks({"NETWORKS": LOOPBACK}, "NETWORKS"),
        )
    )
    app.testing = True
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    app.extensions["relay_broker"].broker.client.close()


@pytest.fixture
def stack(database_url: str, valkey: Valkey, tmp_path: Path) -> Iterator[Stack]:
    """A whole Relay on ``database_url`` and ``valkey``: web, worker and scheduler as real processes."""
    from tests.support.stack import Stack

    stack = Stack(tmp_path / "stack", database_url, valkey.url)
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A local endpoint that keeps every request and answers as it is told."""
    from tests.support.sink import Sink

    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.support.browser import launch

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def console() -> Console:
    """What the page complains about.  ``console.allow(pattern)`` takes what a test brings about."""
    from tests.support.browser import Console

    return Console()


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """A fresh browser page.  Script errors and policy violations fail the test."""
    from tests.support.browser import ACTION_MS

    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(ACTION_MS)
    console.watch(context)
    yield context.new_page()
    context.close()
    assert not console.unexpected(), "\n".join(console.unexpected())


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    """A HubSpot of our own, empty: ``contacts``, ``deals``, ``next`` for other answers."""
    from tests.support.fake_hubspot import FakeHubSpot

    server = FakeHubSpot()
    yield server
    server.close()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A Slack of our own: ``messages`` is what was written, ``next`` for other answers."""
    from tests.support.fake_slack import FakeSlack

    server = FakeSlack()
    yield server
    server.close()


@pytest.fixture
def openai() -> Iterator[FakeOpenAI]:
    """An OpenAI of our own: ``requests`` is what was asked, ``next`` for other answers."""
    from tests.support.fake_openai import FakeOpenAI

    server = FakeOpenAI()
    yield server
    server.close()
