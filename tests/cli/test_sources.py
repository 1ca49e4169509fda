"""``flask sources``."""

from __future__ import annotations

import base64
import json

import pytest

from tests.cli.conftest import Run, create_source

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_only_create_shows_the_secret_of_a_site(run: Run) -> None:
    made = create_source(run)
    assert made["endpoint"] == "http://127.0.0.1:8000/webhooks/wp/shop"
    assert made["keys"] == [{"id": made["key_id"], "state": "active", "not_after": None}]
    assert len(str(made["secret"]).encode()) >= 32
    shown = run("sources", "show", "shop", "--json")
    once = ("secret", "key_id", "connection")
    text = str(made["connection"]).removeprefix("relay1_")
    values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert values == {name: made[name] for name in ("endpoint", "key_id", "secret")}
    assert shown == {name: made[name] for name in made if name not in once}
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


def test_a_site_is_removed_only_with_yes(run: Run) -> None:
    run("sources", "create", "Shop", "--url", "https://shop.example.com", "--json")
    assert "Shop was not removed" in run("sources", "remove", "shop", code=1)
    removed = run("sources", "remove", "shop", "--yes", "--json")
    assert (removed["slug"], removed["keys"], removed["removed"]) == ("shop", 1, True)
    assert run("sources", "list", "--json")["items"] == []
    again = run("sources", "create", "Shop", "--url", "https://shop.example.com", "--json")
    assert again["slug"] == "shop"


@SQLITE
def test_an_update_of_a_site_changes_only_what_is_named(run: Run) -> None:
    made = run("sources", "create", "Shop", "--url", "https://shop.example.com", "--json")
    changed = run("sources", "update", "shop", "--url", "https://b.example.com", "--json")
    assert (changed["name"], changed["url"]) == (made["name"], "https://b.example.com")
    changed = run("sources", "update", "shop", "--name", "Store", "--per-minute", "60", "--json")
    assert (changed["name"], changed["url"]) == ("Store", "https://b.example.com")
    assert "from 0" in run("sources", "update", "shop", "--per-minute", "-1", code=1)


@pytest.mark.parametrize(("way", "path"), [("woocommerce", "woocommerce"), ("form", "form")])
def test_a_source_of_webhooks_has_an_endpoint_of_its_own(run: Run, way: str, path: str) -> None:
    made = run(
        "sources", "create", "Shop", "--url", "https://s.example.com", "--type", way, "--json"
    )
    assert made["type"] == way
    assert made["endpoint"] == f"http://127.0.0.1:8000/webhooks/{path}/shop"
    assert "connection" not in made, "it is for the plugin only"
    rotated = run("keys", "rotate", "shop", "--json")
    assert rotated["endpoint"] == made["endpoint"] and rotated["secret"] != made["secret"]
