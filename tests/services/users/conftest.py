"""A team: Ann and Bob are admins, Vic is a viewer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import AuditEntry, User, db
from relay.rules.states import SignInMethod
from relay.services import mail
from relay.services.audit import By
from relay.services.users import accounts, sessions, sign_in
from relay.services.users.sessions import Browser
from tests.support.mail import MailServer, use_mail

PASSWORD = "correct horse battery staple"
ADDRESS = "203.0.113.7"


class Team:
    """People by their first names; ``ann`` is who acts."""

    def __init__(self) -> None:
        for name, role in (("ann", "admin"), ("bob", "admin"), ("vic", "viewer")):
            user = accounts.create_user(f"{name}@example.com", PASSWORD, role, By("command line"))
            setattr(self, f"{name}_id", user.id)
        self.by = By("ann@example.com", ADDRESS)

    ann_id: int
    bob_id: int
    vic_id: int

    def user(self, user_id: int) -> User:
        db.session.rollback()
        return db.session.get_one(User, user_id, populate_existing=True)

    def sign_in(self, user_id: int) -> int:
        """A new session of this person.  -> its id"""
        started = sessions.start(
            self.user(user_id), SignInMethod.PASSWORD, Browser(ADDRESS, "Firefox on Linux")
        )
        db.session.commit()
        return started.id

    def can_sign_in(self, email: str, password: str = PASSWORD) -> bool:
        db.session.rollback()
        return sign_in.check_password(email, password, ADDRESS) is not None

    def sessions_of(self, user_id: int) -> int:
        return len(sessions.list_sessions(user_id))

    def trail(self) -> list[tuple[str, str, str, dict[str, object]]]:
        """The audit entries after those of the fixture: actor, action, object and detail."""
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id).offset(3))
        return [(one.actor, one.action, one.object_label, one.detail) for one in entries]


@pytest.fixture
def team(app: Flask) -> Iterator[Team]:
    with app.app_context():
        yield Team()
        db.session.remove()


@pytest.fixture
def server(app: Flask, team: Team) -> Iterator[MailServer]:
    """The mail server of the app, with all mails that were sent to it."""
    server = MailServer(login=False)
    use_mail(app, server)
    yield server
    mail.outbox().join()
    server.close()
