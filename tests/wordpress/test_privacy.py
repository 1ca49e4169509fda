"""Personal data: exported, erased on the site, and requested to be erased at the gateway."""

import json

import pytest

from tests.support.stack import Stack
from tests.wordpress.connector import LOG_PAGE, text_of
from tests.wordpress.fake_gateway import Reply
from tests.wordpress.site import php_literal

ON_BOTH = True

BUSY = Reply(503, "{}")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def export(site, email: str) -> list[dict]:
    """All items of the exporter, over all pages."""
    return site.php_json(
        "call_user_func( function () { $e = apply_filters( 'wp_privacy_personal_data_exporters', array() )['relay-connector'];"
        " $all = array(); $page = 0; do { $r = call_user_func( $e['callback'], " + php_literal(email) + ", ++$page );"
        " $all = array_merge( $all, $r['data'] ); } while ( ! $r['done'] ); return $all; } )"
    )  # fmt: skip


def erase(site, email: str) -> dict:
    """The last response of the eraser, with the number of removed items of all pages."""
    return site.php_json(
        "call_user_func( function () { $e = apply_filters( 'wp_privacy_personal_data_erasers', array() )['relay-connector'];"
        " $page = 0; $removed = 0; do { $r = call_user_func( $e['callback'], " + php_literal(email) + ", ++$page );"
        " $removed += (int) $r['items_removed']; } while ( ! $r['done'] ); return array( 'removed' => $removed ) + $r; } )"
    )  # fmt: skip


def test_a_persons_waiting_events_are_exported(site, gateway, connected):
    gateway.always(BUSY)
    site.post_comment("Jane Doe", "Jane@Example.org", "Tried once")
    site.run_cron()
    site.post_comment("Jane Doe", "jane@example.org", "Not tried yet")
    site.post_comment("Bob", "bob@example.org", "Somebody else")
    items = export(site, "jane@example.org")
    fields = [{line["name"]: line["value"] for line in item["data"]} for item in items]
    assert [one["content"] for one in fields] == ["Tried once", "Not tried yet"]
    assert fields[0]["author"] == "Jane Doe" and fields[0]["Event"] == "comment.created"
    assert export(site, "nobody@example.org") == []


def test_a_persons_waiting_events_are_erased_and_the_gateway_is_asked(
    site, gateway, connected, admin
):
    gateway.always(BUSY)
    site.post_comment("Jane Doe", "jane@example.org", "Tried once")
    site.run_cron()
    site.post_comment("Jane Doe", "JANE@example.org", "Not tried yet")
    site.post_comment("Bob", "bob@example.org", "Somebody else")
    answer = erase(site, "jane@example.org")
    assert answer["removed"] == 1 and answer["items_retained"] is False
    assert "is asked to erase" in answer["messages"][0]
    tried, new, other, request = connected.rows()
    assert [(row["state"], row["body"]) for row in (tried, new)] == [("withdrawn", None)] * 2
    assert (other["state"], request["event_type"]) == ("waiting", "relay.erase")
    page = text_of(connected.page(admin, LOG_PAGE))
    assert "Request to erase personal data" in page and "jane@example.org" not in page
    gateway.always(Reply())
    connected.pass_time(5000)
    site.run_cron()
    sent = {
        one.json["event"]: one.json
        for one in gateway.received
        if one.json["event"] != "relay.report"
    }
    assert sent["relay.erase"]["data"] == {"email": "jane@example.org"}
    assert sent["comment.created"]["data"]["author"] == "Bob"
    assert connected.rows()[3]["body"] is None, "the address is gone once the gateway has it"


def test_a_large_outbox_is_processed_page_by_page(site, gateway, connected):
    gateway.always(BUSY)
    body = json.dumps({"event": "comment.created", "data": {"author_email": "jane@example.org"}})
    site.php(
        "global $wpdb; for ( $i = 0; $i < 250; $i++ ) { $wpdb->insert( 'wp_relay_connector_outbox', array("
        " 'event_id' => \"wp-$i\", 'dedupe_key' => \"k$i\", 'event_type' => 'comment.created', 'state' => 'parked',"
        f" 'body' => 0 === $i % 2 ? {php_literal(body)} : '{{}}' ) ); }}"
    )
    assert len(export(site, "jane@example.org")) == 125
    erase(site, "jane@example.org")
    [request] = export(site, "jane@example.org")
    assert request["data"][0] == {"name": "Event", "value": "relay.erase"}
    assert sum(row["state"] == "withdrawn" for row in connected.rows()) == 125


def test_a_site_that_was_never_set_up_sends_no_request(site, gateway, connector):
    assert erase(site, "jane@example.org")["messages"] == []
    assert connector.rows() == []


def test_a_text_for_the_privacy_policy_is_suggested(site, connected, admin):
    page = text_of(connected.page(admin, "/wp-admin/options-privacy.php?tab=policyguide"))
    assert "to a gateway that is operated by us or on our behalf" in page


@SQLITE
def test_the_gateway_really_erases_the_person(site, connected, admin, stack: Stack):
    made = stack.make_source()
    stack.flask("destinations", "create", "inbox", "Inbox", "--json")
    site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{stack.port}"})
    endpoint = f"{stack.url}/webhooks/wp/{made.slug}"
    connected.save(admin, endpoint=endpoint, key_id=made.key_id, secret=made.secret)
    site.post_comment("Jane Doe", "jane@example.org", "Arrives first")
    site.run_cron()
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM delivery WHERE state = 'delivered'"), what="the delivery"
    )
    erase(site, "jane@example.org")

    def held() -> str:
        rows = stack.rows("SELECT payload, search_text FROM event")
        return str(rows + stack.rows("SELECT request, response FROM attempt"))

    assert "Jane Doe" in held(), "the search finds what there is"
    site.run_cron()
    stack.wait_for(lambda: "jane" not in held().lower(), what="the erasure")
    assert "Arrives first" not in held() and "[erased]" in held()
    assert stack.rows("SELECT actor FROM audit_entry WHERE action = 'person.erase'") == [
        {"actor": "site"}
    ]
