"""``show``, ``update`` and ``remove`` of destinations and sources."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
URL = "https://hook.example.com/in"


def make_hook(run: Run) -> None:
    run(
        *("destinations", "create", "webhook", "Hook", "--set", f"url={URL}"),
        *("--set", "auth=bearer", "--secret", "token=-", "--json"),
        input="very-secret-token-1\n",
    )


def test_a_destination_is_removed_only_with_yes(run: Run) -> None:
    make_hook(run)
    said = run("destinations", "remove", "Hook", code=1)
    assert "0 waiting and 0 failed deliveries are discarded" in said
    assert "Hook was not removed. To remove it, repeat the command with --yes." in said
    removed = run("destinations", "remove", "Hook", "--yes", "--json")
    assert (removed["name"], removed["removed"], removed["subscriptions"]) == ("Hook", True, 1)
    assert run("destinations", "list", "--json")["items"] == []
    assert "no destination Hook" in run("destinations", "remove", "Hook", "--yes", code=1)
    make_hook(run)  # the name is free


def test_a_site_is_removed_only_with_yes(run: Run) -> None:
    run("sources", "create", "Shop", "--url", "https://shop.example.com", "--json")
    assert "Shop was not removed" in run("sources", "remove", "shop", code=1)
    removed = run("sources", "remove", "shop", "--yes", "--json")
    assert (removed["slug"], removed["keys"], removed["removed"]) == ("shop", 1, True)
    assert run("sources", "list", "--json")["items"] == []
    again = run("sources", "create", "Shop", "--url", "https://shop.example.com", "--json")
    assert again["slug"] == "shop"


@SQLITE
def test_a_destination_is_shown_with_masked_secrets(run: Run) -> None:
    make_hook(run)
    shown = run("destinations", "show", "Hook", "--json")
    assert (shown["name"], shown["config"]["url"]) == ("Hook", URL)
    assert shown["secrets"] == {"token": "••••en-1"}
    text = run("destinations", "show", "Hook")
    assert URL in text and "very-secret" not in text
    assert "no destination Other" in run("destinations", "show", "Other", code=1)


@SQLITE
def test_an_update_changes_only_what_is_named(run: Run) -> None:
    make_hook(run)
    before = run("destinations", "show", "Hook", "--json")
    changed = run("destinations", "update", "Hook", "--set", "url=https://b.example/in", "--json")
    assert changed["config"] == before["config"] | {"url": "https://b.example/in"}
    assert changed["secrets"] == before["secrets"]
    run(
        *("destinations", "update", "Hook", "--secret", "token=-", "--name", "New"),
        input="another-secret-42\n",
    )
    shown = run("destinations", "show", "New", "--json")
    assert shown["secrets"] == {"token": "••••t-42"}
    assert "url" in run("destinations", "update", "New", "--set", "url=nonsense", code=1)
    run("destinations", "update", "New", "--set", "nonsense", code=2)


@SQLITE
def test_an_update_of_a_site_changes_only_what_is_named(run: Run) -> None:
    made = run("sources", "create", "Shop", "--url", "https://shop.example.com", "--json")
    changed = run("sources", "update", "shop", "--url", "https://b.example.com", "--json")
    assert (changed["name"], changed["url"]) == (made["name"], "https://b.example.com")
    changed = run("sources", "update", "shop", "--name", "Store", "--per-minute", "60", "--json")
    assert (changed["name"], changed["url"]) == ("Store", "https://b.example.com")
    assert "from 0" in run("sources", "update", "shop", "--per-minute", "-1", code=1)
