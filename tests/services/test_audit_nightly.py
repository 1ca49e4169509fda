"""The nightly check of the audit log opens an alert and resolves it."""

from __future__ import annotations

from datetime import time

import pytest
from flask import Flask

from relay.models import Alert, db
from relay.services import audit_nightly
from relay.services.audit import COMMAND_LINE, record

MIDNIGHT = time(0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_runs_once_a_night_and_the_alert_ends_with_its_cause(app: Flask) -> None:
    with app.app_context():
        record(COMMAND_LINE, "test.add", "x")
        db.session.commit()
        found = audit_nightly.verify_nightly(MIDNIGHT)
        assert found and found.broken is None
        assert audit_nightly.verify_nightly(MIDNIGHT) is None
        db.session.execute(db.text("UPDATE audit_entry SET actor = 'eve'"))
        db.session.commit()
        assert audit_nightly.verify_now().broken
        [alert] = db.session.query(Alert).all()
        assert (alert.rule, alert.resolved_at) == ("audit_log", None)
        assert "Entry 1 was changed" in alert.sentence
        db.session.execute(db.text("UPDATE audit_entry SET actor = 'command line'"))
        db.session.commit()
        assert audit_nightly.verify_now().broken is None
        db.session.expire_all()
        assert alert.resolved_at is not None
