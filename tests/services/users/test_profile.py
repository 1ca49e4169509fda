"""One's own name, time zone, password and sessions."""

from __future__ import annotations

import pytest

from relay.errors import Invalid, NotFound, TooBusy
from relay.services.audit import By
from relay.services.users import new_passwords, profile, sessions
from tests.services.users.conftest import ADDRESS, PASSWORD, Team
from tests.services.users.test_invitations import token_of
from tests.services.users.test_new_passwords import NEW

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
VIC = By("vic@example.com", ADDRESS)


def test_name_and_time_zone_are_stored_and_audited(team: Team) -> None:
    profile.update(team.vic_id, "  Vic\x00 \u202e V. ", "Europe/Vienna", "", VIC)
    profile.update(team.vic_id, "Vic V.", "Europe/Vienna", "", VIC)
    user = team.user(team.vic_id)
    assert (user.name, user.time_zone) == ("Vic V.", "Europe/Vienna")
    detail = {"name": "none → Vic V.", "time_zone": "UTC → Europe/Vienna"}
    assert team.trail() == [("vic@example.com", "user.update", "vic@example.com", detail)]
    profile.update(team.vic_id, "Vic V.", "Europe/Vienna", "de", VIC)
    assert team.trail()[-1][-1] == {"language": "none → de"}
    with pytest.raises(Invalid, match="languages"):
        profile.update(team.vic_id, "Vic V.", "Europe/Vienna", "xx", VIC)
    for wrong in ("Europe/Atlantis", "../../etc/passwd", "x" * 500):
        with pytest.raises(Invalid, match="Europe/Vienna"):
            profile.update(team.vic_id, "Vic", wrong, "", VIC)


def test_a_new_password_needs_the_old_one_and_ends_the_other_sessions(team: Team) -> None:
    link = new_passwords.reset_password(team.vic_id, team.by)
    new_passwords.use_link(token_of(link.url), PASSWORD, ADDRESS)
    here, _ = team.sign_in(team.vic_id), team.sign_in(team.vic_id)
    for old, new, field in (
        ("wrong", NEW, "old_password"),
        (PASSWORD, "short", "password"),
        (PASSWORD, PASSWORD, "password"),
    ):
        with pytest.raises(Invalid) as caught:
            profile.change_password(team.vic_id, here, old, new, VIC)
        assert set(caught.value.reasons) == {field}
    assert team.sessions_of(team.vic_id) == 2
    assert profile.change_password(team.vic_id, here, PASSWORD, NEW, VIC) == 1
    assert [one.id for one in sessions.list_sessions(team.vic_id)] == [here]
    assert team.can_sign_in("vic@example.com", NEW)
    assert not team.can_sign_in("vic@example.com")
    assert "user.change_password" in [action for _, action, *_ in team.trail()]


def test_guessing_the_old_password_is_limited(team: Team) -> None:
    here = team.sign_in(team.vic_id)
    for _ in range(5):
        with pytest.raises(Invalid):
            profile.change_password(team.vic_id, here, "wrong", NEW, VIC)
    with pytest.raises(TooBusy):
        profile.change_password(team.vic_id, here, PASSWORD, NEW, VIC)


def test_sessions_end_one_by_one_or_all_others(team: Team) -> None:
    here, other, _ = (team.sign_in(team.vic_id) for _ in range(3))
    foreign = team.sign_in(team.bob_id)
    sessions.end(team.vic_id, other, VIC)
    with pytest.raises(NotFound):
        sessions.end(team.vic_id, foreign, VIC)
    assert profile.end_other_sessions(team.vic_id, here, VIC) == 1
    assert [one.id for one in sessions.list_sessions(team.vic_id)] == [here]
    assert team.sessions_of(team.bob_id) == 1
