"""The preview of a large replay: it examines the newest deliveries, and the replay takes all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from relay import database
from relay.models import Delivery, db
from relay.services.audit import COMMAND_LINE
from relay.services.dead_letters.selection import Selection
from relay.services.replays import actions, preview
from tests.support.world import World


def test_a_large_selection_is_examined_in_part_and_sent_as_a_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    selected = preview.select_dead_letters(Selection())
    assert not preview.dry_run(selected).is_cut
    found = preview.dry_run(selected, most=2)
    assert (found.is_cut, found.total) == (True, 2)
    assert found.ids == selected.newest()[:2]
    assert preview.dry_run(selected, most=None).total == 5
    monkeypatch.setattr(actions, "CHUNK", 2)
    assert actions.start(selected, COMMAND_LINE, "token").total == 5


def test_the_first_delivery_since_a_time_is_found_by_halving(world: World) -> None:
    now = database.now(db.session)
    ids = db.session.scalars(select(Delivery.id).order_by(Delivery.id)).all()
    for number, one in enumerate(ids):
        at = now - timedelta(hours=len(ids) - number)
        db.session.execute(update(Delivery).where(Delivery.id == one).values(created_at=at))
    db.session.commit()
    for hours in range(len(ids) + 2):
        begin = now - timedelta(hours=hours, minutes=30)
        low = db.session.scalar(select(preview.first_since(begin)))
        since = [one for number, one in enumerate(ids) if len(ids) - number <= hours]
        assert low is not None
        assert all(one >= low for one in since)
        assert sum(one >= low for one in ids) <= len(since) + 1
