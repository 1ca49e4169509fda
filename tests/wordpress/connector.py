"""What the tests do with the plugin on a site."""

import html
import json
import re
import time

import requests

from tests.wordpress.fake_gateway import KEY_ID, SECRET, FakeGateway
from tests.wordpress.site import WordPressSite, php_literal

PAGE = "/wp-admin/options-general.php?page=relay-connector"
LOG_PAGE = f"{PAGE}&tab=events"


class Connector:
    """Options, rows, the clock and the buttons of Relay Connector on one site."""

    def __init__(self, site: WordPressSite):
        self.site = site

    def reset(self, constants: dict) -> None:
        """Reset to the state after activation: no settings, rows, comments or cron events. Logins stay valid."""
        self.site.set_constants(constants)
        self.site.php(
            "global $wpdb;"
            "foreach ( \\Relay_Connector\\Uninstaller::OPTIONS as $option ) {"
            " if ( 'relay_connector_schema' !== $option ) { delete_option( $option ); } }"
            "$wpdb->query( 'TRUNCATE wp_relay_connector_outbox' ); $wpdb->query( 'TRUNCATE wp_relay_tally' );"
            "$wpdb->query( 'TRUNCATE wp_relay_callback' );"
            "$wpdb->query( 'TRUNCATE wp_comments' ); $wpdb->query( 'TRUNCATE wp_commentmeta' );"
            "$wpdb->query( \"DELETE FROM wp_options WHERE option_name LIKE '%transient%relay_connector%'\" );"
            "\\Relay_Connector\\Sending\\Scheduler::clear(); \\Relay_Connector\\Events\\Event_Choices::initialize( false );"
            "update_option( 'comment_moderation', 0 ); delete_option( 'lab_mails' );"
            "wp_cache_flush();"
        )

    def connect(
        self,
        gateway: FakeGateway,
        *,
        secret: str = SECRET,
        key_id: str = KEY_ID,
        endpoint: str = "",
    ) -> None:
        """Set address, key id and secret as saved options."""
        values = {
            "relay_connector_endpoint": endpoint or gateway.url,
            "relay_connector_key_id": key_id,
            "relay_connector_secret": [secret],
        }
        self.site.php(
            "".join(
                f"update_option( {php_literal(k)}, {php_literal(v)} );" for k, v in values.items()
            )
        )

    def rows(self) -> list[dict]:
        """The outbox, oldest first."""
        return self.site.php_json(
            "$GLOBALS['wpdb']->get_results( 'SELECT * FROM wp_relay_connector_outbox ORDER BY id' )"
        )

    def row(self) -> dict:
        """The only row."""
        rows = self.rows()
        assert len(rows) == 1, rows
        return rows[0]

    def pass_time(self, seconds: int) -> None:
        """Move every time that the plugin has stored into the past."""
        self.site.php(
            f"global $wpdb; $s = {int(seconds)};"
            '$wpdb->query( "UPDATE wp_relay_connector_outbox SET due_at = GREATEST( 0, CAST(due_at AS SIGNED) - $s ),'
            " claimed_until = GREATEST( 0, CAST(claimed_until AS SIGNED) - $s ), created_at = created_at - $s,"
            ' finished_at = GREATEST( 0, CAST(finished_at AS SIGNED) - $s )" );'
            "$g = get_option( 'relay_connector_gate' );"
            "if ( $g ) { $g['until'] -= $s; $g['since'] -= $s; update_option( 'relay_connector_gate', $g ); }"
            "$r = $wpdb->get_var( \"SELECT option_value FROM wp_options WHERE option_name = 'relay_connector_runner'\" );"
            'if ( $r ) { $wpdb->query( $wpdb->prepare( "UPDATE wp_options SET option_value = %s'
            " WHERE option_name = 'relay_connector_runner'\", ( (int) $r - $s ) . ' past' ) ); }"
        )

    # -- counts and reports

    def counts(self, days_ago: int = 0) -> dict:
        """The counts of a UTC day, by event type."""
        day = int(time.time()) // 86400 * 86400 - days_ago * 86400
        # An empty PHP array is a list in JSON.
        return dict(
            self.site.php_json(
                f"( new \\Relay_Connector\\Reporting\\Daily_Counts() )->counts( {day} )"
            )
            or {}
        )

    def report_state(self) -> dict | None:
        """The state of the daily reports, from the options table."""
        kept = self.site.php_json(
            "$GLOBALS['wpdb']->get_var( \"SELECT option_value FROM wp_options WHERE option_name = 'relay_connector_reports'\" )"
        )
        return json.loads(kept) if kept else None

    def set_report_state(self, **changes) -> None:
        """Change the state of the daily reports."""
        kept = json.dumps(self.report_state() | changes)
        self.site.php(
            "$GLOBALS['wpdb']->update( 'wp_options', array( 'option_value' => " + php_literal(kept) + " ),"
            " array( 'option_name' => 'relay_connector_reports' ) );"
        )  # fmt: skip

    def pass_days(self, days: int) -> None:
        """Move everything this many days into the past and set the site's report minute to midnight."""
        seconds = days * 86400
        self.pass_time(seconds)
        self.site.php(
            # In two steps, so that a row does not collide with the one of another day.
            "$GLOBALS['wpdb']->query( 'UPDATE wp_relay_tally SET day = day + 10000000000' );"
            f"$GLOBALS['wpdb']->query( 'UPDATE wp_relay_tally SET day = day - {10000000000 + seconds}' );"
        )
        moved = {
            name: max(0, moment - seconds)
            for name, moment in self.report_state().items()
            if name in ("next", "due_at", "taken_at")
        }
        self.set_report_state(minute=0, **moved)

    # -- wp-admin

    def page(self, admin: requests.Session, path: str = PAGE) -> str:
        """The HTML of an admin page."""
        answer = admin.get(self.site.url + path, timeout=60)
        assert answer.status_code == 200, answer.status_code
        return answer.text

    def save(self, admin: requests.Session, **fields: str) -> str:
        """Fill in the form for the connection or the one for the other settings, and save; returns the page that follows."""
        of_connection = not fields or fields.keys() & {"endpoint", "key_id", "secret"}
        marker = "relay_connector_connection" if of_connection else "relay_connector"
        form = next(one for one in _forms(self.page(admin)) if f"value='{marker}'" in one)
        data = {name: value for name, value in _fields(form) if name}
        data |= {f"relay_connector_{name}": value for name, value in fields.items()}
        return admin.post(f"{self.site.url}/wp-admin/options.php", data=data, timeout=60).text

    def press(self, admin: requests.Session, action: str) -> str:
        """Press the button that posts this action; returns the result shown on the page."""
        return self.result(self.click(admin, action))

    def click(self, admin: requests.Session, action: str) -> str:
        """The same, for the whole page that follows."""
        form = next(one for one in _forms(self.page(admin)) if f'value="{action}"' in one)
        return admin.post(
            f"{self.site.url}/wp-admin/admin-post.php", data=dict(_fields(form)), timeout=60
        ).text

    def press_row(self, admin: requests.Session, button: str, row_id: str | None = None) -> str:
        """Press "send" or "delete" of one row in the list of events; returns the result shown on the page."""
        page = self.page(admin, LOG_PAGE)
        row_id = row_id or re.search(rf'name="relay_connector_{button}" value="(\d+)"', page)[1]
        return self.result(self.post_list(admin, {f"relay_connector_{button}": row_id}))

    def post_list(self, admin: requests.Session, data: dict, path: str = LOG_PAGE) -> str:
        """Post the form of the list of events with additional fields; returns the page that follows."""
        form = next(
            one for one in _forms(self.page(admin, path)) if 'name="relay_connector_events"' in one
        )
        target = html.unescape(re.search(r'action="([^"]*)"', form)[1])
        fields = {
            name: value
            for name, value in _fields(form)
            if name in ("relay_connector_events", "_wp_http_referer")
        }
        return admin.post(target, data=fields | data, timeout=60).text

    def test_event(self, admin: requests.Session) -> str:
        """Press "Send a test event"; returns the sentence."""
        return self.press(admin, "relay_connector_test")

    @staticmethod
    def result(page: str) -> str:
        """The result of the last button."""
        found = re.search(r'id="relay-connector-result".*?<p>(.*?)</p>', page, re.S)
        assert found, text_of(page)[:1500]
        return text_of(found[1])


def text_of(markup: str) -> str:
    """The visible text; older WordPress versions shorten "minutes" to "mins"."""
    text = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()
    return re.sub(r"\bmins\b", "minutes", text)


def notices(markup: str) -> list[str]:
    """The plugin's notices on an admin page."""
    return [
        text_of(one)
        for one in re.findall(
            r'<div class="notice[^"]*relay-connector-notice">(.*?)</div>', markup, re.S
        )
    ]


def _forms(markup: str) -> list[str]:
    return re.findall(r"<form.*?</form>", markup, re.S)


def _form(markup: str, action: str) -> str:
    return next(
        one for one in _forms(markup) if re.search(rf'action="[^"]*{re.escape(action)}"', one)
    )


def _fields(form: str):
    for tag in re.findall(r"<input[^>]*>", form):
        found = re.findall(r"""([a-z-]+)=("[^"]*"|'[^']*')""", tag)
        attributes = {name: html.unescape(value[1:-1]) for name, value in found}
        unticked = attributes.get("type") == "checkbox" and "checked" not in attributes
        if "disabled" in attributes or attributes.get("type") == "submit" or unticked:
            continue
        yield attributes.get("name", ""), attributes.get("value", "")
