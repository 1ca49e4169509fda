"""What all commands have in common: pages of a list, errors in one line, safe output."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from flask import Flask

from relay.cli import all_commands
from tests.cli.conftest import Run, create_source
from tests.support import world

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_every_list_has_pages(run: Run) -> None:
    for name in ("One", "Two", "Three"):
        create_source(run, name)
        run("destinations", "create", "inbox", name)
    run("keys", "rotate", "one")
    run("keys", "rotate", "one")
    for words in (("sources", "list"), ("destinations", "list"), ("keys", "list", "one")):
        first = run(*words, "--limit", "2", "--json")
        assert (len(first["items"]), first["total"]) == (2, 3)
        if words[0] == "keys":
            assert "next_after" in first
        rest = run(*words, "--limit", "2", "--after", str(first["next_after"]), "--json")
        assert (len(rest["items"]), rest["total"]) == (1, 3)
        assert "next_after" not in rest


@SQLITE
@pytest.mark.parametrize(
    "words",
    [
        ("sources", "show", "nobody"),
        ("keys", "list", "nobody"),
        ("keys", "revoke", "key_0"),
        ("destinations", "test", "nobody"),
        ("destinations", "create", "telegraph", "T"),
        ("events", "show", "nothing"),
        ("deliveries", "show", "99"),
        ("dead-letters", "discard", "--id", "99"),
    ],
)
def test_an_object_that_does_not_exist_is_one_error_line(run: Run, words: tuple[str, ...]) -> None:
    assert "There is no" in run(*words, code=1)


@SQLITE
def test_control_characters_of_an_event_are_not_printed(run: Run, app: Flask) -> None:
    create_source(run)
    world.put(
        app,
        "shop",
        {"event": "x.\x1b[2J", "event_id": "e", "site": "https://a.example", "data": {}},
    )
    assert "\x1b" not in run("events", "list")


def commands(group: click.Group, *words: str) -> Iterator[tuple[list[str], click.Command]]:
    """Every command below ``group``, with its words."""
    for name, found in group.commands.items():
        if isinstance(found, click.Group):
            yield from commands(found, *words, name)
        else:
            yield [*words, name], found


OWN = [(words, one) for words, one in commands(all_commands()) if words[0] not in ("init", "db")]


@pytest.mark.parametrize(("words", "one"), OWN, ids=[" ".join(words) for words, _ in OWN])
def test_every_command_has_examples_that_are_right(words: list[str], one: click.Command) -> None:
    examples = [line for line in (one.epilog or "").splitlines() if line.startswith("  flask ")]
    assert examples, "it has no example"
    for example in examples:
        given = shlex.split(re.sub(r" [<>] \S+$", "", example))[1:]
        assert given[: len(words)] == words
        one.make_context(words[-1], given[len(words) :])  # raises for what it does not take
