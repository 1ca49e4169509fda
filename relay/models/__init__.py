"""The tables, one file a noun."""

from relay.models.audit import AuditEntry
from relay.models.base import db, db_now
from relay.models.delivery import Attempt, DeadLetter, Delivery
from relay.models.destination import (
    Destination,
    DestinationVersion,
    MappingVersion,
    Subscription,
    SubscriptionSource,
)
from relay.models.event import Event
from relay.models.lease import Lease
from relay.models.replay import Replay
from relay.models.source import AllowedNetwork, Rejection, Revision, SigningKey, Source
from relay.models.user import ROLES, OneTimeLink, User

__all__ = [
    "ROLES",
    "AllowedNetwork",
    "Attempt",
    "AuditEntry",
    "DeadLetter",
    "Delivery",
    "Destination",
    "DestinationVersion",
    "Event",
    "Lease",
    "MappingVersion",
    "OneTimeLink",
    "Rejection",
    "Replay",
    "Revision",
    "SigningKey",
    "Source",
    "Subscription",
    "SubscriptionSource",
    "User",
    "db",
    "db_now",
]
