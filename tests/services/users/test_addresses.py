"""An account's e-mail address: confirmed by a mailed link, or changed by an admin."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from relay.errors import Invalid, NotFound, Refusal
from relay.models import Alert, db
from relay.services import mail
from relay.services.audit import COMMAND_LINE, By
from relay.services.users import addresses, new_passwords
from tests.services.users.conftest import ADDRESS, Team
from tests.services.users.test_invitations import token_of
from tests.support.mail import MailServer, use_mail

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
VIC, NEW = "vic@example.com", "victoria@example.com"
OWN = By(VIC, ADDRESS)


def link_in(server: MailServer) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000/new-address/(\S+)", server.plain())
    assert found
    return found[1]


def test_the_link_in_the_mail_changes_the_address_once(team: Team, server: MailServer) -> None:
    assert addresses.ask(team.vic_id, f" {NEW.upper()} ", OWN) == ""
    assert server.mails[-1].rcpt_tos == [NEW]
    token = link_in(server)
    assert team.user(team.vic_id).email == VIC
    assert addresses.find(token)[1] == NEW
    addresses.confirm(token, ADDRESS)
    assert team.user(team.vic_id).email == NEW and team.can_sign_in(NEW)
    assert not team.can_sign_in(VIC)
    with pytest.raises(NotFound, match="already used"):
        addresses.confirm(token, ADDRESS)
    mail.outbox().join()
    assert server.mails[-1].rcpt_tos == [VIC]
    said = " ".join(server.plain().split())
    assert f"was changed from {VIC} to {NEW} on" in said and ADDRESS in said
    assert [one for one in team.trail() if "email" in one[1]] == [
        (VIC, "user.ask_email", VIC, {"now": NEW}),
        (VIC, "user.email", NEW, {"before": VIC, "now": NEW}),
    ]


@SQLITE
def test_a_link_is_valid_only_as_it_was_mailed(team: Team, server: MailServer) -> None:
    addresses.ask(team.vic_id, NEW, OWN)
    first = link_in(server)
    for wrong in ("", "x", "ü", first[:-1], first + "A"):
        with pytest.raises(NotFound):
            addresses.confirm(wrong, ADDRESS)
    addresses.ask(team.vic_id, "other@example.com", OWN)
    with pytest.raises(NotFound, match="replaced by a newer"):
        addresses.find(first)
    team.user(team.vic_id).state = "disabled"
    db.session.commit()
    with pytest.raises(NotFound):
        addresses.find(link_in(server))
    with pytest.raises(NotFound):
        addresses.confirm(link_in(server), ADDRESS)


@SQLITE
def test_an_address_belongs_to_one_account(team: Team, server: MailServer) -> None:
    for email, why in (
        ("bob@example.com", "already exists"),
        (VIC, "current address"),
        ("no address", "not an e-mail address"),
    ):
        with pytest.raises(Invalid, match=why):
            addresses.ask(team.vic_id, email, OWN)
    addresses.ask(team.vic_id, NEW, OWN)
    addresses.set_email(team.bob_id, NEW, team.by)  # someone else is faster
    with pytest.raises(Refusal, match="already exists"):
        addresses.confirm(link_in(server), ADDRESS)
    assert team.user(team.vic_id).email == VIC


@SQLITE
def test_an_admin_changes_the_address_of_others_at_once(team: Team, server: MailServer) -> None:
    alert = Alert(
        rule="canary", subject="x", severity="warning", sentence="x", advice="x", owner=VIC
    )
    db.session.add(alert)
    old_link = token_of(new_passwords.reset_password(team.vic_id, team.by).url)
    addresses.set_email(team.vic_id, NEW, team.by)
    mail.outbox().join()
    assert server.mails[-1].rcpt_tos == [VIC] and "by ann@example.com" in server.plain()
    with pytest.raises(NotFound):  # it was mailed to the old address
        new_passwords.find_person(old_link)
    db.session.refresh(alert)
    assert alert.owner == NEW
    with pytest.raises(Refusal, match="your own account"):
        addresses.set_email(team.ann_id, "a@example.com", team.by)
    before = len(team.trail())
    addresses.set_email(team.vic_id, NEW, COMMAND_LINE)  # as it is
    assert len(team.trail()) == before


@SQLITE
def test_without_a_mail_server_an_admin_is_needed(app: Flask, team: Team) -> None:
    use_mail(app, None)
    with pytest.raises(Refusal, match="Ask an admin"):
        addresses.ask(team.vic_id, NEW, OWN)
    addresses.set_email(team.vic_id, NEW, team.by)
    assert team.user(team.vic_id).email == NEW
