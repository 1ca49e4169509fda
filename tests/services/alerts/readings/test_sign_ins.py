"""Failed sign-ins per person."""

from __future__ import annotations

from datetime import timedelta

from relay.models import AuditEntry, db
from relay.rules.alerts import ReadingLevel
from relay.services.alerts.readings import sign_ins
from relay.services.alerts.wording import subject_names
from relay.services.audit import COMMAND_LINE
from relay.services.users import accounts
from tests.services.alerts.problems import Shop
from tests.services.alerts.readings.conftest import Read

ANN = "ann@example.com"


def attempts(shop: Shop, number: int, **columns: object) -> None:
    for n in range(number):
        entry = AuditEntry(
            actor=ANN, action="user.sign_in_refused", object_label=ANN, detail={}, at=shop.now
        )
        entry.address = f"203.0.113.{n % 3}"
        for name, value in columns.items():
            setattr(entry, name, value)
        db.session.add(entry)
    db.session.commit()


def test_failed_sign_ins_of_a_person_are_counted(shop: Shop, read: Read) -> None:
    user = accounts.create_user(ANN, "correct horse battery staple", "viewer", COMMAND_LINE)
    assert not read(sign_ins.read)
    attempts(shop, 20, at=shop.now - timedelta(minutes=15, seconds=1))
    attempts(shop, 20, action="user.sign_in")
    attempts(shop, 20, object_label="unknown@example.com")
    assert not read(sign_ins.read)
    attempts(shop, 8)
    attempts(shop, 1, action="user.sign_in_limited")
    found = read(sign_ins.read)["failed_sign_ins"]
    assert (found.level, found.value) == (ReadingLevel.CLEAR, 9)
    attempts(shop, 1)
    found = read(sign_ins.read)["failed_sign_ins"]
    assert (found.level, found.count) == (ReadingLevel.FIRING, 10)
    assert found.sentence == (
        "10 sign-ins as ann@example.com failed in the last 15 minutes, from 3 IP addresses."
    )
    assert found.subject == f"user:{user.id}"
    assert subject_names([found.subject]) == {found.subject: ANN}
    assert found.path == f"/team/{user.id}"
