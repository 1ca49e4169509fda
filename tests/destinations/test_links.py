"""Links from a message to what it is about."""

from __future__ import annotations

from typing import Any

import pytest

from relay.destinations.links import Link, event_page, links_of
from tests.support.kind_contract import message

RELAY = "https://relay.example.com/events/evt-1"


def links(**changes: Any) -> list[str]:
    return [link.url for link in links_of(message(**changes))]


def test_the_links_are_the_object_its_page_the_site_and_the_event() -> None:
    edit = "https://shop.example.com/wp-admin/comment.php?action=editcomment&c=7"
    data = {"edit_url": edit, "page_url": "https://www.shop.example.com/teapots"}
    assert links_of(message(data=data, relay_url=RELAY)) == (
        Link("Open the comment", edit),
        Link("Page", "https://www.shop.example.com/teapots"),
        Link("Shop", "https://shop.example.com"),
        Link("Event in Relay", RELAY),
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/wp-admin/",
        "https://shop.example.com.evil.example/",
        "javascript:alert(1)",
        "https://shop.example.com/<b>",
        'https://shop.example.com/"onclick=',
        "https://shop.example.com/a|b",
        "https://shop.example.com/a\nBcc: x",
        "https://[::1",
        "https://shop.example.com/" + "x" * 2000,
        7,
        None,
        ["https://shop.example.com/"],
    ],
)
def test_a_url_in_the_data_is_used_only_if_it_is_safe_and_on_the_site(url: Any) -> None:
    assert links(data={"edit_url": url, "page_url": url}) == ["https://shop.example.com"]


def test_data_that_is_not_an_object_has_no_links() -> None:
    assert links(data=[1]) == ["https://shop.example.com"]


def test_a_sample_has_no_page_in_relay() -> None:
    assert links(relay_url=RELAY, is_test=True) == ["https://shop.example.com"]


def test_the_page_of_an_event_needs_relays_url() -> None:
    assert event_page("", "evt-1") == ""
    assert event_page("https://relay.example.com/", "a:b/c") == (
        "https://relay.example.com/events/a%3Ab%2Fc"
    )
