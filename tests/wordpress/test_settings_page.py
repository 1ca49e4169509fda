"""The settings page: settings, explanations, and what it never shows."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.support.network import free_port
from tests.wordpress.connector import LOG_PAGE, PAGE, notices, text_of
from tests.wordpress.fake_gateway import SECRET, Reply
from tests.wordpress.site import PASSWORD

WEB_PAGE = Reply(
    404,
    "<!DOCTYPE html><html><body>Not Found</body></html>",
    content_type="text/html; charset=utf-8",
)

ON_BOTH = True


def fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def test_saved_settings_are_used_and_the_secret_is_never_shown(site, gateway, connector, admin):
    page = connector.save(admin, endpoint=gateway.url, key_id="key_lab.1", secret=SECRET)
    assert "Settings saved." in page
    assert connector.test_event(admin).startswith("It works. The gateway accepted the event after")
    [request] = gateway.received
    assert request.verified and request.json["event"] == "relay.test"
    assert set(request.json["data"]) == {"message"}
    for path in [PAGE, "/wp-admin/options.php", "/wp-admin/site-health.php?tab=debug"]:
        html = connector.page(admin, path)
        assert SECRET not in html
    assert f"<code>{fingerprint(SECRET)}</code>" in connector.page(admin)


def test_an_empty_secret_field_keeps_the_saved_secret(site, gateway, connected, admin):
    connected.save(admin, key_id="another", secret="")
    assert connected.test_event(admin).startswith("It works.")
    assert gateway.received[0].headers["x-wp-key-id"] == "another"


def test_the_secret_is_not_loaded_on_every_page(site, connector, gateway, admin):
    connector.save(admin, endpoint=gateway.url, secret=SECRET)
    assert (
        site.php_json("array_key_exists( 'relay_connector_secret', wp_load_alloptions() )") is False
    )


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("endpoint", "http://relay.example.com/webhooks/wp", "starts with http://"),
        (
            "endpoint",
            "https://relay.example.com:9443/webhooks/wp",
            "Port 9443 is not one of the usual",
        ),
        ("endpoint", "https://me:pass@relay.example.com/webhooks/wp", "user name or password"),
        ("key_id", "key id?", "only contain letters, digits"),
        ("secret", "replace_me", "sample from the documentation"),
        ("secret", "two words of a secret that is long enough", "a space"),
    ],
)
def test_an_invalid_value_is_rejected_with_a_reason_and_the_old_one_stays(
    site, gateway, connected, admin, field, value, says
):
    before = site.option(f"relay_connector_{field}")
    page = connected.save(admin, **{field: value})
    assert says in text_of(page) and "was not changed" in text_of(page)
    assert site.option(f"relay_connector_{field}") == before


def test_a_short_secret_is_saved_with_a_warning(site, gateway, connector, admin):
    page = connector.save(admin, endpoint=gateway.url, secret="only-part-of-it")
    assert "shorter than 32 characters" in text_of(page)
    assert site.option("relay_connector_secret") == ["only-part-of-it"]


def test_a_bare_host_gets_the_default_path(site, connector, admin):
    connector.save(admin, endpoint="relay.example.com")
    assert site.option("relay_connector_endpoint") == "https://relay.example.com/webhooks/wp"


def test_constants_override_options_and_the_page_says_so(site, gateway, connected, admin):
    connected.connect(
        gateway, endpoint="https://wrong.example/x", key_id="wrong", secret="wrong" * 10
    )
    site.set_constants(
        site.constants
        | {
            "RELAY_CONNECTOR_ENDPOINT": gateway.url,
            "RELAY_CONNECTOR_KEY_ID": "from-config",
            "RELAY_CONNECTOR_SECRET": SECRET,
        }
    )
    page = connected.page(admin)
    assert "Set by RELAY_CONNECTOR_SECRET in wp-config.php" in page
    assert fingerprint(SECRET) in page and SECRET not in page
    assert connected.test_event(admin).startswith("It works.")
    assert gateway.received[0].headers["x-wp-key-id"] == "from-config"
    connected.save(admin)
    assert site.option("relay_connector_endpoint") == "https://wrong.example/x", (
        "saving does not touch fixed fields"
    )
    assert site.option("relay_connector_secret") == ["wrong" * 10]


def test_the_environment_overrides_options(site, gateway, connected):
    used = site.php(
        "putenv( 'RELAY_CONNECTOR_KEY_ID=from-environment' ); echo ( new \\Relay_Connector\\Settings() )->key_id();"
    )
    assert used == "from-environment"


def says(gateway, connected, admin, answer: Reply) -> str:
    gateway.reply(answer)
    return connected.test_event(admin)


def test_a_refused_connection_is_explained(site, connected, gateway, admin):
    port = free_port()
    site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{port}"})
    connected.connect(gateway, endpoint=f"http://127.0.0.1:{port}/webhooks/wp")
    said = connected.test_event(admin)
    assert f"Nothing is listening at 127.0.0.1:{port}: the connection was refused." in said
    assert "Start the gateway or correct the address." in said


def test_a_wrong_key_is_explained_with_what_to_compare(connected, gateway, admin):
    connected.connect(gateway, secret="another-secret-of-more-than-32-characters")
    said = connected.test_event(admin)
    assert "does not accept the signature (401)" in said
    assert "key_lab.1" in said and fingerprint("another-secret-of-more-than-32-characters") in said
    assert "The clocks agree, so the time is not the cause." in said


@pytest.mark.parametrize(("offset", "word"), [(900, "behind"), (-900, "ahead of")])
def test_a_wrong_clock_is_found_by_the_gateways_date_header(
    connected, gateway, admin, offset, word
):
    said = says(
        gateway, connected, admin, Reply(401, '{"error":"unauthorized"}', date_offset_s=offset)
    )
    assert f"The clock of this web server is 15 minutes {word} the gateway's clock." in said
    assert "synchronize the clock (NTP)" in said


def test_a_drifting_clock_is_reported_while_events_are_accepted(connected, gateway, admin):
    said = says(gateway, connected, admin, Reply(date_offset_s=-120))
    assert said.startswith("It works.") and "2 minutes ahead" in said


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (WEB_PAGE, "it is not a Relay gateway (status 404"),
        (Reply(404, '{"error":"unknown_source"}'), "it must end with the name of the site"),
        (
            Reply(200, "<html>hello</html>", content_type="text/html"),
            "it is not a Relay gateway (status 200",
        ),
        (Reply(405, "{}"), "it is not a Relay gateway (status 405"),
        (
            Reply(403, '{"error":"address_not_allowed"}'),
            "Add the outgoing IP address of this web server",
        ),
        (Reply(403, "<html>", content_type="text/html"), "probably a firewall"),
        (Reply(401, "<html>", content_type="text/html"), "The gateway is behind a login page"),
        (
            Reply(422, '{"error":"invalid_event","detail":{"event":["Unknown type."]}}'),
            "event: Unknown type.",
        ),
        (Reply(429, "{}", {"Retry-After": "120"}), "in 2 minutes at the earliest"),
        (Reply(503, "{}"), "The problem is on the gateway's side"),
        (Reply(302, "", {"Location": "https://new.example/"}), "https://new.example/"),
    ],
)
def test_each_response_has_its_explanation(connected, gateway, admin, answer, sentence):
    said = says(gateway, connected, admin, answer)
    assert said.startswith("The test failed.") and sentence in said


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        (
            "https://gateway.invalid/webhooks/wp",
            "The host name gateway.invalid cannot be resolved (DNS).",
        ),
        (
            "https://169.254.169.254/webhooks/wp",
            "leads to 169.254.169.254, which is inside this server's own network",
        ),
        ("https://10.0.0.7/webhooks/wp", "define( 'RELAY_CONNECTOR_ALLOW_HOST', '10.0.0.7:443' );"),
        ("http://127.0.0.1:1/webhooks/wp", "starts with http://"),
    ],
)
def test_forbidden_addresses_are_explained(connected, gateway, admin, endpoint, sentence):
    connected.connect(gateway, endpoint=endpoint)
    assert sentence in connected.test_event(admin)
    assert gateway.connections == 0


def test_a_gateway_without_tls_behind_https_is_explained(connected, gateway, admin):
    connected.connect(gateway, endpoint=gateway.url.replace("http://", "https://"))
    said = connected.test_event(admin)
    assert "No secure connection (TLS)" in said


def test_a_site_that_blocks_its_own_requests_is_explained(site, gateway, connected, admin):
    # WordPress always lets a site call its own host, so the gateway must be on another one.
    host = f"127.0.0.2:{gateway.port}"
    site.set_constants(site.constants | {"RELAY_CONNECTOR_ALLOW_HOST": host})
    connected.connect(gateway, endpoint=f"http://{host}/webhooks/wp")
    said = connected.test_event(admin)
    assert "This site blocks the request itself." in said and "WP_ACCESSIBLE_HOSTS" in said
    assert gateway.connections == 0


def test_an_accepted_test_event_ends_a_pause(site, gateway, connected, admin):
    gateway.reply(Reply(401, "{}"))
    site.post_comment("Jane", "jane@example.org", "Paused")
    site.run_cron()
    assert notices(connected.page(admin))
    assert connected.test_event(admin).startswith("It works.")
    assert notices(connected.page(admin)) == []
    site.run_cron()
    assert connected.row()["state"] == "sent"


def test_the_list_shows_rows_without_personal_data_and_sends_one_on_demand(
    site, gateway, connected, admin
):
    gateway.reply(Reply(500, "{}"))
    site.post_comment("Margarethe", "margarethe@example.org", "A private matter")
    site.run_cron()
    text = text_of(connected.page(admin, LOG_PAGE))
    assert "by M••• on “Hello world!”" in text and "next attempt in" in text
    assert not re.search("Margarethe|margarethe@|private matter", text)
    assert connected.press_row(admin, "send").startswith("Sent. The gateway accepted")
    assert connected.row()["state"] == "sent"


def test_a_button_without_a_nonce_does_nothing(site, gateway, connected, admin):
    answer = admin.post(
        f"{site.url}/wp-admin/admin-post.php", data={"action": "relay_connector_test"}, timeout=60
    )
    assert answer.status_code == 403
    assert gateway.connections == 0


def test_only_administrators_see_the_page_and_its_notices(site, gateway, connected):
    site.php(
        "if ( ! username_exists( 'editor' ) ) { wp_insert_user( array( 'user_login' => 'editor',"
        f" 'user_pass' => '{PASSWORD}', 'user_email' => 'editor@example.org', 'role' => 'editor' ) ); }}"
    )
    gateway.reply(Reply(401, "{}"))
    site.post_comment("Jane", "jane@example.org", "Paused")
    site.run_cron()
    with site.login("editor") as editor:
        assert editor.get(site.url + PAGE, timeout=60).status_code == 403
        assert notices(connected.page(editor, "/wp-admin/index.php")) == []


def test_the_secret_appears_nowhere_else(site, gateway, connected):
    """Not in the rows, the requests or the log."""
    site.post_comment("Jane", "jane@example.org", "Searching")
    site.run_cron()
    assert SECRET.encode() not in gateway.received[0].body
    assert SECRET not in str(gateway.received[0].headers)
    assert SECRET not in str(connected.rows())
    assert SECRET not in site.debug_log()


def test_the_settings_and_the_test_event_work_in_a_browser(
    site, gateway, connector, page, tmp_path: Path
):
    page.context.add_cookies(site.login_cookies())
    page.goto(site.url + PAGE)
    assert not page.get_by_role("button", name="Save settings").is_visible(), "only the connection"
    page.get_by_text("Enter the three values one by one").click()
    page.get_by_label("Gateway address").fill(gateway.url)
    page.get_by_label("Key ID").fill("key_lab.1")
    page.get_by_label("Secret", exact=True).fill(SECRET)
    page.get_by_role("button", name="Save connection").click()
    page.get_by_text("Settings saved.").wait_for()
    assert page.get_by_label("Secret", exact=True).input_value() == ""
    for name in ("Send a test event", "Save settings"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box["y"] + box["height"] <= page.viewport_size["height"], f"{name} needs scrolling"
    page.get_by_role("button", name="Send a test event").click()
    result = page.get_by_role("status")
    result.get_by_text("It works.").wait_for()
    assert "notice-success" in result.get_attribute("class")
    assert gateway.received[0].verified
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"the page is wider than a screen of {width} px"
