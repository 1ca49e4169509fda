"""``flask users …``"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from relay.cli import NounGroup
from relay.cli.output import (
    command,
    from_stdin,
    iso,
    page_in_memory,
    paged,
    refuse,
    show,
    show_list,
)
from relay.models import ROLES, User
from relay.services import mail
from relay.services.audit import COMMAND_LINE, By
from relay.services.users import accounts as user_accounts
from relay.services.users import addresses, invitations, links, mails, new_passwords, sessions, team
from relay.services.users.links import MadeLink

role_option = click.option(
    "--role", type=click.Choice(ROLES), required=True, help="What the user can do."
)


@click.group("users", cls=NounGroup)
def group() -> None:
    """Manage the users who can sign in."""


def as_dict(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "role": user.role,
        "state": user.state,
        "last_login_at": iso(user.last_login_at),
        "name": user.name,
        "time_zone": user.time_zone or "UTC",
        "language": user.language,  # empty: the browser's
        "second_factor": user.has_second_factor,
        "second_factors": user.factor_kinds,
        "sites": team.slugs_of(user),  # null: all
    }


def in_full(user: User) -> dict[str, object]:
    """Also with what ``list`` leaves out."""
    return as_dict(user) | {
        "created_at": iso(user.created_at),
        "password_changed_at": iso(user.password_changed_at),
        "sessions": [
            {
                "device": one.device,
                "address": one.address,
                "method": one.method,
                "created_at": iso(one.created_at),
                "last_used_at": iso(one.seen_at),
            }
            for one in sessions.list_sessions(user.id)
        ],
    }


@command(
    group, "create", "users create ann@example.com --role admin --password-stdin < password.txt"
)
@click.argument("email")
@role_option
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create(email: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Create an account.  The password is read from standard input."""
    if not password_stdin:
        raise click.UsageError("Pass the password on standard input, with --password-stdin.")
    user = user_accounts.create_user(email, from_stdin("The password"), role, COMMAND_LINE)
    show(as_dict(user), as_json, f"{user.email} can sign in as {user.role}.")


@command(group, "invite", "users invite bob@example.com --role viewer --site shop")
@click.argument("email")
@role_option
@click.option("--site", "sites", multiple=True, help="Limit the user to this site; repeatable.")
@click.option("--name", default="", help="The user's name.")
def invite(email: str, role: str, sites: tuple[str, ...], name: str, as_json: bool) -> None:
    """Invite a user: print a link that works once, and mail it if a mail server is set up.

    For a user who has not accepted yet, a new link replaces the old one.
    """
    made = invitations.invite(email, role, COMMAND_LINE, name, sites or None)
    show_link(made, mails.invitation, as_json, "to set a password")


@command(group, "list", "users list")
@paged
def list_(limit: int, after: int | None, as_json: bool) -> None:
    """List accounts."""
    found = team.list_team()
    items, more = page_in_memory(found, lambda user: user.id, limit, after)
    columns = ("email", "role", "state", "last_login_at", "second_factor")
    show_list([as_dict(user) for user in items], len(found), as_json, *columns, next_after=more)


@command(group, "show", "users show bob@example.com")
@click.argument("email")
def show_user(email: str, as_json: bool) -> None:
    """Show an account with its sites and sessions."""
    facts = in_full(user_accounts.find_user(email))
    text = "\n".join(f"{name.replace('_', ' ')}: {_words(value)}" for name, value in facts.items())
    show(facts, as_json, text)


@command(group, "set-role", "users set-role bob@example.com --role support")
@click.argument("email")
@role_option
def set_role(email: str, role: str, as_json: bool) -> None:
    """Change what a user can do."""
    user = team.set_role(user_accounts.find_user(email).id, role, COMMAND_LINE)
    finish_mails()
    show(in_full(user), as_json, f"{user.email} has the role {user.role}.")


@command(group, "set-sites", "users set-sites bob@example.com --site shop --site blog")
@click.argument("email")
@click.option("--site", "sites", multiple=True, help="A site that the user sees; repeatable.")
@click.option("--all", "all_sites", is_flag=True, help="The user sees all sites, also new ones.")
def set_sites(email: str, sites: tuple[str, ...], all_sites: bool, as_json: bool) -> None:
    """Limit a user to some sites, or end the limit with --all."""
    if bool(sites) == all_sites:
        raise click.UsageError("Pass --site SLUG for each site, or --all.")
    user = team.set_sites(user_accounts.find_user(email).id, sites or None, COMMAND_LINE)
    show(in_full(user), as_json, f"{user.email} sees: {team.sites_words(user)}.")


@command(group, "set-email", "users set-email bob@example.com robert@example.com")
@click.argument("email")
@click.argument("new_email")
def set_email(email: str, new_email: str, as_json: bool) -> None:
    """Change the e-mail address of an account at once.  Relay mails the old address."""
    user = addresses.set_email(user_accounts.find_user(email).id, new_email, COMMAND_LINE)
    finish_mails()
    show(in_full(user), as_json, f"The e-mail address is now {user.email}.")


@command(group, "disable", "users disable bob@example.com")
@click.argument("email")
def disable(email: str, as_json: bool) -> None:
    """Refuse sign-in and end all sessions at once."""
    user = team.disable(user_accounts.find_user(email).id, COMMAND_LINE)
    show(as_dict(user), as_json, f"{user.email} is disabled and signed out everywhere.")


@command(group, "enable", "users enable bob@example.com")
@click.argument("email")
def enable(email: str, as_json: bool) -> None:
    """Allow sign-in again."""
    user = team.enable(user_accounts.find_user(email).id, COMMAND_LINE)
    show(as_dict(user), as_json, f"{user.email} is {user.state}.")


@command(group, "reset-password", "users reset-password bob@example.com")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the new password from standard input.")
@click.option(
    "--remove-second-factors", is_flag=True, help="Also remove the second factors of the user."
)
def reset_password(
    email: str, password_stdin: bool, remove_second_factors: bool, as_json: bool
) -> None:
    """End all sessions, revoke all API tokens, and print a link to set a new password.

    With --password-stdin, the new password is set at once and no link is made.
    """
    user_id = user_accounts.find_user(email).id
    if not password_stdin:
        made = new_passwords.reset_password(user_id, COMMAND_LINE, remove_second_factors)
        show_link(made, mails.reset, as_json, "to set a new password")
        return
    user = new_passwords.set_password(
        user_id, from_stdin("The password"), COMMAND_LINE, remove_second_factors
    )
    finish_mails()
    show(
        as_dict(user),
        as_json,
        f"{user.email} has a new password and is signed out everywhere. Their API tokens are revoked.",
    )


@command(group, "sign-out", "users sign-out bob@example.com")
@click.argument("email")
def sign_out(email: str, as_json: bool) -> None:
    """End all sessions of a user."""
    user = user_accounts.find_user(email)
    count = team.sign_out(user.id, COMMAND_LINE)
    show({"email": user.email, "sessions": count}, as_json, f"Sessions ended: {count}.")


@command(group, "delete", "users delete bob@example.com --yes")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Confirm it, instead of answering a question.")
def delete(email: str, yes: bool, as_json: bool) -> None:
    """Delete an account permanently.  A terminal is asked first."""
    user = user_accounts.find_user(email)
    asks = not (yes or as_json) and sys.stdin.isatty()
    if asks and not click.confirm(f"Delete the account of {user.email} permanently?"):
        refuse(f"{user.email} was not deleted.")
    team.delete_user(user.id, COMMAND_LINE)
    show({"email": user.email, "deleted": True}, as_json, f"{user.email} is deleted.")


def show_link(
    made: MadeLink, mail_of: Callable[[MadeLink, By], mail.TextMail], as_json: bool, purpose: str
) -> None:
    """Mail the link if a mail server is set up, and print it.  A failed mail is no error."""
    why = mail.send(mail_of(made, COMMAND_LINE)) if mail.is_set_up() else ""
    mailed = mail.is_set_up() and not why
    facts = {
        "id": made.user_id,
        "email": made.email,
        "role": made.role,
        "link": made.url,
        "expires_at": iso(made.expires_at),
        "mailed": mailed,
        "mail_error": why or None,
        "warning": links.only_here() or None,
    }
    how = f"It was mailed to {made.email}." if mailed else f"Send it to {made.email}."
    if why:
        how = f"The mail could not be sent: {why} Send the link to {made.email} in another way."
    text = f"{made.url}\nOpen it {purpose}. It works once, until {mails.moment(made.expires_at)}. {how}"
    show(facts, as_json, " ".join(filter(None, (text, links.only_here()))))


def finish_mails() -> None:
    """Send what was given to the outbox before the command ends."""
    if mail.is_set_up():
        mail.outbox().join()


def _words(value: object) -> object:
    if isinstance(value, list):
        return len(value) if value and isinstance(value[0], dict) else ", ".join(value) or "none"
    return {None: "–", True: "yes", False: "no"}.get(value, value)  # type: ignore[call-overload]
