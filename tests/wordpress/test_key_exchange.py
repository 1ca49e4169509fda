"""Fetching the new key: against the shared test vectors, and against a real Relay."""

import json
from pathlib import Path

import pytest

from tests.support.stack import Stack
from tests.wordpress.connector import text_of
from tests.wordpress.fake_gateway import SECRET, Reply
from tests.wordpress.site import php_literal

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "key-handover.json").read_text(encoding="utf-8")
)

ON_BOTH = True
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FETCH = "relay_connector_fetch_key"


def opened(site, vector: dict, question_id: str | None = None, **changes: str):
    json_ = {name: vector[name] for name in ("salt", "nonce", "sealed")} | changes
    return site.php_json(
        f"\\Relay_Connector\\Keys\\Key_Exchange::decrypt( {php_literal(vector['old_secret'])},"
        f" {php_literal(question_id or vector['question_id'])}, {php_literal(json_)} )"
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["name"])
def test_the_plugin_decrypts_the_gateways_keys(site, vector):
    assert opened(site, vector) == {"key_id": vector["key_id"], "secret": vector["secret"]}


def test_a_changed_key_or_one_for_another_request_cannot_be_decrypted(site):
    vector = VECTORS[0]
    assert opened(site, vector, question_id="wp-key-other") is None
    assert opened(site, vector, sealed="A" + vector["sealed"][1:]) is None
    assert opened(site, vector, nonce="") is None
    assert opened(site, vector, sealed="AAAA") is None


@SQLITE
def test_a_rotated_key_is_fetched_with_one_click_and_the_old_one_can_be_revoked(
    site, connected, admin, stack: Stack
):
    made = stack.make_source()
    site.set_constants({"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{stack.port}"})
    endpoint = f"{stack.url}/webhooks/wp/{made.slug}"
    connected.save(admin, endpoint=endpoint, key_id=made.key_id, secret=made.secret)
    assert connected.press(admin, FETCH).startswith("Done. This site already uses the newest")
    site.post_comment("Jane", "jane@example.org", "From the address of the site")
    site.run_cron()
    rotated = stack.flask("keys", "rotate", made.slug, "--json")
    stack.wait_for(
        lambda: "There is a newer key" in text_of(connected.click(admin, "relay_connector_test")),
        what="the web process to know of the new key",
    )
    said = connected.press(admin, FETCH)
    assert said.startswith("Done. This site now uses the new key"), said
    assert site.option("relay_connector_key_id") != made.key_id
    assert site.option("relay_connector_secret") == [rotated["secret"]]
    assert rotated["secret"] not in connected.page(admin)
    stack.flask("keys", "revoke", made.key_id)
    site.post_comment("Jane", "jane@example.org", "Under the new key")
    site.run_cron()
    assert [row["state"] for row in connected.rows()] == ["sent", "sent"]
    *_, used = stack.rows(
        "SELECT k.key_id FROM event e JOIN signing_key k ON k.id = e.signing_key_id"
        " WHERE e.event_type = 'comment.created' ORDER BY e.id"
    )
    assert used["key_id"] == site.option("relay_connector_key_id")
    assert [row["actor"] for row in stack.rows("SELECT actor FROM audit_entry WHERE action = 'key.hand_over'")] == ["site"]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Reply(401, '{"error":"unauthorized"}'), "copy it to this page manually"),
        (Reply(404, '{"error":"not_found"}'), "cannot provide keys"),
        (Reply(409, '{"error":"key_not_handed_over"}'), "Copy the new key from Relay to this page"),
        (Reply(429, '{"error":"rate_limited"}'), "received too many requests"),
        (Reply(200, '{"status":"no_newer_key"}'), "has no newer one"),
        (Reply(200, '{"status":"newer","salt":"AAAA","nonce":"AAAA","sealed":"AAAA"}'), "could not be decrypted"),
        (Reply(503, "{}"), "The problem is on the gateway's side"),
    ],
)  # fmt: skip
def test_on_any_error_the_old_key_stays_with_an_explanation(
    site, gateway, connected, admin, answer, says
):
    gateway.key_reply = answer
    said = connected.press(admin, FETCH)
    assert said.startswith("The key was not changed.") and says in said
    assert site.option("relay_connector_secret") == [SECRET]


def test_a_key_from_the_configuration_is_not_fetched(site, gateway, connected, admin):
    site.set_constants(site.constants | {"RELAY_CONNECTOR_SECRET": SECRET})
    page = connected.page(admin)
    assert "this plugin cannot change it" in page
    assert (
        'id="relay-connector-fetch-key" aria-describedby="relay-connector-fetch-key-help"  disabled'
        in page
    )
    assert "this plugin cannot change it" in connected.press(admin, FETCH)
    assert gateway.questions == []


def test_the_address_without_a_site_has_its_own_key_url(site, gateway, connected, admin):
    connected.connect(gateway, endpoint=gateway.url.removesuffix("/lab"))
    assert connected.press(admin, FETCH).startswith("Done.")
    assert [one.path for one in gateway.questions] == ["/webhooks/key"]
