"""The list of events: filter, resend and delete one, several or all matching events."""

import re

import pytest
import requests

from tests.wordpress.connector import LOG_PAGE, PAGE, text_of
from tests.wordpress.fake_gateway import Reply
from tests.wordpress.site import PASSWORD

ON_BOTH = True

BUSY = Reply(503, '{"error":"unavailable"}')
REFUSED = Reply(422, '{"error":"invalid_event","detail":{"data":["No."]}}')


def write(site, count: int) -> list[int]:
    return [site.post_comment("Jane", "jane@example.org", f"Number {n}") for n in range(count)]


@pytest.fixture
def mixed(site, gateway, connected):
    """One event parked, one sent, one waiting; oldest first."""
    gateway.reply(REFUSED, Reply(), BUSY)
    write(site, 3)
    site.run_cron()
    return connected.rows()


def shown(page: str) -> list[str]:
    """The event ids of the table, as shown."""
    return re.findall(r"<code>(wp-[0-9a-f-]+)</code>", page)


def test_every_event_is_listed_newest_first_with_counts_by_state(connected, admin, mixed):
    page = connected.page(admin, LOG_PAGE)
    assert shown(page) == [row["event_id"] for row in reversed(mixed)]
    text = text_of(page)
    assert (
        "All (3)" in text and "Waiting (1)" in text and "Failed (1)" in text and "Sent (1)" in text
    )
    assert "data: No." in text and "next attempt in" in text


def test_the_list_is_filtered_by_state_type_and_search_term(connected, admin, mixed):
    parked, sent, waiting = (row["event_id"] for row in mixed)
    for query, expected in {
        "state=parked": [parked],
        "state=nonsense": [waiting, sent, parked],
        f"s={sent[3:20]}": [sent],
        f"s={mixed[2]['object_id']}": [waiting],
        "s=%25": [],
        "type=comment.created&state=sent": [sent],
        "type=order.created": [],
    }.items():
        assert shown(connected.page(admin, f"{LOG_PAGE}&{query}")) == expected, query
    assert "No matching events." in text_of(connected.page(admin, f"{LOG_PAGE}&s=nothing"))


def test_one_event_is_resent_with_the_same_id_and_bytes(gateway, connected, admin, mixed):
    assert connected.press_row(admin, "send", mixed[0]["id"]).startswith("Sent.")
    first, last = gateway.received[0], gateway.received[-1]
    assert (first.event_id, first.body) == (last.event_id, last.body)


def test_only_matching_events_are_resent(gateway, connected, admin, mixed):
    page = connected.page(admin, f"{LOG_PAGE}&state=parked")
    assert "Send the 1 unsent event in this list" in text_of(page)
    said = connected.result(
        connected.post_list(admin, {"relay_connector_all": "1"}, f"{LOG_PAGE}&state=parked")
    )
    assert said.startswith("In progress. 1 event was queued again. 1 event has not been sent yet")
    assert [row["state"] for row in connected.rows()] == ["sent", "sent", "waiting"]


def test_selected_events_are_sent_or_deleted_together(gateway, connected, admin, mixed):
    ids = [row["id"] for row in mixed]
    said = connected.result(
        connected.post_list(admin, {"action": "send", "action2": "-1", "rows[]": ids})
    )
    assert said.startswith("Done. 2 events were queued again. All events have been sent.")
    said = connected.result(
        connected.post_list(admin, {"action": "-1", "action2": "delete", "rows[]": ids})
    )
    assert said.startswith("Nothing was deleted."), "what is sent stays, and counts"


def test_waiting_and_parked_events_are_deleted_but_never_sent_ones(
    site, gateway, connected, admin, mixed
):
    ids = [row["id"] for row in mixed]
    said = connected.result(connected.post_list(admin, {"action": "delete", "rows[]": ids}))
    assert said == "Deleted. 2 events were removed from the list and will not be sent."
    assert [(row["state"], row["body"]) for row in connected.rows()] == [
        ("deleted", None), ("sent", None), ("deleted", None),
    ]  # fmt: skip
    connected.pass_time(90000)
    site.run_cron()
    assert len(gateway.received) == 3


def test_without_a_selection_nothing_is_done_and_the_page_says_so(gateway, connected, admin, mixed):
    said = connected.result(connected.post_list(admin, {"action": "delete"}))
    assert said.startswith("Nothing was done. Select events first")


def test_a_post_without_a_nonce_changes_nothing(site, gateway, connected, admin, mixed):
    url = site.url + LOG_PAGE
    answer = admin.post(
        url, data={"relay_connector_events": "x", "relay_connector_all": "1"}, timeout=60
    )
    assert answer.status_code == 403
    admin.post(url, data={"relay_connector_all": "1"}, timeout=60)
    admin.get(f"{url}&relay_connector_all=1&action=delete&rows[]={mixed[0]['id']}", timeout=60)
    assert connected.rows() == mixed


def test_an_editor_sees_no_events(site, connected, mixed):
    site.php(
        "if ( ! username_exists( 'editor' ) ) { wp_insert_user( array( 'user_login' => 'editor',"
        f" 'user_pass' => '{PASSWORD}', 'user_email' => 'editor@example.org', 'role' => 'editor' ) ); }}"
    )
    with site.login("editor") as editor:
        assert editor.get(site.url + LOG_PAGE, timeout=60).status_code == 403
        assert "Sent today" not in connected.page(editor, "/wp-admin/index.php")


def test_the_screen_options_set_the_page_length(site, connected, admin):
    write(site, 3)
    site.php("update_user_meta( 1, 'relay_connector_per_page', 2 );")
    first, second = connected.page(admin, LOG_PAGE), connected.page(admin, f"{LOG_PAGE}&paged=2")
    assert (len(shown(first)), len(shown(second))) == (2, 1)
    site.php("delete_user_meta( 1, 'relay_connector_per_page' );")


def test_the_dashboard_and_the_menu_show_waiting_events(site, gateway, connected, admin, mixed):
    text = text_of(connected.page(admin, "/wp-admin/index.php"))
    assert "Sent today (UTC): 1 Waiting: 1 Need attention: 1" in text
    assert "1 event was not accepted and is kept." in text
    connected.press_row(admin, "delete", mixed[0]["id"])
    text = text_of(connected.page(admin, "/wp-admin/index.php"))
    assert "No problems: no events are late." in text
    assert 'class="awaiting-mod"' not in re.search(
        r'href=[\'"]options-general.php\?page=relay-connector[\'"].*?</a>',
        connected.page(admin),
        re.S,
    )[0]  # fmt: skip


def test_an_administrator_uses_the_list_in_the_browser(site, gateway, connected, page, mixed):
    page.context.add_cookies(site.login_cookies())
    page.goto(site.url + PAGE)
    page.get_by_role("link", name="Events", exact=True).click()
    page.get_by_role("link", name="Failed (1)").click()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("status").get_by_text("Sent.").wait_for()
    page.get_by_role("link", name="Waiting (1)").click()
    page.get_by_label(f"Select event {mixed[2]['event_id']}").check()
    page.get_by_label("Select bulk action").first.select_option("send")
    page.get_by_role("button", name="Apply").first.click()
    page.get_by_role("status").get_by_text("All events have been sent.").wait_for()
    page.wait_for_load_state("load")  # the button works after that
    page.get_by_role("button", name="Screen Options").click()
    page.get_by_label("Events per page").fill("5")
    page.locator("#screen-options-apply").click()
    page.get_by_role("heading", name="Relay", exact=True).wait_for()
    assert site.php_json("get_user_meta( 1, 'relay_connector_per_page', true )") == "5"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"the page is wider than a screen of {width} px"


def test_another_websites_page_cannot_act_for_an_admin(site, connected, mixed):
    with requests.Session() as stranger:
        answer = stranger.post(site.url + LOG_PAGE, data={"relay_connector_all": "1"}, timeout=60)
        assert "wp-login.php" in answer.url
    assert connected.rows() == mixed


def test_an_event_that_waits_for_an_earlier_one_of_its_object_says_so(
    site, gateway, connected, admin
):
    gateway.always(BUSY)
    site.php(
        "for ( $i = 1; $i < 4; $i++ ) {"
        " $event = new \\Relay_Connector\\Sending\\New_Event( 'user.registered', 1, $i < 3 ? 'user:1' : 'user:2' ); $event->detail = (string) $i;"
        " ( new \\Relay_Connector\\Sending\\Outbox() )->add( $event ); }"
    )
    text = text_of(connected.page(admin, LOG_PAGE))
    # In the column, and below the event on phones.
    assert text.count("after an earlier event of the same object") == 2
    last = connected.rows()[1]["id"]
    said = connected.press_row(admin, "send", last)
    assert said.startswith("Not sent. An earlier event of the same object must be sent first."), (
        said
    )


def test_what_was_sent_is_shown_only_if_an_admin_chose_so(site, gateway, connected, admin, page):
    connected.save(admin, show_sent_hours="4")
    write(site, 1)
    site.run_cron()
    row = connected.row()
    page.context.add_cookies(site.login_cookies())
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(site.url + LOG_PAGE)
    assert page.get_by_text("Sent", exact=True).first.is_visible(), "the state, on a phone"
    assert "jane@example.org" not in page.content()
    page.get_by_role("link", name="Show what was sent").click()
    page.get_by_text("jane@example.org").first.wait_for()
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0
    connected.save(admin, show_sent_hours="0")
    assert connected.row()["body"] is None
    assert "no longer stored" in connected.page(admin, f"{LOG_PAGE}&event={row['id']}")
