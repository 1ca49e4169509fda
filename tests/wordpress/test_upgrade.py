"""An update from version 0.3.0: its table is upgraded, and the events in it are still sent."""

import json

from tests.wordpress.shop import arrived

ON_BOTH = True
# As version 0.3.0 made it.
TABLE = """CREATE TABLE wp_relay_connector_outbox (
  id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  event_id varchar(128) NOT NULL,
  dedupe_key varchar(191) NOT NULL,
  event_type varchar(64) NOT NULL,
  object_id bigint(20) unsigned NOT NULL DEFAULT 0,
  body longtext NULL,
  state varchar(16) NOT NULL DEFAULT 'waiting',
  attempts int(10) unsigned NOT NULL DEFAULT 0,
  created_at bigint(20) unsigned NOT NULL DEFAULT 0,
  due_at bigint(20) unsigned NOT NULL DEFAULT 0,
  claimed_by varchar(64) NOT NULL DEFAULT '',
  claimed_until bigint(20) unsigned NOT NULL DEFAULT 0,
  finished_at bigint(20) unsigned NOT NULL DEFAULT 0,
  last_status smallint(5) unsigned NOT NULL DEFAULT 0,
  last_answer text NULL,
  PRIMARY KEY  (id),
  UNIQUE KEY event_id (event_id),
  UNIQUE KEY dedupe_key (dedupe_key),
  KEY state_due (state,due_at),
  KEY state_finished (state,finished_at)
);"""
LEAD = {
    "event": "lead.created", "event_id": "wp-lead", "site": "http://shop.example",
    "data": {"form": {"plugin": "wpforms", "id": 1, "title": "Ask"}, "fields": {"Name": "Jane"},
             "created_at": "2026-01-01T00:00:00Z"},
}  # fmt: skip


def downgrade(site, order: int) -> None:
    """Put back the table of version 0.3.0, with events in every state."""
    rows = [
        ("wp-created", f"order.created:{order}", "order.created", order, None, "waiting"),
        ("wp-lead", "lead.created:wpforms:1:7", "lead.created", 7, json.dumps(LEAD), "waiting"),
        ("wp-changed", f"order.status_changed:{order}:pending:on-hold", "order.status_changed", order, None, "waiting"),
        ("wp-parked", "comment.created:1", "comment.created", 1, "{}", "parked"),
        ("wp-sent", "user.registered:1", "user.registered", 1, None, "sent"),
        ("wp-deleted", "deleted:wp-deleted", "order.status_changed", order, None, "deleted"),
    ]  # fmt: skip
    columns = ("event_id", "dedupe_key", "event_type", "object_id", "body", "state")
    site.php(
        "global $wpdb; $wpdb->query( 'DROP TABLE wp_relay_connector_outbox' );"
        "require_once ABSPATH . 'wp-admin/includes/upgrade.php';"
        f"dbDelta( {json.dumps(TABLE)} );"
        f"foreach ( json_decode( {json.dumps(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))}, true ) as $row )"
        " { $wpdb->insert( 'wp_relay_connector_outbox', $row + array( 'created_at' => time() - 60, 'finished_at' => time() ) ); }"
        "update_option( 'relay_connector_schema', 4 );"
    )


def test_the_events_of_version_0_3_0_are_sent_after_the_update(shop, gateway, connected):
    order = int(shop.php("echo standin_wc_classic_checkout();"))
    downgrade(shop, order)
    rows = {row["event_id"]: row for row in connected.rows()}
    assert len(rows) == 6 and "object_key" in rows["wp-created"], "the next request upgrades"
    shop.php(f"wc_get_order( {order} )->update_status( 'processing' );")
    shop.run_cron()
    events = [(one["event"], one["event_id"]) for one in arrived(gateway)]
    assert sorted(events[:3]) == [
        ("lead.created", "wp-lead"),
        ("order.created", "wp-created"),
        ("order.status_changed", "wp-changed"),
    ]
    assert [kind for kind, _ in events if kind.startswith("order.")] == [
        "order.created", "order.status_changed", "order.status_changed",
    ]  # fmt: skip
    changes = [one for one in arrived(gateway) if one["event"] == "order.status_changed"]
    assert [one["data"]["previous_status"] for one in changes] == ["pending", "on-hold"]
    revisions = [one["revision"] for one in arrived(gateway) if one["event"].startswith("order.")]
    assert revisions == sorted(set(revisions))
    [lead] = [one.body for one in gateway.received if one.event_id == "wp-lead"]
    assert lead.decode() == json.dumps(LEAD), "an event that may have been received keeps its bytes"
    rows = {row["event_id"]: row for row in connected.rows()}
    assert {name: row["state"] for name, row in rows.items() if name.startswith("wp-") and len(name) < 12} == {
        "wp-created": "sent", "wp-lead": "sent", "wp-changed": "sent", "wp-parked": "parked", "wp-sent": "sent",
        "wp-deleted": "deleted",
    }  # fmt: skip
    assert (rows["wp-changed"]["object_key"], rows["wp-changed"]["detail"]) == (
        f"order:{order}", "pending:on-hold",
    )  # fmt: skip
    assert rows["wp-deleted"]["detail"] == ""
