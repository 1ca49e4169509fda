"""Choosing sources, forms and fields in wp-admin."""

import re

import pytest

from tests.wordpress.connector import PAGE, text_of
from tests.wordpress.shop import FORM_PAGE, LEADS, arrived
from tests.wordpress.site import php_literal

ON_BOTH = True


def checkboxes(page: str) -> dict[str, bool]:
    """Every checkbox of the event settings, and whether it is checked."""
    found = re.findall(
        r'type="checkbox" name="relay_connector_events\[([^"]+)\]" value="1" *([a-z=\' ]*)>', page
    )
    return {name.replace("][", " "): "checked" in state for name, state in found}


# What is not selected on a new site.
OFF = {
    "fields orders.transaction", "fields orders.attribution", "fields orders.checkout_fields",
    "sources order_changes", "sources products", "sources stock", "sources customers", "sources coupons",
    "sources subscriptions", "sources posts", "fields customers.phone", "fields customers.addresses", "plugins jetpack",
    "plugins forminator", "plugins sureforms", "plugins ws-form", "plugins everest-forms", "plugins metform",
    "plugins mailpoet", "plugins kadence-blocks", "plugins divi", "plugins bricks",
}  # fmt: skip


def test_the_settings_list_the_active_sources_and_what_came_later_is_off(shop, connector, admin):
    shop.php(LEADS["wpforms"] + LEADS["fluentform"])
    shop.php("standin_elementor_page( '7e10123', 'Landing', array() );")
    found = checkboxes(connector.page(admin))
    assert {name for name, selected in found.items() if not selected} == OFF
    forms = {name.split()[1].split(":")[0] for name in found if name.startswith("forms ")}
    assert forms == set(LEADS)
    assert {
        "sources comments", "sources orders", "sources leads", "sources users", "sources custom", "fields orders.phone",
        "forms contact-form-7:5", "new_forms",
    } <= set(found)  # fmt: skip
    assert "Not active on this site" not in connector.page(admin)


@pytest.fixture
def bare(site):
    """The site without other plugins."""
    before = site.option("active_plugins")
    site.set_option("active_plugins", ["relay-connector/relay-connector.php"])
    yield site
    site.set_option("active_plugins", before)


def test_without_other_plugins_the_settings_list_the_supported_ones(bare, connector, admin):
    assert (
        "Not active on this site These appear here once they are active: WooCommerce, Contact Form 7, WPForms,"
        in text_of(connector.page(admin))
    )
    assert set(checkboxes(connector.page(admin))) == {
        "sources comments", "sources users", "sources custom", "sources posts", "sources leads", "new_forms",
        "fields comments.author_email", "fields comments.author_url", "fields users.email", "fields users.name",
        "fields posts.author", "fields posts.excerpt", "fields leads.files",
    }  # fmt: skip


def test_unselected_events_are_not_sent_and_hidden_choices_are_kept(
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
    found = checkboxes(connected.page(admin))
    assert found["sources orders"] is True
    assert found["forms gravityforms:3"] is False
    assert found["forms contact-form-7:5"] is True


def save(connector, admin, choice: dict[str, str]) -> str:
    """Save the settings form with some choices changed."""
    page = connector.page(admin)
    form = re.search(r"<form (?:(?!</form>).)*value='relay_connector'.*?</form>", page, re.S)[0]
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


def test_form_fields_are_chosen_on_their_own_page_without_secret_fields(
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
    # Only the name is selected; the file cannot be selected.
    after = admin.post(
        f"{shop.url}/wp-admin/admin-post.php",
        data={**fields, "send[]": [boxes[0][0], boxes[2][0]]}, timeout=60,
    ).text  # fmt: skip
    assert "Saved." in connected.result(after)
    assert "Choose fields (1 excluded)" in after
    shop.php(
        "standin_cf7_submit( 5, array( 'your-name' => 'Jane', 'your-email' => 'j@example.org', 'your-file' => 'x' ) );"
    )
    shop.run_cron()
    [event] = arrived(gateway)
    assert event["data"]["fields"] == {"your-name": "Jane"}


def test_a_field_for_files_sends_a_link_and_keeps_its_choice_while_links_are_excluded(
    shop, connected, admin
):
    fields = {"name": ["text", "Name"], "cv": ["upload", "CV"]}
    shop.php(f"standin_elementor_page( '7e10123', 'Landing', {php_literal(fields)} );")
    path = FORM_PAGE + "elementor-pro%3A7e10123"
    assert "CV upload – only a link is sent" in text_of(connected.page(admin, path))
    save(connected, admin, {"relay_connector_events[fields][leads.files]": "0"})
    page = connected.page(admin, path)
    assert "CV upload – not sent: links to files are excluded" in text_of(page)
    boxes = re.findall(r'name="send\[\]" value="(\w+)" *([a-z=\' ]*)>', page)
    assert ["disabled" in state for _, state in boxes] == [False, True]
    nonce = re.search(r'name="_wpnonce" value="(\w+)"', page)[1]
    answer = admin.post(
        f"{shop.url}/wp-admin/admin-post.php", timeout=60,
        data={"action": "relay_connector_save_form", "form": "elementor-pro:7e10123", "_wpnonce": nonce,
              "send[]": [boxes[0][0]]},
    )  # fmt: skip
    assert "Saved." in connected.result(answer.text)
    assert "excluded)" not in answer.text


@pytest.mark.parametrize("path", [FORM_PAGE + "contact-form-7%3A999", FORM_PAGE + "nothing", FORM_PAGE + "%3Cb%3E"])  # fmt: skip
def test_the_page_of_a_missing_form_says_so(shop, connected, admin, path):
    assert "This form has no fields, or it no longer exists." in text_of(
        connected.page(admin, path)
    )


def test_the_page_of_a_form_is_not_in_the_menu_and_needs_the_capability(shop, connected, admin):
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


def test_the_list_of_events_names_them_without_the_values(shop, gateway, connected, admin):
    shop.php("standin_wc_block_checkout();" + "".join(LEADS.values()))
    page = text_of(connected.page(admin, f"{PAGE}&tab=events"))
    for words in (
        "Order SHOP-1001 ", "Order SHOP-1001: Pending payment → Processing",
        "Entry of “Contact us” (Contact Form 7)",
        "Entry of “Ask” (WPForms)", "Entry of “Quote” (Gravity Forms)", "Entry of “Callback” (Ninja Forms)",
        "Entry of “Kontakt” (Fluent Forms)", "Entry of “Booking” (Formidable Forms)",
    ):  # fmt: skip
        assert words in page, words
    assert "Jane" not in page


def test_a_site_connected_by_an_older_version_continues_with_comments_only(
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
    found = checkboxes(connected.page(admin))
    assert [name for name, on in found.items() if on and name.startswith("sources ")] == [
        "sources comments"
    ]


def test_a_source_that_is_off_costs_nothing_until_it_is_switched_on(
    shop, gateway, connected, admin
):
    loaded = r"array_values( preg_grep( '/Events.(Products|Coupons|Forms.(Divi|Forminator))$/', get_declared_classes() ) )"
    assert shop.php_json(loaded) == []
    choice = {
        "relay_connector_events[sources][products]": "1",
        "relay_connector_events[plugins][divi]": "1",
    }
    assert "Settings saved." in save(connected, admin, choice)
    names = [name.rpartition("\\")[2] for name in shop.php_json(loaded)]
    assert sorted(names) == ["Divi", "Products"]
    shop.php(
        "$p = new Standin_WC_Product(); $p->set_name( 'Tea' ); $p->save();"
        "standin_divi_submit( 2, array( 'name' => array( 'Name', 'Jane' ) ) );"
    )
    shop.run_cron()
    assert [event["event"] for event in arrived(gateway)] == ["product.created", "lead.created"]


def test_a_text_field_that_may_hold_a_secret_is_sent_only_after_a_warning(
    shop, gateway, connected, admin
):
    form = {5: {"title": "Payout", "tags": [["text", "your-name"], ["text", "your-iban"]]}}
    shop.set_option("standin_cf7", form)
    entry = "standin_cf7_submit( 5, array( 'your-name' => 'Jane', 'your-iban' => 'DE89 3704' ) );"
    warning = "Not sent until you select it, because the name suggests"
    assert warning in text_of(connected.page(admin)), "before the first entry"
    shop.php(entry)
    shop.run_cron()
    assert arrived(gateway)[0]["data"]["fields"] == {"your-name": "Jane"}
    notice = "Relay: a form field was not sent. The name of this field suggests"
    assert notice in text_of(connected.page(admin, "/wp-admin/index.php"))

    page = connected.page(admin, FORM_PAGE + "contact-form-7%3A5")
    assert "so it is not sent until you select it" in text_of(page)
    boxes = re.findall(r'name="send\[\]" value="(\w+)"', page)
    nonce = re.search(r'name="_wpnonce" value="(\w+)"', page)[1]
    fields = {"action": "relay_connector_save_form", "form": "contact-form-7:5", "_wpnonce": nonce}
    url = f"{shop.url}/wp-admin/admin-post.php"
    after = text_of(admin.post(url, data={**fields, "send[]": boxes}, timeout=60).text)
    assert notice not in after and warning not in after
    shop.php(entry)
    shop.run_cron()
    assert "your-iban" in arrived(gateway)[1]["data"]["fields"]


def test_a_site_with_hundreds_of_forms_can_be_saved(shop, gateway, connected, admin):
    """PHP drops every field after the first 1,000."""
    forms = {n: {"title": f"Form {n}", "tags": [["text", "your-name"]]} for n in range(1, 701)}
    shop.set_option("standin_cf7", forms)
    assert "Settings saved." in save(
        connected, admin, {"relay_connector_events[forms][contact-form-7:700]": ""}
    )
    found = checkboxes(connected.page(admin))
    assert found["forms contact-form-7:700"] is False and found["forms contact-form-7:699"] is True
    assert "max_input_vars" not in shop.debug_log()
