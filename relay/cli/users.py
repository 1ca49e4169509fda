"""``flask users …``"""

from __future__ import annotations

import sys

import click

from relay.cli.output import command, iso, refuse, show, show_list
from relay.models import ROLES, User
from relay.services import users
from relay.services.audit import COMMAND_LINE


@click.group("users")
def group() -> None:
    """People who may sign in."""


def as_dict(user: User) -> dict[str, object]:
    return {
        "email": user.email,
        "role": user.role,
        "state": user.state,
        "last_login_at": iso(user.last_login_at),
    }


@command(group, "create")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create(email: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Let a person in."""
    if not password_stdin:
        refuse("Give the password on standard input, with --password-stdin.")
    user = users.create_user(email, sys.stdin.readline().rstrip("\r\n"), role, COMMAND_LINE)
    show(as_dict(user), as_json, f"{user.email} may sign in as {user.role}.")


@command(group, "list")
def list_(as_json: bool) -> None:
    """Show everybody."""
    found = users.list_users()
    show_list([as_dict(user) for user in found], len(found), as_json, "email", "role", "state")
