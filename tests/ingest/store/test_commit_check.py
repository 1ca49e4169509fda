"""While events cannot be committed: what a site is answered, what ``/readyz`` says, and when it ends."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from relay import create_app, database_errors
from relay.extensions import db
from relay.ingest.store import commit_check
from relay.ingest.store.commit_check import store_and_take_back
from relay.models import Event, Revision
from tests.ingest.conftest import Sender
from tests.support.events import comment
from tests.support.network import wait_for

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
REFUSAL_TRIGGER = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {body}
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def change(app: Flask, *statements: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def reconnect(app: Flask) -> None:
    """Open new sessions, so that the settings of the database apply."""
    with app.app_context():
        name = db.engine.url.database
        db.engine.dispose()
        change(
            app,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{name}' AND pid <> pg_backend_pid()",
        )


def readiness(app: Flask) -> tuple[int, str]:
    """-> status and reasons of ``/readyz``"""
    answer = app.test_client().get("/readyz")
    return answer.status_code, " ".join(answer.json.get("reasons", []))


def forget(app: Flask) -> None:
    """Make what was found before too old to count."""
    check: Any = app.extensions["relay_commit_check"]
    check.ended_at = check.began_at = check.writer.committed_at = 0.0


def check_refused(sender: Sender, sentence: str) -> None:
    """A site gets 503 with Retry-After, and ``/readyz`` says why, with and without an event before."""
    forget(sender.app)
    assert readiness(sender.app) == (503, f"events: {sentence}")
    answer = sender.send(comment())
    assert (answer.status_code, answer.json) == (503, {"error": "unavailable"})
    assert int(answer.headers["Retry-After"]) >= 1
    assert readiness(sender.app) == (503, f"events: {sentence}")


def check_accepted(sender: Sender, event: dict[str, Any]) -> None:
    assert sender.send(event).status_code == 202
    assert readiness(sender.app) == (200, "")


def test_a_missing_column_is_503_and_not_ready_until_it_is_back(sender: Sender) -> None:
    event = comment()
    assert sender.send().status_code == 202
    change(sender.app, "ALTER TABLE event RENAME COLUMN search_text TO searched")
    check_refused(sender, database_errors.OLD_TABLES)
    change(sender.app, "ALTER TABLE event RENAME COLUMN searched TO search_text")
    check_accepted(sender, event)


def test_a_missing_column_of_the_ledger_is_503_too(sender: Sender) -> None:
    change(sender.app, "ALTER TABLE intake RENAME COLUMN received TO taken")
    check_refused(sender, database_errors.OLD_TABLES)


@POSTGRES
def test_a_read_only_database_is_503_and_not_ready(sender: Sender) -> None:
    with sender.app.app_context():
        name = db.engine.url.database
    change(sender.app, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    reconnect(sender.app)
    check_refused(sender, database_errors.READ_ONLY)


@SQLITE
def test_a_read_only_file_is_503_and_not_ready(sender: Sender, tmp_path: Path) -> None:
    config = sender.app.extensions["relay_config"]
    path = config.database_url.removeprefix("sqlite:///")
    other = create_app(replace(config, database_url=f"sqlite:///file:{path}?mode=ro&uri=true"))
    try:
        check_refused(
            Sender(other, sender.slug, sender.key_id, sender.secret), database_errors.READ_ONLY
        )
    finally:
        other.extensions["relay_ingest"].close()
        with other.app_context():
            db.engine.dispose()
        other.extensions["relay_broker"].broker.client.close()


@POSTGRES
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full';", database_errors.DISK_FULL),
        ("SET LOCAL statement_timeout = 1; PERFORM pg_sleep(30);", database_errors.CANCELLED),
        (
            "RAISE EXCEPTION 'no' USING ERRCODE = 'insufficient_privilege';",
            database_errors.NOT_ALLOWED,
        ),
        (
            "RAISE EXCEPTION 'emoji' USING ERRCODE = 'untranslatable_character';",
            database_errors.WRONG_ENCODING,
        ),
        (
            "RAISE EXCEPTION 'x' USING ERRCODE = 'sequence_generator_limit_exceeded';",
            database_errors.IDS_USED_UP,
        ),
    ],
)
def test_a_fault_of_the_database_is_503_and_named(sender: Sender, body: str, sentence: str) -> None:
    change(sender.app, REFUSAL_TRIGGER.format(body=body))
    if sentence == database_errors.CANCELLED:
        with sender.app.app_context():
            name = db.engine.url.database
        change(sender.app, f'ALTER DATABASE "{name}" SET statement_timeout = 500')
        reconnect(sender.app)
    check_refused(sender, sentence)


@contextmanager
def full_disk() -> Iterator[None]:
    """This process cannot write beyond the first 4 KiB of any file: not one page of a database."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@SQLITE
def test_a_disk_that_takes_no_more_data_is_503_and_not_ready(sender: Sender) -> None:
    assert sender.send().status_code == 202
    with full_disk():
        check_refused(sender, database_errors.DISK_ERROR)
    check_accepted(sender, comment())


def test_an_unexpected_error_of_the_database_is_503_and_named_by_its_class(sender: Sender) -> None:
    change(sender.app, "ALTER TABLE event ADD COLUMN extra INTEGER NOT NULL DEFAULT 0")
    with sender.app.app_context():
        is_postgres = db.engine.dialect.name == "postgresql"
    if is_postgres:
        change(sender.app, "ALTER TABLE event ALTER COLUMN extra DROP DEFAULT")
    else:
        trigger = (
            "CREATE TRIGGER refuse BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        change(sender.app, trigger)
    name = "NotNullViolation" if is_postgres else "IntegrityError"
    status, reasons = readiness(sender.app)
    assert (status, f"({name})" in reasons) == (503, True)
    assert sender.send().status_code == 503


@POSTGRES
@pytest.mark.parametrize("code", ["numeric_value_out_of_range", "string_data_right_truncation"])
def test_a_row_that_alone_is_refused_for_its_content_is_400(sender: Sender, code: str) -> None:
    body = (
        f"IF NEW.payload LIKE '%%bad%%' THEN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END IF;"
    )
    change(sender.app, REFUSAL_TRIGGER.format(body=body))
    answer = sender.send(comment(event_id="bad"))
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_body")
    assert readiness(sender.app) == (200, "")
    check_accepted(sender, comment())


@POSTGRES
def test_a_data_error_that_every_row_gets_is_503(sender: Sender) -> None:
    change(sender.app, REFUSAL_TRIGGER.format(body="RAISE EXCEPTION 'x' USING ERRCODE = '22003';"))
    assert sender.send().status_code == 503
    status, reasons = readiness(sender.app)
    assert (status, "NumericValueOutOfRange" in reasons) == (503, True)


def test_the_check_leaves_no_event_and_no_count(sender: Sender) -> None:
    sender.send()
    with sender.app.app_context():
        for _ in range(3):
            store_and_take_back(db.engine)
        assert db.session.scalar(select(func.count()).select_from(Event)) == 1
        assert db.session.scalar(text("SELECT sum(received) FROM intake")) == 1


def test_a_relay_without_sites_is_ready(app: Flask) -> None:
    assert readiness(app) == (200, "")
    change(app, "ALTER TABLE event RENAME COLUMN payload TO body")
    forget(app)
    assert readiness(app)[0] == 503


def commits(app: Flask) -> int:
    """How often the check has committed."""
    with app.app_context():
        number = select(Revision.number).where(Revision.subject == "readiness")
        return db.session.scalar(number) or 0


@SQLITE
def test_many_questions_within_two_seconds_are_one_check(app: Flask) -> None:
    for _ in range(20):
        assert readiness(app)[0] == 200
    assert commits(app) == 1


@SQLITE
def test_nothing_is_stored_while_events_arrive(sender: Sender) -> None:
    sender.send()
    assert readiness(sender.app)[0] == 200
    assert commits(sender.app) == 0


@POSTGRES
def test_a_table_that_stays_locked_is_not_ready_after_the_time_that_a_request_waits(
    sender: Sender,
) -> None:
    gateway: Any = sender.app.extensions["relay_ingest"]
    gateway.commit_check.wait_s = 0.5
    with sender.app.app_context(), db.engine.connect() as blocker:
        blocker.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        assert readiness(sender.app) == (503, f"events: {commit_check.NO_COMMIT}")
        assert time.monotonic() - began < 5
        blocker.rollback()
    wait_for(lambda: readiness(sender.app)[0] == 200, 10, "to be ready again")
