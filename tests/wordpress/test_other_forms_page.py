"""The page "My form plugin is not listed": from one test entry to a source of entries."""

import re

import pytest
import requests

from tests.wordpress.connector import PAGE, text_of
from tests.wordpress.shop import arrived

ON_BOTH = True
HERE = "/wp-admin/options-general.php?page=relay-connector-other-forms"
# A form plugin that Relay Connector does not know: its entries come by admin-ajax.php.
FORM_PLUGIN = """<?php
function unknown_form() {
    do_action( 'unknown_validate', $_POST['email'] );
    do_action( 'unknown_saved', 7, array( 'form_id' => 3, 'data' => $_POST, 'ip' => '192.0.2.7' ) );
    wp_send_json_success();
}
add_action( 'wp_ajax_unknown_form', 'unknown_form' );
add_action( 'wp_ajax_nopriv_unknown_form', 'unknown_form' );
"""
ENTRY = {
    "action": "unknown_form", "your-name": "Jane O'Neill", "email": "jane@example.org", "topics[]": ["Tea", "Pots"],
    "message": "3 < 5 & more", "user_pass": "hunter22", "card": "4111 1111 1111 1111", "_wpnonce": "abcdef0123",
}  # fmt: skip


@pytest.fixture
def form(site):
    """Sends the form in, from a browser; returns nothing."""
    plugin = site.add_mu_plugin("unknown.php", FORM_PLUGIN)

    def send(browser, **changes):
        answer = browser.post(
            f"{site.url}/wp-admin/admin-ajax.php", data=ENTRY | changes, timeout=60
        )
        assert answer.json()["success"]

    yield send
    plugin.unlink()


def press(site, admin, action: str, **fields: str) -> str:
    """Press a button of the page; returns the page that follows."""
    page = admin.get(site.url + HERE, timeout=60).text
    form = next(
        found
        for found in re.findall(r"<form.*?</form>", page, re.S)
        if f'value="{action}"' in found
    )
    data = {}
    for tag in re.findall(r"<(?:input|option)[^>]*>", form):
        found = dict(re.findall(r"""([a-z_]+)=["']([^"']*)["']""", tag))
        if "name" in found:
            data[found["name"]] = found.get("value", "")
    return admin.post(f"{site.url}/wp-admin/admin-post.php", data=data | fields, timeout=60).text


def test_one_entry_of_the_admin_shows_the_hook_and_the_next_entries_arrive(
    site, gateway, connected, admin, form
):
    visitor = requests.Session()
    assert "My form plugin is not listed" in connected.page(admin)
    form(admin)
    assert "found" not in text_of(press(site, admin, "relay_connector_listen")).split("Listen")[0]
    assert "Relay is listening." in text_of(connected.page(admin, HERE))
    form(visitor, email="visitor@example.org")
    assert "Relay is listening." in text_of(connected.page(admin, HERE)), "another browser"
    form(admin)
    page = connected.page(admin, HERE)
    assert "4 values found unknown_saved" in text_of(page)
    assert "“Jane O'Neill”" in text_of(page) and "“Tea, Pots”" in text_of(page)
    stored = site.php("echo get_option( '_transient_relay_connector_heard' );")
    assert not re.search(r"hunter22|4111|abcdef0123|192\.0\.2|visitor@", stored)
    assert site.option("relay_connector_own_forms")["listening"] == []

    after = press(
        site, admin, "relay_connector_add_form", title="Booking & more", mark="1",
        **{"fields[0][label]": "Name", "fields[0][kind]": "name", "fields[1][label]": "E-mail"},
    )  # fmt: skip
    assert "The form was added." in connected.result(after)
    assert site.php("echo get_option( '_transient_relay_connector_heard' );") == ""
    assert gateway.connections == 0

    form(visitor, email="visitor@example.org", **{"your-name": "Max"})
    site.run_cron()
    [event] = arrived(gateway)
    [name] = site.option("relay_connector_own_forms")["forms"]
    assert event["data"]["form"] == {"plugin": "other", "id": name, "title": "Booking & more"}
    assert event["data"]["fields"] == {
        "Name": "Max", "E-mail": "visitor@example.org", "Topics": ["Tea", "Pots"], "Message": "3 < 5 & more",
    }  # fmt: skip
    assert list(event["data"]["types"].values()) == ["name", "email", "choices", "textarea"]
    assert "Booking & more" in text_of(connected.page(admin, PAGE + "&tab=events"))

    assert "The form was removed." in connected.result(
        press(site, admin, "relay_connector_remove_form")
    )
    gateway.reset()
    form(visitor)
    site.run_cron()
    assert arrived(gateway) == []


def test_listening_can_be_stopped_and_ends_by_itself(site, connected, admin, form):
    press(site, admin, "relay_connector_listen")
    press(site, admin, "relay_connector_stop_listening")
    form(admin)
    assert "Relay can send the entries" in text_of(connected.page(admin, HERE))
    press(site, admin, "relay_connector_listen")
    site.php(
        "$o = get_option( 'relay_connector_own_forms' ); $o['listening']['until'] = time() - 1;"
        " update_option( 'relay_connector_own_forms', $o );"
    )
    form(admin)
    assert "Relay can send the entries" in text_of(connected.page(admin, HERE))


def test_the_page_needs_the_capability_and_a_nonce(site, connected, admin):
    actions = ("listen", "stop_listening", "add_form", "remove_form")
    site.php("wp_create_user( 'reader', 'reader-pass-1234', 'reader@example.org' );")
    with site.login("reader", "reader-pass-1234") as reader:
        assert reader.get(site.url + HERE, timeout=60).status_code == 403
        for action in actions:
            for browser in (reader, admin):
                data = {"action": f"relay_connector_{action}"}
                answer = browser.post(f"{site.url}/wp-admin/admin-post.php", data=data, timeout=60)
                assert answer.status_code == 403, action
    assert site.option("relay_connector_own_forms") == []
