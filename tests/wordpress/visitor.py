"""A visitor of a site, and what each request costs the site: with the plugin and without it."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from tests.wordpress.site import WordPressSite

# A request with the header X-Lab-Without is served without the plugin.  Each request adds a line with its cost: until
# the response has ended, at the latest directly before the plugin's last callback, and until PHP has finished.
METER = """<?php
if ( isset( $_SERVER['HTTP_X_LAB_RUN'] ) ) {
    if ( isset( $_SERVER['HTTP_X_LAB_WITHOUT'] ) ) {
        add_filter( 'option_active_plugins', function ( $all ) { return array_diff( $all, array( 'relay-connector/relay-connector.php' ) ); } );
    }
    function lab_cpu_us() {
        $u = getrusage();
        return 1000000 * ( $u['ru_utime.tv_sec'] + $u['ru_stime.tv_sec'] ) + $u['ru_utime.tv_usec'] + $u['ru_stime.tv_usec'];
    }
    add_filter( 'pre_option_comments_notify', '__return_zero' ); // The lab stores e-mails in an ever longer option.
    $GLOBALS['lab_cost'] = array( 'start' => lab_cpu_us() );
    add_action( 'shutdown', function () {
        $GLOBALS['lab_cost'] += array( 'response' => lab_cpu_us(), 'queries' => $GLOBALS['wpdb']->num_queries );
    }, PHP_INT_MAX );
    add_action( 'shutdown', function () {
        register_shutdown_function( function () {
            $line = array( 'run' => $_SERVER['HTTP_X_LAB_RUN'], 'end' => lab_cpu_us(), 'all_queries' => $GLOBALS['wpdb']->num_queries ) + $GLOBALS['lab_cost'];
            file_put_contents( WP_CONTENT_DIR . '/cost.jsonl', json_encode( $line ) . "\\n", FILE_APPEND | LOCK_EX );
        } );
    }, 998 );
}
"""
ADDRESS = {
    "first_name": "Jane", "last_name": "Doe", "address_1": "Road 1", "city": "Bonn", "postcode": "53111",
    "country": "DE", "email": "jane@example.org", "phone": "+49228123456",
}  # fmt: skip
TEXTS = itertools.count()


@dataclass(frozen=True)
class Cost:
    """What one request took."""

    queries: int
    all_queries: int
    response_us: int
    end_us: int


class ShopVisitor:
    """Makes requests and reads what they cost."""

    def __init__(self, site: WordPressSite, product: int = 0):
        site.add_mu_plugin("meter.php", METER)
        self.site = site
        self.product = product
        self.log = site.document_root / "wp-content/cost.jsonl"
        self.runs = itertools.count()

    def cost(self, action: Callable[[requests.Session], None], without: bool = False) -> Cost:
        """What the last request of an action costs."""
        run = str(next(self.runs))
        with requests.Session() as session:
            session.trust_env = False
            session.headers["X-Lab-Run"] = run
            if without:
                session.headers["X-Lab-Without"] = "1"
            action(session)
        return self._read(run)

    def _read(self, run: str) -> Cost:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            text = self.log.read_text() if self.log.exists() else ""
            lines = text[: text.rfind("\n") + 1].splitlines()
            found = [line for line in map(json.loads, lines) if line["run"] == run]
            if found:
                cost = found[-1]
                self.log.unlink()
                return Cost(
                    cost["queries"], cost["all_queries"], cost["response"] - cost["start"], cost["end"] - cost["start"],
                )  # fmt: skip
            time.sleep(0.005)
        raise TimeoutError(f"The request {run} did not end.")

    def page(self, session: requests.Session) -> None:
        """Open the front page."""
        session.get(f"{self.site.url}/").raise_for_status()

    def comment(self, session: requests.Session) -> None:
        """Write a comment."""
        answer = session.post(
            f"{self.site.url}/wp-comments-post.php",
            data={"comment_post_ID": 1, "author": "Jane", "email": "jane@example.org", "comment": f"Visit {next(TEXTS)}",
                  "submit": "Post", "comment_parent": 0},
            allow_redirects=False,
        )  # fmt: skip
        assert answer.status_code == 302, answer.text[:500]

    def checkout(self, session: requests.Session) -> None:
        """Place an order through the block checkout: the draft in one request, the order in the next."""
        if not self.product:
            # The stand-in keeps all orders in one option, which must not grow.
            self.site.php(
                "delete_option( 'standin_wc_orders' );"
                "$GLOBALS['wpdb']->query( \"DELETE FROM wp_relay_connector_outbox WHERE event_type LIKE 'order.%'\" );"
                "standin_wc_block_checkout();",
                session=session,
            )
            return
        run = session.headers.pop("X-Lab-Run")  # only the last request counts
        api = f"{self.site.url}/?rest_route=/wc/store/v1"
        answer = session.get(f"{api}/cart")
        session.headers.update({name: answer.headers[name] for name in ("Nonce", "Cart-Token")})
        for path, body in (
            ("cart/add-item", {"id": self.product, "quantity": 1}),
            ("checkout", {"billing_address": ADDRESS, "shipping_address": ADDRESS, "payment_method": "cod"}),
        ):  # fmt: skip
            if path == "checkout":
                session.get(f"{api}/checkout").raise_for_status()
                session.headers["X-Lab-Run"] = run
            answer = session.post(f"{api}/{path}", json=body)
            assert answer.ok, answer.text[:500]
