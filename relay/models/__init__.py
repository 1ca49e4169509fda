"""The tables, one module per noun."""

from relay.models.activity import CanaryRun, DeliveryMinute, EventHour, Milestone
from relay.models.ai import AiAnswer, AiStep, AiUse
from relay.models.alert import (
    Alert,
    AlertChannel,
    AlertEntry,
    AlertEvaluation,
    AlertMessage,
    AlertRuleSetting,
)
from relay.models.audit import AuditEntry, AuditHead
from relay.models.base import db, db_now, utc_day
from relay.models.delivery import Attempt, DeadLetter, Delivery, ObjectRevision
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
    LedgerPart,
    SiteReport,
)
from relay.models.privacy import EmailDigest, ErasureReceipt, RedactedEvent
from relay.models.replay import Replay
from relay.models.saved_view import SavedView
from relay.models.setting import Setting
from relay.models.source import (
    AllowedNetwork,
    ConnectGrant,
    Rejection,
    Revision,
    SigningKey,
    Source,
)
from relay.models.token import ApiToken, ApiTokenSite
from relay.models.traffic import DestinationHold, DestinationTraffic, SiteTraffic
from relay.models.user import (
    ROLES,
    OneTimeLink,
    Passkey,
    RecoveryCode,
    SignInPolicy,
    User,
    UserSession,
    UserSite,
)

__all__ = [
    "ROLES",
    "AiAnswer",
    "AiStep",
    "AiUse",
    "Alert",
    "AlertChannel",
    "AlertEntry",
    "AlertEvaluation",
    "AlertMessage",
    "AlertRuleSetting",
    "AllowedNetwork",
    "ApiToken",
    "ApiTokenSite",
    "Attempt",
    "AuditEntry",
    "AuditHead",
    "ArchivedDeliveries",
    "ArchivedEvents",
    "ArchivedRejections",
    "CanaryRun",
    "ConnectGrant",
    "DeadLetter",
    "Delivery",
    "DeliveryMinute",
    "Destination",
    "DestinationHold",
    "DestinationTraffic",
    "DestinationVersion",
    "EmailDigest",
    "ErasureReceipt",
    "Event",
    "EventHour",
    "Quota",
    "Intake",
    "Lease",
    "LedgerCheck",
    "LedgerPart",
    "MappingVersion",
    "Milestone",
    "ObjectRevision",
    "OneTimeLink",
    "Passkey",
    "RecoveryCode",
    "RedactedEvent",
    "Rejection",
    "Replay",
    "SavedView",
    "Revision",
    "Setting",
    "SignInPolicy",
    "SigningKey",
    "SiteReport",
    "SiteTraffic",
    "Source",
    "Subscription",
    "SubscriptionSource",
    "User",
    "UserSession",
    "UserSite",
    "db",
    "db_now",
    "utc_day",
]
