"""Activation, upgrade, deactivation, uninstalling, and a clean log."""

import re

from tests.wordpress.connector import Connector
from tests.wordpress.site import PLUGIN, WordPressSite

DESIGN_SNIPPET = """<?php
add_action('comment_post', function ($comment_ID, $approved) {
    $comment = get_comment($comment_ID);
    $payload = array(
        'event' => 'comment.created',
        'event_id' => uniqid('wp_', true),
        'site' => get_bloginfo('url'),
        'data' => array(
            'id' => $comment_ID,
            'post_id' => $comment->comment_post_ID,
            'author' => $comment->comment_author,
            'content' => $comment->comment_content,
            'created_at' => $comment->comment_date_gmt
        )
    );
    $json = wp_json_encode($payload);
    $ts = (string) time();
    $secret = getenv('DJANGO_SHARED_SECRET') ?: 'SHARED_SECRET';
    $sig = base64_encode(hash_hmac('sha256', $ts . '.' . $json, $secret, true));
    $resp = wp_remote_post('ENDPOINT_URL', array(
        'timeout' => 5,
        'headers' => array(
            'Content-Type' => 'application/json',
            'X-WP-Timestamp' => $ts,
            'X-WP-Signature' => $sig,
            'X-Event-Id' => $payload['event_id']
        ),
        'body' => $json
    ));
}, 10, 2);
"""


def test_the_snippet_of_the_original_design_verifies_too(site, gateway, connector):
    source = DESIGN_SNIPPET.replace("ENDPOINT_URL", gateway.url).replace(
        "SHARED_SECRET'", f"{gateway.secret}'", 2
    )
    source = source.replace(f"DJANGO_{gateway.secret}", "DJANGO_SHARED_SECRET")
    snippet = site.add_mu_plugin("snippet.php", source)
    try:
        comment = site.post_comment("Jane", "jane@example.org", "Größe 😀")
    finally:
        snippet.unlink()
    [request] = gateway.received
    assert request.verified
    assert request.json["data"]["id"] == comment


def test_an_older_table_is_upgraded_without_activating_again(site, gateway, connected):
    site.php(
        "$GLOBALS['wpdb']->query( 'ALTER TABLE wp_relay_connector_outbox DROP COLUMN last_answer' );"
        "update_option( 'relay_connector_schema', 0 );"
    )
    site.post_comment("Jane", "jane@example.org", "After the update")
    site.run_cron()
    assert connected.row()["last_answer"].startswith("The gateway accepted")


def test_the_tables_of_the_first_version_are_upgraded_and_their_rows_kept(site, gateway, connected):
    site.post_comment("Jane", "jane@example.org", "Before the update")
    before = connected.row()
    site.php(
        "$GLOBALS['wpdb']->query( 'DROP TABLE wp_relay_tally' );"
        "$GLOBALS['wpdb']->query( 'DROP TABLE wp_relay_callback' );"
        "$GLOBALS['wpdb']->query( 'ALTER TABLE wp_relay_connector_outbox DROP INDEX state_finished' );"
        "update_option( 'relay_connector_schema', 1 );"
    )
    assert connected.row() == before
    assert site.php_json("$GLOBALS['wpdb']->get_col( \"SHOW TABLES LIKE 'wp_relay%'\" )") == [
        "wp_relay_callback", "wp_relay_connector_outbox", "wp_relay_tally",
    ]  # fmt: skip
    site.run_cron()
    [request] = gateway.received
    assert request.event_id == before["event_id"]


def test_deactivation_removes_the_cron_events_and_keeps_the_rows(site, gateway, connected):
    site.post_comment("Jane", "jane@example.org", "Kept")
    site.php(
        "require_once ABSPATH . 'wp-admin/includes/plugin.php'; deactivate_plugins( 'relay-connector/relay-connector.php' );"
    )
    try:
        assert "relay_connector" not in str(site.php_json("_get_cron_array()"))
        assert connected.row()["state"] == "waiting"
    finally:
        site.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; activate_plugin( 'relay-connector/relay-connector.php' );"
        )
    site.run_cron()
    assert len(gateway.received) == 1


def test_uninstalling_removes_everything(gateway):
    with WordPressSite(
        constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"}
    ) as site:
        connector = Connector(site)
        before = site.php_json(
            "$GLOBALS['wpdb']->get_col( \"SELECT option_name FROM wp_options WHERE option_name LIKE '%relay%'\" )"
        )
        assert before, "the search finds what there is"
        connector.connect(gateway)
        site.post_comment("Jane", "jane@example.org", "Sent")
        site.run_cron()
        assert connector.report_state(), "there are reports to leave traces"
        assert site.php_json("$GLOBALS['wpdb']->get_col( \"SHOW TABLES LIKE '%relay%'\" )") == [
            "wp_relay_callback",
            "wp_relay_connector_outbox",
            "wp_relay_tally",
        ]
        site.php("update_user_meta( 1, 'relay_connector_per_page', 50 );")
        site.post_comment("Jane", "jane@example.org", "Not sent")
        with site.login() as admin:
            connector.test_event(admin)
        said = site.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; require_once ABSPATH . 'wp-admin/includes/file.php';"
            "deactivate_plugins( 'relay-connector/relay-connector.php' );"
            "echo json_encode( delete_plugins( array( 'relay-connector/relay-connector.php' ) ) );"
        )
        assert said == "true"
        left = site.php_json(
            "array( $GLOBALS['wpdb']->get_col( \"SELECT option_name FROM wp_options WHERE option_name LIKE '%relay\\_connector%'\" ),"
            " $GLOBALS['wpdb']->get_col( \"SHOW TABLES LIKE '%relay%'\" ),"
            " $GLOBALS['wpdb']->get_col( \"SELECT meta_key FROM wp_commentmeta WHERE meta_key LIKE '%relay%'\" ),"
            " $GLOBALS['wpdb']->get_col( \"SELECT meta_key FROM wp_usermeta WHERE meta_key LIKE '%relay%'\" ) )"
        )
        assert left == [[], [], [], []]
        assert "relay_connector" not in str(site.php_json("_get_cron_array()"))
        assert not (site.document_root / "wp-content/plugins/relay-connector").exists()
        assert not _complaints(site.debug_log())


def test_an_admin_can_keep_the_data_when_the_plugin_is_deleted(gateway):
    with WordPressSite(
        constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"}
    ) as site:
        connector = Connector(site)
        connector.connect(gateway)
        site.post_comment("Jane", "jane@example.org", "Not sent")
        with site.login() as admin:
            connector.save(admin, keep_data="1")
        site.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; require_once ABSPATH . 'wp-admin/includes/file.php';"
            "deactivate_plugins( 'relay-connector/relay-connector.php' );"
            "delete_plugins( array( 'relay-connector/relay-connector.php' ) );"
        )
        assert not (site.document_root / "wp-content/plugins/relay-connector").exists()
        kept = site.php_json(
            "$GLOBALS['wpdb']->get_col( 'SELECT state FROM wp_relay_connector_outbox' )"
        )
        assert kept == ["waiting"]
        assert site.option("relay_connector_secret") == [gateway.secret]
        assert "relay_connector" not in str(site.php_json("_get_cron_array()"))


def test_the_log_has_no_line_about_the_plugin(site, gateway, connected, admin):
    site.post_comment("Jane", "jane@example.org", "Quiet")
    site.run_cron()
    connected.test_event(admin)
    for path in ["/wp-admin/index.php", "/wp-admin/plugins.php", "/wp-admin/site-health.php"]:
        connected.page(admin, path)
    assert "PHP " in site.debug_log(), "the log is on"
    assert not _complaints(site.debug_log())


def test_no_text_is_translated_before_init_even_if_another_plugin_uses_this_one(site, connected):
    early = site.add_mu_plugin(
        "early.php",
        "<?php add_action( 'plugins_loaded', function () { $record = function ( $text, $original, $domain ) {"
        " if ( 'relay-connector' === $domain ) { $GLOBALS['lab_early'][] = $original; } return $text; };"
        " add_filter( 'gettext', $record, 10, 3 ); $GLOBALS['lab_intervals'] = wp_get_schedules();"
        " wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => 'Early', 'comment_approved' => 1 ) );"
        " relay_connector_send_event( 'x.early', array() );"
        " add_filter( 'option_relay_connector_events', $off = function () { return array( 'sources' => array( 'custom' => 0 ) ); } );"
        " relay_connector_send_event( 'x.early', array() ); remove_filter( 'option_relay_connector_events', $off );"
        " remove_filter( 'gettext', $record ); }, 99 );",
    )
    try:
        intervals = site.php_json("array_keys( $GLOBALS['lab_intervals'] )")
        assert any("relay_connector" in name for name in intervals), intervals
        assert site.php_json("$GLOBALS['lab_early'] ?? array()") == []
    finally:
        early.unlink()


def test_versions_agree():
    header = (PLUGIN / "relay-connector.php").read_text()
    readme = (PLUGIN / "readme.txt").read_text()
    version = re.search(r"\* Version:\s+(\S+)", header)[1]
    assert f"'RELAY_CONNECTOR_VERSION', '{version}'" in header
    assert f"Stable tag: {version}\n" in readme
    assert f"= {version} =" in readme


def _complaints(log: str) -> list[str]:
    return [line for line in log.splitlines() if re.search("relay.connector", line, re.I)]
