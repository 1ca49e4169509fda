"""A page is in the language that the person chose, else in the browser's; machines get English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import Environment
from sqlalchemy import select

from relay import i18n
from relay.dashboard import finder, script_texts
from relay.models import AuditEntry, db
from tests.dashboard.conftest import Visitor, text_of
from tests.support.languages import use_translations

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
RELAY = Path(i18n.__file__).parent


@pytest.fixture(autouse=True)
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    use_translations(monkeypatch)


def test_the_browser_s_language_is_used_and_the_person_s_choice_wins(admin: Visitor) -> None:
    about = {"name": "Ada", "time_zone": ""}
    page = admin.get("/account", headers=GERMAN)
    assert '<html lang="de">' in page.text and "Passwort ändern" in page.text
    assert page.headers["Content-Language"] == "de" and "Accept-Language" in page.headers["Vary"]
    assert "Change password" in admin.get("/account").text
    assert admin.post("/account", {**about, "language": "en"}).status_code == 303
    assert "Change password" in admin.get("/account", headers=GERMAN).text
    admin.post("/account", {**about, "language": "de"}, headers=GERMAN)
    page = admin.get("/account")
    assert "Gespeichert." in page.text and page.headers["Content-Language"] == "de"
    assert "Ihr Konto ist deaktiviert" not in page.text


def test_a_refusal_is_in_the_language_of_the_page(app: Flask, admin: Visitor) -> None:
    visitor = Visitor(app)
    wrong = {"email": "nobody@example.com", "password": "wrong"}
    page = visitor.post("/sign-in", wrong, headers=GERMAN)
    assert page.status_code == 422 and "E-Mail-Adresse oder Passwort ist falsch." in page.text
    lost = visitor.get("/nothing-here", headers=GERMAN)
    assert lost.status_code == 404 and "Seite nicht gefunden" in lost.text


def test_what_is_stored_is_english_whoever_does_it(app: Flask, admin: Visitor) -> None:
    data = {"kind": "inbox", "name": "Kasten", "events": "*"}
    assert admin.post("/destinations/new?kind=inbox", data, headers=GERMAN).status_code == 303
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None and entry.action == "destination.create"
        assert entry.detail["sentence"] == "When anything happens, store it in Kasten."


def test_an_error_of_htmx_is_in_the_person_s_language(admin: Visitor) -> None:
    admin.post("/account", {"name": "Ada", "time_zone": "", "language": "de"})
    old = {"csrf_token": "old", "name": "x"}
    answer = admin.client.post("/account", data=old, headers={"HX-Request": "true"})
    assert answer.status_code == 403 and "Dieses Formular" in answer.text


def test_the_api_and_ingest_answer_in_english(app: Flask) -> None:
    client, varies = app.test_client(), re.compile(r'"(request_id|id|instance)": ?"[^"]*"')
    for method, path in (
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/nothing"),
        ("POST", "/webhooks/wp/no-such-site"),
        ("PUT", "/webhooks/wp/no-such-site"),
        ("GET", "/readyz"),
    ):
        english = client.open(path, method=method)
        german = client.open(path, method=method, headers=GERMAN)
        assert german.status_code == english.status_code, path
        assert varies.sub("", german.text) == varies.sub("", english.text), path
        assert german.text and "Content-Language" not in german.headers, path
        with app.test_request_context(path, headers=GERMAN):
            assert i18n.language() == "en", path
    with app.test_request_context("/account", headers=GERMAN):
        assert i18n.language() == "de"


def test_a_german_page_has_no_english_menu(admin: Visitor) -> None:
    page = admin.get("/settings", headers=GERMAN).text
    shown = re.findall(r'nav-link-title">([^<]*)<', page)
    with i18n.in_language("de"):
        wanted = [i18n.gettext(label) for _endpoint, label, *_rest in finder.PAGES]
        wanted[wanted.index("Fehlgeschlagene Zustellungen")] = "Fehlgeschlagen"  # it is short there
    assert shown == wanted
    assert not set(shown) & {label for _, label, *_rest in finder.PAGES if label != "Team"}
    for word in ("Sign out", "Find", "Skip to main content", "Retention", "Save"):
        assert word not in text_of(page)


def test_only_a_page_in_another_language_carries_the_texts_of_the_scripts(admin: Visitor) -> None:
    assert 'id="texts"' not in admin.get("/account").text
    page = admin.get("/account", headers=GERMAN).text
    assert '<script type="application/json" id="texts">' in page and "Kopiert" in page


def test_each_text_of_a_script_has_its_translation(app: Flask) -> None:
    code = "\n".join(path.read_text() for path in sorted((RELAY / "static" / "js").glob("*.js")))
    said = re.findall(r'\b(?:text|words)\(\s*"((?:[^"\\]|\\.)*)"', code)
    counted = re.findall(r'\bcounted\(\s*"([^"]*)"', code)
    assert {text for text in said if text != "Mapped %(name)s."} <= set(script_texts.TEXTS)
    assert len(said) > 20 and set(counted) - {"%(num)s value"} <= set(script_texts.COUNTED)
    with i18n.in_language("de"):
        assert set(script_texts.script_texts()) == {*script_texts.TEXTS, *script_texts.COUNTED}


def test_a_template_trusts_only_the_texts_that_it_writes(app: Flask) -> None:
    page: Environment = app.jinja_env

    def shown(source: str, **values: object) -> str:
        return page.from_string(source).render(**values)

    name = "<b>100 % & 50 %d</b>"
    safe = "&lt;b&gt;100 % &amp; 50 %d&lt;/b&gt;"
    assert shown("{{ _(name) }}", name=name) == safe
    assert shown('{{ _("<i>%(name)s</i> 5 %%", name=name) }}', name=name) == f"<i>{safe}</i> 5 %"
    assert shown('{{ _("<i>can\'t</i> 5 %%") }}') == "<i>can't</i> 5 %"
    assert shown('{{ _("%(a)s" ~ name, a=1) }}', name="<b>") == "1&lt;b&gt;"
    counts = (
        '{{ ngettext("%(num)s of %(name)s", "%(num)s for %(name)s", n, num="1,000", name=name) }}'
    )
    assert shown(counts, n=1000, name=name) == f"1,000 for {safe}"
    block = "{% trans n=n, name=name %}{{ n }} <i>{{ name }}</i>{% pluralize %}{{ n }}x{{ name }}{% endtrans %}"
    assert shown(block, n=1, name=name) == f"1 <i>{safe}</i>"
