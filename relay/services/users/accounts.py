"""Accounts: who can sign in, and how the first admin gets an account."""

from __future__ import annotations

from sqlalchemy import func, select

from relay.database import READ_ONLY
from relay.errors import Invalid, NotFound
from relay.i18n import _
from relay.models import ROLES, User, db, db_now
from relay.rules.states import LinkPurpose, Role
from relay.services.audit import By, record
from relay.services.users import links, passwords

LONGEST_EMAIL = 254


def count_users() -> int:
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def list_users() -> list[User]:
    return list(db.session.scalars(select(User).order_by(User.email)))


def find_user(email: str) -> User:
    """Raises NotFound."""
    user = db.session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound(_("There is no user %(email)s. `flask users list` shows all.", email=email))
    return user


def user_by_id(user_id: int) -> User:
    """Raises NotFound."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound(_("There is no such user. The account may have been deleted."))
    return user


def read_password_hash(user_id: int) -> str:
    """The stored hash.  No transaction is open afterwards, so the caller may hash."""
    db.session.rollback()
    db.session.connection(execution_options=READ_ONLY)
    password_hash = db.session.get_one(User, user_id).password_hash
    db.session.rollback()
    return password_hash


def create_user(email: str, password: str, role: str, by: By) -> User:
    """A new user with a password.  Raises Invalid with the reasons per field, TooBusy."""
    email = email.strip().lower()
    password_hash = "" if passwords.why_refused(password, email) else passwords.hash_of(password)
    user = _add_user(email, password, password_hash, role)
    record(by, "user.create", email, role=role)
    db.session.commit()
    return user


def is_email(email: str) -> bool:
    """Whether a mail server accepts the address, which then has no invisible characters either."""
    from relay.destinations.kinds.email.addresses import parse_address  # here: a list needs none

    try:
        return parse_address(email).addr_spec == email and len(email) <= LONGEST_EMAIL
    except ValueError:
        return False


def check_new_user(email: str, role: str) -> dict[str, list[str]]:
    """The reasons per field why there can be no such new user."""
    reasons: dict[str, list[str]] = {}
    if not is_email(email):
        reasons["email"] = [_("This is not an e-mail address.")]
    elif db.session.scalar(select(User.id).where(User.email == email)):
        reasons["email"] = [_("A user with this address already exists.")]
    if role not in ROLES:
        reasons["role"] = [_("A role is one of %(names)s.", names=", ".join(ROLES))]
    return reasons


def _add_user(email: str, password: str, password_hash: str, role: str) -> User:
    reasons = check_new_user(email, role)
    if why := passwords.why_refused(password, email):
        reasons["password"] = [why]
    if reasons:
        raise Invalid(reasons)
    user = User(email=email, password_hash=password_hash, role=Role(role))
    user.password_changed_at = db_now()  # type: ignore[assignment]
    db.session.add(user)
    return user


def make_first_run_token() -> str | None:
    """The secret of a fresh first-run link; None if a user exists.

    Older first-run links stop working.
    """
    if count_users():
        return None
    token = links.make(LinkPurpose.FIRST_RUN)
    db.session.commit()
    return token


def find_first_run(token: str) -> None:
    """Check the first-run link of this secret.  Raises NotFound."""
    links.find(LinkPurpose.FIRST_RUN, token)
    if count_users():
        raise NotFound(_(links.GONE[LinkPurpose.FIRST_RUN]))


def create_first_admin(token: str, email: str, password: str, by_address: str) -> User:
    """The first admin, by a first-run link that works once.  Raises NotFound, Invalid, TooBusy."""
    email = email.strip().lower()
    find_first_run(token)
    db.session.rollback()  # hash outside the transaction
    password_hash = "" if passwords.why_refused(password, email) else passwords.hash_of(password)
    links.use(LinkPurpose.FIRST_RUN, token)
    try:
        if count_users():
            raise NotFound(_(links.GONE[LinkPurpose.FIRST_RUN]))
        user = _add_user(email, password, password_hash, Role.ADMIN)
    except (Invalid, NotFound):
        db.session.rollback()  # the link stays valid for another try
        raise
    record(By(email[:254], by_address), "user.create", email, role=Role.ADMIN.value)
    db.session.commit()
    return user
