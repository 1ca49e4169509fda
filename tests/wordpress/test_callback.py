"""Results from the gateway: processed once, only with a valid and recent signature, and stored if enabled."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import requests

from tests.wordpress.connector import text_of
from tests.wordpress.fake_gateway import SECRET

ON_BOTH = True

LISTENER = """<?php
add_action( 'relay_connector_result', function ( $type, $id, $result, $what ) {
    if ( get_option( 'lab_listener_fails' ) ) { throw new Exception( 'broken' ); }
    $results = get_option( 'lab_results', array() );
    $results[] = array( $type, $id, $result, $what instanceof WP_Comment ? (int) $what->comment_ID : null );
    update_option( 'lab_results', $results );
}, 10, 4 );
"""


@pytest.fixture
def listener(site):
    """A plugin that listens; its option ``lab_results`` has the results it received."""
    site.php("delete_option( 'lab_results' ); delete_option( 'lab_listener_fails' );")
    plugin = site.add_mu_plugin("listener.php", LISTENER)
    yield
    plugin.unlink()


@pytest.fixture
def sent(site, gateway, connected):
    """A comment that the gateway has accepted: its id and its event's id."""
    comment = site.post_comment("Jane", "jane@example.org", "What a mug")
    site.run_cron()
    return comment, gateway.received[0].event_id


def call_back(
    site, event_id, *, secret=SECRET, at=None, off_s=0, signature=None, body=None, event="comment.created", delivery="d-1",
    result=None,
):  # fmt: skip
    """Post a result as the gateway does."""
    message = {
        "event_id": event_id,
        "event": event,
        "delivery": delivery,
        "result": {"summary": "Likes the mug."} if result is None else result,
    }
    raw = json.dumps(message, ensure_ascii=False).encode() if body is None else body
    stamp = str(int(time.time()) + off_s if at is None else at)
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).digest()
    return requests.post(
        f"{site.url}/?rest_route=/relay-connector/v1/callback",
        data=raw,
        headers={
            "Content-Type": "application/json",
            "X-Relay-Timestamp": stamp,
            "X-Relay-Key-Id": "key_lab.1",
            "X-Relay-Signature": base64.b64encode(digest).decode() if signature is None else signature,
        },
        timeout=60,
    )  # fmt: skip


def received(site):
    return site.option("lab_results") or []


def test_a_signed_result_fires_its_action_once(site, sent, listener):
    comment, event_id = sent
    first = call_back(site, event_id, result={"summary": "Größe 😀", "score": 0.5})
    second = call_back(site, event_id, result={"summary": "Größe 😀", "score": 0.5})
    assert (first.status_code, first.json()) == (200, {"status": "accepted"})
    assert (second.status_code, second.json()) == (200, {"status": "duplicate"})
    assert first.headers["Cache-Control"] == "no-store"
    assert received(site) == [
        ["comment.created", event_id, {"summary": "Größe 😀", "score": 0.5}, comment]
    ]
    assert call_back(site, event_id, delivery="d-2").json() == {"status": "accepted"}
    assert len(received(site)) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another-secret-of-more-than-32-characters"},
        {"off_s": -400},
        {"off_s": 400},
        {"at": "9" * 13},
        {"signature": ""},
        {"signature": "AAAA BBBB"},
    ],
    ids=["another secret", "old", "future", "no time", "no signature", "wrong signatures"],
)
def test_a_request_without_the_key_gets_no_details_and_changes_nothing(site, sent, listener, wrong):
    answer = call_back(site, sent[1], **wrong)
    assert answer.status_code == 401
    assert answer.json()["code"] == "relay_connector_unauthorized"
    assert received(site) == []


def test_one_valid_signature_among_several_is_enough(site, sent, listener):
    stamp, raw = (
        int(time.time()),
        b'{"event_id":"%s","event":"comment.created","delivery":"d","result":{}}',
    )
    raw = raw % sent[1].encode()
    digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).digest()
    both = "AAAA " + base64.b64encode(digest).decode()
    assert call_back(site, sent[1], at=stamp, body=raw, signature=both).status_code == 200


def test_a_site_that_is_not_set_up_accepts_no_result(site, connector):
    assert call_back(site, "wp-1", secret="").status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"event_id":"a","event":"b","delivery":"c","result":1}',
                                  b'{"event_id":"a b","event":"b","delivery":"c","result":{}}'])  # fmt: skip
def test_an_invalid_body_is_rejected(site, connected, body):
    assert call_back(site, "", body=body).status_code == 400


def test_a_result_for_an_unknown_event_is_rejected(site, sent, listener):
    answer = call_back(site, "wp-foreign")
    assert (answer.status_code, answer.json()["code"]) == (422, "relay_connector_unknown_event")
    assert call_back(site, sent[1], event="order.created").status_code == 422
    assert received(site) == []


def test_a_test_is_answered_but_fires_no_action(site, sent, listener):
    body = json.dumps(
        {
            "event_id": "evt-1",
            "event": "comment.created",
            "delivery": "d",
            "result": {},
            "test": True,
        }
    )
    for one in (
        call_back(site, "", body=body.encode()),
        call_back(site, "evt-2", event="relay.test"),
    ):
        assert (one.status_code, one.json()) == (200, {"status": "tested"})
    assert received(site) == []


def test_a_failing_listener_gets_the_result_again(site, sent, listener):
    site.set_option("lab_listener_fails", 1)
    assert call_back(site, sent[1]).status_code == 500
    site.php("delete_option( 'lab_listener_fails' );")
    assert call_back(site, sent[1]).json() == {"status": "accepted"}
    assert len(received(site)) == 1


def test_the_result_of_a_request_that_died_is_processed_by_the_next_one(site, sent, listener):
    site.php("( new \\Relay_Connector\\Results\\Delivery_Claim( 'd-1' ) )->acquire();")
    busy = call_back(site, sent[1])
    assert busy.status_code == 503 and busy.headers["Retry-After"] == "60"
    site.php("$GLOBALS['wpdb']->query( 'UPDATE wp_relay_callback SET claimed_until = 1' );")
    assert call_back(site, sent[1]).json() == {"status": "accepted"}
    assert len(received(site)) == 1


def test_the_old_key_is_accepted_until_it_expires(site, sent, listener):
    change = "( new \\Relay_Connector\\Settings() )->change_key( 'key_new', str_repeat( 'n', 40 ), time() + %d );"
    site.php(change % 600)
    assert call_back(site, sent[1]).status_code == 200
    assert call_back(site, sent[1], secret="n" * 40, delivery="d-2").status_code == 200
    site.php("update_option( 'relay_connector_old_key', array( 'secret' => 'x', 'until' => 1 ) );")
    assert call_back(site, sent[1], delivery="d-3").status_code == 401


def test_a_summary_is_stored_with_its_comment_only_if_enabled(site, sent, connected, admin):
    comment, event_id = sent
    meta = f"get_comment_meta( {comment}, '_relay_connector_summary', true )"
    call_back(site, event_id)
    assert site.php_json(meta) == ""
    connected.save(admin, store_summary="1")
    call_back(
        site, event_id, delivery="d-2", result={"summary": "<script>x</script>Likes\\ it\nmuch"}
    )
    assert site.php_json(meta) == "Likes\\ it\nmuch"
    call_back(site, event_id, delivery="d-3", result={"note": ""})
    assert site.php_json(meta) == "Likes\\ it\nmuch", "nothing is no summary"
    page = connected.page(admin, "/wp-admin/edit-comments.php")
    assert "Likes\\ it much" in text_of(page) and "<script>x" not in page


def test_processed_deliveries_are_purged_with_the_events(site, sent, connected):
    call_back(site, sent[1])
    site.php("$GLOBALS['wpdb']->query( 'UPDATE wp_relay_callback SET done_at = 5' );")
    site.run_cron()
    assert (
        site.php_json("$GLOBALS['wpdb']->get_var( 'SELECT COUNT(*) FROM wp_relay_callback' )")
        == "0"
    )
