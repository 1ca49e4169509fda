"""The audit trail.  ``record`` joins the caller's transaction, so no change lacks its entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select

from relay.i18n import N_, _
from relay.models import AuditEntry, db
from relay.models.audit_chain import add_audit_entry
from relay.services.paging import Page, page_of


@dataclass(frozen=True)
class By:
    """Who acts, from which address, and with which API token, if it is one."""

    actor: str
    address: str = ""
    via: str = ""


MAX_EXPORT = 50_000
MAX_ACTORS = 500
COMMAND_LINE = By("command line")
RELAY = By("relay")

# What a person reads for each action.  Codes are stored, so they never change.
ACTIONS = {
    "ai_step.remove": N_("Removed the AI step"),
    "ai_step.save": N_("Saved the AI step"),
    "ai_step.try": N_("Tested the AI step"),
    "alert.acknowledge": N_("Acknowledged an alert"),
    "alert_channel.create": N_("Added an alert channel"),
    "alert_channel.disable": N_("Turned an alert channel off"),
    "alert_channel.enable": N_("Turned an alert channel on"),
    "alert_channel.move": N_("Changed the order of the alert channels"),
    "alert_channel.remove": N_("Removed an alert channel"),
    "alert_channel.test": N_("Sent a test to an alert channel"),
    "alert_channel.update": N_("Changed an alert channel"),
    "alert.assign": N_("Assigned an alert"),
    "alert.note": N_("Added a note to an alert"),
    "alert.snooze": N_("Snoozed an alert"),
    "alert_rule.mute": N_("Muted an alert rule"),
    "alert_rule.threshold": N_("Changed the threshold of an alert rule"),
    "alert_rule.unmute": N_("Ended the mute of an alert rule"),
    "audit.export": N_("Exported the audit log"),
    "backup.create": N_("Made a backup"),
    "backup.download": N_("Downloaded a backup"),
    "backup.fail": N_("Failed to make or verify a backup"),
    "backup.remove": N_("Removed backups"),
    "backup.restore": N_("Restored a backup"),
    "backup.verify": N_("Verified a backup"),
    "dead_letter.acknowledge": N_("Acknowledged failed deliveries"),
    "dead_letter.assign": N_("Assigned failed deliveries"),
    "dead_letter.discard": N_("Discarded failed deliveries"),
    "dead_letter.export": N_("Exported failed deliveries"),
    "dead_letter.note": N_("Added a note to failed deliveries"),
    "dead_letter.replay": N_("Resent a failed delivery"),
    "delivery.hurry": N_("Retried a delivery at once"),
    "first_steps.hide": N_("Hid the first steps"),
    "first_steps.show": N_("Showed the first steps"),
    "mail.test": N_("Sent a test mail"),
    "retention.change": N_("Changed the retention"),
    "destination.check": N_("Checked the credentials of a destination"),
    "connect.allow": N_("Allowed a site to connect"),
    "connect.deny": N_("Did not allow a site to connect"),
    "connect.exchange": N_("Gave a site its key"),
    "destination.create": N_("Created a destination"),
    "destination.pace": N_("Changed the rate limit or retry schedule"),
    "destination.pause": N_("Paused a destination"),
    "destination.read_account": N_("Read the fields of an account"),
    "destination.remove": N_("Removed a destination"),
    "destination.resume": N_("Resumed a destination"),
    "destination.test": N_("Sent a test to a destination"),
    "destination.try_now": N_("Retried a destination at once"),
    "destination.update": N_("Changed a destination"),
    "encryption.rotate": N_("Encrypted all secrets with a new key"),
    "key.hand_over": N_("Sent a new signing key to the site"),
    "key.revoke": N_("Revoked a signing key"),
    "key.rotate": N_("Rotated a signing key"),
    "mapping.save": N_("Saved a mapping"),
    "mapping.test": N_("Sent a test with a mapping"),
    "person.erase": N_("Erased a person"),
    "person.export": N_("Exported the data of a person"),
    "person.reveal": N_("Revealed personal data"),
    "replay.cancelled": N_("Cancelled a replay"),
    "replay.paused": N_("Paused a replay"),
    "replay.running": N_("Resumed a replay"),
    "replay.start": N_("Started a replay"),
    "retention.prune": N_("Deleted old events"),
    "source.allow": N_("Added an allowed network"),
    "source.create": N_("Connected a site"),
    "source.disallow": N_("Removed an allowed network"),
    "source.remove": N_("Removed a site"),
    "source.redact": N_("Changed the privacy settings of a site"),
    "source.retention": N_("Changed how long a site's events are kept"),
    "source.send_test": N_("Sent a test event"),
    "source.update": N_("Changed a site"),
    "subscription.create": N_("Created a subscription"),
    "subscription.pause": N_("Paused a subscription"),
    "subscription.remove": N_("Removed a subscription"),
    "subscription.resume": N_("Resumed a subscription"),
    "subscription.update": N_("Changed a subscription"),
    "token.create": N_("Created an API token"),
    "token.revoke": N_("Revoked an API token"),
    "user.accept_invite": N_("Accepted an invitation"),
    "user.ask_email": N_("Asked to change their e-mail address"),
    "user.change_password": N_("Changed their password"),
    "user.create": N_("Created a user"),
    "user.passkey_add": N_("Added a passkey"),
    "user.passkey_remove": N_("Removed a passkey"),
    "user.passkey_rename": N_("Renamed a passkey"),
    "user.proof_refused": N_("Gave a wrong password or code when Relay asked again"),
    "user.recovery_code_used": N_("Used a recovery code"),
    "user.recovery_codes": N_("Created new recovery codes"),
    "user.second_factor_limited": N_(
        "Was stopped at the second step of sign-in after too many codes"
    ),
    "user.second_factor_policy": N_("Changed which roles need a second factor"),
    "user.second_factor_refused": N_("Was refused at the second step of sign-in"),
    "user.second_factor_reset": N_("Removed the second factors of a user"),
    "user.delete": N_("Deleted a user"),
    "user.disable": N_("Disabled a user"),
    "user.email": N_("Changed the e-mail address of a user"),
    "user.enable": N_("Enabled a user"),
    "user.forgot_password": N_("Was sent a link for a new password"),
    "user.invite": N_("Invited a user"),
    "user.new_password": N_("Set a new password with a link"),
    "user.reset_password": N_("Reset the password of a user"),
    "user.role": N_("Changed the role of a user"),
    "user.sign_in": N_("Signed in"),
    "user.sign_in_limited": N_("Was stopped at sign-in after too many attempts"),
    "user.sign_in_refused": N_("Was refused at sign-in"),
    "user.sign_out": N_("Signed out"),
    "user.single_sign_on": N_("Changed by single sign-on"),
    "user.single_sign_on_refused": N_("Was refused at single sign-on"),
    "user.totp_add": N_("Set up an authenticator app"),
    "user.totp_remove": N_("Removed an authenticator app"),
    "user.sites": N_("Changed the sites of a user"),
    "user.update": N_("Changed their name, time zone or language"),
    "view.remove": N_("Removed a saved view"),
    "view.rename": N_("Renamed a saved view"),
    "view.save": N_("Saved a view of a list"),
}


def record(by: By, action: str, label: str, **detail: Any) -> None:
    """Add one entry to the running transaction.  ``detail`` never holds a secret's value."""
    if by.via:
        detail["via"] = by.via
    add_audit_entry(db.session.connection(), by.actor, action, label, detail, by.address)


@dataclass(frozen=True)
class AuditFilter:
    """Which entries to list.

    ``action`` is ``noun.verb`` or a noun alone; ``subject`` is part of the object's name; ``text`` is
    searched in every column and in the words of the actions.  The datetimes are aware.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[ColumnElement[bool]] = []
        if self.actor:
            wanted.append(func.lower(AuditEntry.actor) == self.actor.lower())
        if self.action:
            is_family = AuditEntry.action.startswith(f"{self.action}.", autoescape=True)
            wanted.append(or_(AuditEntry.action == self.action, is_family))
        if self.subject:
            wanted.append(_contains(AuditEntry.object_label, self.subject))
        if self.text:
            text = self.text.lower()
            said = [
                code
                for code, words in ACTIONS.items()
                if text in words.lower() or text in _(words).lower()
            ]
            columns = (AuditEntry.actor, AuditEntry.object_label, AuditEntry.address)
            matches = [_contains(column, self.text) for column in columns]
            matches.append(_contains(cast(AuditEntry.detail, Text), self.text))
            wanted.append(or_(AuditEntry.action.in_(said), *matches))
        if self.since:
            wanted.append(AuditEntry.at >= self.since)
        if self.until:
            wanted.append(AuditEntry.at < self.until)
        return wanted


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    return func.lower(column).contains(text.lower(), autoescape=True)  # type: ignore[no-any-return]


def list_entries(
    wanted: AuditFilter | None = None, limit: int = 50, after: int | None = None
) -> Page[AuditEntry]:
    """Newest first."""
    conditions = (wanted or AuditFilter()).conditions()
    return page_of(select(AuditEntry).where(and_(True, *conditions)), AuditEntry.id, limit, after)


def export_entries(wanted: AuditFilter, by: By, form: str) -> Sequence[AuditEntry]:
    """The newest MAX_EXPORT entries.  The export itself is recorded, and commits."""
    found = db.session.scalars(
        select(AuditEntry)
        .where(and_(True, *wanted.conditions()))
        .order_by(AuditEntry.id.desc())
        .limit(MAX_EXPORT)
    ).all()
    record(by, "audit.export", f"{len(found)} entries", format=form)  # i18n: keep
    db.session.commit()
    return found


def known_actors() -> Sequence[str]:
    """Everyone who did something, for the filter."""
    return db.session.scalars(
        select(AuditEntry.actor).distinct().order_by(AuditEntry.actor).limit(MAX_ACTORS)
    ).all()
