"""The event types that ship with Relay, and how each one reads.

Pure: the standard library only.  To add a type, add an ``EventType`` here and the schema of its data
to ``relay.ingest.schemas``.  ``tests/test_event_types.py`` names what is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TEST, REPORT, ERASE, CANARY = "relay.test", "relay.report", "relay.erase", "relay.canary"
REFUNDED = "x.order.refunded"  # a custom type that the plugin sends


@dataclass(frozen=True)
class Family:
    """All types with the same first part of the name.  They match ``<name>.*``.

    ``plural`` is the family in a list of families.  ``happens`` is a subject and a verb for any of its
    events.
    """

    name: str
    plural: str
    happens: tuple[str, str]


@dataclass(frozen=True)
class EventType:
    """One event type.

    ``label`` is its name on a page; ``singular`` and ``plural`` name it after a number.  ``happens``
    is a subject and a verb: "an order", "is placed".  ``icon`` is the name of a Tabler icon.
    ``sample`` is a realistic ``data`` object for test sends and previews.

    The default messages are Liquid templates: ``headline`` is one line, ``summary`` is what a chat
    message adds below it (it can be empty), ``body`` is the text of an e-mail.

    Relay acts on an ``internal`` type itself: such an event matches no subscription, is in no list of
    events and needs no message.
    """

    name: str
    label: str
    singular: str
    plural: str
    happens: tuple[str, str]
    icon: str
    sample: dict[str, Any]
    headline: str = ""
    summary: str = ""
    body: str = ""
    internal: bool = False

    @property
    def family(self) -> str:
        return family_of(self.name)

    def noun(self, count: int) -> str:
        """What to write after a count: ``order`` or ``orders``."""
        return self.singular if count == 1 else self.plural


FAMILIES = {
    family.name: family
    for family in (
        Family("comment", "comments", ("a comment", "is written")),
        Family("order", "orders", ("an order", "is placed or changes")),
        Family("lead", "leads", ("a lead", "arrives")),
        Family("user", "users", ("a user", "registers")),
        Family("x", "custom events", ("a custom event", "arrives")),
        Family("relay", "test events", ("a test event", "arrives")),
    )
}

SAMPLE_TIME = "2026-01-15T10:30:00Z"
SAMPLE_ORDER: dict[str, Any] = {
    "id": 1042,
    "number": "1042",
    "status": "processing",
    "currency": "EUR",
    "total": "129.90",
    "customer": {"name": "Jane Example", "email": "jane@example.com"},
    "items": [
        {"name": "Blue teapot", "sku": "TEA-BLUE", "quantity": 1, "total": "89.90"},
        {"name": "Green tea, 100 g", "sku": "TEA-100", "quantity": 2, "total": "40.00"},
    ],
    "created_at": SAMPLE_TIME,
}

EVENT_TYPES = {
    event_type.name: event_type
    for event_type in (
        EventType(
            "comment.created",
            label="New comment",
            singular="comment",
            plural="comments",
            happens=("a comment", "is written"),
            icon="message-circle",
            sample={
                "id": 318,
                "post_id": 12,
                "author": "Jane Example",
                "author_email": "jane@example.com",
                "content": "Does the blue teapot come with a lid?",
                "created_at": SAMPLE_TIME,
                "post_title": "Our new teapots",
                "status": "approved",
                "parent": 0,
            },
            headline="New comment by {{ data.author }}"
            "{% if data.post_title %} on “{{ data.post_title }}”{% endif %}",
            summary="> {{ data.content }}",
            body="{{ data.author }} wrote"
            "{% if data.post_title %} on “{{ data.post_title }}”{% endif %}:\n\n{{ data.content }}",
        ),
        EventType(
            "order.created",
            label="New order",
            singular="order",
            plural="orders",
            happens=("an order", "is placed"),
            icon="shopping-cart",
            sample=SAMPLE_ORDER,
            headline="New order #{{ data.number }}: {{ data.total }} {{ data.currency }}",
            summary="{% if data.customer.name %}From {{ data.customer.name }}{% endif %}",
            body="{% if data.customer.name %}From {{ data.customer.name }}\n\n{% endif %}"
            "{% for item in data.items %}{{ item.quantity }} × {{ item.name }}: {{ item.total }}\n"
            "{% endfor %}\nTotal: {{ data.total }} {{ data.currency }}",
        ),
        EventType(
            "order.status_changed",
            label="Order status changed",
            singular="order change",
            plural="order changes",
            happens=("an order", "changes its status"),
            icon="shopping-cart",
            sample=SAMPLE_ORDER | {"status": "completed", "previous_status": "processing"},
            headline="Order #{{ data.number }} is now {{ data.status }}",
            summary="{% if data.previous_status %}Before: {{ data.previous_status }}{% endif %}",
            body="Order #{{ data.number }}"
            "{% if data.customer.name %} from {{ data.customer.name }}{% endif %}"
            " ({{ data.total }} {{ data.currency }}) is now {{ data.status }}."
            "{% if data.previous_status %} It was {{ data.previous_status }} before.{% endif %}",
        ),
        EventType(
            REFUNDED,
            label="Refund",
            singular="refund",
            plural="refunds",
            happens=("an order", "is refunded"),
            icon="receipt-refund",
            sample={
                "id": 1077,
                "order_id": SAMPLE_ORDER["id"],
                "order_number": SAMPLE_ORDER["number"],
                "order_status": "processing",
                "currency": SAMPLE_ORDER["currency"],
                "amount": "29.90",
                "order_total": SAMPLE_ORDER["total"],
                "total_refunded": "29.90",
                "remaining_total": "100.00",
                "is_full": False,
                "reason": "One cup was broken.",
                "customer": SAMPLE_ORDER["customer"],
                "items": [],
                "created_at": SAMPLE_TIME,
            },
            headline="Refund of {{ data.amount }} {{ data.currency }} for order "
            "#{{ data.order_number }}",
            summary="{% if data.reason %}Reason: {{ data.reason }}{% endif %}",
            body="{{ data.amount }} {{ data.currency }} of order #{{ data.order_number }}"
            "{% if data.customer.name %} from {{ data.customer.name }}{% endif %} was refunded."
            "{% if data.reason %}\nReason: {{ data.reason }}{% endif %}"
            "{% if data.remaining_total %}\n\nRemaining total: {{ data.remaining_total }} "
            "{{ data.currency }}{% endif %}",
        ),
        EventType(
            "lead.created",
            label="New lead",
            singular="lead",
            plural="leads",
            happens=("a lead", "arrives"),
            icon="address-book",
            sample={
                "form": {"plugin": "contact-form-7", "id": 7, "title": "Contact"},
                "fields": {
                    "Name": "Jane Example",
                    "E-mail": "jane@example.com",
                    "Message": "Please call me about a bulk order.",
                },
                "types": {"Name": "name", "E-mail": "email", "Message": "textarea"},
                "page_url": "https://shop.example.com/contact",
                "consent": True,
                "created_at": SAMPLE_TIME,
            },
            headline="New lead from {{ data.form.title }}",
            summary="{% for field in data.fields %}{{ field[0] }}: {{ field[1] }}\n{% endfor %}",
            body="{% for field in data.fields %}{{ field[0] }}: {{ field[1] }}\n{% endfor %}"
            "{% if data.page_url %}\nPage: {{ data.page_url }}{% endif %}",
        ),
        EventType(
            "user.registered",
            label="New user",
            singular="new user",
            plural="new users",
            happens=("a user", "registers"),
            icon="user",
            sample={
                "id": 77,
                "login": "jane",
                "email": "jane@example.com",
                "created_at": SAMPLE_TIME,
            },
            headline="New user on {{ site_name }}",
            body="{{ data.login }} ({{ data.email }}) has registered.",
        ),
        EventType(
            TEST,
            label="Test event",
            singular="test event",
            plural="test events",
            happens=("a test event", "arrives"),
            icon="flask",
            sample={"message": "This is a test event from Relay."},
            headline="Test event from {{ site_name }}",
            summary="The connection works.",
            body="The connection works.",
        ),
        EventType(
            REPORT,
            label="Daily site report",
            singular="daily report",
            plural="daily reports",
            happens=("a site", "reports how many events it counted on a day"),
            icon="report",
            sample={
                "day": "2026-01-15",
                "until": "2026-01-16T00:10:00Z",
                "counts": {
                    "order.created": {"fired": 12, "sent": 12, "waiting": 0, "dropped": 0},
                },
                "plugin": "1.2.0",
            },
            internal=True,
        ),
        EventType(
            ERASE,
            label="Erasure request",
            singular="erasure request",
            plural="erasure requests",
            happens=("a site", "asks Relay to erase a person"),
            icon="eraser",
            sample={"email": "jane@example.com"},
            internal=True,
        ),
        EventType(
            CANARY,
            label="Canary",
            singular="canary",
            plural="canaries",
            happens=("a test event of Relay itself", "arrives"),
            icon="activity",
            sample={"sent_by": "relay"},
            internal=True,
        ),
    )
}

INTERNAL_TYPES = frozenset(name for name, found in EVENT_TYPES.items() if found.internal)

# Where a family's ``data`` has objects.  PHP writes an empty array as [], an object or not.
OBJECTS = {
    "order": (
        ("customer",),
        ("customer", "billing"),
        ("customer", "shipping"),
        ("billing",),
        ("shipping",),
    ),
    "lead": (("form",), ("fields",), ("utm",), ("types",)),
    "relay": (("counts",),),
}

# The data of one event of each type that can be delivered.
SAMPLES: dict[str, dict[str, Any]] = {
    name: found.sample for name, found in EVENT_TYPES.items() if not found.internal
}


def family_of(name: str) -> str:
    """``order`` for ``order.created`` and for ``order.*``; ``x`` for a custom type."""
    return name.partition(".")[0]


def event_type_of(name: str) -> EventType:
    """The type of that name; for a custom type, one with texts made of its name."""
    return EVENT_TYPES.get(name) or EventType(
        name,
        label=name,
        singular=f"{name} event",
        plural=f"{name} events",
        happens=(f"an event {name}", "arrives"),
        icon="bolt",
        sample={},
        headline="{{ event }} from {{ site_name }}",
        body="{{ data | json }}",
    )


def read_empty_objects(body: dict[str, Any]) -> dict[str, Any]:
    """A parsed body, changed: [] where an object is expected becomes {}."""
    _read_empty(body, ("data",))
    for path in OBJECTS.get(family_of(str(body.get("event"))), ()):
        _read_empty(body, ("data", *path))
    return body


def _read_empty(body: dict[str, Any], path: tuple[str, ...]) -> None:
    *parents, name = path
    found: Any = body
    for parent in parents:
        found = found.get(parent) if isinstance(found, dict) else None
    if isinstance(found, dict) and found.get(name) == []:
        found[name] = {}
