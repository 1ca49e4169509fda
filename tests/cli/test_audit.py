"""``flask audit`` lists, checks and exports."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from flask import Flask

from relay.models import db
from relay.services.audit import By, record

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def filled(app: Flask) -> Flask:
    with app.app_context():
        for number in range(3):
            record(By("eve@example.com"), "key.rotate", f"=shop {number}", window_s=3600)
        record(By("ada@example.com"), "user.create", "new@example.com", role="admin")
        db.session.commit()
    return app


def run(app: Flask, *words: str, code: int = 0) -> Any:
    found = app.test_cli_runner().invoke(args=["audit", *words])
    assert found.exit_code == code, found.output
    return json.loads(found.output) if "--json" in words else found.output


def test_it_lists_what_the_options_choose(filled: Flask) -> None:
    page = run(filled, "list", "--json", "--limit", "2")
    assert (page["total"], len(page["items"])) == (4, 2)
    assert page["items"][0]["detail"] == "Role: admin"
    older = run(filled, "list", "--json", "--after", str(page["next_after"]))
    assert [one["subject"] for one in older["items"]] == ["=shop 1", "=shop 0"]
    for options, total in (
        (("--actor", "eve@example.com"), 3),
        (("--action", "key"), 3),
        (("--object", "shop 2"), 1),
        (("--search", "admin"), 1),
        (("--since", "2099-01-01"), 0),
        (("--until", "9999-12-31"), 4),
        (("--until", "2000-01-01"), 0),
    ):
        assert run(filled, "list", "--json", *options)["total"] == total, options
    run(filled, "list", "--since", "0001-01-01T00:00:00+1400", code=2)


def test_verify_exits_with_1_and_names_the_first_broken_entry(filled: Flask) -> None:
    assert run(filled, "verify", "--json") == {"ok": True, "entries": 4, "older": 0}
    with filled.app_context():
        db.session.execute(db.text("DELETE FROM audit_entry WHERE seq = 2"))
        db.session.commit()
    found = run(filled, "verify", "--json", code=1)
    assert (found["ok"], found["broken"]["seq"], found["broken"]["problem"]) == (
        False,
        2,
        "deleted",
    )
    assert "Entry 2 is missing" in run(filled, "verify", code=1)
    doctor = filled.test_cli_runner().invoke(args=["doctor", "--json", "--offline"])
    found = [one for one in json.loads(doctor.output)["findings"] if one["check"] == "audit log"]
    assert found[0]["level"] == "error" and "Entry 2 is missing" in found[0]["what"]


def test_an_export_is_recorded_and_holds_no_formula(filled: Flask) -> None:
    text = run(filled, "export", "--action", "key.rotate")
    assert [row["subject"] for row in csv.DictReader(io.StringIO(text))] == [
        f"'=shop {number}" for number in (2, 1, 0)
    ]
    found = run(filled, "export", "--json")
    assert (found["total"], found["items"][0]["action"]) == (5, "audit.export")
