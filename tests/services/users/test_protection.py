"""There is always an active admin who sees all sites, and no one locks themselves out."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from relay.errors import NotFound, Refusal
from relay.models import User, db
from relay.rules.states import Role, UserState
from relay.services.audit import COMMAND_LINE, By
from relay.services.sources.settings import create_source
from relay.services.users import new_passwords
from relay.services.users import team as services
from tests.services.users.conftest import Team

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Change = Callable[[int, By], object]
AWAY: dict[str, Change] = {
    "role": lambda user_id, by: services.set_role(user_id, "support", by),
    "disable": services.disable,
    "delete": services.delete_user,
}


@SQLITE
@pytest.mark.parametrize("change", AWAY)
def test_the_last_active_admin_with_all_sites_stays(team: Team, change: str) -> None:
    AWAY[change](team.ann_id, COMMAND_LINE)
    for other in AWAY.values():
        with pytest.raises(Refusal, match="last active admin"):
            other(team.bob_id, COMMAND_LINE)
    assert team.user(team.bob_id).is_active
    services.set_role(team.vic_id, "admin", COMMAND_LINE)
    AWAY[change](team.bob_id, COMMAND_LINE)


@SQLITE
def test_no_one_changes_their_own_account_here(team: Team) -> None:
    create_source("Shop", "https://shop.example.com", COMMAND_LINE)
    own: tuple[Change, ...] = (
        *AWAY.values(),
        lambda user_id, by: services.set_sites(user_id, ["shop"], by),
        services.sign_out,
        new_passwords.reset_password,
    )
    before = team.trail()
    for change in own:
        with pytest.raises(Refusal, match="own"):
            change(team.ann_id, team.by)
    assert team.trail() == before
    with pytest.raises(NotFound):
        services.disable(999, team.by)


@pytest.mark.parametrize("change", ["role", "disable", "delete"])
def test_two_admins_who_change_each_other_at_once_leave_one(
    app: Flask, team: Team, change: str
) -> None:
    """Of all admins who change each other at the same moment, exactly one stays."""
    both, start, errors = (team.ann_id, team.bob_id), threading.Barrier(2), []

    def act(user_id: int) -> None:
        with app.app_context():
            db.session.get_one(User, user_id)  # as the guard does, before the service runs
            db.session.rollback()
            start.wait(10)
            try:
                AWAY[change](user_id, COMMAND_LINE)
            except Refusal as exc:
                errors.append(str(exc))

    for _ in range(4):
        errors.clear()
        threads = [threading.Thread(target=act, args=(user_id,)) for user_id in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        db.session.expire_all()
        left = [user for user in services.list_team() if user.role == Role.ADMIN and user.is_active]
        assert (len(left), len(errors)) == (1, 1), errors
        if change == "delete":
            return
        for user_id in both:
            user = team.user(user_id)
            user.role, user.state = Role.ADMIN, UserState.ACTIVE
            db.session.commit()
