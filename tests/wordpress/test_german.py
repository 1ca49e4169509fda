"""The zip file from Relay's dashboard, installed on a site, in German."""

import io
import shutil
import zipfile

import pytest

from relay.services.sources import plugin
from tests.wordpress.connector import LOG_PAGE, PAGE, text_of


@pytest.fixture
def german(site):
    """The site with the plugin from the zip file, in German."""
    folder = site.document_root / "wp-content/plugins"
    kept = site.root / "kept"
    shutil.move(folder / "relay-connector", kept)
    with zipfile.ZipFile(io.BytesIO(plugin.make_zip())) as archive:
        archive.extractall(folder)
    language = site.add_mu_plugin(
        "german.php", "<?php add_filter( 'locale', function () { return 'de_DE'; } );"
    )
    yield site
    language.unlink()
    shutil.rmtree(folder / "relay-connector")
    shutil.move(kept, folder / "relay-connector")


def test_the_plugin_from_the_zip_speaks_german(german, gateway, connected, admin):
    german.post_comment("Jane", "jane@example.org", "Hallo")
    german.run_cron()
    page = text_of(connected.page(admin, PAGE))
    assert "Gateway-Adresse" in page and "Neuen Schlüssel abrufen" in page
    assert connected.test_event(admin).startswith(
        "Es funktioniert. Das Gateway hat das Ereignis nach"
    )
    page = text_of(connected.page(admin, LOG_PAGE))
    assert "Gesendet (1)" in page and "Kommentar" in page
