"""New passwords: by an admin, by a link, and by people who forgot theirs."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from relay.errors import Invalid, NotFound, Refusal, TooBusy
from relay.models import AuditEntry, Passkey, RecoveryCode, db
from relay.services import mail
from relay.services.audit import COMMAND_LINE
from relay.services.tokens import settings as token_settings
from relay.services.tokens.checking import check_token
from relay.services.tokens.settings import TokenChoice
from relay.services.users import invitations, new_passwords
from relay.services.users import team as services
from tests.services.users.conftest import ADDRESS, Team
from tests.services.users.test_invitations import token_of
from tests.support.mail import MailServer

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NEW = "seven purple umbrellas dancing"
VIC = "vic@example.com"


def test_a_reset_stops_the_old_password_and_all_sessions(team: Team) -> None:
    team.sign_in(team.vic_id)
    first = new_passwords.reset_password(team.vic_id, team.by)
    assert not team.can_sign_in(VIC) and team.sessions_of(team.vic_id) == 0
    second = new_passwords.reset_password(team.vic_id, team.by)
    with pytest.raises(NotFound, match="replaced by a newer"):
        new_passwords.find_person(token_of(first.url))
    token = token_of(second.url)
    assert new_passwords.find_person(token).email == VIC
    with pytest.raises(Invalid, match="easy to guess"):
        new_passwords.use_link(token, "password1234", ADDRESS)
    team.sign_in(team.vic_id)
    new_passwords.use_link(token, NEW, ADDRESS)
    assert team.can_sign_in(VIC, NEW) and team.sessions_of(team.vic_id) == 0
    with pytest.raises(NotFound):
        new_passwords.use_link(token, NEW, ADDRESS)
    assert (VIC, "user.new_password", VIC, {}) in team.trail()


@SQLITE
def test_second_factors_are_removed_only_on_request(team: Team) -> None:
    user = team.user(team.vic_id)
    user.totp_sealed, user.totp_used_step = "sealed", 1
    db.session.add_all(
        [
            Passkey(user_id=user.id, name="Key", credential_id="c", public_key=b"k"),
            RecoveryCode(user_id=user.id, code_hash="h"),
        ]
    )
    db.session.commit()
    new_passwords.reset_password(team.vic_id, team.by)
    assert team.user(team.vic_id).has_second_factor
    new_passwords.reset_password(team.vic_id, team.by, remove_second_factors=True)
    assert not team.user(team.vic_id).has_second_factor
    assert db.session.scalar(select(func.count()).select_from(RecoveryCode)) == 0
    details = [detail for _, action, _, detail in team.trail() if action == "user.reset_password"]
    assert [detail["second_factors"] for detail in details] == ["kept", "removed"]


@SQLITE
def test_the_command_line_sets_a_password_also_of_the_last_admin(
    team: Team, server: MailServer
) -> None:
    services.disable(team.ann_id, COMMAND_LINE)
    new_passwords.set_password(team.bob_id, NEW, COMMAND_LINE)
    assert team.can_sign_in("bob@example.com", NEW)
    mail.outbox().join()
    assert "was changed by an operator" in " ".join(server.plain().split())
    with pytest.raises(Refusal, match="Enable the account first"):
        new_passwords.set_password(team.ann_id, NEW, COMMAND_LINE)
    invited = invitations.invite("new@example.com", "viewer", COMMAND_LINE)
    with pytest.raises(Refusal, match="not accepted"):
        new_passwords.reset_password(invited.user_id, COMMAND_LINE)


@SQLITE
def test_a_forgotten_password_is_mailed_to_people_with_an_account(
    team: Team, server: MailServer
) -> None:
    services.disable(team.bob_id, team.by)
    for email in ("nobody@example.com", "bob@example.com", " Vic@example.com"):
        new_passwords.ask_for_link(email, ADDRESS)
    mail.outbox().join()
    assert [one.rcpt_tos for one in server.mails] == [[VIC]]
    assert team.can_sign_in(VIC)  # the old one works until there is a new one
    found = re.search(r"http://127.0.0.1:8000/new-password/(\S+)", server.plain())
    assert found
    new_passwords.use_link(found[1], NEW, ADDRESS)
    assert team.can_sign_in(VIC, NEW)


@SQLITE
def test_asking_for_links_is_limited_by_address_and_account(team: Team, server: MailServer) -> None:
    for n in range(5):
        new_passwords.ask_for_link(VIC, "2001:db8:1:2::7" if n else "2001:db8:1:2::8")
    with pytest.raises(TooBusy, match="too many links"):
        new_passwords.ask_for_link("other@example.com", "2001:db8:1:2::9")
    new_passwords.ask_for_link(VIC, "198.51.100.1")  # the same answer, and no mail
    mail.outbox().join()
    assert len(server.mails) == 3
    db.session.rollback()
    asked = select(func.count()).where(AuditEntry.action == "user.forgot_password")
    assert db.session.scalar(asked) == 3


@SQLITE
def test_a_reset_revokes_the_api_tokens_and_the_persons_own_change_does_not(team: Team) -> None:
    made = token_settings.create_token(team.vic_id, TokenChoice("CI", "viewer"), team.by)
    link = new_passwords.reset_password(team.vic_id, team.by)
    assert check_token(made.secret, ADDRESS) is None
    details = [detail for _, action, _, detail in team.trail() if action == "user.reset_password"]
    assert details[-1]["tokens_revoked"] == 1
    made = token_settings.create_token(team.vic_id, TokenChoice("CI 2", "viewer"), team.by)
    new_passwords.use_link(token_of(link.url), NEW, ADDRESS)
    assert check_token(made.secret, ADDRESS) is not None
