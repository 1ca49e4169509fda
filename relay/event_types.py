"""The event types that ship with Relay, and how each one reads.

Pure: the standard library only.  The texts are in English; pages translate them where they show them,
and messages to other systems do not.  To add a type, add an ``EventType`` here and the schema of its data
to ``relay.ingest.schemas``.  ``tests/test_event_types.py`` names what is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relay.i18n import N_

# i18n: keep file - its samples and messages go to other systems

TEST, REPORT, ERASE, CANARY = "relay.test", "relay.report", "relay.erase", "relay.canary"
RELAY_TEST = "test_"  # how the ids of test events begin that Relay sends to itself; those of the plugin do not
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
        Family("comment", N_("comments"), (N_("a comment"), N_("is written"))),
        Family("order", N_("orders"), (N_("an order"), N_("is placed or changes"))),
        Family("lead", N_("leads"), (N_("a lead"), N_("arrives"))),
        Family("user", N_("users"), (N_("a user"), N_("registers"))),
        Family("customer", N_("customers"), (N_("a customer"), N_("is added or changes"))),
        Family("product", N_("products"), (N_("a product"), N_("is added, changes or runs low"))),
        Family("coupon", N_("coupons"), (N_("a coupon"), N_("is added, changes or is deleted"))),
        Family(
            "subscription",
            N_("subscriptions"),
            (N_("a subscription"), N_("starts, changes or renews")),
        ),
        Family("post", N_("posts"), (N_("a post"), N_("is published or changes"))),
        Family("x", N_("custom events"), (N_("a custom event"), N_("arrives"))),
        Family("relay", N_("test events"), (N_("a test event"), N_("arrives"))),
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
        {
            "name": "Blue teapot",
            "sku": "TEA-BLUE",
            "quantity": 1,
            "total": "89.90",
            "options": {"Engraving": "For Jane"},
        },
        {"name": "Green tea, 100 g", "sku": "TEA-100", "quantity": 2, "total": "40.00"},
    ],
    "created_at": SAMPLE_TIME,
}

SAMPLE_PRODUCT: dict[str, Any] = {
    "id": 5,
    "name": "Blue teapot",
    "type": "simple",
    "status": "publish",
    "sku": "TEA-BLUE",
    "price": "89.90",
    "regular_price": "89.90",
    "currency": "EUR",
    "stock_status": "instock",
    "stock_quantity": 12,
    "categories": ["Teapots"],
    "page_url": "https://shop.example.com/product/blue-teapot",
    "created_at": SAMPLE_TIME,
    "updated_at": SAMPLE_TIME,
}
SAMPLE_CUSTOMER: dict[str, Any] = {
    "id": 77,
    "email": "jane@example.com",
    "name": "Jane Example",
    "first_name": "Jane",
    "last_name": "Example",
    "created_at": SAMPLE_TIME,
    "updated_at": SAMPLE_TIME,
}
SAMPLE_COUPON: dict[str, Any] = {
    "id": 210,
    "code": "spring",
    "status": "publish",
    "discount_type": "percent",
    "amount": "10.00",
    "currency": "EUR",
    "usage_count": 3,
    "usage_limit": 100,
    "expires_at": "2026-03-31T22:00:00Z",
    "created_at": SAMPLE_TIME,
    "updated_at": SAMPLE_TIME,
}
SAMPLE_SUBSCRIPTION: dict[str, Any] = {
    "id": 1050,
    "number": "1050",
    "status": "active",
    "currency": "EUR",
    "total": "19.90",
    "billing_period": "month",
    "billing_interval": 1,
    "next_payment_at": "2026-02-15T10:30:00Z",
    "customer": {"name": "Jane Example", "email": "jane@example.com"},
    "items": [{"name": "Tea of the month", "sku": "TEA-MONTH", "quantity": 1, "total": "19.90"}],
    "created_at": SAMPLE_TIME,
}
SAMPLE_POST: dict[str, Any] = {
    "id": 12,
    "title": "Our new teapots",
    "type": "post",
    "status": "publish",
    "author": "Alex Editor",
    "excerpt": "Six colors, one lid.",
    "page_url": "https://shop.example.com/our-new-teapots",
    "created_at": SAMPLE_TIME,
    "updated_at": SAMPLE_TIME,
}
PRODUCT_BODY = (
    "{{ data.name }}{% if data.sku %} ({{ data.sku }}){% endif %}"
    "{% if data.price %}\nPrice: {{ data.price }} {{ data.currency }}{% endif %}"
    "{% if data.stock_quantity != nil %}\nIn stock: {{ data.stock_quantity }}{% endif %}"
)
STOCK_SUMMARY = (
    "{% if data.sku %}SKU: {{ data.sku }}\n{% endif %}"
    "{% if data.stock_quantity != nil %}In stock: {{ data.stock_quantity }}{% endif %}"
)
COUPON_BODY = (
    "Coupon {{ data.code }}: {{ data.amount }}"
    "{% if data.discount_type == 'percent' %}%{% else %} {{ data.currency }}{% endif %}"
    "{% if data.expires_at %}\nExpires: {{ data.expires_at | slice: 0, 10 }}{% endif %}"
)
SUBSCRIPTION_BODY = (
    "Subscription #{{ data.number }}"
    "{% if data.customer.name %} from {{ data.customer.name }}{% endif %}"
    " ({{ data.total }} {{ data.currency }})"
)
NEXT_PAYMENT = "{% if data.next_payment_at %}\nNext payment: {{ data.next_payment_at | slice: 0, 10 }}{% endif %}"

EVENT_TYPES = {
    event_type.name: event_type
    for event_type in (
        EventType(
            "comment.created",
            label=N_("New comment"),
            singular=N_("comment"),
            plural=N_("comments"),
            happens=(N_("a comment"), N_("is written")),
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
            label=N_("New order"),
            singular=N_("order"),
            plural=N_("orders"),
            happens=(N_("an order"), N_("is placed")),
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
            label=N_("Order status changed"),
            singular=N_("order change"),
            plural=N_("order changes"),
            happens=(N_("an order"), N_("changes its status")),
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
            "order.updated",
            label=N_("Order updated"),
            singular=N_("order update"),
            plural=N_("order updates"),
            happens=(N_("an order"), N_("is updated")),
            icon="pencil",
            sample=SAMPLE_ORDER,
            headline="Order #{{ data.number }} was updated",
            summary="Status: {{ data.status }}, total: {{ data.total }} {{ data.currency }}",
            body="Order #{{ data.number }}"
            "{% if data.customer.name %} from {{ data.customer.name }}{% endif %} was updated."
            "\n\nStatus: {{ data.status }}\nTotal: {{ data.total }} {{ data.currency }}",
        ),
        EventType(
            "order.deleted",
            label=N_("Order deleted"),
            singular=N_("deleted order"),
            plural=N_("deleted orders"),
            happens=(N_("an order"), N_("is deleted")),
            icon="trash",
            sample={
                "id": SAMPLE_ORDER["id"],
                "number": SAMPLE_ORDER["number"],
                "status": "cancelled",
                "currency": SAMPLE_ORDER["currency"],
                "total": SAMPLE_ORDER["total"],
                "permanent": False,
                "created_at": SAMPLE_TIME,
                "deleted_at": SAMPLE_TIME,
            },
            headline="Order #{{ data.number }} was deleted",
            summary="{% if data.permanent %}It was deleted permanently."
            "{% else %}It is in the trash.{% endif %}",
            body="Order #{{ data.number }} ({{ data.total }} {{ data.currency }}) was "
            "{% if data.permanent %}deleted permanently{% else %}moved to the trash{% endif %}.",
        ),
        EventType(
            "order.restored",
            label=N_("Order restored"),
            singular=N_("restored order"),
            plural=N_("restored orders"),
            happens=(N_("an order"), N_("is restored from the trash")),
            icon="restore",
            sample=SAMPLE_ORDER,
            headline="Order #{{ data.number }} was restored",
            summary="Status: {{ data.status }}",
            body="Order #{{ data.number }}"
            "{% if data.customer.name %} from {{ data.customer.name }}{% endif %}"
            " ({{ data.total }} {{ data.currency }}) was restored from the trash."
            " Its status is {{ data.status }}.",
        ),
        EventType(
            REFUNDED,
            label=N_("Refund"),
            singular=N_("refund"),
            plural=N_("refunds"),
            happens=(N_("an order"), N_("is refunded")),
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
            label=N_("New lead"),
            singular=N_("lead"),
            plural=N_("leads"),
            happens=(N_("a lead"), N_("arrives")),
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
            label=N_("New user"),
            singular=N_("new user"),
            plural=N_("new users"),
            happens=(N_("a user"), N_("registers")),
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
            "customer.created",
            label=N_("New customer"),
            singular=N_("new customer"),
            plural=N_("new customers"),
            happens=(N_("a customer"), N_("is added")),
            icon="user-plus",
            sample=SAMPLE_CUSTOMER,
            headline="New customer on {{ site_name }}",
            summary="{{ data.name }}",
            body="{% if data.name %}{{ data.name }}{% else %}Customer {{ data.id }}{% endif %}"
            "{% if data.email %} ({{ data.email }}){% endif %} is a new customer.",
        ),
        EventType(
            "customer.updated",
            label=N_("Customer updated"),
            singular=N_("customer update"),
            plural=N_("customer updates"),
            happens=(N_("a customer"), N_("is updated")),
            icon="user-edit",
            sample=SAMPLE_CUSTOMER,
            headline="Customer {{ data.id }} was updated",
            summary="{{ data.name }}",
            body="{% if data.name %}{{ data.name }}{% else %}Customer {{ data.id }}{% endif %}"
            "{% if data.email %} ({{ data.email }}){% endif %} was updated.",
        ),
        EventType(
            "product.created",
            label=N_("New product"),
            singular=N_("new product"),
            plural=N_("new products"),
            happens=(N_("a product"), N_("is added")),
            icon="package",
            sample=SAMPLE_PRODUCT,
            headline="New product: {{ data.name }}",
            summary="{% if data.price %}{{ data.price }} {{ data.currency }}{% endif %}",
            body=PRODUCT_BODY,
        ),
        EventType(
            "product.updated",
            label=N_("Product updated"),
            singular=N_("product update"),
            plural=N_("product updates"),
            happens=(N_("a product"), N_("is updated")),
            icon="package",
            sample=SAMPLE_PRODUCT,
            headline="Product updated: {{ data.name }}",
            summary="{% if data.price %}{{ data.price }} {{ data.currency }}{% endif %}",
            body=PRODUCT_BODY,
        ),
        EventType(
            "product.low_stock",
            label=N_("Low stock"),
            singular=N_("low stock warning"),
            plural=N_("low stock warnings"),
            happens=(N_("a product"), N_("runs low")),
            icon="trending-down",
            sample=SAMPLE_PRODUCT | {"stock_quantity": 2, "low_stock_amount": 3},
            headline="Low stock: {{ data.name }}",
            summary=STOCK_SUMMARY,
            body=PRODUCT_BODY,
        ),
        EventType(
            "product.out_of_stock",
            label=N_("Out of stock"),
            singular=N_("out of stock warning"),
            plural=N_("out of stock warnings"),
            happens=(N_("a product"), N_("is out of stock")),
            icon="package-off",
            sample=SAMPLE_PRODUCT | {"stock_quantity": 0, "stock_status": "outofstock"},
            headline="Out of stock: {{ data.name }}",
            summary=STOCK_SUMMARY,
            body=PRODUCT_BODY,
        ),
        EventType(
            "coupon.created",
            label=N_("New coupon"),
            singular=N_("new coupon"),
            plural=N_("new coupons"),
            happens=(N_("a coupon"), N_("is added")),
            icon="discount-2",
            sample=SAMPLE_COUPON,
            headline="New coupon: {{ data.code }}",
            body=COUPON_BODY,
        ),
        EventType(
            "coupon.updated",
            label=N_("Coupon updated"),
            singular=N_("coupon update"),
            plural=N_("coupon updates"),
            happens=(N_("a coupon"), N_("is updated")),
            icon="discount-2",
            sample=SAMPLE_COUPON,
            headline="Coupon updated: {{ data.code }}",
            body=COUPON_BODY,
        ),
        EventType(
            "coupon.deleted",
            label=N_("Coupon deleted"),
            singular=N_("deleted coupon"),
            plural=N_("deleted coupons"),
            happens=(N_("a coupon"), N_("is deleted")),
            icon="discount-2-off",
            sample=SAMPLE_COUPON | {"permanent": False, "deleted_at": SAMPLE_TIME},
            headline="Coupon deleted: {{ data.code }}",
            body=COUPON_BODY,
        ),
        EventType(
            "subscription.created",
            label=N_("New subscription"),
            singular=N_("new subscription"),
            plural=N_("new subscriptions"),
            happens=(N_("a subscription"), N_("starts")),
            icon="repeat",
            sample=SAMPLE_SUBSCRIPTION,
            headline="New subscription #{{ data.number }}: {{ data.total }} {{ data.currency }}",
            summary="{% if data.customer.name %}From {{ data.customer.name }}{% endif %}",
            body=SUBSCRIPTION_BODY + " has started." + NEXT_PAYMENT,
        ),
        EventType(
            "subscription.status_changed",
            label=N_("Subscription status changed"),
            singular=N_("subscription change"),
            plural=N_("subscription changes"),
            happens=(N_("a subscription"), N_("changes its status")),
            icon="repeat",
            sample=SAMPLE_SUBSCRIPTION | {"status": "on-hold", "previous_status": "active"},
            headline="Subscription #{{ data.number }} is now {{ data.status }}",
            summary="{% if data.previous_status %}Before: {{ data.previous_status }}{% endif %}",
            body=SUBSCRIPTION_BODY + " is now {{ data.status }}."
            "{% if data.previous_status %} It was {{ data.previous_status }} before.{% endif %}",
        ),
        EventType(
            "subscription.renewed",
            label=N_("Subscription renewed"),
            singular=N_("renewal"),
            plural=N_("renewals"),
            happens=(N_("a subscription"), N_("renews")),
            icon="refresh",
            sample=SAMPLE_SUBSCRIPTION | {"order_id": 1090, "order_number": "1090"},
            headline="Subscription #{{ data.number }} was renewed",
            summary="{% if data.order_number %}Order #{{ data.order_number }}{% endif %}",
            body=SUBSCRIPTION_BODY + " was renewed."
            "{% if data.order_number %}\nOrder: #{{ data.order_number }}{% endif %}" + NEXT_PAYMENT,
        ),
        EventType(
            "subscription.renewal_failed",
            label=N_("Renewal payment failed"),
            singular=N_("failed renewal"),
            plural=N_("failed renewals"),
            happens=(N_("a subscription"), N_("cannot be renewed because a payment fails")),
            icon="credit-card-off",
            sample=SAMPLE_SUBSCRIPTION
            | {"status": "on-hold", "order_id": 1090, "order_number": "1090"},
            headline="Payment for subscription #{{ data.number }} failed",
            summary="{% if data.order_number %}Order #{{ data.order_number }}{% endif %}",
            body="The renewal payment failed: " + SUBSCRIPTION_BODY + " is now {{ data.status }}."
            "{% if data.order_number %}\nOrder: #{{ data.order_number }}{% endif %}",
        ),
        EventType(
            "post.published",
            label=N_("Post published"),
            singular=N_("new post"),
            plural=N_("new posts"),
            happens=(N_("a post"), N_("is published")),
            icon="news",
            sample=SAMPLE_POST,
            headline="New on {{ site_name }}: {{ data.title }}",
            summary="{{ data.page_url }}",
            body="{{ data.title }}{% if data.author %}\nBy {{ data.author }}{% endif %}"
            "{% if data.excerpt %}\n\n{{ data.excerpt }}{% endif %}"
            "{% if data.page_url %}\n\n{{ data.page_url }}{% endif %}",
        ),
        EventType(
            "post.updated",
            label=N_("Post updated"),
            singular=N_("post update"),
            plural=N_("post updates"),
            happens=(N_("a post"), N_("is updated")),
            icon="news",
            sample=SAMPLE_POST,
            headline="Updated on {{ site_name }}: {{ data.title }}",
            summary="{{ data.page_url }}",
            body="{{ data.title }}{% if data.excerpt %}\n\n{{ data.excerpt }}{% endif %}"
            "{% if data.page_url %}\n\n{{ data.page_url }}{% endif %}",
        ),
        EventType(
            TEST,
            label=N_("Test event"),
            singular=N_("test event"),
            plural=N_("test events"),
            happens=(N_("a test event"), N_("arrives")),
            icon="flask",
            sample={"message": "This is a test event from Relay."},
            headline="Test event from {{ site_name }}",
            summary="The connection works.",
            body="The connection works.",
        ),
        EventType(
            REPORT,
            label=N_("Daily site report"),
            singular=N_("daily report"),
            plural=N_("daily reports"),
            happens=(N_("a site"), N_("reports how many events it counted on a day")),
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
            label=N_("Erasure request"),
            singular=N_("erasure request"),
            plural=N_("erasure requests"),
            happens=(N_("a site"), N_("asks Relay to erase a person")),
            icon="eraser",
            sample={"email": "jane@example.com"},
            internal=True,
        ),
        EventType(
            CANARY,
            label=N_("Canary"),
            singular=N_("canary"),
            plural=N_("canaries"),
            happens=(N_("a test event of Relay itself"), N_("arrives")),
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
    "subscription": (
        ("customer",),
        ("customer", "billing"),
        ("customer", "shipping"),
    ),
    "customer": (("billing",), ("shipping",)),
    "lead": (("form",), ("fields",), ("utm",), ("types",), ("parts",)),
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
