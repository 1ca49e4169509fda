"""The daily counts: each event once, on the day it happened, and sent only if it was accepted."""

import threading

import pytest

from tests.wordpress.fake_gateway import Reply

ON_BOTH = True


def of(fired: int = 0, sent: int = 0, waiting: int = 0, dropped: int = 0) -> dict:
    """The counts of a day that had only comments."""
    return {
        "comment.created": {"fired": fired, "sent": sent, "waiting": waiting, "dropped": dropped}
    }


def write(site, *texts: str) -> list[int]:
    return [site.post_comment("Jane", "jane@example.org", text) for text in texts]


def test_a_comment_counts_as_recorded_at_once_and_as_sent_once_it_is_accepted(
    site, gateway, connected
):
    assert connected.counts() == {}
    write(site, "One", "Two", "Three")
    assert connected.counts() == of(fired=3, waiting=3)
    site.run_cron()
    assert connected.counts() == of(fired=3, sent=3)
    site.run_cron()
    assert connected.counts() == of(fired=3, sent=3)


def test_spam_counts_as_dropped_and_is_counted_again_when_approved(site, gateway, connected):
    [comment] = write(site, "There and back")
    site.php(f"wp_spam_comment( {comment} );")
    site.run_cron()
    assert connected.counts() == of(fired=1, dropped=1)
    connected.pass_days(2)
    site.run_cron()
    site.php(f"wp_unspam_comment( {comment} ); wp_set_comment_status( {comment}, 'approve' );")
    site.run_cron()
    assert connected.counts(days_ago=2) == of(fired=1, dropped=1)
    assert connected.counts() == of(fired=1, sent=1)


def test_a_comment_that_was_spam_from_the_start_is_not_counted(site, gateway, connected):
    site.php(
        "wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'Bot', 'comment_approved' => 'spam',"
        " 'comment_content' => 'Buy' ) );"
    )
    site.run_cron()
    assert connected.counts() == {}


def test_failed_and_rejected_events_count_as_waiting_until_sent_or_deleted(
    site, gateway, connected, admin
):
    gateway.reply(Reply(422, '{"error":"invalid_event"}'), Reply(503, "{}"), Reply(503, "{}"))
    write(site, "Refused", "Late", "Untried")
    site.run_cron()
    assert [row["state"] for row in connected.rows()] == ["parked", "waiting", "waiting"]
    assert connected.counts() == of(fired=3, waiting=3)
    connected.pass_time(120)
    site.run_cron()
    assert connected.counts() == of(fired=3, sent=2, waiting=1)
    assert connected.press_row(admin, "delete").startswith("Deleted.")
    assert connected.counts() == of(fired=3, sent=2, dropped=1)


def test_a_resent_event_counts_as_sent_once(site, gateway, connected, admin):
    gateway.reply(Reply(422, '{"error":"invalid_event"}'))
    write(site, "Refused at first")
    site.run_cron()
    assert connected.press_row(admin, "send").startswith("Sent.")
    assert connected.counts() == of(fired=1, sent=1)


def test_a_deleted_event_is_counted_and_its_comment_can_be_recorded_again(
    site, gateway, connected, admin
):
    gateway.reply(Reply(422, '{"error":"invalid_event"}'))
    [comment] = write(site, "Refused")
    site.run_cron()
    connected.press_row(admin, "delete")
    site.php(
        f"wp_set_comment_status( {comment}, 'hold' ); wp_set_comment_status( {comment}, 'approve' );"
    )
    site.run_cron()
    assert connected.counts() == of(fired=2, sent=1, dropped=1)
    assert [row["state"] for row in connected.rows()] == ["deleted", "sent"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (202, '{"status":"accepted"}', of(1, sent=1)),
        (200, '{"status":"duplicate"}', of(1, sent=1)),
        (409, '{"error":"event_id_conflict"}', of(1, dropped=1)),
    ],
    ids=["accepted", "known", "the id belongs to another event"],
)
def test_only_an_acceptance_counts_as_sent(site, gateway, connected, status, body, expected):
    gateway.reply(Reply(status, body))
    write(site, "Answered")
    site.run_cron()
    assert connected.counts() == expected


def test_test_events_are_not_counted(site, gateway, connected, admin):
    assert connected.test_event(admin).startswith("It works.")
    assert connected.counts() == {}


def test_each_number_belongs_to_the_day_on_which_it_happened(site, gateway, connected):
    gateway.reply(Reply(503, "{}"), Reply(503, "{}"))
    write(site, "Monday", "Also Monday")
    site.run_cron()
    connected.pass_days(1)
    write(site, "Tuesday")
    site.run_cron()
    assert connected.counts(days_ago=1) == of(fired=2)
    assert connected.counts() == of(fired=1, sent=3)


def test_a_purge_deletes_the_rows_and_keeps_the_counts(site, gateway, connected):
    site.set_option("relay_connector_retention_days", 1)
    [spam, _] = write(site, "Spam", "Good")
    site.php(f"wp_spam_comment( {spam} );")
    site.run_cron()
    before = connected.counts()
    assert before == of(fired=2, sent=1, dropped=1)
    connected.pass_days(3)
    site.run_cron()
    assert connected.rows() == []
    assert connected.counts(days_ago=3) == before
    site.run_cron()
    assert connected.counts(days_ago=3) == before


def test_a_purge_keeps_the_counts_while_no_report_can_be_sent(site, gateway, connected):
    site.set_option("relay_connector_retention_days", 1)
    write(site, "Sent before the secret was lost")
    site.run_cron()
    site.php("delete_option( 'relay_connector_secret' );")
    connected.pass_days(3)
    site.run_cron()
    assert connected.rows() == []
    assert connected.counts(days_ago=3) == of(fired=1, sent=1)


def test_counts_are_kept_for_sixty_days(site, gateway, connected):
    write(site, "Old")
    site.run_cron()
    connected.pass_days(31)
    site.run_cron()
    assert connected.rows() == []
    connected.pass_days(29)
    site.run_cron()
    assert connected.counts(days_ago=60) == of(fired=1, sent=1)
    connected.pass_days(2)
    site.run_cron()
    assert connected.counts(days_ago=62) == {}


def test_killed_before_the_answer_is_written_down_nothing_counts_as_sent_until_it_is_accepted_again(
    site, gateway, connected
):
    gate = threading.Event()
    gateway.reply(Reply(hold=gate))
    write(site, "Interrupted")
    runner = threading.Thread(target=_cron_that_may_die, args=(site,))
    runner.start()
    gateway.wait_for(1)
    site.kill_server()
    gate.set()
    runner.join()
    site.start_server()
    assert connected.counts() == of(fired=1, waiting=1)
    connected.pass_time(100)
    site.run_cron()
    assert len(gateway.received) == 2
    assert connected.counts() == of(fired=1, sent=1)


def test_the_tally_comes_with_an_update_from_the_first_version(site, gateway, connected):
    write(site, "Before the update")
    site.run_cron()
    site.php(
        "$GLOBALS['wpdb']->query( 'DROP TABLE wp_relay_tally' );"
        "update_option( 'relay_connector_schema', 1 );"
    )
    write(site, "After the update")
    site.run_cron()
    assert connected.counts() == of(fired=2, sent=2)
    assert site.php_json(
        "(int) get_option( 'relay_connector_schema' ) === \\Relay_Connector\\Schema::VERSION"
    )
    assert site.php_json("$GLOBALS['wpdb']->get_col( 'SELECT n FROM wp_relay_tally' )") == []


def _cron_that_may_die(site) -> None:
    try:
        site.run_cron()
    except Exception:
        return  # the server was killed under it
