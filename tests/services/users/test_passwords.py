"""Hashing that cannot exhaust memory, and that unknown senders cannot keep busy for everyone."""

from __future__ import annotations

import pytest

from relay.errors import TooBusy
from relay.services.users import passwords


def test_an_unknown_sender_is_refused_at_once_while_another_password_is_checked() -> None:
    with passwords._slot(is_known=False):
        with pytest.raises(TooBusy) as refused:
            passwords.is_right("", "a password", is_known=False)
        assert refused.value.retry_after == 1


def test_unknown_senders_do_not_keep_known_people_out() -> None:
    stored = passwords.hash_of("correct horse battery staple")
    with passwords._slot(is_known=False):
        assert passwords.is_right(stored, "correct horse battery staple")


def test_an_empty_hash_matches_no_password() -> None:
    assert not passwords.is_right("", "")
