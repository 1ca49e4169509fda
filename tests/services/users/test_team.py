"""Roles, sites, states and sessions of other people."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from relay.errors import Invalid
from relay.models import OneTimeLink, User, UserSession, UserSite, db
from relay.rules.states import UserState
from relay.services import mail
from relay.services.audit import COMMAND_LINE
from relay.services.sources.settings import create_source
from relay.services.users import invitations, new_passwords
from relay.services.users import team as services
from tests.services.users.conftest import ADDRESS, Team
from tests.support.mail import MailServer

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
VIC = "vic@example.com"


@SQLITE
def test_a_role_is_changed_once_with_a_mail_and_an_audit_entry(
    team: Team, server: MailServer
) -> None:
    assert services.set_role(team.vic_id, "support", team.by).role == "support"
    services.set_role(team.vic_id, "support", team.by)
    detail = {"before": "viewer", "now": "support"}
    assert team.trail() == [("ann@example.com", "user.role", VIC, detail)]
    mail.outbox().join()
    assert "from viewer to support" in server.plain()
    assert len(server.mails) == 1
    with pytest.raises(Invalid, match="viewer, support, admin"):
        services.set_role(team.vic_id, "owner", team.by)


@SQLITE
def test_a_person_is_limited_to_sites(team: Team) -> None:
    made = [create_source(f"S{n}", "https://s.example.com", COMMAND_LINE)[0] for n in range(3)]
    one, two, _ = (source.slug for source in made)
    offset = len(team.trail())
    services.set_sites(team.vic_id, [two, one, one], team.by)
    services.set_sites(team.vic_id, [one, two], team.by)
    assert team.user(team.vic_id).site_ids == {made[0].id, made[1].id}
    services.set_sites(team.vic_id, [two], team.by)
    assert services.slugs_of(team.user(team.vic_id)) == [two]
    services.set_sites(team.vic_id, None, team.by)
    assert team.user(team.vic_id).site_ids is None
    assert db.session.scalar(select(func.count()).select_from(UserSite)) == 0
    assert [detail for *_, detail in team.trail()[offset:]] == [
        {"before": "all", "now": f"{one}, {two}"},
        {"before": f"{one}, {two}", "now": two},
        {"before": two, "now": "all"},
    ]
    for slugs in ([], ["nonsense"]):
        with pytest.raises(Invalid):
            services.set_sites(team.vic_id, slugs, team.by)


@SQLITE
def test_disabling_ends_sessions_and_links_and_enabling_gives_access_back(team: Team) -> None:
    new_passwords.reset_password(team.vic_id, team.by)
    team.sign_in(team.vic_id)
    team.sign_in(team.bob_id)
    services.disable(team.vic_id, team.by)
    assert (team.sessions_of(team.vic_id), team.sessions_of(team.bob_id)) == (0, 1)
    assert team.user(team.vic_id).state == UserState.DISABLED
    unused = select(OneTimeLink).where(OneTimeLink.used_at.is_(None))
    assert db.session.scalars(unused).all() == []
    services.enable(team.vic_id, team.by)
    assert team.user(team.vic_id).state == UserState.ACTIVE
    assert [action for _, action, *_ in team.trail()][-3:] == [
        "user.sign_out",
        "user.disable",
        "user.enable",
    ]


@SQLITE
def test_a_disabled_invited_person_needs_a_new_invitation(team: Team) -> None:
    made = invitations.invite("new@example.com", "viewer", team.by)
    services.disable(made.user_id, team.by)
    assert services.enable(made.user_id, team.by).state == UserState.INVITED


@SQLITE
def test_ending_sessions_is_counted_and_audited(team: Team) -> None:
    for _ in range(2):
        team.sign_in(team.vic_id)
    assert services.sign_out(team.vic_id, team.by) == 2
    assert team.trail()[-1] == ("ann@example.com", "user.sign_out", VIC, {"sessions": 2})
    assert services.sign_out(team.vic_id, team.by) == 0


def test_a_deleted_account_leaves_only_audit_entries(team: Team) -> None:
    source, *_ = create_source("Shop", "https://shop.example.com", COMMAND_LINE)
    services.set_sites(team.vic_id, [source.slug], team.by)
    new_passwords.reset_password(team.vic_id, team.by)
    team.sign_in(team.vic_id)
    assert services.delete_user(team.vic_id, team.by) == VIC
    for table in (OneTimeLink, UserSession, UserSite):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0, table
    assert [user.email for user in services.list_team()] == ["ann@example.com", "bob@example.com"]
    assert team.trail()[-1] == ("ann@example.com", "user.delete", VIC, {"role": "viewer"})
    assert team.by.address == ADDRESS
    assert db.session.get(User, team.vic_id) is None


@SQLITE
def test_an_admin_is_never_limited_to_sites(team: Team) -> None:
    create_source("Shop", "https://shop.example.com", COMMAND_LINE)
    before = team.trail()
    with pytest.raises(Invalid, match="An admin sees all sites") as refused:
        services.set_sites(team.bob_id, ["shop"], team.by)
    assert set(refused.value.reasons) == {"sites"}
    with pytest.raises(Invalid, match="An admin sees all sites") as refused:
        invitations.invite("new@example.com", "admin", team.by, slugs=["shop"])
    assert set(refused.value.reasons) == {"sites"}
    assert team.trail() == before
    services.set_sites(team.vic_id, ["shop"], team.by)
    with pytest.raises(Invalid, match="An admin sees all sites") as refused:
        services.set_role(team.vic_id, "admin", team.by)
    assert set(refused.value.reasons) == {"role"}
    assert services.set_role(team.vic_id, "support", team.by).sites_limited
    services.set_sites(team.vic_id, None, team.by)
    assert services.set_role(team.vic_id, "admin", team.by).role == "admin"


@SQLITE
def test_a_limited_admin_from_before_keeps_working_and_can_be_corrected(team: Team) -> None:
    create_source("Shop", "https://shop.example.com", COMMAND_LINE)
    team.user(team.bob_id).sites_limited = True
    db.session.commit()
    assert team.can_sign_in("bob@example.com")
    assert services.set_role(team.bob_id, "support", team.by).role == "support"
