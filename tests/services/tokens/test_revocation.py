"""The tokens of a user end with the user's rights."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from relay.models import ApiToken, ApiTokenSite, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources.settings import create_source
from relay.services.tokens import settings
from relay.services.tokens.checking import check_token
from relay.services.tokens.settings import TokenChoice
from relay.services.users import team as team_service
from tests.services.users.conftest import ADDRESS, Team


def create(team: Team, role: str, sites: list[str] | None = None) -> str:
    return settings.create_token(team.bob_id, TokenChoice(role, role, sites), team.by).secret


def test_a_lower_role_revokes_the_tokens_above_it_permanently(team: Team) -> None:
    viewer, support, admin = (create(team, role) for role in ("viewer", "support", "admin"))
    team_service.set_role(team.bob_id, "support", team.by)
    works = [check_token(token, ADDRESS) is not None for token in (viewer, support, admin)]
    assert works == [True, True, False]
    assert team.trail()[-1][:3] == ("ann@example.com", "token.revoke", "admin")
    team_service.set_role(team.bob_id, "admin", team.by)
    assert check_token(admin, ADDRESS) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_disabling_a_user_revokes_all_tokens_permanently(team: Team) -> None:
    tokens = [create(team, role) for role in ("viewer", "admin")]
    team_service.disable(team.bob_id, team.by)
    team_service.enable(team.bob_id, team.by)
    assert [check_token(token, ADDRESS) for token in tokens] == [None, None]
    assert {one.revoked_by for one in settings.list_tokens().items} == {"ann@example.com"}


def test_deleting_a_user_deletes_the_tokens(team: Team) -> None:
    source, *_ = create_source("Shop", "https://shop.example.com", COMMAND_LINE)
    token = create(team, "viewer", [source.slug])
    team_service.delete_user(team.bob_id, team.by)
    assert check_token(token, ADDRESS) is None
    for table in (ApiToken, ApiTokenSite):
        assert db.session.scalars(select(table)).all() == []
