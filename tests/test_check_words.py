"""The word check finds the wrong words where a person reads them, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relay.launcher.processes import ROOT
from scripts.check_words import ALLOW, BANNED, check, files


def words(name: str, text: str) -> list[str]:
    return [hit.found for hit in check(name, text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("at least 12 signs", "12 signs"),
        ("no doubles arrive", "doubles"),
        ("without blanks", "blanks"),
        ("it is sent anew", "anew"),
        ("Needs somebody", "somebody"),
        ("The site was told.", "told"),
        ("whose name is new", "whose"),
        ("has to put that right", "put that right"),
        ("the quota is whole\nagain", "whole again"),
        ("The broker is away.", "is away"),
        ("It has trouble of its own.", "trouble"),
        ("Relay tries again.", "Relay tries again"),
        ("closed for good", "for good"),
        ("one a line", "one a line"),
    ],
)
def test_a_wrong_word_is_found(text: str, found: str) -> None:
    assert words("page.md", text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "Sign in and sign up.",
        "No sign-in is needed.",
        "The letter stands for a number.",
        "whose side it is on",
        "dead letters of the day",
        "See Troubleshooting.",
        "Leave it as it is.",
        "for good reasons",
        "The pointer is away from the edge.",
        "`whose` is code",
    ],
)
def test_the_same_word_with_another_meaning_is_not_found(text: str) -> None:
    assert words("page.md", text) == []


def test_only_texts_of_a_python_file_are_read() -> None:
    code = 'doubles = {"anew": "no-blanks"}\nprint(f"{doubles} are sent")\n'
    assert words("relay/x.py", code) == []
    assert words("relay/x.py", '"""No doubles."""\nx = "sent anew"  # told\n') == [
        "doubles",
        "anew",
        "told",
    ]


def test_a_url_is_not_read() -> None:
    assert words("a.py", '"""Source: https://learn.example.com/lessons (the lesson)."""') == [
        "lesson"
    ]


def test_only_shown_texts_of_a_template_are_read() -> None:
    template = (
        '<p class="doubles" title="sent anew">{{ told }} {% if whose %}Somebody{% endif %}</p>'
    )
    assert sorted(words("a.html", template)) == ["Somebody", "anew"]


def test_only_texts_and_comments_of_a_php_file_are_read() -> None:
    assert words("a.php", "<?php $told = 'anew'; // sent anew\n__( 'No doubles' );") == [
        "anew",
        "doubles",
    ]


def test_a_hit_names_its_line_and_the_word_to_write() -> None:
    (hit,) = check("page.md", "fine\nwithout blanks\n")
    assert (hit.path, hit.line, hit.instead) == ("page.md", 2, "space(s)")


def test_a_comment_excuses_its_line() -> None:
    assert words("relay/x.py", f'x = "sent anew"  # {ALLOW}\n') == []
    assert words("relay/x.py", f'x = "sent anew"\n# {ALLOW}\n') == ["anew"]


def test_every_expression_has_a_word_to_write_instead() -> None:
    assert all(BANNED.values())


def test_the_check_reads_the_code_the_docs_and_the_plugin_but_not_the_tests() -> None:
    names = files([])
    assert {"README.md", "config.py", "relay/cli/keys.py", "docs/glossary.md"} <= set(names)
    assert any(name.startswith("wp-plugin/") for name in names)
    assert not [name for name in names if name.startswith("tests/")]


def test_it_exits_with_1_when_it_finds_a_word(tmp_path: Path) -> None:
    """The script reads the repository that it is in, so it gets one of its own."""
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "check_words.py", tmp_path / "scripts")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)

    def run(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "page.md").write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, script], capture_output=True, text=True)

    assert run("It is sent again.\n").returncode == 0
    done = run("It is sent anew.\n")
    assert done.returncode == 1
    assert 'page.md:1: "anew" → write "again"' in done.stdout
