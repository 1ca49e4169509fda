"""How each response of the gateway changes the outbox.  No event is lost or sent under another id."""

import threading
import time
from email.utils import formatdate

import pytest

from tests.wordpress.connector import notices
from tests.wordpress.fake_gateway import FakeGateway, Reply

ON_BOTH = True


def test_an_event_survives_an_unavailable_gateway_and_keeps_its_id(site, connector):
    gateway = FakeGateway()
    port = gateway.port
    site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{port}"})
    connector.connect(gateway)
    gateway.close()
    site.post_comment("Jane", "jane@example.org", "Into the dark")
    site.run_cron()
    before = connector.row()
    assert before["state"] == "waiting" and before["attempts"] == "1" and before["body"]
    assert "connection was refused" in before["last_answer"]
    gateway = FakeGateway(port=port)
    try:
        site.run_cron()
        assert gateway.connections == 0, "the wait after a failure is kept"
        connector.pass_time(120)
        site.run_cron()
        [request] = gateway.received
        assert request.verified
        assert request.event_id == before["event_id"]
        assert request.body.decode() == before["body"]
    finally:
        gateway.close()
    after = connector.row()
    assert after["state"] == "sent" and after["body"] is None


def test_waits_grow_with_each_failure_up_to_about_an_hour(site, gateway, connected):
    gateway.always(Reply(503, '{"error":"unavailable"}'))
    site.post_comment("Jane", "jane@example.org", "Patience")
    waits = []
    for _ in range(9):
        site.run_cron()
        waits.append(int(connected.row()["due_at"]) - int(time.time()))
        connected.pass_time(5000)
    for expected, wait in zip([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600], waits, strict=True):
        assert expected * 0.8 - 5 <= wait <= expected * 1.2 + 1, waits
    assert len({request.event_id for request in gateway.received}) == 1
    assert len({request.body for request in gateway.received}) == 1
    assert len({request.headers["x-wp-timestamp"] for request in gateway.received}) >= 1


def test_after_two_weeks_of_failures_an_event_is_parked_not_dropped(
    site, gateway, connected, admin
):
    gateway.reply(Reply(500, "{}"))
    site.post_comment("Jane", "jane@example.org", "Two weeks")
    site.php("$GLOBALS['wpdb']->query( 'UPDATE wp_relay_connector_outbox SET attempts = 339' );")
    site.run_cron()
    row = connected.row()
    assert row["state"] == "parked" and row["body"]
    assert "two weeks" in row["last_answer"]
    assert connected.press_row(admin, "send").startswith("Sent.")
    assert gateway.received[0].event_id == gateway.received[1].event_id


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (202, '{"status":"accepted","id":1,"event_id":"wp-1"}'),
        (200, '{"status":"duplicate","id":1,"event_id":"wp-1"}'),
        (409, '{"error":"event_id_conflict"}'),
    ],
    ids=["accepted", "known", "the id belongs to another event"],
)
def test_an_event_that_the_gateway_has_is_finished(site, gateway, connected, status, body):
    gateway.reply(Reply(status, body))
    site.post_comment("Jane", "jane@example.org", "Known")
    site.run_cron()
    assert connected.row()["state"] == "sent"


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_rejected_event_is_parked_with_its_reason_and_the_next_one_is_sent(
    site, gateway, connected, admin, status
):
    gateway.reply(Reply(status, '{"error":"invalid_event","detail":{"data.author":["Too long."]}}'))
    site.post_comment("Jane", "jane@example.org", "Refused")
    site.post_comment("Jane", "jane@example.org", "Taken")
    site.run_cron()
    refused, taken = connected.rows()
    assert (refused["state"], taken["state"]) == ("parked", "sent")
    assert str(status) in refused["last_answer"] and "kept" in refused["last_answer"]
    if status != 413:
        assert "invalid_event, data.author: Too long." in refused["last_answer"]
    [notice] = notices(connected.page(admin, "/wp-admin/index.php"))
    assert "1 event was not accepted" in notice
    assert connected.press_row(admin, "delete").startswith("Deleted.")
    assert [(row["state"], row["body"]) for row in connected.rows()] == [
        ("deleted", None),
        ("sent", None),
    ]
    assert refused["event_id"] not in connected.page(admin)


def test_a_wrong_key_pauses_everything_and_notifies_the_admin(site, gateway, connected, admin):
    connected.connect(gateway, secret="another-secret-of-more-than-32-characters")
    site.post_comment("Jane", "jane@example.org", "One")
    site.post_comment("Jane", "jane@example.org", "Two")
    site.run_cron()
    site.run_cron()
    assert len(gateway.received) == 1, "the second event is not even tried"
    assert {row["state"] for row in connected.rows()} == {"waiting"}
    [notice] = notices(connected.page(admin, "/wp-admin/index.php"))
    assert "sending is paused" in notice and "does not accept the signature (401)" in notice
    assert "2 events wait on this site; nothing is lost" in notice
    assert '<span class="awaiting-mod">1</span>' in connected.page(admin)

    connected.connect(gateway)
    site.run_cron()
    assert [row["state"] for row in connected.rows()] == ["sent", "sent"]
    assert notices(connected.page(admin)) == []


def test_a_pause_ends_when_the_hourly_attempt_is_accepted(site, gateway, connected):
    gateway.reply(Reply(403, '{"error":"address_not_allowed"}'))
    site.post_comment("Jane", "jane@example.org", "One")
    site.post_comment("Jane", "jane@example.org", "Two")
    site.run_cron()
    connected.pass_time(3700)
    site.run_cron()
    assert [row["state"] for row in connected.rows()] == ["sent", "sent"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            Reply(403, '{"error":"address_not_allowed"}'),
            "Add the outgoing IP address of this web server",
        ),
        (Reply(410, "{}"), "no longer exists (410)"),
        (Reply(404, "<html>Not Found</html>", content_type="text/html"), "not a Relay gateway"),
        (Reply(200, "<html>Welcome</html>", content_type="text/html"), "not a Relay gateway"),
        (Reply(204, ""), "not a Relay gateway"),
        (Reply(200, "OK", content_type="text/plain"), "not a Relay gateway"),
        (Reply(200, '{"status":"ok"}'), "not a Relay gateway"),
        (Reply(200, '{"status":["accepted"]}'), "not a Relay gateway"),
        (Reply(200, '"accepted"'), "not a Relay gateway"),
        (Reply(409, '{"error":"conflict"}'), "not a Relay gateway"),
        (Reply(301, "", {"Location": "https://elsewhere.example/"}), "https://elsewhere.example/"),
    ],
    ids=[
        "not allowed",
        "gone",
        "not found",
        "a web page that says 200",
        "204",
        "OK",
        "another API",
        "a list",
        "a word",
        "another API's conflict",
        "redirect",
    ],
)
def test_a_response_about_all_events_pauses_all_and_loses_none(
    site, gateway, connected, admin, answer, says
):
    gateway.always(answer)
    site.post_comment("Jane", "jane@example.org", "One")
    site.post_comment("Jane", "jane@example.org", "Two")
    site.run_cron()
    assert len(gateway.received) == 1
    assert {row["state"] for row in connected.rows()} == {"waiting"}
    [notice] = notices(connected.page(admin))
    assert says in notice


def test_a_test_event_answered_by_another_server_fails(gateway, connected, admin):
    gateway.reply(Reply(200, '{"ok":true}'))
    said = connected.test_event(admin)
    assert "It works" not in said and "not a Relay gateway" in said


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_for_all_events(site, gateway, connected, form):
    value = "7200" if form == "seconds" else formatdate(time.time() + 7200, usegmt=True)
    gateway.reply(Reply(429, '{"error":"rate_limited"}', {"Retry-After": value}))
    site.post_comment("Jane", "jane@example.org", "One")
    site.post_comment("Jane", "jane@example.org", "Two")
    site.run_cron()
    assert len(gateway.received) == 1
    connected.pass_time(7000)
    site.run_cron()
    assert len(gateway.received) == 1
    connected.pass_time(201)
    site.run_cron()
    assert [row["state"] for row in connected.rows()] == ["sent", "sent"]


def test_a_run_ends_early_when_the_gateway_fails_twice_in_a_row(site, gateway, connected):
    gateway.always(Reply(502, "{}"))
    for number in range(5):
        site.post_comment("Jane", "jane@example.org", f"Number {number}")
    site.run_cron()
    assert len(gateway.received) == 2


def test_a_killed_run_loses_nothing_and_keeps_the_id(site, gateway, connected):
    gate = threading.Event()
    gateway.reply(Reply(hold=gate))
    site.post_comment("Jane", "jane@example.org", "Interrupted")
    failures = []

    def cron():
        try:
            site.run_cron()
        except Exception as failure:  # the server is killed under it
            failures.append(failure)

    runner = threading.Thread(target=cron)
    runner.start()
    gateway.wait_for(1)
    site.kill_server()
    gate.set()
    runner.join()
    assert failures
    site.start_server()
    assert planned(site) <= time.time() + 150, "WP-Cron comes back for it by itself"
    site.run_cron()
    assert len(gateway.received) == 1, "the claim still stands"
    connected.pass_time(100)
    site.run_cron()
    first, second = gateway.received
    assert (first.event_id, first.body) == (second.event_id, second.body)
    assert second.verified
    assert connected.row()["state"] == "sent"


def test_only_one_run_sends_at_a_time(site, gateway, connected):
    gate = threading.Event()
    gateway.reply(Reply(hold=gate))
    site.post_comment("Jane", "jane@example.org", "One")
    site.post_comment("Jane", "jane@example.org", "Two")
    runner = threading.Thread(target=site.run_cron)
    runner.start()
    gateway.wait_for(1)
    site.run_cron()
    assert len(gateway.received) == 1
    gate.set()
    runner.join()
    assert [row["state"] for row in connected.rows()] == ["sent", "sent"]
    assert len({request.event_id for request in gateway.received}) == 2


def test_a_comment_is_sent_in_the_same_request_if_the_server_can_respond_first(
    site, gateway, connected
):
    """With a stand-in for PHP's finish function; test_fpm.py uses the real one."""
    plugin = site.add_mu_plugin(
        "finish.php", "<?php function litespeed_finish_request() { return true; }"
    )
    try:
        site.post_comment("Jane", "jane@example.org", "At once")
    finally:
        plugin.unlink()
    assert [request.verified for request in gateway.received] == [True]


def test_nothing_leaves_the_site_before_it_is_set_up(site, gateway, connector):
    site.post_comment("Jane", "jane@example.org", "Too early")
    site.run_cron()
    assert connector.rows() == [], "not even collected"
    assert "the gateway address is missing" in site.command("test")
    site.set_option("relay_connector_endpoint", gateway.url)
    site.post_comment("Jane", "jane@example.org", "Still too early")
    site.run_cron()
    assert "the secret is missing" in site.command("test")
    assert gateway.connections == 0


def test_removing_a_setting_later_loses_no_event(site, gateway, connected, admin):
    site.post_comment("Jane", "jane@example.org", "Before")
    site.run_cron()
    site.php("delete_option( 'relay_connector_secret' );")
    site.post_comment("Jane", "jane@example.org", "Meanwhile")
    site.run_cron()
    assert len(gateway.received) == 1
    [notice] = notices(connected.page(admin))
    assert "1 event waits on this site" in notice
    connected.connect(gateway)
    site.run_cron()
    assert len(gateway.received) == 2


def test_long_waiting_events_are_reported(site, gateway, connected, admin):
    site.post_comment("Jane", "jane@example.org", "Where is my cron")
    connected.pass_time(7200)
    [notice] = notices(connected.page(admin, "/wp-admin/plugins.php"))
    assert "events are late" in notice and "WP-Cron" in notice


def test_a_cron_event_is_due_after_a_comment(site, gateway, connected):
    site.post_comment("Jane", "jane@example.org", "Soon")
    now = time.time()
    assert site.php_json("wp_next_scheduled( 'relay_connector_send_soon' )") <= now + 1


def planned(site) -> int:
    """When the next run is scheduled; 0 if none is."""
    return site.php_json("(int) wp_next_scheduled( 'relay_connector_send_next' )")


def test_wp_cron_is_not_scheduled_while_nothing_waits(site, gateway, connected):
    site.php("wp_schedule_event( time(), 'hourly', 'relay_connector_send' );")  # an older version's
    site.post_comment("Jane", "jane@example.org", "Sent at once")
    site.run_cron()
    assert connected.row()["state"] == "sent"
    assert site.php_json("wp_get_schedule( 'relay_connector_send' )") == "relay_connector_quarter"
    assert site.php_json("wp_get_schedules()['relay_connector_quarter']['interval']") == 900
    assert site.php_json("wp_next_scheduled( 'relay_connector_send_soon' )") is False
    kept = connected.report_state()
    report_at = kept["next"] + 86400 + 60 * kept["minute"]
    assert planned(site) >= report_at, "nothing else is due"


def test_wp_cron_is_scheduled_for_the_next_retry(site, gateway, connected):
    gateway.reply(Reply(503, "{}"), Reply(503, "{}", {"Retry-After": "2000"}))
    site.post_comment("Jane", "jane@example.org", "Patience")
    began = int(time.time())
    site.run_cron()
    due_at = int(connected.row()["due_at"])
    assert max(due_at, began + 60) <= planned(site) <= max(due_at, int(time.time()) + 60)
    connected.pass_time(120)
    site.run_cron()
    assert int(connected.row()["due_at"]) == planned(site) > time.time() + 1900
    site.post_comment("Jane", "jane@example.org", "A new one does not wait for that")
    assert site.php_json("wp_next_scheduled( 'relay_connector_send_soon' )") <= time.time()


def test_wp_cron_is_scheduled_soon_after_a_pause(site, gateway, connected, admin):
    gateway.reply(Reply(401, "{}"))
    site.post_comment("Jane", "jane@example.org", "Paused")
    site.run_cron()
    assert planned(site) > time.time() + 3000, "one event an hour is tried"
    assert connected.test_event(admin).startswith("It works.")
    assert planned(site) <= time.time() + 60
    gateway.reply(Reply(401, "{}"))
    site.run_cron()
    assert planned(site) > time.time() + 3000
    connected.save(admin, key_id="key_other")
    assert planned(site) <= time.time() + 60


def test_the_command_sends_what_is_due(site, gateway, connected):
    site.post_comment("Jane", "jane@example.org", "By crontab")
    assert site.command("send") == "Success: 1 event was processed.\n"
    assert gateway.received[0].verified
    site.php("delete_option( 'relay_connector_endpoint' );")
    assert site.command("send").startswith("Error: Nothing was sent: the gateway address")
