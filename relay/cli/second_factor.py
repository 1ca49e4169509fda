"""``flask users require-second-factor`` and ``flask users reset-second-factor``"""

from __future__ import annotations

import click

from relay.cli.output import command, show
from relay.cli.users import finish_mails, group
from relay.models import ROLES
from relay.services.audit import COMMAND_LINE
from relay.services.users import accounts as user_accounts
from relay.services.users.second_factor import policy


@command(group, "require-second-factor", "users require-second-factor --role admin")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="Can be repeated.")
@click.option("--none", "is_none", is_flag=True, help="Require it for no role.")
def require(roles: tuple[str, ...], is_none: bool, as_json: bool) -> None:
    """Set the roles that need a second factor; all others need none."""
    if bool(roles) == is_none:
        raise click.UsageError("Name at least one --role, or --none.")
    policy.require_for(roles, COMMAND_LINE)
    required = policy.required_roles()
    words = " and ".join(required) if required else "no role"
    show({"roles": required}, as_json, f"A second factor is required for {words}.")


@command(group, "reset-second-factor", "users reset-second-factor ann@example.com")
@click.argument("email")
def reset(email: str, as_json: bool) -> None:
    """Remove the app, passkeys and recovery codes of a user, and end all their sessions."""
    user = user_accounts.find_user(email)
    policy.remove_second_factors(user, COMMAND_LINE)
    finish_mails()
    sentence = f"{user.email} has no second factor any more and signs in with the password."
    show({"email": user.email}, as_json, sentence)
