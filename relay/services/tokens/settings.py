"""Create, list and revoke API tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import selectinload

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import _
from relay.models import ROLES, ApiToken, ApiTokenSite, Source, User, db, db_now
from relay.rules.roles import includes
from relay.rules.states import Role, UserState
from relay.services.audit import By, record
from relay.services.paging import Page, page_of
from relay.services.tokens import digests
from relay.services.tokens.revocation import live_tokens, revoke_in_transaction
from relay.services.users import team
from relay.services.users.protection import ADMIN_SEES_ALL

MOST = 50  # live tokens of one user
LONGEST_LIFE = timedelta(days=3650)
LIFE = re.compile(r"([0-9]{1,6})([hd])")
NEVER = "never"
KEPT = timedelta(days=90)  # how long the list has a token that ended


@dataclass(frozen=True)
class TokenChoice:
    """What a new token may do.

    ``sites`` are slugs; None for all that its user sees.  ``lasts`` is None for a token without an end.
    """

    name: str
    role: str
    sites: Sequence[str] | None = None
    lasts: timedelta | None = None


@dataclass(frozen=True)
class CreatedToken:
    """``secret`` is the token itself, to be shown once."""

    token: ApiToken
    secret: str = field(repr=False)


def create_token(user_id: int, choice: TokenChoice, by: By) -> CreatedToken:
    """A new token of a user, with at most the rights of the user.

    Raises NotFound, Invalid with the reasons per field, Refusal.
    """
    user = db.session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound(_("There is no such user. The account may have been deleted."))
    try:
        made = _add(user, choice)
    except (Invalid, Refusal):
        db.session.rollback()
        raise
    expires = made.token.expires_at
    record(
        by,
        "token.create",
        made.token.name,
        user=user.email,
        role=choice.role,
        sites=sites_words(made.token),
        expires=expires.isoformat(timespec="minutes") if expires else "never",
    )
    db.session.commit()
    return made


def _add(user: User, choice: TokenChoice) -> CreatedToken:
    if user.state != UserState.ACTIVE:
        raise Refusal(
            _("%(email)s cannot sign in, so the account can have no API token.", email=user.email)
        )
    name = " ".join(choice.name.split())
    live = live_tokens(user)
    reasons: dict[str, list[str]] = {}
    if not 1 <= len(name) <= 120:
        reasons["name"] = [_("Give the token a name of 1 to 120 characters, such as its program.")]
    elif name in (token.name for token in live):
        reasons["name"] = [
            _(
                "There is already a token called %(name)s. Revoke it, or use another name.",
                name=name,
            )
        ]
    reasons |= _wrong_role(user, choice)
    sites: list[Source] | None = None
    try:
        sites = _find_sites(user, choice.sites)
    except Invalid as exc:
        reasons |= exc.reasons
    if choice.lasts is not None and not timedelta() < choice.lasts <= LONGEST_LIFE:
        reasons["expires"] = [_("A token lasts from one second to ten years, or does not expire.")]
    if len(live) >= MOST:
        reasons.setdefault("name", []).append(
            _("A user can have %(num)s tokens. Revoke one that is not used any more.", num=MOST)
        )
    if reasons:
        raise Invalid(reasons)
    now, secret = database.now(db.session), digests.new_token()
    _delete_old(user, now)
    token = ApiToken(
        user=user,
        name=name,
        digest=digests.digest(secret),
        hint=digests.hint_of(secret),
        role=Role(choice.role),
        sites_limited=sites is not None,
        expires_at=now + choice.lasts if choice.lasts else None,
        sites=[ApiTokenSite(source_id=site.id) for site in sites or ()],
    )
    db.session.add(token)
    db.session.flush()
    return CreatedToken(token, secret)


def parse_life(text: str) -> timedelta | None:
    """``90d``, ``12h`` or ``never``: how long a token lasts.  Raises Invalid."""
    if text == NEVER:
        return None
    found = LIFE.fullmatch(text.strip().lower())
    if not found or not int(found[1]):
        raise Invalid({"expires": [_("Enter a time such as 90d or 12h, or never.")]})
    return timedelta(hours=int(found[1]) * (24 if found[2] == "d" else 1))


def _wrong_role(user: User, choice: TokenChoice) -> dict[str, list[str]]:
    if choice.role not in ROLES:
        return {"role": [_("A role is one of %(names)s.", names=", ".join(ROLES))]}
    if not includes(user.role, choice.role, sees_all_sites=user.site_ids is None):
        return {"role": [_("A token cannot have more rights than its user.")]}
    if choice.role == Role.ADMIN and choice.sites is not None:
        return {"role": [ADMIN_SEES_ALL.replace("a user with", "a token for")]}
    return {}


def roles_for(user: User) -> list[str]:
    """The roles that a token of this user can have."""
    every = user.site_ids is None
    return [role for role in ROLES if includes(user.role, role, sees_all_sites=every)]


def sites_for(user: User) -> list[Source]:
    """The sites that a token of this user can be limited to."""
    seen = user.site_ids
    return [site for site in team.list_sites() if seen is None or site.id in seen]


def _find_sites(user: User, slugs: Sequence[str] | None) -> list[Source] | None:
    sites, seen = team.find_sites(slugs), user.site_ids
    if seen is not None and (outside := [s.slug for s in sites or () if s.id not in seen]):
        raise Invalid({"sites": [_("There is no site %(names)s.", names=", ".join(outside))]})
    return sites


def _delete_old(user: User, now: datetime) -> None:
    """Forget tokens of the user that ended long ago.  The audit log still has them."""
    before = now - KEPT
    old = select(ApiToken.id).where(
        ApiToken.user_id == user.id,
        or_(ApiToken.revoked_at < before, ApiToken.expires_at < before),
    )
    ids = list(db.session.scalars(old))
    db.session.execute(delete(ApiTokenSite).where(ApiTokenSite.token_id.in_(ids)))
    db.session.execute(delete(ApiToken).where(ApiToken.id.in_(ids)))


def list_tokens(
    user_id: int | None = None, limit: int = 50, after: int | None = None, *, ended: bool = True
) -> Page[ApiToken]:
    """Newest first: of one user, or of everyone.  Without ``ended``, only those that work."""
    wanted = select(ApiToken)
    if user_id is not None:
        wanted = wanted.where(ApiToken.user_id == user_id)
    if not ended:
        wanted = wanted.where(is_live())
    return page_of(wanted, ApiToken.id, limit, after, selectinload(ApiToken.sites))


def is_live() -> ColumnElement[bool]:
    return and_(
        ApiToken.revoked_at.is_(None),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > db_now()),
    )


def find_token(token_id: int, user_id: int | None = None) -> ApiToken:
    """Of any user, or only of this one.  Raises NotFound."""
    token = db.session.get(ApiToken, token_id)
    if token is None or user_id not in (None, token.user_id):
        raise NotFound(_("There is no API token %(token_id)s.", token_id=token_id))
    return token


def revoke_token(token_id: int, by: By, user_id: int | None = None) -> ApiToken:
    """It stops working with the next request.  Raises NotFound, Refusal."""
    token = find_token(token_id, user_id)
    db.session.refresh(token, with_for_update={"of": ApiToken})
    if token.revoked_at is not None:
        db.session.rollback()
        raise Refusal(_("%(name)s is already revoked.", name=token.name))
    revoke_in_transaction(token, by)
    db.session.commit()
    return token


def state_of(token: ApiToken, now: datetime) -> str:
    """``active``, ``expired`` or ``revoked``."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now else "active"


def slugs_of(tokens: Sequence[ApiToken]) -> dict[int, list[str] | None]:
    """The slugs of the sites that each token is limited to; None for no limit.  One statement."""
    ids = {site.source_id for token in tokens for site in token.sites}
    rows = db.session.execute(select(Source.id, Source.slug).where(Source.id.in_(ids)))
    slugs = {row.id: row.slug for row in rows}
    return {
        token.id: sorted(slugs[site.source_id] for site in token.sites if site.source_id in slugs)
        if token.sites_limited
        else None
        for token in tokens
    }


def sites_words(token: ApiToken) -> str:
    """The slugs of the sites, or ``all``."""
    slugs = slugs_of([token])[token.id]
    return "all" if slugs is None else ", ".join(slugs)
