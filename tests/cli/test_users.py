"""``flask users``."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.models import User, db
from tests.cli.conftest import TIMESTAMP, Run, create_source
from tests.support.mail import MailServer, use_mail

NEW = "seven purple umbrellas dancing"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_a_created_account_is_listed_without_its_password(run: Run) -> None:
    words = ("users", "create", "ann@example.com", "--role", "admin", "--password-stdin", "--json")
    made = run(*words, input="correct horse battery staple\n")
    assert (made["email"], made["role"]) == ("ann@example.com", "admin")
    listed = run("users", "list", "--json")
    assert (listed["total"], listed["items"]) == (1, [made])
    assert "horse" not in run("users", "list")
    assert "already exists" in run(*words, input="correct horse battery staple\n", code=1)
    assert "easy" in run(*words, input="password1234\n", code=1)


def create(run: Run, email: str, role: str) -> None:
    words = ("users", "create", email, "--role", role, "--password-stdin")
    run(*words, input="correct horse battery staple\n")


@SQLITE
def test_an_invitation_prints_a_link_and_its_time(run: Run) -> None:
    site = create_source(run)["slug"]
    made = run("users", "invite", "Bo@example.com", "--role", "viewer", "--site", site, "--json")
    assert made["link"].startswith("http://127.0.0.1:8000/invite/")
    assert (made["email"], made["mailed"], made["mail_error"]) == ("bo@example.com", False, None)
    assert TIMESTAMP.fullmatch(made["expires_at"])
    shown = run("users", "show", "bo@example.com", "--json")
    assert (shown["state"], shown["sites"], shown["sessions"]) == ("invited", [site], [])
    assert "RELAY_PUBLIC_URL is not set" in made["warning"]
    [listed] = [one for one in run("users", "list", "--json")["items"] if one["sites"]]
    assert listed == {
        "id": made["id"],
        "email": "bo@example.com",
        "role": "viewer",
        "state": "invited",
        "last_login_at": None,
        "name": "",
        "time_zone": "UTC",
        "language": "",
        "sites": [site],
        "second_factor": False,
        "second_factors": [],
    }
    assert listed.items() <= shown.items()
    again = run("users", "invite", "bo@example.com", "--role", "support")
    assert again.startswith("http://127.0.0.1:8000/invite/") and made["link"] not in again
    assert run("users", "show", "bo@example.com", "--json")["sites"] is None
    assert "no site nowhere" in run(
        "users", "invite", "b@example.com", "--role", "viewer", "--site", "nowhere", code=1
    )


@SQLITE
def test_mails_are_sent_before_the_command_ends(app: Flask, run: Run) -> None:
    server = MailServer(login=False)
    use_mail(app, server)
    try:
        made = run("users", "invite", "bo@example.com", "--role", "viewer", "--json")
        assert made["mailed"] and made["link"] in server.plain()
        create(run, "ann@example.com", "admin")
        run("users", "set-role", "ann@example.com", "--role", "admin")
        create(run, "vic@example.com", "viewer")
        run("users", "set-role", "vic@example.com", "--role", "support")
        assert "from viewer to support" in server.plain()
        server.answer = "550 5.1.1 No such person"
        text = run("users", "invite", "bo@example.com", "--role", "viewer")
        assert "could not be sent" in text and "/invite/" in text
    finally:
        server.close()


@SQLITE
def test_people_are_changed_and_the_last_admin_is_not(run: Run) -> None:
    create(run, "ann@example.com", "admin")
    create(run, "vic@example.com", "viewer")
    site = create_source(run)["slug"]
    for words in (("set-role", "--role", "viewer"), ("disable",), ("delete", "--yes")):
        refusal = run("users", words[0], "ann@example.com", *words[1:], code=1)
        assert "last active admin" in refusal, words
    run("users", "set-sites", "vic@example.com", code=2)
    limited = run("users", "set-sites", "vic@example.com", "--site", site, "--json")
    assert limited["sites"] == [site]
    assert run("users", "set-sites", "vic@example.com", "--all", "--json")["sites"] is None
    assert run("users", "disable", "vic@example.com", "--json")["state"] == "disabled"
    assert run("users", "enable", "vic@example.com", "--json")["state"] == "active"
    assert "Sessions ended: 0." in run("users", "sign-out", "vic@example.com")
    link = run("users", "reset-password", "vic@example.com", "--json")["link"]
    assert link.startswith("http://127.0.0.1:8000/new-password/")
    assert "already exists" in run(
        "users", "set-email", "vic@example.com", "ann@example.com", code=1
    )
    moved = run("users", "set-email", "vic@example.com", "new@example.com", "--json")
    assert moved["email"] == "new@example.com"
    run("users", "set-email", "new@example.com", "vic@example.com")
    words = ("users", "reset-password", "ann@example.com", "--password-stdin")
    assert "new password" in run(*words, input=f"{NEW}\n")
    assert "easy" in run(*words, input="password1234\n", code=1)
    assert run("users", "delete", "vic@example.com", "--json")["deleted"] is True
    assert "no user vic@example.com" in run("users", "show", "vic@example.com", code=1)
    assert "ann@example.com" in run("users", "show", "ann@example.com")


@SQLITE
def test_an_admin_can_always_be_created_on_the_server(app: Flask, run: Run) -> None:
    create(run, "ann@example.com", "admin")
    with app.app_context():
        db.session.query(User).update({"state": "disabled"})
        db.session.commit()
    create(run, "rescue@example.com", "admin")
    assert run("users", "enable", "ann@example.com", "--json")["state"] == "active"
