"""Each log line has the level of its outcome, and the manual lists every event name."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, suppress
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from relay.delivery import recovery, router
from relay.delivery.drain import Drain
from relay.delivery.pool import FinishedCall
from relay.errors import Unavailable
from relay.ingest.store.writer import EventWriter
from relay.launcher.valkey import Valkey
from relay.models import Destination, db
from relay.observability import metrics
from relay.observability.logging import init_logging, log
from relay.scheduler import do
from relay.services.tokens import digests
from tests.support.events import comment
from tests.support.network import wait_for
from tests.support.sink import Sink
from tests.support.stack import Stack
from tests.support.world import World, make, move, put

ROOT = Path(__file__).resolve().parents[2]
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([a-z, ]+) \| ([^|]+) \|", re.M)


def values_of(node: ast.expr) -> list[str]:
    """The texts that an argument of ``log`` may have.  Raises ValueError for anything computed."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=orelse):
            return [*values_of(body), *values_of(orelse)]
    raise ValueError(f"Line {node.lineno}: write the name and the level of a log line as literals.")


def events_in(source: str) -> Iterator[tuple[str, str, list[str]]]:
    """-> (event name, level, fields) of every call of ``log`` in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log":
            level = next((kw.value for kw in node.keywords if kw.arg == "level"), None)
            fields = [kw.arg or "**" for kw in node.keywords if kw.arg != "level"]
            for name in values_of(node.args[0]):
                for value in values_of(level) if level is not None else ["info"]:
                    yield name, value, fields


def test_the_manual_lists_every_event_with_its_levels_and_fields() -> None:
    levels: dict[str, set[str]] = {}
    fields: dict[str, set[str]] = {}
    for path in (ROOT / "relay").rglob("*.py"):
        for name, level, found in events_in(path.read_text(encoding="utf-8")):
            levels.setdefault(name, set()).add(level)
            fields.setdefault(name, set()).update(found)
    section = (ROOT / "docs/observability.md").read_text(encoding="utf-8")
    section = section.partition("### Log events")[2].partition("\n## ")[0]
    rows = ROW.findall(section)
    assert {name: set(level.split(", ")) for name, level, _ in rows} == levels
    assert {name: set(re.findall(r"`(\w+)`", listed)) for name, _, listed in rows} == fields


def test_every_line_of_relay_is_written_by_log() -> None:
    for path in (ROOT / "relay").rglob("*.py"):
        if path.name != "logging.py":
            assert "structlog" not in path.read_text(encoding="utf-8"), path


def test_a_computed_name_is_found() -> None:
    with pytest.raises(ValueError, match="literals"):
        list(events_in("log(name)"))
    assert list(events_in("log('a' if x else 'b', level='error', c=1)")) == [
        ("a", "error", ["c"]),
        ("b", "error", ["c"]),
    ]


class Lines:
    """The log lines that Relay writes from now on."""

    def __init__(self) -> None:
        self.written = io.StringIO()
        with redirect_stderr(self.written):
            init_logging()

    def levels(self, name: str) -> list[str]:
        """The levels of the lines of one event since the last call."""
        found = [json.loads(line) for line in self.written.getvalue().splitlines()]
        self.written.seek(0)
        self.written.truncate()
        return [line["level"] for line in found if line["event"] == name]


@pytest.fixture
def lines(app: Flask) -> Iterator[Lines]:
    yield Lines()
    init_logging()


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    yield make(app, sink)
    app.extensions["relay_ingest"].close()


@SQLITE
def test_a_line_is_info_unless_it_says_otherwise(lines: Lines) -> None:
    log("event.accepted")
    log("event.accepted", level="error")
    assert lines.levels("event.accepted") == ["info", "error"]


@SQLITE
def test_an_attempt_is_a_warning_when_the_delivery_failed_for_good(
    app: Flask, world: World, sink: Sink, lines: Lines
) -> None:
    put(app, world.slug, comment())
    move(app, world.inbox, world.hook)
    assert sorted(lines.levels("attempt")) == ["info", "warning"]
    sink.answer(503, path="/hook")
    put(app, world.slug, comment())
    move(app, world.hook)
    assert lines.levels("attempt") == ["info"]  # it is tried again


@SQLITE
def test_an_opened_circuit_is_a_warning_and_a_closed_one_is_not(
    app: Flask, world: World, sink: Sink, lines: Lines
) -> None:
    sink.answer(503, path="/hook")
    for _ in range(12):
        put(app, world.slug, comment())
    move(app, world.hook)
    assert lines.levels("circuit.opened") == ["warning"]
    sink.answer(200, path="/hook")
    with app.app_context():
        to = db.session.get_one(Destination, world.hook)
        to.circuit_until = to.created_at
        db.session.commit()
    put(app, world.slug, comment())
    move(app, world.hook)
    assert lines.levels("circuit.closed") == ["info"]


@SQLITE
def test_a_refused_request_is_a_warning_for_a_known_site_only(
    app: Flask, world: World, lines: Lines
) -> None:
    client = app.test_client()
    signed = {"X-WP-Timestamp": "1", "X-Event-Id": "e", "X-WP-Signature": "d3Jvbmc="}
    client.post("/webhooks/wp/shop", data=b"{}", headers=signed)
    assert lines.levels("event.refused") == ["warning"]
    client.post("/webhooks/wp/nowhere", data=b"{}", headers=signed)
    assert lines.levels("event.refused") == ["info"]


@SQLITE
def test_a_fault_of_the_writer_is_an_error(app: Flask, lines: Lines) -> None:
    with app.app_context():
        writer = EventWriter(db.engine, committed=lambda: None)
    with pytest.raises(Unavailable):
        writer.store({"source_id": 1, "event_id": "a row without its other columns"})
    writer.close()
    assert lines.levels("writer.failed") == ["error"]


@SQLITE
def test_a_failed_periodic_task_is_an_error(app: Flask, lines: Lines) -> None:
    def task() -> None:
        raise ValueError("No.")

    with app.app_context():
        do(task)
    assert lines.levels("scheduler.failed") == ["error"]


@SQLITE
def test_a_broken_condition_is_an_error(app: Flask, world: World, lines: Lines) -> None:
    with app.app_context():
        broken = {"match": "all", "items": [{"path": ["data"], "op": "no-such", "value": "x"}]}
        db.session.execute(
            text("UPDATE subscription SET conditions = :broken"), {"broken": json.dumps(broken)}
        )
        db.session.commit()
    put(app, world.slug, comment())
    with app.app_context():
        router.route_batch()
    assert set(lines.levels("condition.failed")) == {"error"}


@SQLITE
def test_an_expired_lease_is_a_warning(app: Flask, world: World, lines: Lines) -> None:
    put(app, world.slug, comment())
    move(app)
    with app.app_context():
        db.session.execute(
            text(
                "UPDATE delivery SET state = 'in_flight', lease_token = 'gone', "
                "lease_until = '2026-01-01' WHERE state = 'pending'"
            )
        )
        db.session.commit()
        assert recovery.expire_leases() == 2
    assert lines.levels("lease.expired") == ["warning", "warning"]


@SQLITE
def test_a_broker_that_is_away_is_a_warning(app: Flask, valkey: Valkey, lines: Lines) -> None:
    valkey.stop()
    with app.app_context():
        assert not app.extensions["relay_broker"].nudge("route_events")
    assert lines.levels("broker.away") == ["warning"]


@SQLITE
def test_a_critical_line_of_a_library_is_an_error(lines: Lines) -> None:
    logging.getLogger("dramatiq.test").critical("The broker is gone.")
    assert lines.levels("The broker is gone.") == ["error"]


@SQLITE
def test_a_fault_of_ingest_is_an_error(app: Flask, lines: Lines) -> None:
    app.extensions["relay_ingest"].config = None
    answer = app.test_client().post("/webhooks/wp", data=b"{}")
    assert answer.status_code == 503
    assert lines.levels("ingest.failed") == ["error"]


@SQLITE
def test_a_pause_by_relay_is_a_warning(app: Flask, world: World, sink: Sink, lines: Lines) -> None:
    sink.answer(401, path="/hook")
    put(app, world.slug, comment())
    move(app, world.hook)
    assert lines.levels("destination.paused") == ["warning"]


def rename(table: str, name: str) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


def write_in_context(app: Flask, drain: Drain) -> None:
    with app.app_context():
        drain.write(drain.now())


@SQLITE
def test_results_that_wait_for_the_database_are_a_warning(
    app: Flask, world: World, lines: Lines
) -> None:
    put(app, world.slug, comment())
    move(app)
    with app.app_context():
        drain = Drain.open(world.inbox)
        assert drain is not None
        drain.start(drain.now())
        progress = drain.pool.wait(10)
        drain.leave_out(progress.started)
        (call,) = progress.calls
        drain.collect(call, drain.now())
        rename("attempt", "attempt_gone")
        with ThreadPoolExecutor(1) as thread:
            written = thread.submit(write_in_context, app, drain)
            wait_for(lambda: "drain.waits" in lines.written.getvalue(), 10, "the line")
            rename("attempt_gone", "attempt")
            written.result(timeout=30)
        drain.close()
    assert set(lines.levels("drain.waits")) == {"warning"}


@SQLITE
def test_a_call_that_is_lost_is_an_error(app: Flask, world: World, lines: Lines) -> None:
    put(app, world.slug, comment())
    move(app)
    with app.app_context():
        drain = Drain.open(world.inbox)
        assert drain is not None
        lost = FinishedCall(drain.batch.claims, (), MemoryError("no memory"))
        drain.collect(lost, drain.now())
        drain.close()
    assert lines.levels("drain.lost_calls") == ["error"]


@SQLITE
def test_a_request_succeeds_though_no_log_line_can_be_written(app: Flask, world: World) -> None:
    dropped = metrics.log_lines_dropped.series_of(()).numbers[0]
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails
    with redirect_stderr(full):
        init_logging()
        logging.getLogger("waitress").error("A library says something.")
        assert app.test_client().post("/webhooks/wp", data=b"{}").status_code == 400
    init_logging()
    with suppress(OSError):
        full.close()
    assert metrics.log_lines_dropped.series_of(()).numbers[0] >= dropped + 2


@SQLITE
def test_a_web_process_answers_with_standard_error_on_a_full_disk(
    database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    stack = Stack(tmp_path, database_url, valkey.url)
    stack.processes["web"].command += " 2>/dev/full"
    try:
        stack.start("web")
        secret = stack.make_source().secret
        assert stack.send(comment(), secret).status_code == 202
        assert stack.send(comment(), "wrong" * 10).status_code == 401
        shown = stack.http.get(f"{stack.url}/metrics").text
        assert "relay_events_accepted_total 1.0" in shown
        assert "relay_log_lines_dropped_total 0.0" not in shown
    finally:
        stack.close()


def test_the_secret_of_a_one_time_link_and_an_api_token_is_not_logged() -> None:
    written = io.StringIO()
    with redirect_stderr(written):
        init_logging()
    try:
        for name in ("invite", "new-password", "new-address", "first-run"):
            path = f"/{name}/abc-123?x"
            logging.getLogger("relay").error("Exception on %s [%s]", path, "POST")
        token = digests.new_token()
        logging.getLogger("relay").error("Authorization: Bearer %s", token)
    finally:
        init_logging()
    assert "abc-123" not in written.getvalue()
    assert (
        token not in written.getvalue()
        and "Bearer relay_…" in json.loads(written.getvalue().splitlines()[-1])["event"]
    )
    assert written.getvalue().count("Exception on /") == 4
