"""Bodies of requests and responses may be kept for less time than their event."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.models import Attempt, db
from relay.services.operations import bodies
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink


def test_bodies_go_after_their_days_and_the_attempt_stays(app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    with app.app_context():
        now = database.now(db.session)
        old = update(Attempt).values(started_at=now - timedelta(days=8))
        db.session.execute(old)
        db.session.commit()
        sink.answer(200, b"welcome", path="/hook")
    world.put(app, made.slug, comment(event_id="young"))
    world.move(app, made.inbox, made.hook)
    with app.app_context():
        wanted = select(Attempt).order_by(Attempt.id)
        assert bodies.delete_old(now) == 0, "by default they stay as long as the event"
        app.extensions["relay_config"] = replace(
            app.extensions["relay_config"], attempt_body_days=7
        )
        assert bodies.delete_old(now) == 2
        *first, young = db.session.scalars(wanted).all()[:3]
        (hook,) = (one for one in first if one.status == 400)
        assert hook.request["body"] == hook.response["body"] == "[deleted after 7 days]"
        assert hook.request["url"] and "deleted after" not in str(young.request)
        db.session.commit()
        assert bodies.delete_old(now) == 0, "each is read once"
        assert bodies.delete_old(now + timedelta(days=8)) == 2
        db.session.remove()
