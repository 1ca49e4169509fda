"""A network of sites: each has its own events, one configuration applies to all, and uninstalling cleans all."""

import json

import pytest

from tests.wordpress.fake_gateway import KEY_ID, SECRET
from tests.wordpress.site import WordPressSite

SECOND = "second.example"
PLUGIN_FILE = "relay-connector/relay-connector.php"


@pytest.fixture(scope="module")
def network(gateway_server):
    """Two sites; the plugin is active on both, and wp-config.php sets the gateway and the key."""
    with WordPressSite(
        constants={
            "RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway_server.port}",
            "RELAY_CONNECTOR_ENDPOINT": gateway_server.url,
            "RELAY_CONNECTOR_KEY_ID": KEY_ID,
            "RELAY_CONNECTOR_SECRET": SECRET,
        },
        activate=False,
    ) as site:
        site.make_network()
        site.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
            f"$r = activate_plugin( '{PLUGIN_FILE}', '', true ); echo is_wp_error( $r ) ? $r->get_error_message() : '';"
        )
        assert site.add_site(SECOND) == 2
        yield site


def run_cron(site, host=None):
    site.php("do_action( 'relay_connector_send' );", host)


def tables(site) -> list[str]:
    return json.loads(
        site.php(
            "echo wp_json_encode( $GLOBALS['wpdb']->get_col( \"SHOW TABLES LIKE '%relay%'\" ) );"
        )
    )


def test_each_site_sends_its_own_events_with_its_own_address(network, gateway):
    network.post_comment("Jane", "jane@example.org", "On the first")
    network.post_comment("Bob", "bob@example.org", "On the second", host=SECOND)
    run_cron(network)
    assert [one.json["data"]["author"] for one in gateway.received] == ["Jane"]
    run_cron(network, SECOND)
    first, second = (one.json for one in gateway.received)
    assert (first["site"], first["blog_id"]) == (network.url, 1)
    assert (second["site"], second["blog_id"]) == (f"http://{SECOND}", 2)
    assert all(one.verified for one in gateway.received)


def test_removing_a_site_removes_its_tables(network, gateway):
    third = network.add_site("third.example")
    # before its first page is loaded: another plugin may write comments at once
    assert f"wp_{third}_relay_connector_outbox" in tables(network)
    network.php(
        "require_once ABSPATH . 'wp-admin/includes/ms.php'; require_once ABSPATH . 'wp-admin/includes/admin.php';"
        f"wpmu_delete_blog( {third}, true );"
    )
    assert not [name for name in tables(network) if name.startswith(f"wp_{third}_")]


def test_uninstalling_cleans_every_site_of_the_network(network, gateway):
    network.post_comment("Bob", "bob@example.org", "Not sent", host=SECOND)
    assert len(tables(network)) == 6
    said = network.php(
        "require_once ABSPATH . 'wp-admin/includes/plugin.php'; require_once ABSPATH . 'wp-admin/includes/file.php';"
        f"deactivate_plugins( '{PLUGIN_FILE}', false, true ); echo json_encode( delete_plugins( array( '{PLUGIN_FILE}' ) ) );"
    )
    assert said == "true"
    assert tables(network) == []
    for host in (None, SECOND):
        left = network.php(
            "global $wpdb; echo wp_json_encode( array("
            " $wpdb->get_col( \"SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE '%relay\\\\_connector%'\" ),"
            " $wpdb->get_col( \"SELECT meta_key FROM {$wpdb->commentmeta} WHERE meta_key LIKE '%relay%'\" ),"
            " false !== strpos( serialize( _get_cron_array() ), 'relay_connector' ) ) );",
            host,
        )
        assert json.loads(left) == [[], [], False]
