"""The daily report: once per day, signed, never lost."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from relay.ingest.signature import VerifyingKey, check_freshness, verify
from tests.wordpress.connector import PAGE, notices, text_of
from tests.wordpress.fake_gateway import KEY_ID, SECRET, Received, Reply
from tests.wordpress.site import PLUGIN

UNKNOWN_TYPE = Reply(422, '{"error":"invalid_event","detail":{"event":["Unknown type."]}}')
VERSION = re.search(
    r"\* Version:\s+(\S+)", (PLUGIN / "relay-connector.php").read_text()
)[1]  # fmt: skip

PARTS = (
    "$s = new \\Relay_Connector\\Settings(); $o = new \\Relay_Connector\\Sending\\Outbox(); $g = new \\Relay_Connector\\Sending\\Circuit_Breaker( $s );"
    "$c = new \\Relay_Connector\\Sending\\Gateway_Client( $s ); $t = new \\Relay_Connector\\Reporting\\Daily_Counts();"
    "$r = new \\Relay_Connector\\Sending\\Outbox_Runner( $s, $o, $g, $c, array( new \\Relay_Connector\\Events\\Comments( $s, $o, new \\Relay_Connector\\Events\\Event_Choices() ) ),"
    " new \\Relay_Connector\\Reporting\\Daily_Reports( $s, $t, $g, $c ) );"
)

ON_BOTH = True


def day(days_ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%d")


def reports(gateway) -> list[Received]:
    return [request for request in gateway.received if request.json["event"] == "relay.report"]


def line(connected, admin) -> str:
    """The report section of the settings page."""
    found = re.search(r'<p id="relay-connector-report">(.*?)</p>', connected.page(admin), re.S)
    return text_of(found[1]) if found else ""


def test_yesterday_is_reported_once_with_correct_numbers_and_a_valid_signature(
    site, gateway, connected
):
    spam = site.post_comment("Jane", "jane@example.org", "Spam")
    site.php(f"wp_spam_comment( {spam} );")
    site.post_comment("Jane", "jane@example.org", "One")
    site.post_comment("Jane", "jane@example.org", "Two")
    site.run_cron()
    assert reports(gateway) == []
    connected.pass_days(1)
    gateway.reply(Reply(422, "{}"))
    site.post_comment("Jane", "jane@example.org", "Parked on the day after")
    site.run_cron()
    site.run_cron()
    [report] = reports(gateway)
    key = VerifyingKey.prepare(
        SECRET, 1, KEY_ID, 1, datetime.now(UTC) - timedelta(days=1), None, False
    )
    stamp, signature = report.headers["x-wp-timestamp"], report.headers["x-wp-signature"]
    assert check_freshness(stamp, time.time(), 300)
    assert verify([key], stamp, report.body, signature.encode()) is key
    assert report.headers["x-wp-key-id"] == KEY_ID
    assert re.fullmatch(rf"report-{day(1)}-[0-9a-f]{{16}}", report.event_id)
    until = report.json["data"].pop("until")
    assert re.fullmatch(rf"{day(0)}T\d\d:\d\d:\d\dZ", until)
    assert report.json | {"data": None} == {
        "event": "relay.report", "event_id": report.event_id, "site": site.url, "data": None,
    }  # fmt: skip
    data = report.json["data"]
    assert data | {"until": until} == {
        "day": day(1), "until": until, "plugin": VERSION,
        "counts": {"comment.created": {"fired": 3, "sent": 2, "waiting": 1, "dropped": 1}},
    }  # fmt: skip


def test_a_day_without_events_is_reported_as_an_empty_object(site, gateway, connected):
    connected.pass_days(1)
    site.run_cron()
    [report] = reports(gateway)
    assert report.json["data"]["counts"] == {}


def test_reports_are_neither_rows_nor_counted(site, gateway, connected):
    connected.pass_days(1)
    site.run_cron()
    assert len(reports(gateway)) == 1
    assert connected.rows() == [] and connected.counts() == {}


def test_each_site_reports_at_its_own_minute(site, gateway, connected):
    site.run_cron()
    assert 10 <= connected.report_state()["minute"] <= 59
    connected.pass_days(1)
    minutes_of_day = int(time.time()) % 86400 // 60
    connected.set_report_state(minute=minutes_of_day + 5)
    site.run_cron()
    assert reports(gateway) == []
    connected.set_report_state(minute=minutes_of_day - 5)
    site.run_cron()
    assert len(reports(gateway)) == 1


def test_missing_days_are_reported_oldest_first_up_to_fourteen(site, gateway, connected):
    site.post_comment("Jane", "jane@example.org", "Fifteen days before")
    site.run_cron()
    connected.pass_days(1)
    site.post_comment("Jane", "jane@example.org", "Fourteen days before")
    gateway.always(Reply(503, "{}"))
    site.run_cron()
    gateway.reset()
    connected.pass_days(14)
    site.run_cron()
    site.run_cron()
    sent = [report.json["data"] for report in reports(gateway)]
    assert [data["day"] for data in sent] == [day(ago) for ago in range(14, 0, -1)]
    assert sent[0]["counts"]["comment.created"]["fired"] == 1
    assert sent[-1]["counts"] == {}
    assert len({report.event_id for report in reports(gateway)}) == 14


def test_days_before_the_setup_are_not_reported(site, gateway, connector):
    site.run_cron()
    assert connector.report_state() is None
    connector.connect(gateway)
    site.run_cron()
    assert reports(gateway) == []
    connector.pass_days(1)
    site.run_cron()
    assert [report.json["data"]["day"] for report in reports(gateway)] == [day(1)]


def test_a_report_that_fails_is_sent_again_with_the_same_id_and_bytes(
    site, gateway, connected, admin
):
    connected.pass_days(1)
    gateway.reply(Reply(503, "{}"))
    site.run_cron()
    assert "has not reached the gateway yet. It is retried automatically" in line(connected, admin)
    assert "(status 503)" in line(connected, admin)
    assert notices(connected.page(admin)) == []
    site.post_comment("Jane", "jane@example.org", "This one changes no number of the report")
    site.run_cron()
    assert len(reports(gateway)) == 1, "the wait after a failure is kept"
    connected.set_report_state(due_at=int(time.time()))
    site.run_cron()
    first, second = reports(gateway)
    assert (first.event_id, first.body) == (second.event_id, second.body)
    site.run_cron()
    assert len(reports(gateway)) == 2


def test_a_report_interrupted_by_a_kill_is_sent_again_unchanged(site, gateway, connected):
    connected.pass_days(1)
    gate = threading.Event()
    gateway.reply(Reply(hold=gate))
    runner = threading.Thread(target=_cron_that_may_die, args=(site,))
    runner.start()
    gateway.wait_for(1)
    site.kill_server()
    gate.set()
    runner.join()
    site.start_server()
    connected.pass_time(100)
    site.run_cron()
    site.run_cron()
    first, second = reports(gateway)
    assert (first.event_id, first.body) == (second.event_id, second.body)


def test_a_gateway_without_reports_stops_them_without_notices(site, gateway, connected, admin):
    connected.pass_days(1)
    gateway.always(UNKNOWN_TYPE)
    site.run_cron()
    site.run_cron()
    connected.pass_days(1)
    site.run_cron()
    assert len(gateway.received) == 1
    assert connected.rows() == []
    assert "This gateway does not accept daily reports (status 422)" in line(connected, admin)
    for path in (PAGE, "/wp-admin/index.php"):
        page = connected.page(admin, path)
        assert notices(page) == []
        assert not re.search(r'Relay <span class="awaiting-mod">', page)


def test_events_are_sent_while_reports_are_rejected(site, gateway, connected):
    connected.pass_days(1)
    gateway.reply(UNKNOWN_TYPE)
    site.run_cron()
    site.post_comment("Jane", "jane@example.org", "Unaffected")
    site.run_cron()
    assert connected.row()["state"] == "sent"


@pytest.mark.parametrize(
    "change",
    [
        lambda connected, gateway: connected.pass_days(7),
        lambda connected, gateway: connected.connect(gateway, key_id="another"),
        lambda connected, gateway: connected.set_report_state(made_for="0.1.0 an older version"),
    ],
    ids=["a week has passed", "the connection is another", "the plugin was updated"],
)
def test_rejected_reports_resume_when(site, gateway, connected, change):
    connected.pass_days(1)
    gateway.reply(UNKNOWN_TYPE)
    site.run_cron()
    site.run_cron()
    assert len(reports(gateway)) == 1
    change(connected, gateway)
    site.run_cron()
    refused, *taken = reports(gateway)
    assert taken and taken[-1].json["data"]["day"] == day(1)
    assert refused.event_id not in {report.event_id for report in taken}


def test_a_wrong_key_pauses_reports_too_and_loses_none(site, gateway, connected):
    connected.connect(gateway, secret="another-secret-of-more-than-32-characters")
    connected.pass_days(1)
    site.run_cron()
    site.run_cron()
    assert len(reports(gateway)) == 1
    connected.connect(gateway)
    site.run_cron()
    first, second = reports(gateway)
    assert second.verified and second.body == first.body


def test_simultaneous_runs_send_one_report(site, gateway, connected):
    connected.pass_days(1)
    gate = threading.Event()
    gateway.reply(Reply(hold=gate))
    runners = [threading.Thread(target=site.php, args=(PARTS + "$r->run();",)) for _ in range(3)]
    for runner in runners:
        runner.start()
    gateway.wait_for(1)
    site.run_cron()
    gate.set()
    for runner in runners:
        runner.join()
    site.run_cron()
    assert len(reports(gateway)) == 1


def test_a_run_with_outdated_state_sends_nothing(site, gateway, connected):
    """Both have read the same state; only the first one may continue."""
    connected.pass_days(1)
    assert site.php_json(
        "call_user_func( function () { $a = new \\Relay_Connector\\Stored_State( 'relay_connector_reports' );"
        " $b = new \\Relay_Connector\\Stored_State( 'relay_connector_reports' ); $next = $a->value; ++$next['attempts'];"
        " $other = $b->value; $other['attempts'] += 2; return array( $a->replace( $next ), $b->replace( $other ) ); } )"
    ) == [True, False]


def test_the_page_shows_yesterdays_counts_and_the_report(site, gateway, connected, admin):
    site.post_comment("Jane", "jane@example.org", "One")
    assert "The first report is sent to the gateway tomorrow." in line(connected, admin)
    site.run_cron()
    connected.pass_days(1)
    assert "Yesterday (UTC): 1 recorded, 1 sent, 0 waiting." in line(connected, admin)
    assert "The report is sent to the gateway at about" in line(connected, admin)
    site.run_cron()
    told = line(connected, admin)
    assert re.fullmatch(
        r"Yesterday \(UTC\): 1 recorded, 1 sent, 0 waiting\. The gateway accepted the report at \d+:\d\d [ap]m\.",
        told,
    )


def test_the_page_shows_no_report_before_the_setup(site, connector, admin):
    assert line(connector, admin) == ""


def test_the_command_shows_a_day_and_sends_missing_reports(site, gateway, connected):
    assert site.command("report") == f"No events on {day(1)}, and none are waiting.\n"
    site.post_comment("Jane", "jane@example.org", "One")
    site.run_cron()
    assert site.command("report", day=day(0)) == f"{day(0)} comment.created 1 1 0 0\n"
    connected.pass_days(2)
    shown = f"{day(2)} comment.created 1 1 0 0\n"
    sent = site.command("report", day=day(2), send=True)
    assert sent == shown + "Success: The gateway accepted 2 reports.\n"
    assert [report.json["data"]["day"] for report in reports(gateway)] == [day(2), day(1)]
    assert site.command("report", send=True).endswith("Success: The gateway accepted 0 reports.\n")
    assert site.command("report", day="2026-02-30").startswith(
        "Error: 2026-02-30 is not a valid day."
    )


def test_the_command_retries_a_gateway_that_rejected_reports(site, gateway, connected):
    connected.pass_days(1)
    gateway.reply(UNKNOWN_TYPE, UNKNOWN_TYPE)
    site.run_cron()
    assert re.search(
        "Error: The gateway accepted 0 reports.* Unknown type", site.command("report", send=True)
    )
    assert site.command("report", send=True).endswith("Success: The gateway accepted 1 report.\n")


def _cron_that_may_die(site) -> None:
    try:
        site.run_cron()
    except Exception:
        return  # the server was killed under it
