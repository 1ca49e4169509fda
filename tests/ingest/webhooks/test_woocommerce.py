"""WooCommerce's payloads as events.

The payloads are those that WooCommerce 11.0.1 sends (includes/class-wc-webhook.php, REST API v3), cut.
"""

from __future__ import annotations

from typing import Any

import pytest

from relay.ingest.schemas import load_event
from relay.ingest.webhooks.woocommerce import UnreadablePayload, event_of

ORDER: dict[str, Any] = {
    "id": 727,
    "parent_id": 0,
    "number": "727",
    "order_key": "wc_order_58d2d042d1d",
    "created_via": "store-api",
    "version": "11.0.1",
    "status": "processing",
    "currency": "EUR",
    "date_created": "2026-03-01T12:28:02",
    "date_created_gmt": "2026-03-01T11:28:02",
    "date_modified": "2026-03-01T12:28:08",
    "date_modified_gmt": "2026-03-01T11:28:08",
    "discount_total": "10.00",
    "shipping_total": "4.90",
    "total": "129.90",
    "total_tax": "20.74",
    "prices_include_tax": True,
    "customer_id": 0,
    "customer_note": "Ring twice",
    "billing": {
        "first_name": "Maria Anna",
        "last_name": "de Souza",
        "company": "R&amp;D",
        "address_1": "Rua 1",
        "address_2": "",
        "city": "Lisboa",
        "state": "",
        "postcode": "1000",
        "country": "PT",
        "email": "maria@example.com",
        "phone": "+351 1",
    },
    "shipping": {"first_name": "João", "last_name": "Silva", "city": "Porto", "phone": "+351 2"},
    "payment_method": "bacs",
    "payment_method_title": "Direct Bank Transfer",
    "transaction_id": "",
    "date_paid_gmt": None,
    "meta_data": [],
    "line_items": [
        {
            "id": 315,
            "name": "Blue teapot",
            "product_id": 93,
            "variation_id": 0,
            "quantity": 2,
            "subtotal": "120.00",
            "total": "110.00",
            "total_tax": "20.74",
            "meta_data": [
                {"id": 1, "key": "_reduced_stock", "value": "2", "display_value": "2"},
                {
                    "id": 2,
                    "key": "engraving",
                    "value": "For Ana",
                    "display_key": "Engraving",
                    "display_value": "For Ana",
                },
            ],
            "sku": "TEA-BLUE",
            "price": 55,
        }
    ],
    "tax_lines": [],
    "shipping_lines": [{"method_title": "Flat rate", "method_id": "flat_rate", "total": "4.90"}],
    "fee_lines": [],
    "coupon_lines": [{"id": 9, "code": "spring", "discount": "10.00", "discount_tax": "1.90"}],
    "refunds": [{"id": 800, "reason": "", "total": "-29.90"}],
    "_links": {},
}


def test_an_order_has_relays_shape() -> None:
    found = event_of("order.updated", ORDER)
    assert found is not None
    assert (found.event_type, found.object_id, found.revision) == ("order.updated", 727, 1772364488)
    data = found.data
    assert data["customer"] == {
        "first_name": "Maria Anna",
        "last_name": "de Souza",
        "name": "Maria Anna de Souza",
        "company": "R&D",
        "email": "maria@example.com",
        "phone": "+351 1",
        "billing": {
            "company": "R&D",
            "address_1": "Rua 1",
            "city": "Lisboa",
            "postcode": "1000",
            "country": "PT",
        },
        "shipping": {
            "first_name": "João",
            "last_name": "Silva",
            "phone": "+351 2",
            "city": "Porto",
        },
    }
    assert data["items"] == [
        {
            "name": "Blue teapot",
            "sku": "TEA-BLUE",
            "product_id": 93,
            "quantity": 2,
            "total": "110.00",
            "subtotal": "120.00",
            "total_tax": "20.74",
            "options": {"Engraving": "For Ana"},
        }
    ]
    assert data["created_at"] == "2026-03-01T11:28:02+00:00"
    assert (data["total_refunded"], data["remaining_total"]) == ("29.90", "100.00")
    assert (data["coupon_codes"], data["shipping_method"]) == (["spring"], "Flat rate")
    assert data["status"] == data["current_status"] == "processing"


PRODUCT = {
    "id": 93,
    "name": "Blue teapot",
    "status": "publish",
    "price": "55",
    "regular_price": "",
    "categories": [{"id": 1, "name": "Tea &amp; more"}],
    "date_modified_gmt": "2026-03-01T11:28:08",
}
CUSTOMER = {"id": 5, "email": "a@example.com", "billing": {"phone": "1"}, "shipping": []}
COUPON = {"id": 7, "code": "spring", "amount": "10.00", "date_expires_gmt": "2026-04-01T00:00:00"}


@pytest.mark.parametrize(
    ("topic", "payload", "event_type"),
    [
        ("order.created", ORDER, "order.created"),
        ("order.restored", ORDER, "order.restored"),
        ("order.deleted", {"id": 727}, "order.deleted"),
        ("product.updated", PRODUCT, "product.updated"),
        ("product.deleted", {"id": 93}, "x.woocommerce.product.deleted"),
        ("customer.created", CUSTOMER, "customer.created"),
        ("coupon.updated", COUPON, "coupon.updated"),
        ("coupon.deleted", {"id": 7}, "coupon.deleted"),
        (
            "action.woocommerce_add_to_cart",
            {"action": "woocommerce_add_to_cart", "arg": "c4ca4238"},
            "x.woocommerce.action.woocommerce_add_to_cart",
        ),
        (
            "subscription.created",
            {"id": 9, "status": "active"},
            "x.woocommerce.subscription.created",
        ),
    ],
)
def test_each_topic_becomes_an_event_that_its_schema_accepts(
    topic: str, payload: dict[str, Any], event_type: str
) -> None:
    found = event_of(topic, payload)
    assert found is not None and found.event_type == event_type
    body = {
        "event": found.event_type,
        "event_id": "e",
        "site": "https://shop.example.com",
        "data": found.data,
    }
    assert load_event(body, b"{}", "e").event_type == event_type


def test_drafts_are_no_events() -> None:
    assert event_of("order.updated", ORDER | {"status": "checkout-draft"}) is None
    assert event_of("product.created", PRODUCT | {"status": "auto-draft"}) is None


@pytest.mark.parametrize("payload", [[], None, {}, {"id": 0}, {"id": True}, {"id": "x"}])
def test_a_payload_without_an_object_is_refused(payload: Any) -> None:
    with pytest.raises(UnreadablePayload):
        event_of("order.updated", payload)


@pytest.mark.parametrize("topic", ["order.updated", "booking.updated"])
@pytest.mark.parametrize("status", [["a"], {"a": 1}])
def test_a_status_that_is_no_text_is_refused(topic: str, status: Any) -> None:
    with pytest.raises(UnreadablePayload, match="status must be text"):
        event_of(topic, {"id": 7, "status": status})


@pytest.mark.parametrize("total", ["-1e-999999999", "0e999999999", "1e999999999", "NaN", "-Inf"])
def test_an_amount_out_of_range_is_left_out(total: str) -> None:
    found = event_of("order.updated", ORDER | {"refunds": [{"total": total}, {"total": "-29.90"}]})
    assert found is not None
    assert (found.data["total_refunded"], found.data["remaining_total"]) == ("29.90", "100.00")


def test_the_error_that_woocommerce_sends_instead_is_repeated() -> None:
    error = {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot view this."}
    with pytest.raises(UnreadablePayload, match="Sorry, you cannot view this"):
        event_of("order.updated", error)
