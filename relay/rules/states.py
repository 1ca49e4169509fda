"""The states of everything but deliveries (see ``lifecycle``) and circuits (see ``circuit``).

The values are what the database stores and what the command line and the API print.
"""

from enum import StrEnum


class DestinationState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # deliveries wait
    CLOSED = "closed"  # removed; nothing is sent to it any more


class SubscriptionState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # deliveries are made and wait
    CLOSED = "closed"  # removed


class SourceState(StrEnum):
    ACTIVE = "active"
    CLOSED = "closed"  # removed; its requests are refused like those of an unknown source


class SourceType(StrEnum):
    """How a source sends.  The values are parts of paths, except the first."""

    PLUGIN = "plugin"  # signed events: Relay's plugin, or any program
    WOOCOMMERCE = "woocommerce"  # WooCommerce's own webhooks
    FORM = "form"  # any form's webhook, with a bearer token


class KeyState(StrEnum):
    """The states of a signing key."""

    ACTIVE = "active"
    RETIRING = "retiring"  # verifies until not_after
    REVOKED = "revoked"


class ReplayState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


class ReplayMapping(StrEnum):
    """Which settings and mapping a replay uses."""

    CURRENT = "current"
    ORIGINAL = "original"  # those of each delivery's last attempt


class DeadLetterState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"  # has a resolution


class Resolution(StrEnum):
    """How a dead letter was resolved."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"


class AttemptOutcome(StrEnum):
    ACCEPTED = "accepted"
    FAILED = "failed"
    REFUSED = "refused"
    HELD = "held"
    LOST = "lost"  # the worker stopped before the answer


class AiStepState(StrEnum):
    ACTIVE = "active"
    OFF = "off"


class AiFallback(StrEnum):
    """What happens to a delivery when the AI gives no answer."""

    GO_ON = "go_on"  # it is sent without one
    WAIT = "wait"  # it is retried later


class AiAnswerState(StrEnum):
    CLAIMED = "claimed"  # a call for it is under way
    READY = "ready"


class AiUseState(StrEnum):
    RESERVED = "reserved"  # the call is under way; counts with its highest cost
    SETTLED = "settled"
    FAILED = "failed"  # cost nothing
    HIT = "hit"  # reused a stored answer
    SKIPPED = "skipped"  # went without AI


class UserState(StrEnum):
    INVITED = "invited"  # has a link and no password yet
    ACTIVE = "active"
    DISABLED = "disabled"  # cannot sign in


class SignInMethod(StrEnum):
    """How a session began."""

    PASSWORD = "password"  # noqa: S105
    PASSKEY = "passkey"
    OIDC = "oidc"
    LINK = "link"  # a first-run link, an invitation or a link for a new password


class Role(StrEnum):
    """In ascending order: each role includes those before it."""

    VIEWER = "viewer"
    SUPPORT = "support"
    ADMIN = "admin"


class LinkPurpose(StrEnum):
    """What a single-use link is for."""

    FIRST_RUN = "first_run"
    INVITE = "invite"
    NEW_PASSWORD = "new_password"  # noqa: S105
    NEW_ADDRESS = "new_address"


class Severity(StrEnum):
    """In ascending order.

    A ``notice`` is a single failure; a ``warning`` needs a person today; ``critical`` means that
    deliveries or events are held up now.
    """

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class AlertChange(StrEnum):
    """What a message says about an alert."""

    OPENED = "opened"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    TEST = "test"


class AlertMessageState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"  # given up; the next channel took over, if there is one
    SKIPPED = "skipped"  # no longer worth sending, such as a reminder after the alert was resolved


class AccessState(StrEnum):
    """What a check of a destination's credentials found; empty where they were never checked."""

    CHECKING = "checking"
    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the service gave no answer
