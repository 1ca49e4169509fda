"""The tests' own tools work."""

from __future__ import annotations

import socket

import pytest
import requests
from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import create_engine, text

from config import database_url as sqlalchemy_url
from relay.launcher.valkey import Valkey
from tests.support.browser import Console
from tests.support.network import OutsideNetwork
from tests.support.postgres import PostgresServer
from tests.support.sink import Answer, Sink


def test_a_connection_out_of_this_machine_is_refused() -> None:
    with pytest.raises(OutsideNetwork), socket.socket() as one:
        one.connect(("203.0.113.1", 80))


def test_a_database_is_migrated_and_empty(database_url: str, tmp_path) -> None:
    engine = create_engine(sqlalchemy_url(database_url, tmp_path))
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM source")) == 0
        assert connection.scalar(text("SELECT version_num FROM alembic_version"))
    engine.dispose()


def test_postgres_can_be_stopped_and_started(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    engine = create_engine(sqlalchemy_url(postgres_url, postgres_server.folder), pool_pre_ping=True)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM source")) == 0
    postgres_server.restart()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM source")) == 0
    engine.dispose()


def test_the_broker_keeps_what_it_has_over_a_restart(valkey: Valkey) -> None:
    assert valkey.send(b"SET a 1") == b"+OK\r\n"
    valkey.stop()
    assert not valkey.answers()
    valkey.start()
    assert valkey.send(b"GET a") == b"$1\r\n1\r\n"


def test_the_broker_refuses_rather_than_forgets(valkey: Valkey) -> None:
    assert b"noeviction" in valkey.send(b"CONFIG GET maxmemory-policy")


def test_the_application_answers_in_process(app: Flask) -> None:
    assert app.test_client().get("/healthz").json == {"status": "ok"}


def test_the_sink_keeps_requests_and_answers_in_turn(sink: Sink) -> None:
    sink.answers([Answer(503, headers={"Retry-After": "1"}), Answer(200)], path="/a")
    first = requests.post(f"{sink.url}/a?x=1", data=b"\xff", headers={"X-One": "1"}, timeout=5)
    second = requests.post(f"{sink.url}/a", json={"b": 2}, timeout=5)
    assert (first.status_code, first.headers["Retry-After"], second.status_code) == (503, "1", 200)
    one, two = sink.wait(2, path="/a")
    assert (one.path, one.body, one.headers["x-one"]) == ("/a?x=1", b"\xff", "1")
    assert two.json() == {"b": 2}


def test_the_page_reports_a_script_error(page: Page, console: Console, sink: Sink) -> None:
    sink.answer(body="<script>nothing()</script>", headers={"Content-Type": "text/html"})
    page.goto(sink.url)
    assert any("nothing is not defined" in problem for problem in console.unexpected())
    console.allow("nothing is not defined|favicon")
