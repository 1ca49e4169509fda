"""The schemas of the event types.  An event that passes becomes a frozen InboundEvent."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from relay.event_types import CANARY, ERASE, REFUNDED, REPORT, TEST, read_empty_objects
from relay.ingest.names import shown_name
from relay.ingest.sentences import EventSchema
from relay.ingest.strict_json import NotStrict
from relay.models.event import search_text_of

CUSTOM = re.compile(r"x\.[a-z0-9_.-]{1,60}\Z")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?\Z")
SITE = re.compile(r"https?://[^\s/?#]\S*\Z", re.IGNORECASE)
NO_DATE = "0000-00-00 00:00:00"  # WordPress writes this for "no date"


class IdField(fields.Field):  # type: ignore[type-arg]
    """An integer of 0 or more, or a text of digits."""

    default_error_messages = {"invalid": "Must be a whole number or numeric text."}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        text = isinstance(value, str) and re.match(r"[0-9]{1,19}\Z", value)
        if not (number or text):
            raise self.make_error("invalid")
        return value


class OrderNumberField(fields.Field):  # type: ignore[type-arg]
    """An order number: text or an integer.  Some plugins add letters to it."""

    default_error_messages = {"invalid": "Must be text or a whole number."}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise self.make_error("invalid")
        return value


def instant(text: str) -> None:
    """ISO 8601, with a space or a T; without an offset it is UTC.  Raises ValidationError."""
    try:
        if text != NO_DATE:
            datetime.fromisoformat(text)
    except ValueError as exc:
        raise ValidationError("Must be an instant such as 2026-01-15 10:30:00.") from exc


def text(required: bool = True, max_length: int | None = None, **kw: Any) -> fields.String:
    checks = [validate.Length(max=max_length)] if max_length else []
    return fields.String(required=required, allow_none=not required, validate=checks, **kw)


def moment(required: bool = True) -> fields.String:
    return fields.String(required=required, allow_none=not required, validate=[instant])


def count_field() -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=[validate.Range(0, 2**53)])


class EventData(EventSchema):
    """Base of all ``data`` schemas.  Unknown fields are kept."""

    class Meta:
        unknown = INCLUDE


class CommentData(EventData):
    id = IdField(required=True)
    post_id = IdField(required=True)
    author = text()
    content = text()
    created_at = moment()
    author_email = text(False)
    author_url = text(False)
    post_title = text(False)
    status = text(False)
    parent = IdField(allow_none=True)


def currency_code(required: bool = True) -> fields.String:
    error = "Must be a currency code in capitals, as EUR."
    check = validate.Regexp(r"[A-Z][A-Z0-9]{1,9}\Z", error=error)
    return fields.String(required=required, allow_none=not required, validate=[check])


def decimal_text(required: bool = True) -> fields.String:
    check = validate.Regexp(DECIMAL, error="Must be a decimal number as text, as 129.90.")
    return fields.String(required=required, allow_none=not required, validate=[check])


class OrderData(EventData):
    id = IdField(required=True)
    number = OrderNumberField(required=True)
    status = text()
    previous_status = text(False)
    currency = currency_code()
    total = decimal_text()
    customer = fields.Dict(required=True)
    items = fields.List(fields.Dict(), required=True)
    created_at = moment()


class DeletedOrderData(EventData):
    """An order that was deleted.  Its customer and items are not sent again."""

    id = IdField(required=True)
    number = OrderNumberField(required=True)
    status = text(False)
    currency = currency_code(False)
    total = decimal_text(False)
    permanent = fields.Raw(allow_none=True)
    created_at = moment(False)
    deleted_at = moment(False)


class SubscriptionData(OrderData):
    """A subscription, and the order of a renewal."""

    billing_period = text(False)
    billing_interval = fields.Integer(strict=True, allow_none=True)
    next_payment_at = moment(False)
    order_id = IdField(allow_none=True)
    order_number = OrderNumberField(allow_none=True)


class ProductData(EventData):
    id = IdField(required=True)
    name = text()
    sku = text(False)
    status = text(False)
    price = decimal_text(False)
    regular_price = decimal_text(False)
    sale_price = decimal_text(False)
    currency = currency_code(False)
    stock_status = text(False)
    created_at = moment(False)
    updated_at = moment(False)


class CustomerData(EventData):
    id = IdField(required=True)
    email = text(False)
    name = text(False)
    first_name = text(False)
    last_name = text(False)
    billing = fields.Dict(allow_none=True)
    shipping = fields.Dict(allow_none=True)
    created_at = moment(False)
    updated_at = moment(False)


class CouponData(EventData):
    id = IdField(required=True)
    code = text()
    discount_type = text(False)
    amount = decimal_text(False)
    currency = currency_code(False)
    expires_at = moment(False)
    created_at = moment(False)
    updated_at = moment(False)
    deleted_at = moment(False)


class PostData(EventData):
    id = IdField(required=True)
    title = text()
    type = text(False)
    status = text(False)
    page_url = text(False)
    created_at = moment(False)
    updated_at = moment(False)


class FormData(EventData):
    plugin = text()
    id = fields.Raw(required=True)
    title = text()


class LeadData(EventData):
    form = fields.Nested(FormData, required=True)
    fields_ = fields.Dict(required=True, data_key="fields")
    types = fields.Raw(allow_none=True)  # relay.mapping.lead_fields ignores what it does not know
    page_url = text(False)
    utm = fields.Dict(allow_none=True)
    consent = fields.Raw(allow_none=True)
    created_at = moment(False)


def check_year(value: date) -> None:
    """Raises ValueError near the ends of the calendar, where adding days overflows."""
    if not 2000 <= value.year < 3000:
        raise ValueError(value)


def day(text: str) -> None:
    """YYYY-MM-DD.  Raises ValidationError."""
    try:
        if not DAY.match(text):
            raise ValueError(text)
        check_year(date.fromisoformat(text))
    except ValueError as exc:
        raise ValidationError("Must be a day such as 2026-01-15.") from exc


def exact_instant(text: str) -> None:
    """ISO 8601 with an offset.  Raises ValidationError."""
    try:
        value = datetime.fromisoformat(text)
        check_year(value)
        if value.tzinfo is None:
            raise ValueError(text)
    except ValueError as exc:
        sentence = "Must be an instant with its zone, such as 2026-01-15T10:30:00Z."
        raise ValidationError(sentence) from exc


class ReportCounts(EventData):
    """A site's counts of one event type on one day."""

    fired = count_field()
    sent = count_field()
    waiting = count_field()
    dropped = count_field()


class ReportData(EventData):
    """A site's own counts of one UTC day, up to ``until``."""

    day = fields.String(required=True, validate=[day])
    until = fields.String(required=True, validate=[exact_instant])
    counts = fields.Dict(
        keys=fields.String(validate=[validate.Length(min=1, max=64)]),
        values=fields.Nested(ReportCounts),
        required=True,
        validate=[validate.Length(max=200)],
    )
    plugin = text(max_length=40)


class EraseData(EventData):
    """A site's request to erase a person from Relay's data."""

    email = fields.String(
        required=True,
        validate=[
            validate.Length(max=254),
            validate.Regexp(r"[^@\s]+@[^@\s]+\Z", error="Must be an e-mail address."),
        ],
    )


class EnvelopeSchema(EventSchema):
    """What is beside ``data``.  ``relay.rules.changes`` reads ``occurred_at`` and ``revision``, and
    ignores invalid values: a check here would cost each event time.
    """

    class Meta:
        unknown = INCLUDE

    event = fields.String(required=True, validate=[validate.Length(min=1, max=64)])
    event_id = fields.String(required=True, validate=[validate.Length(min=1, max=128)])
    site = fields.String(
        required=True,
        validate=[
            validate.Length(max=500),
            validate.Regexp(SITE, error="Must be an address such as https://shop.example.com."),
        ],
    )
    data = fields.Dict(required=True)


ENVELOPE = EnvelopeSchema()
# The schema of each type's data; relay.event_types holds everything else about a type.
TYPES: dict[str, Schema] = {
    "comment.created": CommentData(),
    "order.created": OrderData(),
    "order.status_changed": OrderData(),
    "order.updated": OrderData(),
    "order.deleted": DeletedOrderData(),
    "order.restored": OrderData(),
    REFUNDED: EventData(),
    "lead.created": LeadData(),
    "user.registered": EventData(),
    "customer.created": CustomerData(),
    "customer.updated": CustomerData(),
    "product.created": ProductData(),
    "product.updated": ProductData(),
    "product.low_stock": ProductData(),
    "product.out_of_stock": ProductData(),
    "coupon.created": CouponData(),
    "coupon.updated": CouponData(),
    "coupon.deleted": CouponData(),
    "subscription.created": SubscriptionData(),
    "subscription.status_changed": SubscriptionData(),
    "subscription.renewed": SubscriptionData(),
    "subscription.renewal_failed": SubscriptionData(),
    "post.published": PostData(),
    "post.updated": PostData(),
    TEST: EventData(),
    REPORT: ReportData(),
    ERASE: EraseData(),
    CANARY: EventData(),
}


@dataclass(frozen=True)
class InboundEvent:
    """An event that passed every check.  ``payload`` is the body as received."""

    event_id: str
    event_type: str
    site: str
    payload: str
    body_sha256: bytes
    search_text: str


class InvalidEvent(Exception):
    """The event does not match its schema.  ``reasons`` maps a field's path (``data.content``) to sentences."""

    def __init__(self, reasons: dict[str, list[str]]):
        self.reasons = reasons
        super().__init__("; ".join(f"{name}: {' '.join(why)}" for name, why in reasons.items()))


class EventIdMismatch(Exception):
    """``X-Event-Id`` and the body's ``event_id`` differ."""


def load_event(body: Any, raw: bytes, event_id: str) -> InboundEvent:
    """Check a parsed body against its type's schema.

    ``raw`` is the body it was parsed from, ``event_id`` the header's.  Raises NotStrict if it is not
    an object, EventIdMismatch, InvalidEvent.
    """
    if not isinstance(body, dict):
        raise NotStrict("The body must be one JSON object.")
    body_event_id = body.get("event_id")
    if isinstance(body_event_id, str) and body_event_id != event_id:
        raise EventIdMismatch
    read_empty_objects(body)
    reasons = flatten(ENVELOPE.validate(body))
    if "event" not in reasons:
        kind = body["event"]
        schema = TYPES.get(kind) or (TYPES[TEST] if CUSTOM.match(kind) else None)
        if schema is None:
            reasons["event"] = [
                f"Unknown event type. Known types are {', '.join(TYPES)} and custom types such as x.my_event."
            ]
        elif "data" not in reasons:
            reasons |= flatten(schema.validate(body["data"]), "data")
    if reasons:
        raise InvalidEvent(reasons)
    return InboundEvent(
        event_id=event_id,
        event_type=body["event"],
        site=body["site"],
        payload=raw.decode(),
        body_sha256=hashlib.sha256(raw).digest(),
        search_text=search_text_of(body["data"]),
    )


def flatten(errors: Any, path: str = "") -> dict[str, list[str]]:
    """marshmallow's nested errors as ``{"data.items.0": [why]}``."""
    if isinstance(errors, list):
        return {path: [str(why) for why in errors]}
    reasons: dict[str, list[str]] = {}
    for name, why in errors.items():
        at = path if name == "_schema" else f"{path}.{shown_name(name)}".lstrip(".")
        for place, sentences in flatten(why, at).items():  # two names may be shown alike
            reasons.setdefault(place, []).extend(sentences)
    return reasons
