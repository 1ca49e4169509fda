"""The audit trail.  ``record`` joins the caller's transaction, so no change lacks its entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select

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
    "ai_step.remove": "Removed the AI step",
    "ai_step.save": "Saved the AI step",
    "ai_step.try": "Tested the AI step",
    "alert.acknowledge": "Acknowledged an alert",
    "alert_channel.create": "Added an alert channel",
    "alert_channel.disable": "Turned an alert channel off",
    "alert_channel.enable": "Turned an alert channel on",
    "alert_channel.move": "Changed the order of the alert channels",
    "alert_channel.remove": "Removed an alert channel",
    "alert_channel.test": "Sent a test to an alert channel",
    "alert_channel.update": "Changed an alert channel",
    "alert.assign": "Assigned an alert",
    "alert.note": "Added a note to an alert",
    "alert.snooze": "Snoozed an alert",
    "alert_rule.mute": "Muted an alert rule",
    "alert_rule.threshold": "Changed the threshold of an alert rule",
    "alert_rule.unmute": "Ended the mute of an alert rule",
    "audit.export": "Exported the audit log",
    "backup.create": "Made a backup",
    "backup.download": "Downloaded a backup",
    "backup.fail": "Failed to make or verify a backup",
    "backup.remove": "Removed backups",
    "backup.restore": "Restored a backup",
    "backup.verify": "Verified a backup",
    "dead_letter.acknowledge": "Acknowledged failed deliveries",
    "dead_letter.assign": "Assigned failed deliveries",
    "dead_letter.discard": "Discarded failed deliveries",
    "dead_letter.export": "Exported failed deliveries",
    "dead_letter.note": "Added a note to failed deliveries",
    "dead_letter.replay": "Resent a failed delivery",
    "delivery.hurry": "Retried a delivery at once",
    "first_steps.hide": "Hid the first steps",
    "first_steps.show": "Showed the first steps",
    "mail.test": "Sent a test mail",
    "retention.change": "Changed the retention",
    "destination.check": "Checked the credentials of a destination",
    "connect.allow": "Allowed a site to connect",
    "connect.deny": "Did not allow a site to connect",
    "connect.exchange": "Gave a site its key",
    "destination.create": "Created a destination",
    "destination.pace": "Changed the rate limit or retry schedule",
    "destination.pause": "Paused a destination",
    "destination.read_account": "Read the fields of an account",
    "destination.remove": "Removed a destination",
    "destination.resume": "Resumed a destination",
    "destination.test": "Sent a test to a destination",
    "destination.try_now": "Retried a destination at once",
    "destination.update": "Changed a destination",
    "encryption.rotate": "Encrypted all secrets with a new key",
    "key.hand_over": "Sent a new signing key to the site",
    "key.revoke": "Revoked a signing key",
    "key.rotate": "Rotated a signing key",
    "mapping.save": "Saved a mapping",
    "mapping.test": "Sent a test with a mapping",
    "person.erase": "Erased a person",
    "person.export": "Exported the data of a person",
    "person.reveal": "Revealed personal data",
    "replay.cancelled": "Cancelled a replay",
    "replay.paused": "Paused a replay",
    "replay.running": "Resumed a replay",
    "replay.start": "Started a replay",
    "retention.prune": "Deleted old events",
    "source.allow": "Added an allowed network",
    "source.create": "Connected a site",
    "source.disallow": "Removed an allowed network",
    "source.remove": "Removed a site",
    "source.redact": "Changed the privacy settings of a site",
    "source.retention": "Changed how long a site's events are kept",
    "source.send_test": "Sent a test event",
    "source.update": "Changed a site",
    "subscription.create": "Created a subscription",
    "subscription.pause": "Paused a subscription",
    "subscription.remove": "Removed a subscription",
    "subscription.resume": "Resumed a subscription",
    "subscription.update": "Changed a subscription",
    "token.create": "Created an API token",
    "token.revoke": "Revoked an API token",
    "user.accept_invite": "Accepted an invitation",
    "user.ask_email": "Asked to change their e-mail address",
    "user.change_password": "Changed their password",
    "user.create": "Created a user",
    "user.passkey_add": "Added a passkey",
    "user.passkey_remove": "Removed a passkey",
    "user.passkey_rename": "Renamed a passkey",
    "user.proof_refused": "Gave a wrong password or code when Relay asked again",
    "user.recovery_code_used": "Used a recovery code",
    "user.recovery_codes": "Created new recovery codes",
    "user.second_factor_limited": "Was stopped at the second step of sign-in after too many codes",
    "user.second_factor_policy": "Changed which roles need a second factor",
    "user.second_factor_refused": "Was refused at the second step of sign-in",
    "user.second_factor_reset": "Removed the second factors of a user",
    "user.delete": "Deleted a user",
    "user.disable": "Disabled a user",
    "user.email": "Changed the e-mail address of a user",
    "user.enable": "Enabled a user",
    "user.forgot_password": "Was sent a link for a new password",
    "user.invite": "Invited a user",
    "user.new_password": "Set a new password with a link",
    "user.reset_password": "Reset the password of a user",
    "user.role": "Changed the role of a user",
    "user.sign_in": "Signed in",
    "user.sign_in_limited": "Was stopped at sign-in after too many attempts",
    "user.sign_in_refused": "Was refused at sign-in",
    "user.sign_out": "Signed out",
    "user.single_sign_on": "Changed by single sign-on",
    "user.single_sign_on_refused": "Was refused at single sign-on",
    "user.totp_add": "Set up an authenticator app",
    "user.totp_remove": "Removed an authenticator app",
    "user.sites": "Changed the sites of a user",
    "user.update": "Changed their name or time zone",
    "view.remove": "Removed a saved view",
    "view.rename": "Renamed a saved view",
    "view.save": "Saved a view of a list",
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
            said = [name for name, words in ACTIONS.items() if self.text.lower() in words.lower()]
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
    record(by, "audit.export", f"{len(found)} entries", format=form)
    db.session.commit()
    return found


def known_actors() -> Sequence[str]:
    """Everyone who did something, for the filter."""
    return db.session.scalars(
        select(AuditEntry.actor).distinct().order_by(AuditEntry.actor).limit(MAX_ACTORS)
    ).all()
