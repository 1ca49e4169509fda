"""Orders, form entries, registrations and other plugins' events, from a request of WordPress to the gateway.

Stand-ins fire what the real plugins fire; what each source makes of it in detail is tested in ``phpunit/``.
"""

import re
import shutil
from pathlib import Path

import pytest

from relay.ingest.schemas import load_event
from relay.ingest.strict_json import loads
from tests.wordpress.connector import PAGE, text_of
from tests.wordpress.site import php_literal

STANDINS = Path(__file__).with_name("standins")
FORM_PAGE = "/wp-admin/options-general.php?page=relay-connector-form&form="

CF7_FORM = {
    5: {
        "title": "Contact us",
        "tags": [
            ["text*", "your-name"],
            ["email*", "your-email"],
            ["file", "your-file"],
            ["submit"],
        ],
    }
}
GRAVITY_FORM = {3: {"title": "Quote", "fields": [{"id": 1, "type": "text", "label": "Name"}]}}
NINJA_FORM = {2: {"title": "Callback", "fields": {11: ["textbox", "Name", "name"]}}}
FORMIDABLE_FORM = {9: {"name": "Booking", "fields": {21: ["text", "Name"]}}}
FLUENT_FIELDS = [
    {"element": "input_text", "attributes": {"name": "name"}, "settings": {"label": "Name"}}
]

LEADS = {
    "contact-form-7": "standin_cf7_submit( 5, wp_slash( array( 'your-name' => 'Jane', 'your-email' => 'j@example.org' ) ) );",
    "wpforms": "standin_wpforms_submit( standin_wpforms_make( 'Ask', array( 1 => array( 'text', 'Name' ) ) ), array( 1 => 'Jane' ) );",
    "gravityforms": "standin_gf_submit( 3, array( '1' => 'Jane' ), 41 );",
    "ninja-forms": "standin_nf_submit( 2, array( 11 => 'Jane' ), 42 );",
    "fluentform": f"standin_fluent_submit( standin_fluent_make( 'Kontakt', {php_literal(FLUENT_FIELDS)} ), array( 'name' => 'Jane' ) );",
    "formidable": "standin_frm_create( 9, array( 21 => 'Jane' ) );",
    "elementor-pro": "standin_elementor_submit( '7e10123', 'Landing', array( 'name' => array( 'text', 'Name', 'Jane' ) ) );",
}


@pytest.fixture(scope="module")
def standins(wordpress_server):
    """Every stand-in, active until the last test here."""
    folder = wordpress_server.document_root / "wp-content/plugins/standins"
    shutil.copytree(STANDINS, folder)
    names = [f"standins/{path.name}" for path in sorted(STANDINS.glob("*.php"))]
    wordpress_server.php(
        f"update_option( 'active_plugins', array_merge( get_option( 'active_plugins' ), {php_literal(names)} ) );"
    )
    wordpress_server.php("standin_fluent_tables();")
    yield
    wordpress_server.php(
        f"update_option( 'active_plugins', array_values( array_diff( get_option( 'active_plugins' ), {php_literal(names)} ) ) );"
    )
    shutil.rmtree(folder)


@pytest.fixture
def shop(site, standins):
    """The site with all of them, their forms and nothing else of theirs."""
    site.php(
        "foreach ( array( 'standin_wc_orders', 'standin_frm_entries' ) as $one ) { delete_option( $one ); }"
        "foreach ( get_posts( array( 'post_type' => array( 'wpforms', 'page' ), 'numberposts' => -1, 'post_status' => 'any' ) ) as $one )"
        " { if ( 'Sample Page' !== $one->post_title ) { wp_delete_post( $one->ID, true ); } }"
        "$GLOBALS['wpdb']->query( 'DELETE FROM wp_fluentform_forms' );"
        "foreach ( get_users( array( 'exclude' => array( 1 ), 'fields' => 'ID' ) ) as $one )"
        " { $GLOBALS['wpdb']->delete( 'wp_users', array( 'ID' => $one ) ); }"
    )
    site.set_option("standin_cf7", CF7_FORM)
    site.set_option("standin_gf", GRAVITY_FORM)
    site.set_option("standin_nf", NINJA_FORM)
    site.set_option("standin_frm", FORMIDABLE_FORM)
    return site


def arrived(gateway) -> list[dict]:
    """The events that the gateway got, each signed and of a shape that it takes."""
    events = []
    for request in gateway.received:
        assert request.verified
        if request.json["event"].startswith("relay."):
            continue
        load_event(loads(request.body), request.body, request.event_id)
        events.append(request.json)
    return events


@pytest.mark.parametrize("plugin", LEADS)
def test_an_entry_of_each_form_plugin_arrives_once(shop, gateway, connected, plugin):
    shop.php(LEADS[plugin])
    shop.run_cron()
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["event"] == "lead.created"
    assert event["data"]["form"]["plugin"] == plugin
    assert "Jane" in event["data"]["fields"].values()
    row = connected.row()
    assert row["state"] == "sent" and row["body"] is None


@pytest.mark.parametrize(
    ("way", "change"),
    [
        ("standin_wc_block_checkout", "processing"),
        ("standin_wc_classic_checkout", "on-hold"),
        ("standin_wc_admin_order", None),
    ],
)
def test_an_order_arrives_once_however_it_was_made_and_no_order_note_does(
    shop, gateway, connected, way, change
):
    order = int(shop.php(f"echo {way}();"))
    shop.run_cron()
    events = arrived(gateway)
    assert [one["event"] for one in events] == ["order.created"] + (
        ["order.status_changed"] if change else []
    )
    assert {one["data"]["id"] for one in events} == {order}
    assert len(events[0]["data"]["items"]) == 2 and events[0]["data"]["total"] == "129.90"
    if change:
        assert events[1]["data"]["status"] == change


def test_a_refund_arrives(shop, gateway, connected):
    order = int(shop.php("echo standin_wc_classic_checkout();"))
    shop.run_cron()
    gateway.reset()
    shop.php(
        f"wc_create_refund( array( 'order_id' => {order}, 'amount' => '9.9', 'reason' => 'Broken' ) );"
    )
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["event"] == "x.order.refunded"
    assert event["data"]["order_id"] == order and event["data"]["amount"] == "9.90"


def test_an_order_waits_for_a_gateway_that_is_away_and_shows_what_it_then_is(
    shop, gateway, connected
):
    order = int(shop.php("echo standin_wc_admin_order();"))
    shop.php(f"$o = wc_get_order( {order} ); $o->set_total( '99' ); $o->save();")
    assert connected.row()["body"] is None, "the body is made when it is sent"
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["data"]["total"] == "99.00"


def test_a_registration_and_another_plugins_event_arrive(shop, gateway, connected):
    shop.php(
        "wp_insert_user( array( 'user_login' => 'new', 'user_pass' => 'x', 'user_email' => 'new@example.org' ) );"
        "do_action( 'relay_connector_send_event', 'x.booking_made', array( 'room' => 12 ) );"
    )
    shop.run_cron()
    assert [(one["event"], one["data"].get("room")) for one in arrived(gateway)] == [
        ("user.registered", None), ("x.booking_made", 12),
    ]  # fmt: skip


def test_noting_an_order_or_an_entry_sends_nothing_in_the_visitors_request(
    shop, gateway, connected
):
    shop.php("standin_wc_block_checkout();" + LEADS["contact-form-7"])
    assert gateway.connections == 0
    assert len(connected.rows()) == 3


def test_nothing_leaves_a_site_that_is_not_set_up(shop, gateway, connector):
    shop.php("standin_wc_block_checkout();" + "".join(LEADS.values()))
    shop.run_cron()
    assert gateway.connections == 0
    assert connector.rows() == []


def test_a_broken_outbox_does_not_touch_the_form(shop, gateway, connected, admin):
    shop.php("$GLOBALS['wpdb']->query( 'RENAME TABLE wp_relay_connector_outbox TO wp_gone' );")
    try:
        result = shop.php_json(
            "standin_cf7_submit( 5, array( 'your-name' => 'Jane' ) ) + array( 'order' => standin_wc_block_checkout() )"
        )
    finally:
        shop.php("$GLOBALS['wpdb']->query( 'RENAME TABLE wp_gone TO wp_relay_connector_outbox' );")
        shop.clear_debug_log()  # the database's own words about the missing table
    assert result["status"] == "mail_sent" and result["order"]
    assert "events were lost" in connected.page(admin, "/wp-admin/index.php")


# -- the settings


def ticks(page: str) -> dict[str, bool]:
    """Every choice on the settings page, and whether it is ticked."""
    found = re.findall(
        r'type="checkbox" name="relay_connector_events\[([^"]+)\]" value="1" *([a-z=\' ]*)>', page
    )
    return {name.replace("][", " "): "checked" in state for name, state in found}


def test_the_settings_list_what_is_there_with_everything_ticked(shop, connector, admin):
    shop.php(LEADS["wpforms"] + LEADS["fluentform"])
    shop.php("standin_elementor_page( '7e10123', 'Landing', array() );")
    found = ticks(connector.page(admin))
    assert all(found.values())
    forms = {name.split()[1].split(":")[0] for name in found if name.startswith("forms ")}
    assert forms == set(LEADS)
    assert {
        "sources comments", "sources orders", "sources leads", "sources users", "sources custom", "fields orders.phone",
        "forms contact-form-7:5", "new_forms",
    } <= set(found)  # fmt: skip
    assert "Not on this site" not in connector.page(admin)


@pytest.fixture
def bare(site):
    """The site with no other plugin."""
    before = site.option("active_plugins")
    site.set_option("active_plugins", ["relay-connector/relay-connector.php"])
    yield site
    site.set_option("active_plugins", before)


def test_without_other_plugins_the_settings_say_what_could_be_there(bare, connector, admin):
    assert (
        "Not on this site These show up here once they are active: WooCommerce, Contact Form 7, WPForms,"
        in text_of(connector.page(admin))
    )
    assert set(ticks(connector.page(admin))) == {
        "sources comments", "sources users", "sources custom", "fields comments.author_email",
        "fields comments.author_url", "fields users.email", "fields users.name",
    }  # fmt: skip


def test_what_is_unticked_is_not_sent_and_what_is_not_shown_is_kept(
    shop, gateway, connected, admin
):
    choice = {
        "relay_connector_events[sources][orders]": "0",
        "relay_connector_events[forms][gravityforms:3]": "0",
    }
    assert "Settings saved." in save(connected, admin, choice)
    shop.php("standin_wc_block_checkout();" + LEADS["gravityforms"] + LEADS["contact-form-7"])
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["data"]["form"]["plugin"] == "contact-form-7"

    shop.php(
        "update_option( 'active_plugins', array_diff( get_option( 'active_plugins' ), array( 'standins/gravityforms.php' ) ) );"
    )
    try:
        save(connected, admin, {"relay_connector_events[sources][orders]": "1"})
    finally:
        shop.php(
            "update_option( 'active_plugins', array_merge( get_option( 'active_plugins' ), array( 'standins/gravityforms.php' ) ) );"
        )
    found = ticks(connected.page(admin))
    assert found["sources orders"] is True
    assert found["forms gravityforms:3"] is False
    assert found["forms contact-form-7:5"] is True


def save(connector, admin, choice: dict[str, str]) -> str:
    """The settings form with some choices changed."""
    page = connector.page(admin)
    form = re.search(r'<form action="[^"]*options\.php".*?</form>', page, re.S)[0]
    data = {}
    for tag in re.findall(r"<input[^>]*>", form):
        found = {a: b[1:-1] for a, b in re.findall(r"""([a-z-]+)=("[^"]*"|'[^']*')""", tag)}
        if found.get("type") == "checkbox" and "checked" not in found:
            continue
        if found.get("type") != "submit" and "name" in found:
            data[found["name"]] = found.get("value", "")
    return admin.post(
        f"{connector.site.url}/wp-admin/options.php", data=data | choice, timeout=60
    ).text


def test_fields_of_a_form_are_chosen_on_a_page_of_their_own_and_secrets_cannot_be(
    shop, gateway, connected, admin
):
    path = FORM_PAGE + "contact-form-7%3A5"
    page = connected.page(admin, path)
    assert "Contact us (Contact Form 7)" in text_of(page)
    assert "your-file file – never sent" in text_of(page)
    boxes = re.findall(r'name="send\[\]" value="(\w+)" *([a-z=\' ]*)>', page)
    assert len(boxes) == 3, "the button is no field"
    assert [("checked" in state, "disabled" in state) for _, state in boxes] == [
        (True, False), (True, False), (False, True),
    ]  # fmt: skip
    nonce = re.search(r'name="_wpnonce" value="(\w+)"', page)[1]
    fields = {"action": "relay_connector_save_form", "form": "contact-form-7:5", "_wpnonce": nonce}
    # The name only; and the file, which the page does not offer.
    after = admin.post(
        f"{shop.url}/wp-admin/admin-post.php",
        data={**fields, "send[]": [boxes[0][0], boxes[2][0]]}, timeout=60,
    ).text  # fmt: skip
    assert "Saved." in connected.result(after)
    assert "Choose fields (1 left out)" in after
    shop.php(
        "standin_cf7_submit( 5, array( 'your-name' => 'Jane', 'your-email' => 'j@example.org', 'your-file' => 'x' ) );"
    )
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["data"]["fields"] == {"your-name": "Jane"}


@pytest.mark.parametrize("path", [FORM_PAGE + "contact-form-7%3A999", FORM_PAGE + "nothing", FORM_PAGE + "%3Cb%3E"])  # fmt: skip
def test_the_page_of_a_form_that_is_not_there_says_so(shop, connected, admin, path):
    assert "This form has no fields, or it is not there any more." in text_of(
        connected.page(admin, path)
    )


def test_the_page_of_a_form_is_in_no_menu_and_not_for_everybody(shop, connected, admin):
    assert "page=relay-connector-form" not in re.sub(
        r'href="[^"]*form=[^"]*"', "", connected.page(admin, PAGE)
    )
    shop.php("wp_create_user( 'reader', 'reader-pass-1234', 'reader@example.org' );")
    with shop.login("reader", "reader-pass-1234") as reader:
        assert (
            reader.get(shop.url + FORM_PAGE + "contact-form-7%3A5", timeout=60).status_code == 403
        )
        answer = reader.post(
            f"{shop.url}/wp-admin/admin-post.php", data={"action": "relay_connector_save_form"}, timeout=60
        )  # fmt: skip
        assert answer.status_code == 403


def test_the_list_of_events_names_them_without_what_was_filled_in(shop, gateway, connected, admin):
    shop.php("standin_wc_block_checkout();" + "".join(LEADS.values()))
    page = text_of(connected.page(admin, f"{PAGE}&tab=events"))
    for words in (
        "Order SHOP-1001 ", "Order SHOP-1001: pending → processing", "Entry of “Contact us” (Contact Form 7)",
        "Entry of “Ask” (WPForms)", "Entry of “Quote” (Gravity Forms)", "Entry of “Callback” (Ninja Forms)",
        "Entry of “Kontakt” (Fluent Forms)", "Entry of “Booking” (Formidable Forms)",
    ):  # fmt: skip
        assert words in page, words
    assert "Jane" not in page


def test_a_site_connected_by_an_older_version_goes_on_with_comments_only(
    shop, gateway, connected, admin
):
    shop.php(
        "delete_option( 'relay_connector_events' ); update_option( 'relay_connector_schema', 2 );"
    )
    shop.php("standin_wc_block_checkout();" + LEADS["contact-form-7"])
    shop.post_comment("Jane", "jane@example.org", "As before")
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["event"] == "comment.created"
    assert {name: on for name, on in ticks(connected.page(admin)).items() if name.startswith("sources ")} == {
        "sources comments": True, "sources orders": False, "sources leads": False, "sources users": False,
        "sources custom": False,
    }  # fmt: skip


def test_uninstalling_takes_the_marks_off_orders_wherever_they_are_kept(shop, connected):
    shop.php(
        "global $wpdb; update_post_meta( 1, '_relay_connector_sent', 'x' );"
        "$wpdb->query( 'CREATE TABLE wp_wc_orders_meta (id int AUTO_INCREMENT PRIMARY KEY, meta_key varchar(255))' );"
        "$wpdb->query( \"INSERT INTO wp_wc_orders_meta (meta_key) VALUES ('_relay_connector_sent'), ('of_others')\" );"
    )
    left = shop.php_json(
        "call_user_func( function () { global $wpdb; \\Relay_Connector\\Events\\Orders::forget_all();"
        " return array( get_post_meta( 1, '_relay_connector_sent' ), $wpdb->get_col( 'SELECT meta_key FROM wp_wc_orders_meta' ) ); } )"
    )
    shop.php(
        "$GLOBALS['wpdb']->query( 'DROP TABLE wp_wc_orders_meta' ); Relay_Connector\\Events\\Orders::forget_all();"
    )
    assert left == [[], ["of_others"]]


def test_the_log_is_clean_after_all_of_it(shop, gateway, connected, admin):
    shop.clear_debug_log()
    shop.php("standin_wc_block_checkout();" + "".join(LEADS.values()))
    shop.run_cron()
    connected.page(admin)
    connected.page(admin, f"{PAGE}&tab=events")
    assert [line for line in shop.debug_log().splitlines() if "relay-connector" in line] == []
