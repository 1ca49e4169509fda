"""The e-mail address of an account: changed by its person through a mailed link, or by an admin."""

from __future__ import annotations

from limits import RateLimitItemPerHour
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from relay import secrets
from relay.errors import Invalid, NotFound, Refusal, SecretUnreadable
from relay.i18n import N_, _
from relay.models import Alert, DeadLetter, User, db
from relay.rules.states import LinkPurpose
from relay.services import mail
from relay.services.audit import By, record
from relay.services.users import links, mails, team
from relay.services.users.accounts import is_email
from relay.services.users.links import GONE
from relay.services.users.protection import check_not_own, locked, unchanged
from relay.services.users.throttle import AttemptCounter, too_many

PURPOSE = LinkPurpose.NEW_ADDRESS
PER_ACCOUNT = RateLimitItemPerHour(5, 1, "new-address")
NO_MAIL = N_(
    "No mail server is set up, so Relay cannot check a new address. Ask an admin to change it."
)
TAKEN = N_("A user with this address already exists.")
OWN = N_("This is your own account. Change your e-mail address under My account.")


def ask(user_id: int, email: str, by: By) -> str:
    """Mail a link to the new address; the change waits for it.  -> why the mail failed, else empty

    Raises Invalid, Refusal, TooBusy.
    """
    if not mail.is_set_up():
        raise Refusal(_(NO_MAIL))
    email = _check(email, user_id)
    db.session.rollback()  # no transaction is open while the broker counts
    attempts = AttemptCounter(PER_ACCOUNT, user_id)
    if not attempts.add():
        raise too_many(attempts.wait_s())
    user = db.session.get_one(User, user_id, with_for_update=True, populate_existing=True)
    # the link holds the address, encrypted: nothing else remembers it
    made = links.make_link(PURPOSE, user, secrets.box().seal(email).rstrip("="))
    record(by, "user.ask_email", user.email, now=email)
    db.session.commit()
    return mail.send(mails.new_address(made, email, by))


def find(token: str) -> tuple[User, str]:
    """The person of this link, and the new address.  Does not use it up.  Raises NotFound."""
    user = links.user_of(PURPOSE, token)
    if not user.is_active:
        raise NotFound(_(GONE[PURPOSE]))
    return user, _address_in(token)


def confirm(token: str, address: str) -> User:
    """Use the link.  ``address`` is where the request comes from.  Raises NotFound, Refusal."""
    email = _address_in(token)
    link = links.use(PURPOSE, token)
    user, _admins = locked(link.user_id or 0)
    if not user.is_active:
        db.session.rollback()
        raise NotFound(_(GONE[PURPOSE]))
    return _replace(user, email, By(user.email, address))


def set_email(user_id: int, email: str, by: By) -> User:
    """Change the address of another person at once.  Raises NotFound, Invalid, Refusal."""
    user, _admins = locked(user_id)
    if user.email == email.strip().lower():
        return unchanged(user)
    check_not_own(user, by, _(OWN))
    return _replace(user, _check(email, user_id), by)


def _check(email: str, user_id: int) -> str:
    """The address as it is stored.  Raises Invalid."""
    email = email.strip().lower()
    why = "" if is_email(email) else _("This is not an e-mail address.")
    owner = db.session.scalar(select(User.id).where(User.email == email))
    if owner is not None:
        why = _("This is the current address.") if owner == user_id else _(TAKEN)
    if why:
        db.session.rollback()
        raise Invalid({"new_email": [why]})
    return email


def _replace(user: User, email: str, by: By) -> User:
    """Change the address, what is assigned to it, and end links that were mailed to the old one."""
    old, user.email = user.email, email
    try:
        db.session.flush()
    except IntegrityError as exc:
        db.session.rollback()
        raise Refusal(_(TAKEN)) from exc
    team.revoke_links(user)
    for table in (DeadLetter, Alert):
        db.session.execute(
            update(table).where(table.owner == old).values(owner=email),
            execution_options={"synchronize_session": False},
        )
    record(by, "user.email", email, before=old, now=email)
    db.session.commit()
    mails.report_address(user, old, by)
    return user


def _address_in(token: str) -> str:
    """Raises NotFound."""
    try:
        return secrets.box().open_sealed(token + "=" * (-len(token) % 4))
    except (SecretUnreadable, ValueError) as exc:
        raise NotFound(_(GONE[PURPOSE])) from exc
