"""Rotation and revocation of signing keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from relay import database
from relay.errors import Refusal
from relay.models import AuditEntry, Source, db
from relay.services.audit import By
from relay.services.sources import keys
from relay.services.sources import settings as source_settings

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADA = By("ada@example.com", "203.0.113.1")
HOUR = timedelta(hours=1)


@pytest.fixture
def source(app: Flask) -> Iterator[Source]:
    with app.app_context():
        yield source_settings.create_source("Shop", "https://shop.example.com", ADA)[0]


def audited(action: str) -> list[tuple[str, dict[str, object]]]:
    wanted = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return [(entry.actor, entry.detail) for entry in db.session.scalars(wanted)]


def test_a_routine_rotation_keeps_the_old_key_for_exactly_the_window(source: Source) -> None:
    old = source.keys[0]
    began = database.now(db.session)
    new, _ = keys.rotate_key(source, ADA, HOUR)
    ended = database.now(db.session)
    assert (old.state, new.state, new.not_after) == ("retiring", "active", None)
    assert old.not_after is not None and began + HOUR <= old.not_after <= ended + HOUR
    detail = {"key": new.key_id, "window_s": 3600.0, "reason": "routine"}
    assert audited("key.rotate") == [("ada@example.com", detail)]


def test_a_second_rotation_leaves_the_end_of_the_first_key(source: Source) -> None:
    first = source.keys[0]
    keys.rotate_key(source, ADA, HOUR)
    end = first.not_after
    keys.rotate_key(source, ADA, 24 * HOUR)
    assert first.not_after == end


def test_a_key_that_may_have_leaked_is_revoked_with_all_others_and_each_is_audited(
    source: Source,
) -> None:
    first = source.keys[0]
    second, _ = keys.rotate_key(source, ADA, HOUR)
    new, _ = keys.rotate_key(source, ADA, HOUR, leaked=True)
    now = database.now(db.session)
    assert [keys.shown_state(key, now) for key in (first, second, new)] == [
        *("revoked", "revoked", "active")
    ]
    assert first.revoked_at is not None and second.revoked_at is not None
    revoked = [detail["key"] for _, detail in audited("key.revoke")]
    assert sorted(map(str, revoked)) == sorted([first.key_id, second.key_id])
    assert audited("key.rotate")[-1][1]["reason"] == "may have leaked"


def test_a_revocation_is_audited(source: Source) -> None:
    key = keys.revoke_key(source.keys[0].key_id, ADA)
    assert audited("key.revoke") == [("ada@example.com", {"key": key.key_id})]


def test_the_same_form_sent_again_does_not_rotate_again(source: Source) -> None:
    seen = source.keys[0].key_id
    keys.rotate_key(source, ADA, HOUR, newest=seen)
    with pytest.raises(Refusal, match="was rotated already"):
        keys.rotate_key(source, ADA, HOUR, newest=seen)
    assert len(source.keys) == 2


def test_what_the_site_loses_with_a_key_is_said_before(source: Source) -> None:
    now, old = database.now(db.session), source.keys[0]
    assert "the last key of the site that works" in keys.without(old, now)
    new, _ = keys.rotate_key(source, ADA, HOUR)
    assert keys.without(old, database.now(db.session)) == ""
    assert "The other keys of the site expire" in keys.without(new, database.now(db.session))
