"""A person is told by mail about every change of how they sign in."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.i18n import in_language
from relay.models import User, db
from relay.services import mail
from relay.services.audit import By
from relay.services.users import invitations, mails, new_passwords
from relay.services.users.second_factor import check, passkeys, policy, recovery, totp
from relay.services.users.second_factor.check import Shown
from tests.services.users.conftest import ADDRESS, Team
from tests.services.users.second_factor.test_passkeys import register
from tests.services.users.second_factor.test_totp import code_of
from tests.support.authenticator import SoftPasskey
from tests.support.languages import use_translations
from tests.support.mail import MailServer, use_mail

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
VIC = "vic@example.com"
OWN = By(VIC, ADDRESS)


def add_passkey(user: User) -> int:
    made = register(user, SoftPasskey())
    return made.id


def set_up_app(user: User) -> None:
    secret = totp.new_secret()
    totp.confirm(user.id, 0, secret, code_of(secret), OWN)


def test_each_change_of_a_second_factor_is_mailed(team: Team, server: MailServer) -> None:
    vic = team.vic_id

    def said() -> list[str]:
        mail.outbox().join()
        assert all(one.rcpt_tos == [VIC] for one in server.mails)
        texts = [" ".join(server.plain(n).split()) for n in range(len(server.mails))]
        server.mails.clear()
        return [text.partition(" on ")[0] for text in texts]

    set_up_app(team.user(vic))
    code = recovery.make(vic, OWN)[0]
    assert said() == [
        "An authenticator app was set up",
        "New recovery codes replaced the earlier ones",
    ]
    assert check.check(vic, Shown(recovery_code="wrong"), OWN) is not None
    assert check.check(vic, Shown(recovery_code=code), OWN) is None
    assert said() == ["A recovery code was used"]
    passkey_id = add_passkey(team.user(vic))
    passkeys.remove(vic, 0, passkey_id, OWN)
    totp.remove(vic, 0, OWN)
    assert said() == [
        "The passkey “Laptop” was added by an operator",
        "The passkey “Laptop” was removed",
        "The authenticator app was removed",
    ]
    set_up_app(team.user(vic))
    policy.remove_app_of(vic, team.by)
    assert said()[1:] == ["The authenticator app was removed by ann@example.com"]
    policy.remove_passkey_of(vic, add_passkey(team.user(vic)), team.by)
    assert said()[1:] == ["The passkey “Laptop” was removed by ann@example.com"]
    policy.remove_second_factors(team.user(vic), team.by)
    new_passwords.reset_password(vic, team.by, remove_second_factors=True)
    assert said() == ["All second factors were removed by ann@example.com"] * 2


def test_a_mail_is_in_the_language_of_the_person_it_goes_to(
    team: Team, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_translations(monkeypatch)
    for user_id, code in ((team.vic_id, "de"), (team.bob_id, "en")):
        team.user(user_id).language = code
        db.session.commit()
    with in_language("de"):  # of the page of Ann, who did not choose one
        made = invitations.invite("new@example.com", "support", team.by)
        assert mails.invitation(made, team.by).subject.startswith("Einladung zu Relay")
        mails.report_password(team.user(team.bob_id), team.by)
    mails.report_role(team.user(team.vic_id), "support", team.by)
    mail.outbox().join()
    english, german = sorted(" ".join(server.plain(n).split()) for n in range(2))
    assert english.startswith("Your password for Relay at ") and " was changed by ann@" in english
    assert "hat Ihre Rolle in Relay unter" in german
    assert "von Support in Betrachter geändert. Sie können alles lesen." in german


def test_the_mail_says_when_from_where_and_what_to_do(team: Team, server: MailServer) -> None:
    set_up_app(team.user(team.vic_id))
    mail.outbox().join()
    text = " ".join(server.plain().split())
    assert f"UTC, from the IP address {ADDRESS}." in text
    assert "If you did not expect this, change your password" in text


def test_without_a_mail_server_nothing_fails_and_nothing_waits(app: Flask, team: Team) -> None:
    use_mail(app, None)
    set_up_app(team.user(team.vic_id))
    assert team.user(team.vic_id).has_second_factor
    assert mail.outbox().waiting.empty()
    db.session.rollback()
