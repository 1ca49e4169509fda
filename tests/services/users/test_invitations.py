"""Invitations: one link at a time, used once, only within its time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.models import OneTimeLink, db
from relay.rules.states import UserState
from relay.services.audit import COMMAND_LINE
from relay.services.sources.settings import create_source
from relay.services.users import invitations
from tests.services.users.conftest import ADDRESS, PASSWORD, Team

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NEW = "new@example.com"


def token_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def test_an_invited_person_sets_name_and_password_once(team: Team) -> None:
    made = invitations.invite(" New@Example.com ", "support", team.by, "Nina")
    assert made.url.startswith("http://127.0.0.1:8000/invite/")
    assert token_of(made.url) not in repr(made)
    assert made.expires_at - database.now(db.session) > timedelta(days=6.9)
    token = token_of(made.url)
    assert not team.can_sign_in(NEW, "")
    for _ in range(2):  # mail programs open links before people do
        assert invitations.find_invited(token).name == "Nina"
    for name, password in (("", PASSWORD), ("Nina", "password1234")):
        with pytest.raises(Invalid):
            invitations.accept(token, name, password, ADDRESS)
    user = invitations.accept(token, " Nina\nN. ", PASSWORD, ADDRESS)
    assert (user.name, user.state, user.role) == ("Nina N.", UserState.ACTIVE, "support")
    assert team.can_sign_in(NEW)
    for again in (invitations.find_invited, lambda t: invitations.accept(t, "N", PASSWORD, "")):
        with pytest.raises(NotFound, match="already used"):
            again(token)
    assert team.trail()[:2] == [
        ("ann@example.com", "user.invite", NEW, {"role": "support", "sites": "all"}),
        (NEW, "user.sign_in_refused", NEW, {}),
    ]
    assert team.trail()[2] == (NEW, "user.accept_invite", NEW, {"role": "support"})


@SQLITE
def test_a_new_invitation_replaces_the_old_one(team: Team) -> None:
    source, *_ = create_source("Shop", "https://shop.example.com", COMMAND_LINE)
    first = invitations.invite(NEW, "viewer", team.by)
    second = invitations.invite_again(first.user_id, team.by)
    third = invitations.invite(NEW, "support", team.by, slugs=[source.slug])
    assert first.user_id == third.user_id
    for old in (first, second):
        with pytest.raises(NotFound):
            invitations.find_invited(token_of(old.url))
    user = invitations.accept(token_of(third.url), "N", PASSWORD, ADDRESS)
    assert (user.role, user.site_ids) == ("support", {source.id})
    with pytest.raises(Refusal, match="no open invitation"):
        invitations.invite_again(user.id, team.by)
    with pytest.raises(Invalid, match="already exists"):
        invitations.invite(NEW, "viewer", team.by)


@SQLITE
def test_an_invitation_expires_after_seven_days(team: Team) -> None:
    made = invitations.invite(NEW, "viewer", team.by)
    link = db.session.scalars(select(OneTimeLink)).one()
    assert link.expires_at is not None
    for left, works in ((timedelta(minutes=1), True), (-timedelta(seconds=1), False)):
        at = database.now(db.session) + left
        db.session.execute(update(OneTimeLink).values(expires_at=at))
        db.session.commit()
        if works:
            invitations.find_invited(token_of(made.url))
        else:
            with pytest.raises(NotFound, match="expired"):
                invitations.accept(token_of(made.url), "N", PASSWORD, ADDRESS)


@SQLITE
def test_what_is_wrong_is_said_per_field(team: Team) -> None:
    with pytest.raises(Invalid) as caught:
        invitations.invite("no address", "owner", team.by, slugs=["nowhere"])
    assert set(caught.value.reasons) == {"email", "role", "sites"}
    assert team.trail() == []
