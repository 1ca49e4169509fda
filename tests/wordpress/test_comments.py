"""Which comments are sent, when, and with which fields."""

import re
from datetime import datetime, timedelta

import pytest

from tests.wordpress.site import php_literal

ON_BOTH = True


def test_an_approved_comment_is_sent_once_with_a_valid_signature(site, gateway, connected):
    comment = site.post_comment(
        "Jane", "jane@example.org", "A first word", url="https://jane.example"
    )
    site.run_cron()
    site.run_cron()
    [request] = gateway.received
    assert request.verified
    assert request.headers["x-wp-key-id"] == "key_lab.1"
    assert request.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", request.event_id)
    data = request.json["data"]
    event = dict(request.json)
    assert event.pop("revision") > 0
    assert datetime.fromisoformat(event.pop("occurred_at")).utcoffset() == timedelta(0)
    assert event == {
        "event": "comment.created", "event_id": request.event_id, "site": site.url, "data": data, "locale": "en_US",
        "timezone": "+00:00",
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data.pop("created_at"))
    assert data == {
        "id": comment, "post_id": 1, "author": "Jane", "content": "A first word", "author_email": "jane@example.org",
        "author_url": "https://jane.example", "post_title": "Hello world!", "status": "approved",
    }  # fmt: skip


def test_a_visitor_does_not_wait_when_the_gateway_hangs(site, gateway, connected):
    site.post_comment("Jane", "jane@example.org", "Not sent in this request")
    assert gateway.connections == 0
    assert connected.row()["state"] == "waiting"
    site.run_cron()
    assert gateway.connections == 1


def test_the_hook_itself_makes_one_database_statement(site, connected):
    """Recording is one INSERT; everything else happens after the visitor's comment is done."""
    site.post_comment("Jane", "jane@example.org", "Counted")
    statements = site.php_json(
        "call_user_func( function () { global $wpdb, $wp_filter; $before = $wpdb->num_queries;"
        " $c = new WP_Comment( (object) array( 'comment_ID' => 77, 'comment_type' => 'comment', 'comment_approved' => '1' ) );"
        " foreach ( $wp_filter['wp_insert_comment']->callbacks[1000] as $one ) { call_user_func( $one['function'], 77, $c ); }"
        " return $wpdb->num_queries - $before; } )"
    )
    assert statements == 1


def test_unicode_survives_byte_for_byte(site, gateway, connected):
    text = "Größe 日本語 😀 \u2028 \"quoted\" back\\slash 'single' / & <b>bold</b>"
    site.post_comment("Søren & Zoë", "zoe@example.org", text)
    site.run_cron()
    [request] = gateway.received
    assert request.verified
    assert request.json["data"]["author"] == "Søren & Zoë"
    assert "Größe 日本語 😀" in request.json["data"]["content"]
    assert "back\\slash" in request.json["data"]["content"]
    assert request.body.isascii()


def test_a_comment_arrives_as_a_person_reads_it_with_its_links_whole(site, gateway, connected):
    text = "Tom & Jerry \u2026 see https://example.com/?a=1&b=2 R&D <b>bold</b>"
    site.post_comment("Søren & Zoë", "a&b@example.org", text, url="https://zoe.example/?a=1&b=2")
    site.run_cron()
    [request] = gateway.received
    data = request.json["data"]
    assert data["content"] == "Tom & Jerry … see https://example.com/?a=1&b=2 R&D bold"
    assert "?a=1&amp;b=2 R&amp;D <b>bold</b>" in data["content_html"]
    assert data["author_url"] == "https://zoe.example/?a=1&b=2"
    assert data["author_email"] == "a&b@example.org"


def test_the_time_has_the_offset_of_the_sites_zone(site, gateway, connected):
    site.set_option("timezone_string", "Asia/Kolkata")
    try:
        site.post_comment("Jane", "jane@example.org", "From far away")
        site.run_cron()
    finally:
        site.set_option("timezone_string", "")
    [request] = gateway.received
    assert request.json["timezone"] == "Asia/Kolkata"
    occurred_at = datetime.fromisoformat(request.json["occurred_at"])
    assert occurred_at.utcoffset() == timedelta(hours=5, minutes=30)
    created_at = datetime.fromisoformat(request.json["data"]["created_at"])
    assert abs(occurred_at - created_at) < timedelta(minutes=1)


def test_a_held_comment_is_sent_only_after_approval(site, gateway, connected):
    site.set_option("comment_moderation", 1)
    comment = site.post_comment("Jane", "jane@example.org", "Please wait")
    site.run_cron()
    assert gateway.connections == 0
    site.php(f"wp_set_comment_status( {comment}, 'approve' );")
    site.run_cron()
    [request] = gateway.received
    assert request.json["data"]["id"] == comment
    assert request.json["data"]["status"] == "approved"


def test_a_held_comment_is_sent_at_once_if_enabled_and_not_again_on_approval(
    site, gateway, connected
):
    site.set_option("comment_moderation", 1)
    site.set_option("relay_connector_send_held", 1)
    comment = site.post_comment("Jane", "jane@example.org", "Look at me")
    site.run_cron()
    site.php(f"wp_set_comment_status( {comment}, 'approve' );")
    site.run_cron()
    [request] = gateway.received
    assert request.json["data"]["status"] == "hold"


@pytest.mark.parametrize("status", ["spam", "trash"])
def test_spam_and_trash_are_never_sent(site, gateway, connected, status):
    site.php(
        f"add_filter( 'pre_comment_approved', function () {{ return '{status}'; }}, 99 );"
        "wp_new_comment( wp_slash( array( 'comment_post_ID' => 1, 'comment_author' => 'Bot',"
        " 'comment_author_email' => 'bot@example.org', 'comment_author_url' => '', 'comment_type' => 'comment',"
        " 'comment_content' => 'Buy', 'comment_author_IP' => '127.0.0.1', 'comment_agent' => '' ) ) );"
    )
    site.run_cron()
    assert gateway.connections == 0
    assert connected.rows() == []


@pytest.mark.parametrize("fate", ["wp_spam_comment( %d )", "wp_trash_comment( %d )", "wp_delete_comment( %d, true )",
                                  "wp_set_comment_status( %d, 'hold' )"])  # fmt: skip
def test_a_comment_that_becomes_spam_or_trash_first_is_not_sent(site, gateway, connected, fate):
    comment = site.post_comment("Jane", "jane@example.org", "Regretted")
    site.php(fate % comment + ";")
    site.run_cron()
    assert gateway.connections == 0
    row = connected.row()
    assert row["state"] == "withdrawn"
    assert "Not sent" in row["last_answer"]


def test_a_comment_that_is_approved_again_is_sent(site, gateway, connected):
    comment = site.post_comment("Jane", "jane@example.org", "There and back")
    site.php(f"wp_spam_comment( {comment} );")
    site.run_cron()
    site.php(f"wp_unspam_comment( {comment} ); wp_set_comment_status( {comment}, 'approve' );")
    site.run_cron()
    [request] = gateway.received
    assert request.json["data"]["id"] == comment


def test_a_sent_comment_is_not_sent_again_on_a_second_approval_even_when_its_row_is_purged(
    site, gateway, connected
):
    comment = site.post_comment("Jane", "jane@example.org", "Once")
    site.run_cron()
    connected.pass_time(86400 * 31)
    site.run_cron()
    assert connected.rows() == []
    site.php(
        f"wp_set_comment_status( {comment}, 'hold' ); wp_set_comment_status( {comment}, 'approve' );"
    )
    site.run_cron()
    assert len(gateway.received) == 1
    assert "was already sent" in connected.row()["last_answer"]


def test_a_comment_made_over_rest_is_sent(site, gateway, connected, admin):
    nonce = admin.get(f"{site.url}/wp-admin/admin-ajax.php?action=rest-nonce", timeout=60).text
    made = admin.post(
        f"{site.url}/?rest_route=/wp/v2/comments", headers={"X-WP-Nonce": nonce},
        json={"post": 1, "content": "From an app"}, timeout=60,
    )  # fmt: skip
    assert made.status_code == 201, made.text
    site.run_cron()
    [request] = gateway.received
    assert request.json["data"]["id"] == made.json()["id"]


@pytest.mark.parametrize(("kind", "sent"), [("", 1), ("comment", 1), ("review", 1), ("order_note", 0), ("note", 0),
                                            ("pingback", 0), ("trackback", 0)])  # fmt: skip
def test_only_comments_and_reviews_are_sent(site, gateway, connected, kind, sent):
    site.php(
        "wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'Jane', 'comment_approved' => 1,"
        f" 'comment_content' => 'Text', 'comment_type' => {php_literal(kind)} ) );"
    )
    # WordPress changes an empty type to "comment" on insert; old rows still have it.
    site.run_cron()
    assert len(gateway.received) == sent


@pytest.mark.parametrize("kind", ["pingback", "trackback"])
def test_pingbacks_and_trackbacks_are_sent_if_enabled(site, gateway, connected, admin, kind):
    connected.save(admin, send_pings="1")
    site.php(
        "wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'Another site', 'comment_approved' => 1,"
        f" 'comment_content' => '[…] as they say […]', 'comment_type' => {php_literal(kind)} ) );"
    )
    site.run_cron()
    [request] = gateway.received
    assert (request.json["event"], request.json["data"]["type"]) == ("comment.created", kind)


def test_an_import_of_old_comments_sends_nothing(site, gateway, connected):
    site.php(
        "define( 'WP_IMPORTING', true ); wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'Old',"
        " 'comment_approved' => 1, 'comment_content' => 'From 2009' ) );"
    )
    site.run_cron()
    assert gateway.connections == 0


def test_another_plugin_can_change_the_fields(site, gateway, connected):
    plugin = site.add_mu_plugin(
        "fields.php",
        "<?php add_filter( 'relay_connector_event_data', function ( $data, $type, $id ) {"
        " unset( $data['author_email'] ); $data['shop'] = $type . $id; return $data; }, 10, 3 );",
    )
    try:
        comment = site.post_comment("Jane", "jane@example.org", "Fields")
        site.run_cron()
    finally:
        plugin.unlink()
    [request] = gateway.received
    assert request.json["data"]["shop"] == f"comment.created{comment}"
    assert "author_email" not in request.json["data"]


def test_a_comment_is_saved_and_the_admin_notified_when_the_outbox_cannot_be_written(
    site, gateway, connected, admin
):
    plugin = site.add_mu_plugin(
        "gone.php",
        "<?php add_action( 'plugins_loaded', function () {"
        " $GLOBALS['wpdb']->relay_connector_outbox = 'wp_gone'; }, 99 );",
    )
    try:
        comment = site.post_comment("Jane", "jane@example.org", "The table is away")
    finally:
        plugin.unlink()
        site.clear_debug_log()  # the database's error about the missing table
    assert site.php_json(f"get_comment( {comment} )->comment_approved") == "1"
    page = connected.page(admin, "/wp-admin/index.php")
    assert "events were lost" in page
    form = "relay_connector_forget_trouble"
    assert form in page
    connected.click(admin, form)
    assert "events were lost" not in connected.page(admin)
