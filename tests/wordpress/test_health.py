"""How an admin sees problems: the connection test, Site Health and the alert e-mail."""

import re
import time

import pytest

from tests.support.network import free_port
from tests.wordpress.connector import text_of
from tests.wordpress.fake_gateway import SECRET, Reply

HEALTH = (
    "call_user_func( function () {{ require_once ABSPATH . 'wp-admin/includes/class-wp-site-health.php';"
    " $tests = apply_filters( 'site_status_tests', array( 'direct' => array(), 'async' => array() ) );"
    " return call_user_func( $tests['{0}']['relay_connector_{1}']['{2}'] ); }} )"
)

ON_BOTH = True
OFF_AND_ON = (
    "require_once ABSPATH . 'wp-admin/includes/plugin.php'; $it = 'relay-connector/relay-connector.php';"
    " deactivate_plugins( $it ); activate_plugin( $it );"
)


def direct(site, name: str) -> tuple[str, str]:
    """-> status, text"""
    found = site.php_json(HEALTH.format("direct", name, "test"))
    return found["status"], text_of(found["label"] + " " + found["description"])


def gateway_test(site) -> tuple[str, str]:
    found = site.php_json(HEALTH.format("async", "gateway", "async_direct_test"))
    return found["status"], text_of(found["label"] + " " + found["description"])


def alert_mails(site) -> list[dict]:
    """The plugin's e-mails; WordPress sends some about comments too."""
    return [one for one in site.mails() if one["subject"].endswith("Events are not reaching Relay")]


def steps(page: str) -> list[tuple[str, str]]:
    """-> (state, text) of each step of the connection test"""
    found = re.findall(r'<li class="relay-connector-step-(\w+)">(.*?)</li>', page, re.S)
    return [(state, text_of(markup)) for state, markup in found]


def step_states(page: str) -> str:
    """The first letters of the states: p(assed), f(ailed), w(arned), s(kipped)."""
    return "".join(state[0] for state, _ in steps(page))


def test_a_working_connection_passes_each_step(site, gateway, connected, admin):
    site.run_cron()
    page = connected.click(admin, "relay_connector_test")
    assert step_states(page) == "pppppppppp", steps(page)
    assert "The key and the signature are accepted fingerprint" in steps(page)[6][1]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Reply(404, "<html>", content_type="text/html"), "ppppfsss"),
        (Reply(401, "{}", date_offset_s=900), "pppppfss"),
        (Reply(401, "{}"), "ppppppfs"),
        (Reply(403, "{}"), "ppppppfs"),
        (Reply(503, "{}"), "pppppppf"),
        (Reply(422, '{"error":"invalid_event"}'), "pppppppf"),
    ],
    ids=["no gateway", "clock", "key", "address list", "busy", "refused"],
)
def test_the_failed_step_is_marked_and_later_steps_are_not_reached(
    gateway, connected, admin, answer, expected
):
    gateway.reply(answer)
    assert step_states(connected.click(admin, "relay_connector_test"))[:8] == expected


def test_steps_that_fail_before_any_response(site, gateway, connector, admin):
    marks = [line[0] for line in site.command("test").splitlines()]
    assert "".join(marks[:8]) == "✗-------"
    for endpoint, expected in {
        "http://127.0.0.1:1/webhooks/wp": "pfssssss",
        "https://10.0.0.7/webhooks/wp": "pfssssss",
        "https://gateway.invalid/webhooks/wp": "ppfsssss",
    }.items():
        connector.connect(gateway, endpoint=endpoint)
        assert step_states(connector.click(admin, "relay_connector_test"))[:8] == expected, endpoint
    port = free_port()
    site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{port}"})
    connector.connect(gateway, endpoint=f"http://127.0.0.1:{port}/webhooks/wp")
    assert step_states(connector.click(admin, "relay_connector_test"))[:8] == "pppfssss"


def test_a_newer_key_is_reported(gateway, connected, admin):
    gateway.key_reply = Reply(200, '{"status":"newer","until":4102444800}')
    page = connected.click(admin, "relay_connector_test")
    assert steps(page)[8][0] == "warned" and "Fetch the new key" in steps(page)[8][1]


def test_site_health_is_good_without_problems(site, gateway, connected, admin):
    site.post_comment("Jane", "jane@example.org", "Healthy")
    site.run_cron()
    for name in ("setup", "events", "wake_ups"):
        assert direct(site, name)[0] == "good", name
    assert gateway_test(site)[0] == "good"
    assert len(gateway.received) == 1, "the question to the gateway is no event"


def test_site_health_reports_problems(site, gateway, connector, admin):
    assert direct(site, "setup")[0] == "recommended"
    connector.connect(gateway)
    gateway.reply(Reply(401, "{}"))
    site.post_comment("Jane", "jane@example.org", "Paused")
    site.run_cron()
    assert direct(site, "events")[0] == "critical"
    site.php("update_option( 'relay_connector_last_run', time() - 7200 );")
    status, said = direct(site, "wake_ups")
    assert status == "recommended" and "That is too long" in said
    site.php("$GLOBALS['wpdb']->query( 'DROP TABLE wp_relay_connector_outbox' );")
    status, said = direct(site, "setup")
    assert (
        status == "critical"
        and "Deactivate and reactivate the plugin to create the table again" in said
    )
    site.php(OFF_AND_ON)
    site.clear_debug_log()
    assert direct(site, "setup")[0] == "good"


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (Reply(401, "{}"), "critical", "does not accept the signature"),
        (Reply(503, "{}"), "critical", "The problem is on the gateway's side"),
        (Reply(200, '{"ok":true}'), "critical", "not a Relay gateway"),
        (Reply(404, '{"error":"not_found"}'), "good", "an older version"),
        (Reply(200, '{"status":"newer","until":4102444800}'), "recommended", "Fetch the new key"),
        (Reply(200, '{"status":"current"}', date_offset_s=-120), "recommended", "2 minutes ahead"),
    ],
)
def test_site_health_asks_the_gateway(site, gateway, connected, answer, status, says):
    gateway.key_reply = answer
    found, said = gateway_test(site)
    assert (found, says in said) == (status, True), said


def test_the_slow_test_runs_over_rest_for_admins_only(site, gateway, connected, admin):
    url = f"{site.url}/?rest_route=/relay-connector/v1/health/gateway"
    nonce = admin.get(f"{site.url}/wp-admin/admin-ajax.php?action=rest-nonce", timeout=60).text
    answer = admin.get(url, headers={"X-WP-Nonce": nonce}, timeout=60)
    assert (answer.status_code, answer.json()["status"]) == (200, "good")
    assert admin.get(url, timeout=60).status_code == 401


def test_the_debug_information_has_no_secret(site, gateway, connected, admin):
    page = connected.page(admin, "/wp-admin/site-health.php?tab=debug")
    assert "Fingerprint of the secret" in page and "Waiting events" in page
    assert SECRET not in page
    facts = site.php_json(
        "apply_filters( 'debug_information', array() )['relay-connector']['fields']"
    )
    private = {name for name, fact in facts.items() if fact["private"]}
    assert private == {"endpoint", "key_id", "fingerprint"}


def test_an_email_is_sent_when_events_are_stuck_for_an_hour_and_then_daily(
    site, gateway, connected
):
    gateway.always(Reply(503, "{}"))
    site.post_comment("Jane Doe", "jane@example.org", "A private matter")
    site.run_cron()
    connected.pass_time(3000)
    site.run_cron()
    assert alert_mails(site) == [], "not within the first hour"
    connected.pass_time(900)
    site.run_cron()
    site.run_cron()
    [mail] = alert_mails(site)
    assert mail["to"] == "admin@example.org"
    assert mail["subject"] == "[Lab shop] Events are not reaching Relay"
    assert (
        "1 event has been waiting" in mail["message"] and "page=relay-connector" in mail["message"]
    )
    assert not re.search("Jane|jane@|private matter", str(mail))
    connected.pass_time(80000)
    site.run_cron()
    assert len(alert_mails(site)) == 1
    site.php(
        "$GLOBALS['wpdb']->query( \"UPDATE wp_options SET option_value = '{\\\"mailed_at\\\":5}'"
        " WHERE option_name = 'relay_connector_alarm_state'\" );"
    )
    site.run_cron()
    assert len(alert_mails(site)) == 2


def reset_alert_check(site) -> None:
    """Make the next request the first one in 15 minutes; this request does not count."""
    site.php(
        "remove_all_actions( 'shutdown' ); update_option( 'relay_connector_last_look', time() - 1000, true );"
    )


@pytest.mark.parametrize("path", ["/", "/wp-admin/index.php"])
def test_a_visit_sends_the_email_if_wp_cron_does_not_run(site, gateway, connected, admin, path):
    site.post_comment("Jane", "jane@example.org", "Nobody runs")
    connected.page(admin, path)
    connected.pass_time(7200)
    connected.page(admin, path)
    assert alert_mails(site) == [], "looked a moment ago"
    for _ in range(3):
        reset_alert_check(site)
        connected.page(admin, path)
    [mail] = alert_mails(site)
    assert "1 event has been waiting" in mail["message"]


def test_a_visit_does_not_check_for_the_email_if_wp_cron_runs(site, gateway, connected, admin):
    gateway.always(Reply(503, "{}"))
    site.post_comment("Jane", "jane@example.org", "WP-Cron sees to it")
    site.run_cron()
    connected.pass_time(7200)
    reset_alert_check(site)
    connected.page(admin, "/")
    assert alert_mails(site) == []
    assert int(site.option("relay_connector_last_look")) > time.time() - 100


def test_the_email_check_costs_a_visitor_no_query(site, gateway, connected, admin):
    """Counts the queries between this hook and the end of the request, when only the plugin runs."""
    meter = site.add_mu_plugin(
        "meter.php",
        "<?php add_action( 'shutdown', function () { $GLOBALS['lab_from'] = $GLOBALS['wpdb']->num_queries; }, PHP_INT_MAX );"
        " register_shutdown_function( function () { file_put_contents( __DIR__ . '/meter.txt',"
        " $GLOBALS['wpdb']->num_queries - $GLOBALS['lab_from'] ); } );",
    )
    count = meter.with_name("meter.txt")
    try:
        site.php("update_option( 'relay_connector_last_look', time(), true );")
        connected.page(admin, "/")
        assert count.read_text() == "0"
        reset_alert_check(site)
        connected.page(admin, "/")
        assert int(count.read_text()) > 0, "the meter sees what there is"
    finally:
        meter.unlink()
        count.unlink(missing_ok=True)


def test_a_new_problem_after_an_old_one_is_mailed_at_once(site, gateway, connected):
    gateway.reply(Reply(401, "{}"))
    site.post_comment("Jane", "jane@example.org", "One")
    site.run_cron()
    connected.pass_time(3700)
    gateway.reply(Reply(401, "{}"))
    site.run_cron()
    assert "sending is paused" in alert_mails(site)[0]["message"]
    connected.pass_time(3700)
    site.run_cron()
    assert connected.row()["state"] == "sent"
    assert site.option("relay_connector_alarm_state") is False
    gateway.reply(Reply(422, "{}"))
    site.post_comment("Jane", "jane@example.org", "Parked")
    site.run_cron()
    connected.pass_time(3700)
    site.run_cron()
    assert len(alert_mails(site)) == 2
    assert "need your attention" in alert_mails(site)[1]["message"]


def test_the_email_can_be_disabled(site, gateway, connected, admin):
    assert 'name="relay_connector_alarm" value="1"  checked' in connected.page(admin)
    connected.save(admin, alarm="0")
    gateway.always(Reply(503, "{}"))
    site.post_comment("Jane", "jane@example.org", "Quiet")
    connected.pass_time(7200)
    site.run_cron()
    assert alert_mails(site) == []


def test_a_large_outbox_is_reported(site, gateway, connected, admin):
    site.php(
        "global $wpdb; $rows = array(); for ( $i = 0; $i < 10000; $i++ ) {"
        " $rows[] = \"('wp-$i','k$i','comment.created',$i,'waiting',\" . time() . ',' . ( time() + 999 ) . ')'; }"
        " foreach ( array_chunk( $rows, 500 ) as $some ) {"
        " $wpdb->query( 'INSERT INTO wp_relay_connector_outbox (event_id,dedupe_key,event_type,object_id,state,created_at,due_at)"
        " VALUES ' . implode( ',', $some ) ); }"
    )
    assert "10,000 events are waiting in this site's database" in text_of(connected.page(admin))
