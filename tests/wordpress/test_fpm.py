"""php-fpm behind nginx: the visitor gets the response first, then the comment is sent."""

import itertools
import statistics
import threading
import time

import pytest

from tests.support.network import free_port
from tests.wordpress.connector import Connector
from tests.wordpress.fake_gateway import Reply
from tests.wordpress.shop import standins_active
from tests.wordpress.site import WordPressSite
from tests.wordpress.visitor import ShopVisitor

BUDGET_MS = 20
PAIRS = 25
# A request can ask to be served without the plugin. Each response has its cost in headers.
METER = """<?php
if ( isset( $_POST['lab_without'] ) ) {
    add_filter( 'option_active_plugins', function ( $all ) { return array_diff( $all, array( 'relay-connector/relay-connector.php' ) ); } );
}
add_filter( 'pre_http_request', function ( $done ) { $GLOBALS['lab_calls'] = 1 + ( $GLOBALS['lab_calls'] ?? 0 ); return $done; } );
add_filter( 'comment_post_redirect', function ( $url ) {
    header( 'X-Lab-Queries: ' . $GLOBALS['wpdb']->num_queries ); header( 'X-Lab-Calls: ' . ( $GLOBALS['lab_calls'] ?? 0 ) );
    return $url;
} );
"""
TEXTS = itertools.count()


@pytest.fixture(scope="module")
def fpm_site(gateway_server):
    with WordPressSite(
        constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway_server.port}"}, server="fpm"
    ) as site:
        site.add_mu_plugin("meter.php", METER)
        yield site


def test_the_visitor_has_the_response_while_the_gateway_still_hangs(gateway, fpm_site):
    connector = Connector(fpm_site)
    connector.connect(gateway)
    gate = threading.Event()
    gateway.reply(Reply(hold=gate))
    try:
        # The gateway replies only after this call has returned: if the visitor waited for it, the call would never return.
        comment = fpm_site.post_comment("Jane", "jane@example.org", "Quick")
        [request] = gateway.wait_for(1)
    finally:
        gate.set()
    assert request.verified and request.json["data"]["id"] == comment
    assert not fpm_site.php("echo '';")


def cost(site, **more: str) -> tuple[float, int, int]:
    """One comment: milliseconds until the visitor has the response, queries, HTTP calls."""
    began = time.perf_counter()
    headers = site.post_comment_headers("Jane", "jane@example.org", f"Text {next(TEXTS)}", **more)
    took = (time.perf_counter() - began) * 1000
    return took, int(headers["X-Lab-Queries"]), int(headers["X-Lab-Calls"])


@pytest.mark.parametrize("failure", ["dead", "hangs"])
def test_a_comment_takes_almost_no_extra_time_whatever_the_gateway_does(gateway, fpm_site, failure):
    """Each comment with the plugin is compared with one without it, directly before or after."""
    connector, gate = Connector(fpm_site), threading.Event()
    port = free_port() if failure == "dead" else gateway.port
    fpm_site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{port}"})
    connector.connect(gateway, endpoint=f"http://127.0.0.1:{port}/webhooks/wp/lab")
    gateway.always(Reply(hold=gate))
    try:
        pairs = []
        for number in range(PAIRS):
            order = [{}, {"lab_without": "1"}]
            taken = [cost(fpm_site, **more) for more in (order if number % 2 else order[::-1])]
            pairs.append(taken if number % 2 else taken[::-1])
    finally:
        gate.set()
    more_ms = statistics.median(with_[0] - without[0] for with_, without in pairs)
    more_queries = statistics.median(with_[1] - without[1] for with_, without in pairs)
    print(f"{failure}: {more_ms:+.1f} ms, {more_queries:+} queries at the median of {PAIRS} pairs")
    assert {with_[2] for with_, _ in pairs} == {0}, "no call before the visitor has the answer"
    assert more_queries == 1
    assert more_ms < BUDGET_MS
    assert len(connector.rows()) >= PAIRS


@pytest.mark.parametrize(("action", "most"), [("page", 0), ("comment", 1), ("checkout", 2)])
def test_a_request_makes_few_queries_before_the_visitor_has_the_response(
    gateway, fpm_site, action, most
):
    port = free_port()
    fpm_site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{port}"})
    Connector(fpm_site).connect(gateway, endpoint=f"http://127.0.0.1:{port}/webhooks/wp/lab")
    visitor = ShopVisitor(fpm_site)
    with standins_active(fpm_site):
        request = getattr(visitor, action)
        for without in (False, True):
            visitor.cost(request, without)
        with_, without_ = visitor.cost(request), visitor.cost(request, without=True)
    assert with_.queries - without_.queries <= most
    if action != "page":
        assert with_.all_queries > with_.queries, "the rest happens after the response"


def test_a_comment_is_sent_before_a_long_queue_even_if_wp_cron_never_runs(gateway, fpm_site):
    fpm_site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"})
    Connector(fpm_site).connect(gateway)
    fpm_site.php(
        "global $wpdb; $wpdb->query( 'DELETE FROM wp_relay_connector_outbox' );"
        "for ( $i = 0; $i < 30; $i++ ) { $wpdb->insert( 'wp_relay_connector_outbox', array("
        " 'event_id' => \"wp-$i\", 'dedupe_key' => \"wp-$i\", 'event_type' => 'x.backlog', 'body' => '{}',"
        " 'created_at' => time(), 'due_at' => time() - 60 ) ); }"
    )
    gateway.reset()
    comment = fpm_site.post_comment("Jane", "jane@example.org", "Not behind the queue")
    first, *others = gateway.wait_for(5)
    assert first.json["event"] == "comment.created" and first.json["data"]["id"] == comment
    assert [one.event_id for one in others] == ["wp-0", "wp-1", "wp-2", "wp-3"]
