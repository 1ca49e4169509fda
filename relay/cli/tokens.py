"""``flask tokens …``"""

from __future__ import annotations

from typing import Any

import click

from relay import database
from relay.cli.output import command, iso, paged, show, show_list
from relay.models import ROLES, ApiToken, db
from relay.services.audit import COMMAND_LINE
from relay.services.tokens import settings
from relay.services.tokens.settings import TokenChoice
from relay.services.users import accounts


@click.group("tokens")
def group() -> None:
    """Create, list and revoke the API tokens of users."""


def as_dicts(tokens: list[ApiToken]) -> list[dict[str, Any]]:
    now, slugs = database.now(db.session), settings.slugs_of(tokens)
    return [
        {
            "id": token.id,
            "name": token.name,
            "token": f"{token.hint}…",
            "role": token.role.value,
            "sites": slugs[token.id],  # null: all that its user sees
            "user": token.user.email,
            "state": settings.state_of(token, now),
            "created_at": iso(token.created_at),
            "expires_at": iso(token.expires_at),
            "last_used_at": iso(token.last_used_at),
            "last_address": token.last_address or None,
            "revoked_at": iso(token.revoked_at),
            "revoked_by": token.revoked_by or None,
        }
        for token in tokens
    ]


@command(
    group,
    "create",
    "tokens create Reporting --user ann@example.com --role viewer",
    "tokens create Deploy --user ann@example.com --role support --site shop --expires 30d",
)
@click.argument("name")
@click.option("--user", "email", required=True, help="The user that the token belongs to (e-mail).")
@click.option("--role", type=click.Choice(ROLES), required=True, help="At most the user's role.")
@click.option("--site", "sites", multiple=True, help="Limit the token to this site; repeatable.")
@click.option(
    "--expires",
    default="90d",
    show_default=True,
    help="How long it works, such as 90d or 12h, or never.",
)
def create(
    name: str, email: str, role: str, sites: tuple[str, ...], expires: str, as_json: bool
) -> None:
    """Create an API token of a user and print it.  Relay does not show it again.

    NAME says which program uses it; the audit log has it with every change.
    """
    user = accounts.find_user(email)
    choice = TokenChoice(name, role, sites or None, settings.parse_life(expires))
    made = settings.create_token(user.id, choice, COMMAND_LINE)
    [shown] = as_dicts([made.token])
    end = (
        f"It works until {shown['expires_at']}." if made.token.expires_at else "It does not expire."
    )
    show(
        shown | {"token": made.secret},
        as_json,
        f"{made.secret}\n{end} Relay does not show it again.",
    )


@command(group, "list", "tokens list")
@click.option("--user", "email", default="", help="Only those of this user (e-mail).")
@paged
def list_(email: str, limit: int, after: int | None, as_json: bool) -> None:
    """List API tokens, newest first, with when each was last used."""
    user_id = accounts.find_user(email).id if email else None
    page = settings.list_tokens(user_id, limit, after)
    columns = ("id", "name", "token", "role", "user", "state", "last_used_at", "expires_at")
    show_list(as_dicts(page.items), page.total, as_json, *columns, next_after=page.next_after)


@command(group, "revoke", "tokens revoke 3")
@click.argument("token_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
def revoke(token_id: int, as_json: bool) -> None:
    """Revoke an API token.  It stops working with the next request."""
    token = settings.revoke_token(token_id, COMMAND_LINE)
    [shown] = as_dicts([token])
    show(shown, as_json, f"{token.name} of {token.user.email} is revoked.")
