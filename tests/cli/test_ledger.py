"""``flask ledger``: the numbers of the page, and an exit code for monitoring."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from relay.models import Intake, db
from tests.cli.conftest import Run
from tests.ingest.conftest import Sender
from tests.services.ledgers import pass_days, today
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import make, move


@pytest.fixture
def yesterday(app: Flask, sink: Sink) -> str:
    """A day with one comment, delivered to one destination and dead at another."""
    world = make(app, sink)
    with app.app_context():
        for table in ("attempt", "dead_letter", "delivery", "event"):
            db.session.execute(db.metadata.tables[table].delete())
        db.session.commit()
    Sender(app, world.slug, world.key_id, world.secret).send(comment())
    move(app, world.inbox, world.hook)
    with app.app_context():
        pass_days(1)
        day = today() - timedelta(days=1)
    app.extensions["relay_ingest"].close()
    return day.isoformat()


def test_show_prints_each_day_with_its_facts(run: Run, yesterday: str) -> None:
    [line] = run("ledger", "show", "--json")["items"]
    facts = line.pop("facts")
    assert line == {
        "day": yesterday, "source": "shop", "received": 1, "duplicates": 0, "refused": 0,
        "routed": 1, "unrouted": 0, "unwanted": 0, "deliveries": 2, "delivered": 1, "waiting": 0,
        "dead": 1, "discarded": 0, "adds_up": True,
        "destinations": [
            {"name": "Inbox", "delivered": 1, "of": 1}, {"name": "Hook", "delivered": 0, "of": 1},
        ],
    }  # fmt: skip
    assert "reached Inbox; 0 of 1 reached Hook." in facts[0]
    assert run("ledger", "show", "--day", "2026-01-01", "--json") == {"items": [], "total": 0}
    assert "shop" in run("ledger", "show", "--source", "shop", "--day", yesterday)
    assert "no source called nowhere" in run("ledger", "show", "--source", "nowhere", code=1)
    run("ledger", "show", "--day", "yesterday", code=2)


def test_check_exits_with_1_if_the_numbers_do_not_agree(
    app: Flask, run: Run, yesterday: str
) -> None:
    assert run("ledger", "check", "--json") == {"ok": True, "days": 1, "gaps": [], "sites": []}
    assert "all numbers agree" in run("ledger", "check", "--day", yesterday)
    with app.app_context():
        assert "is not over yet" in run("ledger", "check", "--day", today().isoformat(), code=1)
        db.session.execute(update(Intake).values(received=4))
        db.session.commit()
    done = app.test_cli_runner().invoke(args=["ledger", "check", "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["ok"]) == (1, False)
    assert found["gaps"] == [
        {
            "day": yesterday,
            "source": "shop",
            "gap": "4 events were received, and 3 are missing.",
        }
    ]
