"""``flask sources``."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run, create_source

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_only_create_shows_the_secret_of_a_site(run: Run) -> None:
    made = create_source(run)
    assert made["endpoint"] == "http://127.0.0.1:8000/webhooks/wp/shop"
    assert made["keys"] == [{"id": made["key_id"], "state": "active", "not_after": None}]
    assert len(str(made["secret"]).encode()) >= 32
    shown = run("sources", "show", "shop", "--json")
    assert shown == {name: made[name] for name in made if name not in ("secret", "key_id")}
    assert str(made["secret"]) not in run("sources", "list", "--json").__repr__()


@SQLITE
def test_create_accepts_a_given_secret_and_rejects_a_short_one(run: Run) -> None:
    words = ("sources", "create", "Own", "--url", "https://a.example", "--secret-stdin", "--json")
    assert "shorter than 32 bytes" in run(*words, input="short\n", code=1)
    assert run(*words, input="x" * 40 + "\n")["secret"] == "x" * 40
    run(*words, input="", code=2)


@SQLITE
def test_allowed_networks_are_listed_and_removed(run: Run) -> None:
    create_source(run)
    run("sources", "allow", "shop", "203.0.113.0/24", "--json")
    assert run("sources", "show", "shop", "--json")["networks"] == ["203.0.113.0/24"]
    run("sources", "disallow", "shop", "203.0.113.0/24", "--json")
    assert run("sources", "show", "shop", "--json")["networks"] == []
    assert "not on the list" in run("sources", "disallow", "shop", "10.0.0.1", code=1)
