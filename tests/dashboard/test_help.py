"""Help in the pages: every link leads to a section that exists, and nothing in a document can be code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from relay.dashboard.help import DOCS, PAGES, READER, section, slug_of
from tests.dashboard.conftest import Visitor, text_of

TEMPLATES = Path(__file__).parents[2] / "relay" / "templates"
HELP = re.compile(r'help\("([a-z-]+)"(?:, "([a-z0-9-]+)")?\)')
DOCUMENT = re.compile(r'"[a-z]+": \("([a-z]+)", "([a-z0-9-]+)"\)')


def links() -> set[tuple[str, str]]:
    texts = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    form = (TEMPLATES / "destinations" / "form.html").read_text()
    return {found for text in texts for found in HELP.findall(text)} | set(DOCUMENT.findall(form))


def test_every_help_link_leads_to_a_section(app: Flask) -> None:
    assert len(links()) > 12
    with app.test_request_context():
        for page, anchor in sorted(links()):
            assert section(page, anchor) is not None, (page, anchor)


def test_every_document_can_be_shown(app: Flask) -> None:
    with app.test_request_context():
        for page in PAGES:
            found = section(page)
            assert found is not None and found[1].strip()


def test_a_section_ends_before_the_next_one_of_its_level(app: Flask) -> None:
    with app.test_request_context():
        found = section("operate", "backup-and-restore")
        assert found is not None
        title, html = found
        assert title == "Backup and restore"
        assert "flask restore" in html and "audit log" not in html
        tasks = section("operate", "tasks")
        assert tasks is not None and "flask restore" in tasks[1]


def test_links_to_other_documents_stay_in_relay(app: Flask) -> None:
    with app.test_request_context():
        found = section("operate", "retention")
        assert found is not None
        assert 'href="/help/privacy/how-long-events-are-kept"' in found[1]
        for page in PAGES:
            whole = section(page)
            assert whole is not None
            assert not re.search(r'href="(?!/help/|https?://|mailto:)', whole[1]), page


def test_code_in_a_document_is_text() -> None:
    assert "<script" not in READER.render("a <script>b</script> <img src=x onerror=y>")
    assert "javascript:" not in READER.render("[a](javascript:alert)").replace("(javascript:", "")


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("What flask doctor finds", "what-flask-doctor-finds"),
        ("1. Open Relay", "1-open-relay"),
        ("Slack with a webhook URL (simplest)", "slack-with-a-webhook-url-simplest"),
    ],
)
def test_anchors_are_those_of_github(heading: str, slug: str) -> None:
    assert slug_of(heading) == slug


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_is_a_fragment_for_the_dialog_and_a_page_without_a_script(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    page = viewer.get("/help/operate/retention")
    assert "<title>Retention · Relay</title>" in page.text
    fragment = viewer.get("/help/operate/retention", headers={"HX-Request": "true"})
    assert fragment.text.startswith('<div class="help-text"')
    assert "flask prune" in text_of(fragment.text)
    for path in ("/help/none", "/help/operate/none", "/help/..%2fREADME", "/help/decisions"):
        assert viewer.get(path).status_code == 404, path
    assert visit().get("/help/operate").status_code == 303
    assert (DOCS / "operate.md").exists()
