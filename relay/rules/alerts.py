"""The alert rules: what each is called, how severe it is, its threshold and its timing.

``Reading`` is what a rule sees at one moment for one subject.  ``relay.rules.alert_state`` decides
from readings when an alert opens, is repeated and is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from relay.i18n import N_
from relay.rules.states import Severity

EVALUATE_EVERY_S = 15.0
FIRE_AFTER_S = 30.0  # two evaluations this far apart must both find the problem
CLEAR_AFTER_S = 600.0
REMIND_EVERY_S = 4 * 3600.0


class Scope(StrEnum):
    """What a subject of the rule is."""

    DESTINATION = "destination"
    SITE = "site"
    INSTALLATION = "installation"


class ReadingLevel(StrEnum):
    """Between firing and clear, an open alert stays open and a closed one stays closed."""

    FIRING = "firing"
    BETWEEN = "between"
    CLEAR = "clear"


@dataclass(frozen=True)
class AlertRule:
    """One rule.

    ``threshold`` is the default, in ``unit`` (empty: the rule has none), within ``low`` and ``high``.
    ``fire_after_s`` and ``clear_after_s`` are how long it must be met, or clear, without interruption.
    ``covered_by`` are the rules that already report the same problem if they have an open alert.
    ``remind_every_s`` is how often an open alert is repeated while no one has acknowledged it.
    """

    name: str
    label: str
    help: str
    scope: Scope
    severity: Severity
    threshold: float | None = None
    unit: str = ""
    low: float = 0.0
    high: float = 1_000_000.0
    fire_after_s: float = FIRE_AFTER_S
    clear_after_s: float = CLEAR_AFTER_S
    covered_by: tuple[str, ...] = ()
    remind_every_s: float = REMIND_EVERY_S


@dataclass(frozen=True)
class Reading:
    """What a rule sees for one subject (see ``models.Alert``).

    ``value`` is in the unit of the rule.  ``since`` is when the problem began, None if the reading
    cannot tell: then it began when the rule was first met.  ``severity`` replaces that of the rule.
    ``newest`` is when the newest of the counted failures happened: an open alert is then repeated only
    if that is later than its last message.
    """

    rule: str
    subject: str
    level: ReadingLevel
    value: float = 0.0
    sentence: str = ""
    advice: str = ""
    path: str = ""
    count: int = 1
    since: datetime | None = None
    severity: Severity | None = None
    newest: datetime | None = None


_DESTINATION_DOWN = ("destination_paused", "circuit_open")

RULES: Mapping[str, AlertRule] = {
    rule.name: rule
    for rule in (
        # ---- destinations ------------------------------------------------------------------------
        AlertRule(
            "destination_paused",
            N_("Destination paused by Relay"),
            N_(
                "Relay paused a destination, for example because its credentials are no longer valid. "
                "A pause by a person does not count."
            ),
            Scope.DESTINATION,
            Severity.CRITICAL,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "circuit_open",
            N_("Destination not responding"),
            N_(
                "The circuit breaker of a destination is open: Relay waits and tries again from time to "
                "time."
            ),
            Scope.DESTINATION,
            Severity.CRITICAL,
            clear_after_s=60.0,
            covered_by=("destination_paused",),
        ),
        AlertRule(
            "secret_unavailable",
            N_("Secret cannot be read"),
            N_(
                "Deliveries wait because a vault does not answer, or does not give the secret of their "
                "destination."
            ),
            Scope.DESTINATION,
            Severity.CRITICAL,
            fire_after_s=120.0,
            clear_after_s=60.0,
            covered_by=("destination_paused",),
        ),
        AlertRule(
            "failure_rate",
            N_("Failure rate of a destination"),
            N_(
                "Share of the finished deliveries of the last 5 minutes and of the last hour that failed. "
                "Needs 3 failed of 50 finished deliveries; below that, 3 failed deliveries of 2 events "
                "in 15 minutes."
            ),
            Scope.DESTINATION,
            Severity.CRITICAL,
            threshold=2.0,
            unit="%",
            low=0.1,
            high=100.0,
            covered_by=_DESTINATION_DOWN,
        ),
        AlertRule(
            "failure_rate_overall",
            N_("Failure rate of all destinations"),
            N_("The same for all destinations together, when no single destination explains it."),
            Scope.INSTALLATION,
            Severity.CRITICAL,
            threshold=2.0,
            unit="%",
            low=0.1,
            high=100.0,
            covered_by=("failure_rate", *_DESTINATION_DOWN),
        ),
        AlertRule(
            "failed_delivery",
            N_("Failed delivery"),
            N_(
                "A delivery failed and Relay does not retry it: the first one, then at most one message "
                "an hour with the count. A notice at first; a warning if it is still open after this "
                "time."
            ),
            Scope.DESTINATION,
            Severity.NOTICE,
            threshold=15.0,
            unit="minutes",
            high=10_080.0,
            clear_after_s=0.0,
            covered_by=("failure_rate", *_DESTINATION_DOWN),
            remind_every_s=3600.0,
        ),
        AlertRule(
            "late_delivery",
            N_("Delivery late"),
            N_("The oldest delivery that is due has not been sent for this time."),
            Scope.DESTINATION,
            Severity.WARNING,
            threshold=5.0,
            unit="minutes",
            low=1.0,
            high=10_080.0,
            clear_after_s=60.0,
            covered_by=(*_DESTINATION_DOWN, "no_worker", "broker_unavailable"),
        ),
        AlertRule(
            "quota_forecast",
            N_("Quota running out"),
            N_(
                "At the present rate, a quota of the service is used up before it resets. The threshold "
                "is the time until then."
            ),
            Scope.DESTINATION,
            Severity.WARNING,
            threshold=6.0,
            unit="hours",
            high=720.0,
        ),
        # ---- sites -------------------------------------------------------------------------------
        AlertRule(
            "silent_site",
            N_("Site stopped sending"),
            N_(
                "A site sends no events of a type although it usually does at this time of the week. The "
                "threshold is the number of events that were to be expected since the last one."
            ),
            Scope.SITE,
            Severity.WARNING,
            threshold=7.0,
            unit="events",
            low=3.0,
            high=1000.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "rejected_requests",
            N_("Rejected requests"),
            N_(
                "Relay rejected this many requests of a site in 15 minutes, and at least three times as "
                "many as usual."
            ),
            Scope.SITE,
            Severity.WARNING,
            threshold=20.0,
            unit="requests",
            low=1.0,
        ),
        AlertRule(
            "old_key",
            N_("Signing key about to end"),
            N_(
                "A site still signs with an old key, and the rotation window ends within this time."
            ),
            Scope.SITE,
            Severity.WARNING,
            threshold=6.0,
            unit="hours",
            high=720.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "key_fetched",
            N_("Signing key fetched"),
            N_(
                "A site fetched its new signing key after a rotation. Relay sends it once, to an address that "
                "the site sent events from."
            ),
            Scope.SITE,
            Severity.WARNING,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "key_refused",
            N_("Signing key not sent"),
            N_(
                "A request with a valid signature asked for the new signing key a second time, or from an "
                "unknown address."
            ),
            Scope.SITE,
            Severity.WARNING,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "site_clock",
            N_("Site clock wrong"),
            N_(
                "The clock of a site differs by this time from Relay's, so its requests are rejected, or will "
                "be soon."
            ),
            Scope.SITE,
            Severity.WARNING,
            threshold=120.0,
            unit="seconds",
            low=5.0,
            high=86_400.0,
        ),
        AlertRule(
            "plugin_outbox",
            N_("Events waiting on a site"),
            N_(
                "A site reports events that wait in the plugin's outbox and that did not arrive within 90 "
                "minutes."
            ),
            Scope.SITE,
            Severity.WARNING,
            threshold=1.0,
            unit="events",
            low=1.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "ledger.site",
            N_("Events missing from a site"),
            N_("A site counted events that Relay did not receive."),
            Scope.SITE,
            Severity.WARNING,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "canary",
            N_("Test event lost or slow"),
            N_("The synthetic event of a site did not come through all of Relay within this time."),
            Scope.SITE,
            Severity.CRITICAL,
            threshold=60.0,
            unit="seconds",
            low=1.0,
            high=3600.0,
            fire_after_s=120.0,  # after no_worker, which explains it
            covered_by=("no_worker", "broker_unavailable"),
        ),
        # ---- the installation --------------------------------------------------------------------
        AlertRule(
            "no_worker",
            N_("No worker running"),
            N_("No worker sent a heartbeat for this time, so nothing is delivered."),
            Scope.INSTALLATION,
            Severity.CRITICAL,
            threshold=2.0,
            unit="minutes",
            low=1.0,
            high=60.0,
            clear_after_s=0.0,
            covered_by=("broker_unavailable",),
        ),
        AlertRule(
            "no_scheduler",
            N_("No scheduler running"),
            N_(
                "No scheduler did its work for this time, so retries are not sent when they are due."
            ),
            Scope.INSTALLATION,
            Severity.CRITICAL,
            threshold=2.0,
            unit="minutes",
            low=1.0,
            high=60.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "broker_unavailable",
            N_("Broker unavailable"),
            N_("The broker (REDIS_URL) does not answer."),
            Scope.INSTALLATION,
            Severity.CRITICAL,
            clear_after_s=60.0,
        ),
        AlertRule(
            "database_unavailable",
            N_("Database unavailable"),
            N_("The database does not answer or cannot store events."),
            Scope.INSTALLATION,
            Severity.CRITICAL,
            clear_after_s=60.0,
        ),
        AlertRule(
            "disk_space",
            N_("Disk nearly full"),
            N_("Less than this is free in the data directory."),
            Scope.INSTALLATION,
            Severity.WARNING,
            threshold=1024.0,
            unit="MiB",
            low=10.0,
        ),
        AlertRule(
            "ledger.books",
            N_("Ledger does not add up"),
            N_("Two counts of the same events differ."),
            Scope.INSTALLATION,
            Severity.WARNING,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "audit_log",
            N_("Audit log changed"),
            N_(
                "The nightly check found an entry of the audit log that was changed, deleted or inserted in "
                "the database."
            ),
            Scope.INSTALLATION,
            Severity.CRITICAL,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "ai_budget",
            N_("AI budget"),
            N_(
                "The calls of AI steps have used this share of a cap of the day; critical at 100 %."
            ),
            Scope.DESTINATION,
            Severity.WARNING,
            threshold=80.0,
            unit="%",
            low=1.0,
            high=100.0,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "failed_sign_ins",
            N_("Many failed sign-ins"),
            N_("This many attempts to sign in as one person failed in 15 minutes."),
            Scope.INSTALLATION,
            Severity.WARNING,
            threshold=10.0,
            unit="attempts",
            low=1.0,
            high=1000.0,
            fire_after_s=0.0,
        ),
        AlertRule(
            "backup_age",
            N_("Backup too old or failed"),
            N_(
                "The last backup by flask backup is older than this, or flask backup run or verify failed. "
                "Without any such backup, the rule does nothing until a person sets a threshold."
            ),
            Scope.INSTALLATION,
            Severity.WARNING,
            threshold=48.0,
            unit="hours",
            low=1.0,
            high=8760.0,
            clear_after_s=0.0,
        ),
        AlertRule(
            "channel_failed",
            N_("Alert channel failed"),
            N_("A message of an alert could not be sent by one of the channels."),
            Scope.INSTALLATION,
            Severity.WARNING,
            fire_after_s=0.0,
            clear_after_s=0.0,
        ),
    )
}
