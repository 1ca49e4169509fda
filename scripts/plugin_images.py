#!/usr/bin/env python3
"""Take the pictures for the plugin directory into ``dist/directory/``: screenshots, banner and icon.

    python scripts/plugin_images.py

They belong into the ``assets`` folder of the plugin's repository in the directory, not into the plugin.  Each screenshot
has a number that readme.txt describes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from relay.services.sources.keys import connection_string  # noqa: E402
from tests.support.browser import launch  # noqa: E402
from tests.wordpress.connector import LOG_PAGE, PAGE  # noqa: E402
from tests.wordpress.fake_gateway import KEY_ID, SECRET, FakeGateway, Reply  # noqa: E402
from tests.wordpress.site import WordPressSite  # noqa: E402

TARGET = ROOT / "dist" / "directory"
LOGO = ROOT / "relay" / "static" / "relay.svg"
SCREEN = {"width": 1200, "height": 900}
BANNER = """<body style="margin:0;background:#066fd1;color:#fff;font-family:sans-serif;display:flex;align-items:center;
height:100vh;gap:4vw;padding-left:6vw;box-sizing:border-box"><div style="width:16vw;background:#fff;border-radius:3vw;
padding:1vw;line-height:0">{logo}</div><div><div style="font-size:7vw;font-weight:700">Relay Connector</div>
<div style="font-size:2.8vw;margin-top:1vw">Orders, comments and forms, sent to your own gateway</div></div></body>"""

LOOK = """<?php add_action( 'admin_head', function () {
echo '<style>#wpadminbar [id*=sqlite], #adminmenu a[href*=sqlite] { display: none }</style>'; } );"""
# Addresses of this machine are replaced by an example.
RENAME = """([site, local]) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    node.data = node.data.replaceAll(site, 'https://shop.example.com').replaceAll('http://' + local, 'https://relay.example.com')
      .replaceAll(local, 'relay.example.com').replaceAll('127.0.0.1 → 127.0.0.1', 'relay.example.com')
      .replaceAll('127.0.0.1', 'relay.example.com');
  }
}"""


@contextmanager
def sample_site() -> Iterator[tuple[WordPressSite, FakeGateway]]:
    """A site that is not connected, without the parts of WordPress that only the tests have."""
    gateway = FakeGateway()
    allowed = {"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{gateway.port}"}
    try:
        with WordPressSite(allowed, newer=True) as site:
            site.add_mu_plugin("look.php", LOOK)
            site.php("update_option( 'blogname', 'Blue Teapot Shop' );")
            yield site, gateway
    finally:
        gateway.close()


def screenshots(page: Page, site: WordPressSite, gateway: FakeGateway) -> None:
    """Screenshots 1 to 4, as readme.txt describes them."""

    def shoot(number: int) -> None:
        page.wait_for_load_state("load")
        page.evaluate(RENAME, [site.url, f"127.0.0.1:{gateway.port}"])
        page.screenshot(path=TARGET / f"screenshot-{number}.png")

    page.context.add_cookies(site.login_cookies())  # type: ignore[arg-type]
    page.goto(site.url + PAGE)
    shoot(1)
    page.fill("#relay-connector-string", connection_string(gateway.url, KEY_ID, SECRET))
    page.get_by_role("button", name="Save and test").click()
    page.get_by_role("status").wait_for()
    shoot(2)
    site.set_option("relay_connector_show_sent_hours", 4)
    for author, words in (
        ("Jane", "Does the blue one come with a lid?"),
        ("Zoë", "Lovely!"),
        ("Ada", "Thank you"),
    ):
        site.post_comment(author, "jane@example.com", words)
    gateway.reply(Reply(), Reply(422, '{"error":"invalid_event"}'), Reply(503, "{}"))
    site.run_cron()
    page.goto(site.url + LOG_PAGE)
    shoot(3)
    page.get_by_role("link", name="Show what was sent").first.click()
    page.locator(".relay-connector-content").wait_for()
    shoot(4)


def drawings(browser: Browser) -> None:
    """The icon and the banner, in the sizes that the directory asks for."""
    logo = LOGO.read_text(encoding="utf-8")
    shutil.copyfile(LOGO, TARGET / "icon.svg")
    page = browser.new_page()
    for size in (128, 256):
        page.set_viewport_size({"width": size, "height": size})
        page.set_content(f'<body style="margin:0;line-height:0">{logo}</body>')
        page.screenshot(path=TARGET / f"icon-{size}x{size}.png", omit_background=True)
    for width, height in ((772, 250), (1544, 500)):
        page.set_viewport_size({"width": width, "height": height})
        page.set_content(BANNER.format(logo=logo))
        page.screenshot(path=TARGET / f"banner-{width}x{height}.png")


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    with sync_playwright() as playwright, sample_site() as (site, gateway):
        browser = launch(playwright)
        screenshots(browser.new_page(viewport=SCREEN), site, gateway)  # type: ignore[arg-type]
        drawings(browser)
        browser.close()
    for path in sorted(TARGET.iterdir()):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
