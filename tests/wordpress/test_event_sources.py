"""Orders, form entries, registrations and other plugins' events, from a request of WordPress to the gateway.

Stand-ins fire what the real plugins fire; what each source makes of it in detail is tested in ``phpunit/``.
"""

import subprocess

import pytest

from tests.wordpress.connector import PAGE, Connector
from tests.wordpress.shop import LEADS, arrived, standins_active
from tests.wordpress.site import LAB, WordPressSite

ON_BOTH = True


@pytest.mark.parametrize("plugin", LEADS)
def test_an_entry_of_each_form_plugin_arrives_once(shop, gateway, connected, plugin):
    shop.php(LEADS[plugin])
    shop.run_cron()
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["event"] == "lead.created"
    assert event["data"]["form"]["plugin"] == plugin
    assert "Jane" in event["data"]["fields"].values()
    assert event["data"]["types"].keys() == event["data"]["fields"].keys()
    row = connected.row()
    assert row["state"] == "sent" and row["body"] is None


@pytest.mark.parametrize(
    ("way", "change"),
    [
        ("standin_wc_block_checkout", "processing"),
        ("standin_wc_classic_checkout", "on-hold"),
        ("standin_wc_admin_order", None),
    ],
)
def test_an_order_arrives_once_however_it_is_created_and_order_notes_do_not(
    shop, gateway, connected, way, change
):
    order = int(shop.php(f"echo {way}();"))
    shop.run_cron()
    events = arrived(gateway)
    assert [one["event"] for one in events] == ["order.created"] + (
        ["order.status_changed"] if change else []
    )
    assert {one["data"]["id"] for one in events} == {order}
    assert len(events[0]["data"]["items"]) == 2 and events[0]["data"]["total"] == "129.90"
    if change:
        assert events[1]["data"]["status"] == change


def test_a_refund_arrives(shop, gateway, connected):
    order = int(shop.php("echo standin_wc_classic_checkout();"))
    shop.run_cron()
    gateway.reset()
    shop.php(
        f"wc_create_refund( array( 'order_id' => {order}, 'amount' => '9.9', 'reason' => 'Broken' ) );"
    )
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["event"] == "x.order.refunded"
    assert event["data"]["order_id"] == order and event["data"]["amount"] == "9.90"


def test_an_order_is_sent_even_if_php_is_killed_during_the_checkout(shop, gateway, connected):
    died = subprocess.run(
        ["php", "-r", "require $argv[3]; standin_wc_classic_checkout(); posix_kill( getmypid(), 9 );",
         str(shop.document_root), f"127.0.0.1:{shop.port}", str(LAB / "boot.php")],
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert died.returncode == -9, died
    shop.run_cron()
    assert gateway.connections == 0, "it is not known yet whether the request has come to its end"
    connected.pass_time(301)
    shop.run_cron()
    shop.run_cron()
    events = arrived(gateway)
    assert [one["event"] for one in events] == ["order.created", "order.status_changed"]
    assert len(events[0]["data"]["items"]) == 2


def test_an_order_is_sent_at_once_if_the_server_can_respond_first(gateway):
    with (
        WordPressSite(
            constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"}, server="fpm"
        ) as site,
        standins_active(site),
    ):
        Connector(site).connect(gateway)
        order = int(site.php("echo standin_wc_block_checkout();"))
        gateway.wait_for(2)
    assert [(one["event"], one["data"]["id"]) for one in arrived(gateway)] == [
        ("order.created", order), ("order.status_changed", order),
    ]  # fmt: skip


def test_an_order_waits_for_an_unavailable_gateway_and_is_sent_as_it_is_then(
    shop, gateway, connected
):
    order = int(shop.php("echo standin_wc_admin_order();"))
    shop.php(f"$o = wc_get_order( {order} ); $o->set_total( '99' ); $o->save();")
    assert connected.row()["body"] is None, "the body is made when it is sent"
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["data"]["total"] == "99.00"


def test_a_registration_and_a_custom_event_arrive(shop, gateway, connected):
    shop.php(
        "wp_insert_user( array( 'user_login' => 'new', 'user_pass' => 'x', 'user_email' => 'new@example.org' ) );"
        "do_action( 'relay_connector_send_event', 'x.booking_made', array( 'room' => 12 ) );"
    )
    shop.run_cron()
    assert [(one["event"], one["data"].get("room")) for one in arrived(gateway)] == [
        ("user.registered", None), ("x.booking_made", 12),
    ]  # fmt: skip


def test_a_source_that_is_switched_off_is_not_loaded_and_works_as_soon_as_it_is_on(
    shop, gateway, connected
):
    user = "wp_insert_user( array( 'user_login' => 'new%s', 'user_pass' => 'x', 'user_email' => 'n%s@example.org' ) );"
    choice = (
        "update_option( 'relay_connector_events', array( 'sources' => array( 'users' => %s ) ) );"
    )
    shop.php(choice % 0)
    loaded = shop.php_json("class_exists( 'Relay_Connector\\\\Events\\\\Users', false )")
    shop.php(user % (1, 1))
    assert loaded is False and connected.rows() == []
    shop.php(choice % 1 + user % (2, 2))
    shop.php(user % (3, 3))
    assert [row["event_type"] for row in connected.rows()] == ["user.registered"] * 2


def test_recording_an_order_or_an_entry_sends_nothing_in_the_visitors_request(
    shop, gateway, connected
):
    shop.php("standin_wc_block_checkout();" + LEADS["contact-form-7"])
    assert gateway.connections == 0
    assert len(connected.rows()) == 3


def test_nothing_leaves_a_site_that_is_not_set_up(shop, gateway, connector):
    shop.php("standin_wc_block_checkout();" + "".join(LEADS.values()))
    shop.run_cron()
    assert gateway.connections == 0
    assert connector.rows() == []


def test_a_broken_outbox_does_not_affect_the_form(shop, gateway, connected, admin):
    plugin = shop.add_mu_plugin(
        "gone.php",
        "<?php add_action( 'plugins_loaded', function () {"
        " $GLOBALS['wpdb']->relay_connector_outbox = 'wp_gone'; }, 99 );",
    )
    try:
        result = shop.php_json(
            "standin_cf7_submit( 5, array( 'your-name' => 'Jane' ) ) + array( 'order' => standin_wc_block_checkout() )"
        )
    finally:
        plugin.unlink()
        shop.clear_debug_log()  # the database's error about the missing table
    assert result["status"] == "mail_sent" and result["order"]
    assert "events were lost" in connected.page(admin, "/wp-admin/index.php")


def test_uninstalling_deletes_the_metadata_of_orders_from_every_table(shop, connected):
    shop.php(
        "global $wpdb; update_post_meta( 1, '_relay_connector_sent', 'x' );"
        "$wpdb->query( 'CREATE TABLE wp_wc_orders_meta (id int AUTO_INCREMENT PRIMARY KEY, meta_key varchar(255))' );"
        "$wpdb->query( \"INSERT INTO wp_wc_orders_meta (meta_key) VALUES ('_relay_connector_sent'), ('of_others')\" );"
    )
    left = shop.php_json(
        "call_user_func( function () { global $wpdb; \\Relay_Connector\\Events\\Sent_Order_Events::delete_all();"
        " return array( get_post_meta( 1, '_relay_connector_sent' ), $wpdb->get_col( 'SELECT meta_key FROM wp_wc_orders_meta' ) ); } )"
    )
    shop.php(
        "$GLOBALS['wpdb']->query( 'DROP TABLE wp_wc_orders_meta' ); Relay_Connector\\Events\\Sent_Order_Events::delete_all();"
    )
    assert left == [[], ["of_others"]]


def test_the_log_is_clean_afterwards(shop, gateway, connected, admin):
    shop.clear_debug_log()
    shop.php("standin_wc_block_checkout();" + "".join(LEADS.values()))
    shop.run_cron()
    connected.page(admin)
    connected.page(admin, f"{PAGE}&tab=events")
    assert [line for line in shop.debug_log().splitlines() if "relay-connector" in line] == []
