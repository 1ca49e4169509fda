"""Creating, listing and revoking API tokens."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.models import ApiToken, ApiTokenSite, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources.settings import create_source
from relay.services.tokens import settings
from relay.services.tokens.settings import CreatedToken, TokenChoice
from relay.services.users import team as team_service
from tests.services.users.conftest import Team

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def create(team: Team, name: str = "CI", role: str = "viewer", **more: object) -> CreatedToken:
    return settings.create_token(team.ann_id, TokenChoice(name, role, **more), team.by)  # type: ignore[arg-type]


def test_a_token_is_shown_once_and_only_its_keyed_hash_is_stored(team: Team) -> None:
    made = create(team, role="support", lasts=timedelta(days=30))
    assert re.fullmatch(r"relay_[A-Za-z0-9]{43}", made.secret)
    assert made.secret not in repr(made)
    row = db.session.execute(select(ApiToken.__table__)).mappings().one()
    assert made.secret not in str(dict(row)) and made.secret.startswith(row["hint"])
    assert len(row["digest"]) == 32 and len(row["hint"]) == 10
    left = made.token.expires_at - database.now(db.session)  # type: ignore[operator]
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    detail = team.trail()[-1][3]
    assert (detail["user"], detail["role"], detail["sites"]) == (
        "ann@example.com",
        "support",
        "all",
    )


@SQLITE
def test_what_is_not_possible_is_refused_with_the_field(team: Team) -> None:
    create(team)
    for field, choice in (
        ("name", TokenChoice(" ", "viewer")),
        ("name", TokenChoice("x" * 121, "viewer")),
        ("name", TokenChoice("CI", "viewer")),  # taken
        ("role", TokenChoice("A", "owner")),
        ("sites", TokenChoice("A", "viewer", ["unknown"])),
        ("sites", TokenChoice("A", "viewer", [])),
        ("expires", TokenChoice("A", "viewer", None, timedelta())),
        ("expires", TokenChoice("A", "viewer", None, timedelta(days=4000))),
    ):
        with pytest.raises(Invalid) as caught:
            settings.create_token(team.ann_id, choice, team.by)
        assert list(caught.value.reasons) == [field], choice
    with pytest.raises(NotFound):
        settings.create_token(99, TokenChoice("A", "viewer"), team.by)
    with pytest.raises(Invalid, match="more rights"):
        settings.create_token(team.vic_id, TokenChoice("A", "support"), team.by)
    team_service.disable(team.vic_id, team.by)
    with pytest.raises(Refusal, match="cannot sign in"):
        settings.create_token(team.vic_id, TokenChoice("A", "viewer"), team.by)


@SQLITE
def test_a_token_has_at_most_the_sites_of_its_user(team: Team) -> None:
    own, *_ = create_source("Own", "https://own.example.com", COMMAND_LINE)
    other, *_ = create_source("Other", "https://other.example.com", COMMAND_LINE)
    team_service.set_sites(team.vic_id, [own.slug], team.by)
    with pytest.raises(Invalid, match="no site other"):
        settings.create_token(team.vic_id, TokenChoice("A", "viewer", [other.slug]), team.by)
    all_seen = settings.create_token(team.vic_id, TokenChoice("A", "viewer"), team.by)
    assert all_seen.token.site_ids == {own.id}
    with pytest.raises(Invalid, match="admin sees all sites"):
        create(team, role="admin", sites=[own.slug])
    limited = create(team, sites=[own.slug, other.slug]).token
    assert limited.site_ids == {own.id, other.id}
    assert settings.slugs_of([limited, all_seen.token]) == {
        limited.id: ["other", "own"],
        all_seen.token.id: None,
    }


def test_a_revoked_token_stays_in_the_list_for_a_while(team: Team) -> None:
    first, second = create(team, "First").token, create(team, "Second").token
    with pytest.raises(NotFound):
        settings.revoke_token(first.id, team.by, user_id=team.vic_id)
    settings.revoke_token(first.id, team.by)
    with pytest.raises(Refusal, match="already revoked"):
        settings.revoke_token(first.id, team.by)
    assert team.trail()[-1][1:3] == ("token.revoke", "First")
    now = database.now(db.session)
    found = settings.list_tokens().items
    assert [(one.name, settings.state_of(one, now)) for one in found] == [
        ("Second", "active"),
        ("First", "revoked"),
    ]
    assert [one.name for one in settings.list_tokens(team.ann_id, ended=False).items] == ["Second"]
    assert settings.list_tokens(team.vic_id).items == []
    long_ago = now - settings.KEPT - timedelta(hours=1)
    db.session.execute(update(ApiToken).where(ApiToken.id == first.id).values(revoked_at=long_ago))
    db.session.execute(
        update(ApiToken).where(ApiToken.id == second.id).values(expires_at=now - timedelta(1))
    )
    db.session.commit()
    create(team, "Second")  # the name of an expired token is free
    assert [one.name for one in settings.list_tokens().items] == ["Second", "Second"]
    assert db.session.scalars(select(ApiTokenSite)).all() == []


@pytest.mark.parametrize("text", ["", "0d", "90", "1w", "-1d", "999999999d"])
def test_a_wrong_time_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        settings.parse_life(text)


def test_a_time_is_in_hours_or_days_or_never() -> None:
    assert settings.parse_life("12h") == timedelta(hours=12)
    assert settings.parse_life("90d") == timedelta(days=90)
    assert settings.parse_life("never") is None
