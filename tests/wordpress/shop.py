"""A site with a shop and seven form plugins: stand-ins that fire the hooks of the real plugins."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.ingest.schemas import load_event
from relay.ingest.strict_json import loads
from tests.wordpress.fake_gateway import FakeGateway
from tests.wordpress.site import WordPressSite, php_literal

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


@contextmanager
def standins_active(site: WordPressSite) -> Iterator[None]:
    """Activates every stand-in for the duration of the block."""
    folder = site.document_root / "wp-content/plugins/standins"
    shutil.copytree(STANDINS, folder)
    names = [f"standins/{path.name}" for path in sorted(STANDINS.glob("*.php"))]
    site.php(
        f"update_option( 'active_plugins', array_merge( get_option( 'active_plugins' ), {php_literal(names)} ) );"
    )
    site.php("standin_fluent_tables(); standin_wsf_table(); standin_mailpoet_table();")
    try:
        yield
    finally:
        site.php(
            f"update_option( 'active_plugins', array_values( array_diff( get_option( 'active_plugins' ), {php_literal(names)} ) ) );"
        )
        shutil.rmtree(folder)


def fill(site: WordPressSite) -> None:
    """Creates one form of each plugin and removes their other data."""
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


def arrived(gateway: FakeGateway) -> list[dict]:
    """The events that the gateway received, each signed and valid."""
    events = []
    for request in gateway.received:
        assert request.verified
        if request.json["event"].startswith("relay."):
            continue
        load_event(loads(request.body), request.body, request.event_id)
        events.append(request.json)
    return events
