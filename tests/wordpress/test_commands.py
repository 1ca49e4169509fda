"""The WP-CLI commands ``wp relay``."""

import json

from tests.wordpress.connector import Connector
from tests.wordpress.fake_gateway import Reply

ON_BOTH = True


def test_status_shows_problems_and_fails_if_there_are_any(site, gateway, connector):
    assert "Error: Relay is not set up" in site.command("status")
    connector.connect(gateway)
    said = site.command("status")
    assert f"Gateway: {gateway.url}, key key_lab.1" in said
    assert said.endswith("Success: No problems: no events are late.\n")
    gateway.reply(Reply(422, "{}"))
    site.post_comment("Jane", "jane@example.org", "Refused")
    site.command("send")
    said = site.command("status")
    assert (
        "Waiting: 0, failed: 1" in said
        and "Error: There are problems that need your attention." in said
    )


def test_test_shows_each_step(site, gateway, connected):
    said = site.command("test")
    assert (
        "✓ The clocks agree: 0 s difference" in said or "✓ The clocks agree: 1 s difference" in said
    )
    assert "Success: The gateway accepted the event" in said
    gateway.reply(Reply(401, "{}"))
    said = site.command("test")
    assert "✗ The key and the signature are accepted\n- The test event is accepted\n" in said
    assert "Error: The gateway does not accept the signature (401)." in said


def test_events_are_listed_retried_and_purged_by_id(site, gateway, connected: Connector):
    gateway.reply(Reply(422, "{}"), Reply(), Reply(503, "{}"))
    for text in ("Parked", "Sent", "Waiting"):
        site.post_comment("Margarethe", "margarethe@example.org", text)
    site.command("send")
    listed = json.loads(site.command("list_", format="json"))
    assert [one["state"] for one in listed] == ["waiting", "sent", "parked"]
    assert "argarethe" not in str(listed)
    assert site.command("list_", format="ids", state="parked") == f"{listed[2]['id']}\n"
    assert site.command("list_", limit="1").startswith(f"{listed[0]['id']} wp-")
    said = site.command("retry", str(listed[2]["id"]))
    assert said == "1 event was queued again.\nSuccess: 1 event was processed.\n"
    assert site.command("purge", str(listed[0]["id"]), str(listed[1]["id"])) == (
        "Success: 1 event was deleted.\n"
    )
    assert [row["state"] for row in connected.rows()] == ["sent", "sent", "deleted"]
    for verb in ("retry", "purge"):
        assert site.command(verb).startswith("Error: Specify event IDs")


def test_all_waiting_events_are_retried_and_all_finished_ones_purged(site, gateway, connected):
    gateway.reply(Reply(422, "{}"), Reply(422, "{}"))
    site.post_comment("Jane", "jane@example.org", "One")
    site.post_comment("Jane", "jane@example.org", "Two")
    site.command("send")
    assert site.command("retry", all=True, type="order.created").startswith("0 events were queued")
    assert site.command("retry", all=True).endswith("Success: 2 events were processed.\n")
    assert site.command("purge", finished=True) == "Success: 0 events were deleted.\n", (
        "today counts"
    )
    connected.pass_days(2)
    assert site.command("purge", finished=True) == "Success: 2 events were deleted.\n"
    assert connected.counts(2)["comment.created"]["sent"] == 2, "the count stays"


def test_a_run_by_the_command_counts_as_a_trigger(site, gateway, connected):
    site.command("send")
    assert site.php_json("( new \\Relay_Connector\\Sending\\Triggers() )->are_working()") is True
