"""Measure what the WordPress plugin costs a visitor.  See docs/wordpress.md.

plugin_cost.py [--pairs 200] [--only REQUEST] [--wordpress FOLDER --woocommerce FOLDER] [--plugin FOLDER]

One WordPress runs on php-fpm, nginx and MariaDB.  Each request is made twice, with the plugin and without it, one
directly after the other, in changing order.  The differences of these pairs are printed: queries and processor time of
PHP until the visitor has the response, and processor time until PHP has finished.

Without ``--woocommerce``, a stand-in for WooCommerce fires the same hooks.  ``--wordpress`` is the folder of another
WordPress version, and ``--plugin`` another version of the plugin.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
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
from tests.wordpress.visitor import Cost, ShopVisitor  # noqa: E402

SHOP = (
    "WC_Install::install(); WC_Install::create_pages(); update_option( 'woocommerce_coming_soon', 'no' );"
    "update_option( 'woocommerce_cod_settings', array( 'enabled' => 'yes', 'enable_for_virtual' => 'yes', 'title' => 'COD' ) );"
    "$p = new WC_Product_Simple(); $p->set_name( 'Tea' ); $p->set_regular_price( '9.90' ); $p->set_virtual( true );"
    "$p->set_status( 'publish' ); echo $p->save();"
)
REQUESTS = ("page", "comment", "checkout")
WARM_UP = 8


class MeasuredSite(WordPressSite):
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


def measure(
    visitor: ShopVisitor, action: Callable[[requests.Session], None], pairs: int
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
    parser.add_argument("--only", choices=REQUESTS)
    parser.add_argument("--wordpress", type=Path)
    parser.add_argument("--woocommerce", type=Path)
    parser.add_argument("--plugin", type=Path, default=PLUGIN)
    options = parser.parse_args()
    gateway = FakeGateway()
    dead = free_port()
    with ExitStack() as stack:
        site = stack.enter_context(
            MeasuredSite(
                options, constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"}
            )
        )
        product = 0
        if options.woocommerce:
            site._run_script("activate.php", "woocommerce/woocommerce.php")
            product = int(site.php(SHOP))
        else:
            stack.enter_context(standins_active(site))
        visitor = ShopVisitor(site, product)
        print("| request | gateway | queries | CPU until the response, ms | CPU in all, ms |")
        print("| --- | --- | --- | --- | --- |")
        for state, port in (("accepts", gateway.port), ("down", dead)):
            site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{port}"})
            time.sleep(site.opcache_revalidate_s + 1)  # PHP sees the new constant
            Connector(site).connect(gateway, endpoint=f"http://127.0.0.1:{port}/webhooks/wp/lab")
            for name in [options.only] if options.only else REQUESTS:
                pairs = measure(visitor, getattr(visitor, name), options.pairs)
                print(
                    f"| {name} | {state} | {difference(pairs, 'queries')} | {difference(pairs, 'response_us', 1000)}"
                    f" | {difference(pairs, 'end_us', 1000)} |",
                    flush=True,
                )
    gateway.close()


if __name__ == "__main__":
    main()
