"""Sessions: when they end, what they remember, and who ends them."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from relay import database
from relay.errors import NotFound
from relay.models import AuditEntry, Passkey, User, UserSession, db
from relay.rules.states import SignInMethod, UserState
from relay.services.audit import By
from relay.services.users import sessions
from relay.services.users.second_factor import policy
from relay.services.users.sessions import Browser
from tests.services.users.conftest import ADDRESS, Team

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FIREFOX = "Firefox on Linux"


def start(team: Team, user_id: int = 0) -> str:
    """A session of Ann.  -> its token"""
    user = team.user(user_id or team.ann_id)
    token = sessions.start(user, SignInMethod.PASSKEY, Browser(ADDRESS, FIREFOX)).token
    db.session.commit()
    return token


def find(token: str) -> UserSession | None:
    db.session.rollback()
    db.session.expire_all()
    return sessions.find(token)


def age(**times: timedelta) -> None:
    """Make all sessions older."""
    for name, by in times.items():
        for session in db.session.scalars(select(UserSession)):
            setattr(session, name, getattr(session, name) - by)
    db.session.commit()


def test_a_session_stores_the_hash_of_its_token_and_where_it_is_from(team: Team) -> None:
    token = start(team)
    other = start(team)
    assert len(token) == 43 and token != other  # 32 random bytes
    found = find(token)
    assert found is not None and found.token == found.get_id() == token
    assert found.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert (found.user_id, found.method) == (team.ann_id, SignInMethod.PASSKEY)
    assert (found.address, found.device) == (ADDRESS, FIREFOX)
    assert find(token[:-1]) is None and find("") is None and find(found.token_sha256) is None
    signed_in = ("ann@example.com", "user.sign_in", "ann@example.com", {"method": "passkey"})
    assert team.trail() == [signed_in, signed_in]
    addresses = select(AuditEntry.address).order_by(AuditEntry.id.desc()).limit(2)
    assert list(db.session.scalars(addresses)) == [ADDRESS, ADDRESS]
    user = team.user(team.ann_id)
    now = database.now(db.session)
    assert user.last_login_at is not None and now - user.last_login_at < timedelta(seconds=60)
    long = sessions.start(user, SignInMethod.LINK, Browser("a" * 99, "d" * 999))
    assert (len(long.address), len(long.device)) == (45, 120)


@pytest.mark.parametrize(
    ("name", "limit"), [("seen_at", timedelta(minutes=30)), ("created_at", timedelta(hours=12))]
)
def test_a_session_has_two_limits(team: Team, name: str, limit: timedelta) -> None:
    token = start(team)
    age(**{name: limit - timedelta(minutes=1)})
    assert find(token) is not None and team.sessions_of(team.ann_id) == 1
    age(**{name: timedelta(minutes=1)})
    assert find(token) is None and team.sessions_of(team.ann_id) == 0
    foreign = start(team, team.bob_id)
    age(**{name: limit})
    start(team)  # a sign-in removes the person's sessions that are over, not those of others
    rows = list(db.session.scalars(select(UserSession)))
    assert sorted(row.user_id for row in rows) == [team.ann_id, team.bob_id]
    assert find(foreign) is None


@pytest.mark.parametrize("state", [UserState.DISABLED, UserState.INVITED])
def test_only_an_active_user_has_a_session(team: Team, state: UserState) -> None:
    token = start(team)
    db.session.execute(update(User).values(state=state))
    db.session.commit()
    assert find(token) is None


def test_a_use_is_remembered_once_a_minute(team: Team) -> None:
    token = start(team)
    session = find(token)
    assert session is not None and not sessions.needs_touch(session)
    age(seen_at=timedelta(seconds=30))
    session = find(token)
    assert session is not None and not sessions.needs_touch(session)
    age(seen_at=timedelta(seconds=31))
    other = start(team)
    session = find(token)
    assert session is not None and sessions.needs_touch(session)
    session.read_at = None
    assert not sessions.needs_touch(session)
    db.session.rollback()
    age(seen_at=timedelta(minutes=5))
    sessions.touch(session.id)
    session, untouched = find(token), find(other)
    assert session is not None and not sessions.needs_touch(session)
    assert untouched is not None and sessions.needs_touch(untouched)


def test_a_proof_lasts_ten_minutes(team: Team) -> None:
    token = start(team)
    age(proved_at=timedelta(minutes=9))
    session = find(token)
    assert session is not None and sessions.has_fresh_proof(session)
    age(proved_at=timedelta(minutes=1))
    other = start(team)
    age(proved_at=timedelta(minutes=1))
    session = find(token)
    assert session is not None and not sessions.has_fresh_proof(session)
    sessions.prove(session.id)
    db.session.commit()
    session = find(token)
    assert session is not None and sessions.has_fresh_proof(session)
    age(proved_at=timedelta(minutes=10))
    sessions.prove(session.id)
    db.session.commit()
    untouched = find(other)
    assert untouched is not None and not sessions.has_fresh_proof(untouched)
    untouched.read_at = None  # it was just made
    assert sessions.has_fresh_proof(untouched)


def test_a_role_can_need_a_second_factor(team: Team) -> None:
    token = start(team)

    def needs() -> bool:
        found = find(token)
        assert found is not None
        return found.needs_factor

    assert not needs()
    policy.require_for(["viewer"], team.by)
    assert not needs()
    policy.require_for(["admin"], team.by)
    assert needs()
    user = team.user(team.ann_id)
    user.totp_sealed = "sealed"
    db.session.commit()
    assert not needs()
    user = team.user(team.ann_id)
    user.totp_sealed = None
    user.passkeys = [Passkey(name="Key", credential_id="c", public_key=b"k")]
    db.session.commit()
    assert not needs()


def test_sessions_are_listed_with_the_last_used_first(team: Team) -> None:
    first, second = team.sign_in(team.vic_id), team.sign_in(team.vic_id)
    team.sign_in(team.bob_id)
    assert [one.id for one in sessions.list_sessions(team.vic_id)] == [second, first]
    same = db.session.get_one(UserSession, first).seen_at
    db.session.execute(update(UserSession).values(seen_at=same))
    db.session.commit()
    assert [one.id for one in sessions.list_sessions(team.vic_id)] == [second, first]
    row = db.session.get_one(UserSession, second)
    row.seen_at -= timedelta(minutes=1)
    db.session.commit()
    assert [one.id for one in sessions.list_sessions(team.vic_id)] == [first, second]


def test_a_session_is_ended_by_its_own_person(team: Team) -> None:
    own, foreign = team.sign_in(team.vic_id), team.sign_in(team.bob_id)
    by = By("vic@example.com", ADDRESS)
    for wrong in (foreign, 999):
        with pytest.raises(NotFound, match=r"^This session has already ended\.$"):
            sessions.end(team.vic_id, wrong, by)
    sessions.end(team.vic_id, own, by)
    assert team.sessions_of(team.vic_id) == 0 and team.sessions_of(team.bob_id) == 1
    assert team.trail()[-1] == (
        *("vic@example.com", "user.sign_out", "vic@example.com"),
        {"sessions": 1, "device": FIREFOX},
    )


def test_all_sessions_of_a_person_end_but_one(team: Team) -> None:
    kept, _ = team.sign_in(team.vic_id), team.sign_in(team.vic_id)
    team.sign_in(team.bob_id)
    vic = team.user(team.vic_id)
    assert sessions.end_all(vic, team.by, but=kept) == 1
    assert list(db.session.scalars(select(UserSession.id).filter_by(user_id=vic.id))) == [kept]
    assert sessions.end_all(vic, team.by, but=kept) == 0
    assert sessions.end_all(vic, team.by) == 1
    db.session.commit()
    assert team.sessions_of(team.vic_id) == 0 and team.sessions_of(team.bob_id) == 1
    said = ("ann@example.com", "user.sign_out", "vic@example.com", {"sessions": 1})
    assert team.trail()[-2:] == [said, said]


def test_the_time_is_the_databases(team: Team) -> None:
    found = find(start(team))
    assert found is not None and isinstance(found.read_at, datetime)
    assert abs(found.read_at - database.now(db.session)) < timedelta(seconds=30)


def test_a_use_that_cannot_be_remembered_is_a_line_in_the_log(team: Team) -> None:
    session = find(start(team))
    assert session is not None
    number = session.id
    db.session.rollback()
    db.session.connection().exec_driver_sql("ALTER TABLE user_session RENAME TO away")
    db.session.commit()
    with capture_logs() as lines:
        sessions.touch(number)
    assert lines == [
        {"event": "session.not_touched", "log_level": "warning", "error": "OperationalError"}
    ]


@pytest.mark.parametrize(
    ("early", "is_over"), [(timedelta(microseconds=1), False), (timedelta(0), True)]
)
def test_the_limits_are_exact(team: Team, early: timedelta, is_over: bool) -> None:
    session = find(start(team))
    assert session is not None
    assert session.read_at is not None
    now = session.read_at
    session.seen_at, session.created_at = now - sessions.IDLE + early, now
    assert sessions._is_valid(session, now) is not is_over
    session.seen_at, session.created_at = now, now - sessions.ABSOLUTE + early
    assert sessions._is_valid(session, now) is not is_over
    session.proved_at = now - sessions.PROOF + early
    assert sessions.has_fresh_proof(session) is not is_over
    session.seen_at = now - sessions.TOUCH + early
    assert sessions.needs_touch(session) is is_over
