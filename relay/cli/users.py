"""``flask users …``"""

from __future__ import annotations

import click

from relay.cli.output import command, from_stdin, iso, page_in_memory, paged, show, show_list
from relay.models import ROLES, User
from relay.services.audit import COMMAND_LINE
from relay.services.users import accounts as user_accounts


@click.group("users")
def group() -> None:
    """Manage the people who can sign in."""


def as_dict(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "role": user.role,
        "state": user.state,
        "last_login_at": iso(user.last_login_at),
    }


@command(group, "create")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the person can do.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create(email: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Create an account.  The password is read from standard input."""
    if not password_stdin:
        raise click.UsageError("Pass the password on standard input, with --password-stdin.")
    user = user_accounts.create_user(email, from_stdin("The password"), role, COMMAND_LINE)
    show(as_dict(user), as_json, f"{user.email} can sign in as {user.role}.")


@command(group, "list")
@paged
def list_(limit: int, after: int | None, as_json: bool) -> None:
    """List accounts."""
    found = user_accounts.list_users()
    items, more = page_in_memory(found, lambda user: user.id, limit, after)
    columns = ("email", "role", "state", "last_login_at")
    show_list([as_dict(u) for u in items], len(found), as_json, *columns, next_after=more)
