"""The tables, one module per noun."""

from relay.models.ai import AiAnswer, AiStep, AiUse
from relay.models.alert import Alert
from relay.models.audit import AuditEntry
from relay.models.base import db, db_now, utc_day
from relay.models.delivery import Attempt, DeadLetter, Delivery
from relay.models.destination import (
    Destination,
    DestinationVersion,
    MappingVersion,
    Quota,
    Subscription,
    SubscriptionSource,
)
from relay.models.event import Event
from relay.models.lease import Lease
from relay.models.ledger import (
    ArchivedDeliveries,
    ArchivedEvents,
    ArchivedRejections,
    Intake,
    LedgerCheck,
    SiteReport,
)
from relay.models.replay import Replay
from relay.models.source import AllowedNetwork, Rejection, Revision, SigningKey, Source
from relay.models.user import ROLES, OneTimeLink, User

__all__ = [
    "ROLES",
    "AiAnswer",
    "AiStep",
    "AiUse",
    "Alert",
    "AllowedNetwork",
    "Attempt",
    "AuditEntry",
    "ArchivedDeliveries",
    "ArchivedEvents",
    "ArchivedRejections",
    "DeadLetter",
    "Delivery",
    "Destination",
    "DestinationVersion",
    "Event",
    "Quota",
    "Intake",
    "Lease",
    "LedgerCheck",
    "MappingVersion",
    "OneTimeLink",
    "Rejection",
    "Replay",
    "Revision",
    "SigningKey",
    "SiteReport",
    "Source",
    "Subscription",
    "SubscriptionSource",
    "User",
    "db",
    "db_now",
    "utc_day",
]
