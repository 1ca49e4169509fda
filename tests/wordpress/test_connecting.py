"""Connecting a site: with the button, with a connection string, and the way there after the activation."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from relay.services.sources.keys import connection_string
from tests.support.stack import Stack
from tests.wordpress.connector import PAGE, text_of
from tests.wordpress.fake_gateway import KEY_ID, SECRET, Reply
from tests.wordpress.site import PASSWORD, PLUGIN

ON_BOTH = True
TEMPLATES = Path(__file__).resolve().parents[2] / "relay/templates"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CONNECT = "relay_connector_connect"
PASTE = "relay_connector_paste"


def post(connector, admin, action: str, **fields: str):
    """Press a button of the connection section with these fields; returns the response, without following it."""
    form = next(
        one
        for one in re.findall(r"<form.*?</form>", connector.page(admin), re.S)
        if f'value="{action}"' in one
    )
    nonce = re.search(r'name="_wpnonce" value="(\w+)"', form)[1]
    return admin.post(
        f"{connector.site.url}/wp-admin/admin-post.php",
        data={"action": action, "_wpnonce": nonce, **fields},
        allow_redirects=False,
        timeout=60,
    )


def begin(connector, admin, gateway) -> dict[str, str]:
    """Press "Connect to Relay"; returns the parameters of the address that the browser opens."""
    answer = post(connector, admin, CONNECT, address=gateway.url)
    address = urlsplit(answer.headers["Location"])
    assert (address.netloc, address.path) == (f"127.0.0.1:{gateway.port}", "/connect")
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def back(connector, admin, asked: dict[str, str], **values: str) -> str:
    """Return from Relay; returns the page that follows."""
    url = f"{asked['return']}&relay_state={asked['state']}"
    answer = admin.get(url + "".join(f"&{n}={v}" for n, v in values.items()), timeout=60)
    assert answer.url == connector.site.url + PAGE, "without the code in the address"
    return answer.text


def test_the_button_opens_relay_and_the_site_exchanges_the_code_once(
    site, gateway, connector, admin
):
    asked = begin(connector, admin, gateway)
    assert asked["site"] == site.url and asked["name"] == "Lab shop"
    assert asked["return"] == site.url + PAGE
    gateway.token_reply = Reply(
        200,
        json.dumps(
            {"endpoint": gateway.url, "key_id": KEY_ID, "secret": SECRET, "name": "My shop"}
        ),
    )
    page = back(connector, admin, asked, relay_code="c" * 43)
    said = connector.result(page)
    assert said.startswith("Connected. This site is connected as “My shop” to Relay at 127.0.0.1.")
    assert SECRET not in page and gateway.received[0].verified, "the test event"
    [exchange] = gateway.exchanges
    assert exchange.json["code"] == "c" * 43 and exchange.json["site"] == site.url
    digest = hashlib.sha256(exchange.json["verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["challenge"]
    assert "x-wp-signature" not in exchange.headers
    assert "was already used" in connector.result(
        back(connector, admin, asked, relay_code="c" * 43)
    )
    assert len(gateway.exchanges) == 1


def test_a_return_that_nobody_here_asked_for_changes_nothing(site, gateway, connector, admin):
    asked = begin(connector, admin, gateway)
    said = connector.result(
        back(connector, admin, asked | {"state": "x" * 43}, relay_code="c" * 43)
    )
    assert said.startswith("Not connected.") and gateway.exchanges == []
    said = connector.result(back(connector, admin, asked, relay_error="access_denied"))
    assert "refused in Relay" in said and gateway.exchanges == []
    site.php(
        "if ( ! username_exists( 'second' ) ) { wp_insert_user( array( 'user_login' => 'second',"
        f" 'user_pass' => '{PASSWORD}', 'user_email' => 'second@example.org', 'role' => 'administrator' ) ); }}"
    )
    asked = begin(connector, admin, gateway)
    with site.login("second") as second:
        assert connector.result(back(connector, second, asked, relay_code="c" * 43)).startswith(
            "Not connected."
        )
    assert gateway.exchanges == []


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(400, '{"error":"invalid_code"}'), "valid for five minutes and works once"),
        (Reply(404, "<html>", content_type="text/html"), "not as Relay does when a site connects"),
        (Reply(426, '{"error":"https_required"}'), "only over https (426)"),
        (Reply(429, '{"error":"rate_limited"}'), "too many attempts"),
        (Reply(503, '{"error":"unavailable"}'), "The problem is on the side of Relay."),
        (Reply(200, '{"endpoint":"x","key_id":1}'), "not as Relay does when a site connects"),
        (Reply(200, json.dumps({"endpoint": "https://u:p@x.example/", "key_id": "k", "secret": SECRET})), "user name or password"),
        (Reply(200, json.dumps({"endpoint": "https://x.example/w", "key_id": "k", "secret": "short"})), "a value that Relay does not make"),
    ],
)  # fmt: skip
def test_a_failed_exchange_says_what_to_do(gateway, connector, admin, site, reply, sentence):
    gateway.token_reply = reply
    said = connector.result(
        back(connector, admin, begin(connector, admin, gateway), relay_code="c" * 43)
    )
    assert said.startswith("Not connected.") and sentence in said
    assert site.option("relay_connector_endpoint") in ("", False)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "The address of Relay is missing."),
        ("http://relay.example.com/sign-in", "starts with http://"),
        ("https://gateway.invalid/", "gateway.invalid cannot be resolved"),
        ("https://10.0.0.7", "inside this server's own network"),
    ],
)
def test_an_address_that_this_site_cannot_call_is_explained_before_the_browser_leaves(
    connector, admin, typed, sentence
):
    answer = post(connector, admin, CONNECT, address=typed)
    assert answer.headers["Location"] == connector.site.url + PAGE
    page = connector.page(admin)
    assert sentence in connector.result(page)
    assert address_in(page) == typed, "so that it can be corrected"


def test_the_page_names_the_parts_of_relay_as_relay_does():
    section = (PLUGIN / "includes/admin/class-connection-section.php").read_text()
    sentence = re.search(r"'(Relay shows these three values(?:[^'\\]|\\.)*)'", section)[1]
    relay = (TEMPLATES / "sources/connect.html").read_text()
    names = re.findall(r'"([^"]+)"', sentence)
    assert names and [name for name in names if name not in relay] == []


def address_in(page: str) -> str:
    return html.unescape(re.search(r'id="relay-connector-address"[^>]* value="([^"]*)"', page)[1])


def test_one_paste_connects_the_site(site, gateway, connector, admin):
    post(connector, admin, CONNECT, address="relay.invalid")
    text = connection_string(gateway.url, KEY_ID, SECRET)
    post(connector, admin, PASTE, connection=f" {text[:30]}\r\n {text[30:]}\n")
    page = connector.page(admin)
    assert address_in(page) == gateway.url.partition("/webhooks")[0]
    assert connector.result(page).startswith("Connected. The connection to 127.0.0.1 was saved.")
    assert gateway.received[0].verified and SECRET not in page and text not in page
    for wrong in (text[:-9], "relay1_", KEY_ID, ""):
        post(connector, admin, PASTE, connection=wrong)
        assert connector.result(connector.page(admin)).startswith("Not connected.")
    assert site.option("relay_connector_key_id") == KEY_ID, "the connection stays"
    site.set_constants(site.constants | {"RELAY_CONNECTOR_KEY_ID": "from-config"})
    page = text_of(connector.page(admin))
    assert "The connection is set by RELAY_CONNECTOR_KEY_ID" in page
    assert "paste a connection string" not in page


def test_a_new_key_by_a_paste_keeps_the_old_one_for_results(site, gateway, connected):
    text = connection_string(gateway.url, "key_lab.2", "n" * 43)
    site.command("connect", stdin=text)
    assert site.option("relay_connector_old_key")["secret"] == SECRET


def test_the_command_reads_the_connection_string_from_standard_input(site, gateway):
    text = connection_string(gateway.url, KEY_ID, SECRET)
    said = site.command("connect", stdin=text + "\n")
    assert said.startswith("The connection to 127.0.0.1 was saved.\n")
    assert "Success: The gateway accepted the event" in said and SECRET not in said
    assert "Error: This is not a complete connection" in site.command("connect", "relay1_nonsense")


@SQLITE
def test_a_site_is_connected_in_the_browser_after_the_activation(
    site, connector, page, stack: Stack
):
    """The whole way: the plugin is activated, its page opens, Relay asks, and the site has its key."""
    stack.flask(
        "users", "create", "ada@example.com", "--role", "admin", "--password-stdin", input=PASSWORD
    )
    site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{stack.port}"})
    page.context.add_cookies(site.login_cookies())
    page.goto(f"{site.url}/wp-admin/plugins.php")
    row = page.locator('tr[data-slug="relay-connector"]')
    row.locator(".deactivate a").click()
    row.locator(".activate a").click()
    page.wait_for_url(f"**{PAGE}")
    page.goto(f"{site.url}/wp-admin/plugins.php")
    page.get_by_role("link", name="Connect this site").click()
    page.get_by_label("Address of Relay").fill(f"{stack.url}/sign-in")
    page.get_by_role("button", name="Connect to Relay").click()
    page.fill("#f-email", "ada@example.com")
    page.fill("#f-password", PASSWORD)
    page.click("form button")
    page.get_by_role("button", name="Allow", exact=True).click()
    page.wait_for_url(f"**{PAGE}")
    result = page.get_by_role("status")
    result.get_by_text("Connected.").wait_for()
    assert "This site is connected as “Lab shop” to Relay" in result.inner_text()
    assert len(stack.rows("SELECT 1 FROM source WHERE slug = 'lab-shop'")) == 1
    assert f"{stack.url}/webhooks/wp/lab-shop" in page.content()
