"""Passkeys: what is accepted, and each answer once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.errors import Invalid
from relay.models import Passkey, User, db
from relay.rules.states import Role
from relay.services.audit import COMMAND_LINE
from relay.services.users.second_factor import passkeys
from relay.services.users.second_factor.passkeys import PasskeyAnswer, RelyingParty
from tests.support.authenticator import PRESENT, SoftPasskey

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PARTY = RelyingParty("localhost", "http://localhost")


@pytest.mark.parametrize(
    ("public_url", "host_url", "party"),
    [
        ("https://relay.example.com", "http://127.0.0.1:8000/", "https://relay.example.com"),
        ("https://relay.example.com:8443", "", "https://relay.example.com:8443"),
        ("", "http://localhost:8000/", "http://localhost:8000"),
        ("", "https://relay.example.com/", "https://relay.example.com"),
        ("", "http://relay.example.com/", None),
        ("", "http://127.0.0.1:8000/", None),
        ("https://192.0.2.1", "http://localhost:8000/", None),
        ("", "https://[::1]:8000/", None),
    ],
)
def test_passkeys_are_valid_at_a_host_name(
    public_url: str, host_url: str, party: str | None
) -> None:
    found = passkeys.relying_party(public_url, host_url)
    assert (found.origin if found else None) == party
    assert found is None or found.id in party.split(":")[1]


def register(user: User, passkey: SoftPasskey, name: str = "Laptop") -> Passkey:
    options = passkeys.creation_options(user.id, PARTY)
    answer = PasskeyAnswer(passkey.create(options), options["challenge"], PARTY)
    return passkeys.add(user.id, 0, name, answer, COMMAND_LINE)


def use(passkey: SoftPasskey, user_id: int | None = None) -> User | None:
    options = passkeys.request_options(PARTY, user_id)
    found = passkeys.use(PasskeyAnswer(passkey.get(options), options["challenge"], PARTY), user_id)
    db.session.commit()
    return found


@SQLITE
def test_a_passkey_names_its_person_and_an_answer_counts_once(user: User) -> None:
    passkey = SoftPasskey()  # it does not count, so only the challenge stops a second use
    register(user, passkey)
    assert use(passkey) is user and use(passkey, user.id) is user
    options = passkeys.request_options(PARTY)
    answer = PasskeyAnswer(passkey.get(options), options["challenge"], PARTY)
    assert passkeys.use(answer) is user
    assert passkeys.use(answer) is None
    stale = PasskeyAnswer(passkey.get(options), "", PARTY)
    assert passkeys.use(stale) is None


@SQLITE
def test_a_passkey_of_someone_else_is_no_second_factor(user: User) -> None:
    other = User(email="grace@example.com", role=Role.VIEWER)
    db.session.add(other)
    db.session.commit()
    passkey = SoftPasskey()
    register(other, passkey)
    assert use(passkey, user.id) is None
    passkey.user_handle = f"relay-user-{user.id}".encode()
    assert use(passkey) is None


def _of_another_site(passkey: SoftPasskey) -> None:
    passkey.origin = "https://evil.example"


def _for_another_host(passkey: SoftPasskey) -> None:
    passkey.rp_id = "evil.example"


def _without_verification(passkey: SoftPasskey) -> None:
    passkey.flags = PRESENT


def _without_presence(passkey: SoftPasskey) -> None:
    passkey.flags = 0


def _of_another_key(passkey: SoftPasskey) -> None:
    passkey.key = SoftPasskey().key


def _with_an_old_count(passkey: SoftPasskey) -> None:
    passkey.count = 5


@SQLITE
@pytest.mark.parametrize(
    "spoil",
    [
        _of_another_site,
        _for_another_host,
        _without_verification,
        _without_presence,
        _of_another_key,
        _with_an_old_count,
    ],
)
def test_a_wrong_answer_is_refused(user: User, spoil: Callable[[SoftPasskey], None]) -> None:
    passkey = SoftPasskey()
    register(user, passkey)
    passkey.count = 5
    assert use(passkey) is user
    passkey.count = 6
    spoil(passkey)
    assert use(passkey) is None


@SQLITE
def test_what_cannot_be_registered(user: User) -> None:
    passkey = SoftPasskey()
    register(user, passkey)
    with pytest.raises(Invalid, match="already registered"):
        register(user, passkey)
    with pytest.raises(Invalid, match="name"):
        register(user, SoftPasskey(), "  ")
    unverified = SoftPasskey()
    unverified.flags = PRESENT
    with pytest.raises(Invalid, match="not accepted"):
        register(user, unverified)
    passkeys.remove(user.id, 0, user.passkeys[0].id, COMMAND_LINE)
    assert use(passkey) is None and not user.has_second_factor
