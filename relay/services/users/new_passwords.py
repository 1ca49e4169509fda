"""New passwords: set by an admin or a command, or by the person through a link."""

from __future__ import annotations

from functools import partial

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from sqlalchemy import select

from relay import database
from relay.errors import NotFound, TooBusy
from relay.i18n import N_, _, in_language, language
from relay.models import User, db
from relay.rules.states import LinkPurpose, UserState
from relay.services import mail
from relay.services.audit import By, record
from relay.services.tokens import revocation
from relay.services.users import links, mails, passwords, sessions
from relay.services.users.links import GONE, MadeLink
from relay.services.users.protection import check_not_own, locked, refused
from relay.services.users.second_factor import policy
from relay.services.users.team import revoke_links
from relay.services.users.throttle import AttemptCounter, network_of, wait_words

PER_ADDRESS = RateLimitItemPerMinute(5, 15, "forgotten-address")
PER_ACCOUNT = RateLimitItemPerHour(3, 1, "forgotten-account")
OWN = N_("This is your own account. Change your password under My account.")


def reset_password(user_id: int, by: By, remove_second_factors: bool = False) -> MadeLink:
    """A link with which the person sets a new password.  The old one and all API tokens stop, and all
    sessions end.

    Raises NotFound, Refusal.
    """
    user, _admins = locked(user_id)
    check_not_own(user, by, _(OWN))
    _check_can_reset(user)
    _replace(user, "", by, remove_second_factors)
    made = links.make_link(LinkPurpose.NEW_PASSWORD, user)
    db.session.commit()
    if remove_second_factors:
        mails.report_factor(user, policy.ALL_REMOVED, by)
    return made


def set_password(user_id: int, password: str, by: By, remove_second_factors: bool = False) -> User:
    """Replace the password, end all sessions and revoke all API tokens.  Raises NotFound, Invalid, Refusal, TooBusy."""
    user, _admins = locked(user_id)
    email = user.email
    _check_can_reset(user)
    db.session.rollback()  # hash outside the transaction
    passwords.check_new(password, email)
    password_hash = passwords.hash_of(password)
    user, _admins = locked(user_id)
    _check_can_reset(user)
    _replace(user, password_hash, by, remove_second_factors)
    db.session.commit()
    mails.report_password(user, by)
    if remove_second_factors:
        mails.report_factor(user, policy.ALL_REMOVED, by)
    return user


def _check_can_reset(user: User) -> None:
    if user.state == UserState.DISABLED:
        raise refused(_("%(email)s is disabled. Enable the account first.", email=user.email))
    if user.state == UserState.INVITED:
        raise refused(
            _("%(email)s has not accepted the invitation yet. Invite them again.", email=user.email)
        )


def _replace(user: User, password_hash: str, by: By, remove_second_factors: bool) -> None:
    user.password_hash, user.password_changed_at = password_hash, database.now(db.session)
    revoke_links(user)
    sessions.end_all(user, by)
    tokens = revocation.revoke_all(user, by)
    if remove_second_factors:
        policy.clear(user, by)
    factors = "removed" if remove_second_factors else "kept"
    record(by, "user.reset_password", user.email, second_factors=factors, tokens_revoked=tokens)


def find_person(token: str) -> User:
    """The person with this link for a new password.  Does not use it up.  Raises NotFound."""
    user = links.user_of(LinkPurpose.NEW_PASSWORD, token)
    if not user.is_active:
        raise NotFound(_(GONE[LinkPurpose.NEW_PASSWORD]))
    return user


def use_link(token: str, password: str, address: str) -> User:
    """Set the password and end all sessions.  ``address`` is where the request comes from.

    Raises NotFound, Invalid, TooBusy.
    """
    email = find_person(token).email
    db.session.rollback()  # hash outside the transaction
    passwords.check_new(password, email)
    password_hash = passwords.hash_of(password)
    link = links.use(LinkPurpose.NEW_PASSWORD, token)
    user, _admins = locked(link.user_id or 0)
    if not user.is_active:
        db.session.rollback()
        raise NotFound(_(GONE[LinkPurpose.NEW_PASSWORD]))
    by = By(user.email, address)
    user.password_hash, user.password_changed_at = password_hash, database.now(db.session)
    sessions.end_all(user, by)
    record(by, "user.new_password", user.email)
    db.session.commit()
    mails.report_password(user, by)
    return user


def ask_for_link(email: str, address: str) -> None:
    """Mail a link for a new password, later and only if there is such a person.

    The caller cannot see whether there is: the answer and its time are the same.  Raises TooBusy.
    """
    email = email.strip().lower()[:254]
    by_address = AttemptCounter(PER_ADDRESS, network_of(address))
    if not by_address.add():
        wait_s = by_address.wait_s()
        raise TooBusy(
            _(
                "You asked for too many links. Wait %(time)s and try again.",
                time=wait_words(wait_s),
            ),
            wait_s,
        )
    if AttemptCounter(PER_ACCOUNT, email).add():  # the newest link of the earlier mails still works
        mail.outbox().add(partial(_send_link, email, address, language()))


def _send_link(email: str, address: str, code: str) -> None:
    user = db.session.scalar(select(User).where(User.email == email).with_for_update())
    if user is None or not user.is_active or not _has_password(user):
        return
    made = links.make_link(LinkPurpose.NEW_PASSWORD, user)
    record(By(email, address), "user.forgot_password", email)
    db.session.commit()
    with in_language(code):  # of the page that asked, unless the person chose one
        mail.send(mails.forgotten(made, address))


def _has_password(user: User) -> bool:
    """Whether the person signs in with a password, also if an admin has reset it."""
    return bool(user.password_hash or user.password_changed_at)
