"""Measure what the WordPress plugin costs a visitor.  See docs/wordpress.md.

plugin_cost.py [--pairs 200] [--wordpress FOLDER --woocommerce FOLDER] [--plugin FOLDER]

One WordPress runs on php-fpm, nginx and MariaDB.  Each request is made twice, with the plugin and without it, one
directly after the other, in changing order.  The differences of these pairs are printed: queries and processor time of
PHP until the visitor has the response, and processor time until PHP has finished.

Without ``--woocommerce``, a stand-in for WooCommerce fires the same hooks.  ``--wordpress`` is the folder of another
WordPress version, and ``--plugin`` another version of the plugin.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import requests  # noqa: E402

from tests.support.network import free_port  # noqa: E402
from tests.wordpress.connector import Connector  # noqa: E402
from tests.wordpress.fake_gateway import FakeGateway  # noqa: E402
from tests.wordpress.shop import standins_active  # noqa: E402
from tests.wordpress.site import PLUGIN, WordPressSite  # noqa: E402

# A request with the header X-Lab-Without is served without the plugin.  Each request adds a line with its cost.
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
    }, 998 );
    add_action( 'shutdown', function () {
        register_shutdown_function( function () {
            $line = array( 'run' => $_SERVER['HTTP_X_LAB_RUN'], 'end' => lab_cpu_us(), 'all_queries' => $GLOBALS['wpdb']->num_queries ) + $GLOBALS['lab_cost'];
            file_put_contents( WP_CONTENT_DIR . '/cost.jsonl', json_encode( $line ) . "\\n", FILE_APPEND | LOCK_EX );
        } );
    }, 998 );
}
"""
SHOP = (
    "WC_Install::install(); WC_Install::create_pages(); update_option( 'woocommerce_coming_soon', 'no' );"
    "update_option( 'woocommerce_cod_settings', array( 'enabled' => 'yes', 'enable_for_virtual' => 'yes', 'title' => 'COD' ) );"
    "$p = new WC_Product_Simple(); $p->set_name( 'Tea' ); $p->set_regular_price( '9.90' ); $p->set_virtual( true );"
    "$p->set_status( 'publish' ); echo $p->save();"
)
ADDRESS = {
    "first_name": "Jane", "last_name": "Doe", "address_1": "Road 1", "city": "Bonn", "postcode": "53111",
    "country": "DE", "email": "jane@example.org", "phone": "+49228123456",
}  # fmt: skip
WARM_UP = 8
TEXTS = itertools.count()


class Site(WordPressSite):
    """A site with PHP's default settings, and other versions of WordPress and the plugin where given."""

    opcache_revalidate_s = 2

    def __init__(self, options: argparse.Namespace, **more: Any):
        super().__init__(server="fpm", **more)
        self.options = options

    def _copy_document_root(self) -> None:
        if not self.options.wordpress:
            return super()._copy_document_root()
        shutil.copytree(self.options.wordpress, self.document_root)
        return None

    def _add_plugins(self) -> None:
        super()._add_plugins()
        folder = self.document_root / "wp-content/plugins"
        if self.options.plugin != PLUGIN:
            shutil.rmtree(folder / "relay-connector")
            shutil.copytree(self.options.plugin, folder / "relay-connector")
        if self.options.woocommerce:
            shutil.copytree(self.options.woocommerce, folder / "woocommerce")


@dataclass(frozen=True)
class Cost:
    """What one request took."""

    queries: int
    all_queries: int
    response_us: int
    end_us: int


class Visitor:
    """Makes requests and reads what they cost."""

    def __init__(self, site: WordPressSite, product: int):
        self.site = site
        self.product = product
        self.log = site.document_root / "wp-content/cost.jsonl"
        self.runs = itertools.count()

    def cost(self, action: Callable[[requests.Session], None], without: bool) -> Cost:
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
            data={"comment_post_ID": 1, "author": "Jane", "email": "jane@example.org", "comment": f"Text {next(TEXTS)}",
                  "submit": "Post", "comment_parent": 0},
            allow_redirects=False,
        )  # fmt: skip
        assert answer.status_code == 302, answer.text[:500]

    def checkout(self, session: requests.Session) -> None:
        """Place an order through the block checkout: the draft in one request, the order in the next."""
        if not self.product:
            self.site._http = session
            self.site.php("standin_wc_block_checkout();")
            return
        api = f"{self.site.url}/?rest_route=/wc/store/v1"
        answer = session.get(f"{api}/cart")
        session.headers |= {name: answer.headers[name] for name in ("Nonce", "Cart-Token")}
        for path, body in (
            ("cart/add-item", {"id": self.product, "quantity": 1}),
            ("checkout", {"billing_address": ADDRESS, "shipping_address": ADDRESS, "payment_method": "cod"}),
        ):  # fmt: skip
            if path == "checkout":
                session.get(f"{api}/checkout").raise_for_status()
            answer = session.post(f"{api}/{path}", json=body)
            assert answer.ok, answer.text[:500]


def measure(
    visitor: Visitor, action: Callable[[requests.Session], None], pairs: int
) -> list[tuple[Cost, Cost]]:
    """Pairs of costs, with the plugin and without it."""
    for _ in range(WARM_UP):
        visitor.cost(action, True)
        visitor.cost(action, False)
    found = []
    for number in range(pairs):
        first = bool(number % 2)
        one, other = visitor.cost(action, first), visitor.cost(action, not first)
        found.append((other, one) if first else (one, other))
    return found


def difference(pairs: list[tuple[Cost, Cost]], name: str, scale: float = 1) -> str:
    """The median of the differences, and the middle half of them."""
    values = [(getattr(with_, name) - getattr(without, name)) / scale for with_, without in pairs]
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:+.2f} ({low:+.2f} … {high:+.2f})" if scale > 1 else f"{middle:+.0f}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--wordpress", type=Path)
    parser.add_argument("--woocommerce", type=Path)
    parser.add_argument("--plugin", type=Path, default=PLUGIN)
    options = parser.parse_args()
    gateway = FakeGateway()
    dead = free_port()
    with ExitStack() as stack:
        site = stack.enter_context(
            Site(options, constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"})
        )
        product = 0
        if options.woocommerce:
            site._run_script("activate.php", "woocommerce/woocommerce.php")
            product = int(site.php(SHOP))
        else:
            stack.enter_context(standins_active(site))
        site.add_mu_plugin("meter.php", METER)
        visitor = Visitor(site, product)
        print("| request | gateway | queries | CPU until the response, ms | CPU in all, ms |")
        print("| --- | --- | --- | --- | --- |")
        for state, port in (("accepts", gateway.port), ("down", dead)):
            site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{port}"})
            time.sleep(site.opcache_revalidate_s + 1)  # PHP sees the new constant
            Connector(site).connect(gateway, endpoint=f"http://127.0.0.1:{port}/webhooks/wp/lab")
            for name in ("page", "comment", "checkout"):
                pairs = measure(visitor, getattr(visitor, name), options.pairs)
                print(
                    f"| {name} | {state} | {difference(pairs, 'queries')} | {difference(pairs, 'response_us', 1000)}"
                    f" | {difference(pairs, 'end_us', 1000)} |",
                    flush=True,
                )
    gateway.close()


if __name__ == "__main__":
    main()
