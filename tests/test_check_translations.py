"""The check finds text without a translation, and wrong translations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from scripts import check_translations
from scripts.check_translations import faults_of, untranslated


def found(folder: Path, name: str, text: str) -> list[tuple[int, str]]:
    path = folder / name
    path.write_text(text)
    return list(untranslated(path))


@pytest.mark.parametrize(
    "text",
    [
        "<p>\n  Nothing yet.\n</p>",
        '<input\nplaceholder="Name of a site">',
        '{% set x = [\n"Save the view"] %}',
        "<p>{{ count }}\nevents</p>",
        '{{ "x" if a else\n "Never sent" }}',
    ],
)
def test_text_of_a_template_is_found(tmp_path: Path, text: str) -> None:
    assert [line for line, _text in found(tmp_path, "page.html", text)] in ([1], [2])


@pytest.mark.parametrize(
    "text",
    [
        '<p title="{{ _("Name") }}">{{ _("Save %(name)s", name=name) }}</p>',
        "<p>{% trans url=url %}See <a href='{{ url }}'>the list</a>.{% endtrans %}</p>",
        '{{ "x" if a else _("Never sent") }} {{ ngettext("An event", "Many events", n) }}',
        "<p>Relay</p><code>flask doctor</code><script>const a = 'Two words';</script>",
        "<p>Nothing yet.</p>{# i18n: keep #}",
        '{{ _("Part one"\n" and two") }}',
    ],
)
def test_translated_and_technical_text_is_not(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, "page.html", text) == []


def test_sentences_of_python_are_found(tmp_path: Path) -> None:
    lines = (
        '"""A docstring of the module."""',
        'raise Refusal(f"There is no site {name}.")',
        'LABEL = "Signing key"',
        'raise Refusal(_("There is no site %(name)s.", name=name))',
        'LABEL = N_("Signing key")',
        'raise ValueError("This is a bug.")',
        'log("dashboard.refused", reason="Two words")',
        'LABEL = "Signing key"  # i18n: keep',
    )
    assert found(tmp_path, "module.py", "\n".join(lines)) == [
        (2, "There is no site …."),
        (3, "Signing key"),
    ]
    assert found(tmp_path, "module.py", "# i18n: keep file\n" + lines[2]) == []


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The one .po file of German."""
    monkeypatch.setattr(check_translations, "FOLDER", tmp_path)
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    yield folder / "messages.po"


@pytest.mark.parametrize(
    ("po", "fault"),
    [
        ('msgid "Other"\nmsgstr "Andere"', "has no translation of"),
        ('msgid "Save %(name)s"\nmsgstr ""', "has no translation of"),
        ('msgid "Save %(name)s"\nmsgstr "%(nam)s speichern"', "has other placeholders for"),
        ('msgid "Save %(name)s"\nmsgstr "Speichern"', "has other placeholders for"),
        (
            '#, fuzzy\nmsgid "Save %(name)s"\nmsgstr "%(name)s speichern"',
            "has no checked translation",
        ),
        ('msgid "Save %(name)s"\nmsgstr "%(name)s speichern"', ""),
    ],
)
def test_a_missing_or_wrong_translation_is_found(german: Path, po: str, fault: str) -> None:
    german.write_text(f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n{po}\n')
    wanted = Catalog()
    wanted.add("Save %(name)s", locations=[("relay/page.html", 3)])
    faults = list(faults_of("de", wanted))
    assert [fault in one for one in faults] == ([True] if fault else [])
    assert not faults or faults[0].startswith("relay/page.html:3: de ")
