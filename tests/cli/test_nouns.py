"""What the nouns' commands do and print."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import AuditEntry, db
from tests.cli.conftest import Run
from tests.support import world
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
DELIVERY = {"id", "destination", "state", "attempts", "last_status", "last_error", "due_at"}
EVENT = {"event_id", "type", "source", "state", "received_at", "deliveries"}


def make(run: Run, name: str = "Shop") -> dict[str, object]:
    made: dict[str, object] = run(
        "sources", "create", name, "--url", "https://shop.example.com", "--json"
    )
    return made


@SQLITE
def test_a_person_made_on_the_command_line_is_listed_without_the_password(run: Run) -> None:
    words = ("users", "create", "ann@example.com", "--role", "admin", "--password-stdin", "--json")
    made = run(*words, input="correct horse battery staple\n")
    assert (made["email"], made["role"]) == ("ann@example.com", "admin")
    listed = run("users", "list", "--json")
    assert (listed["total"], listed["items"]) == (1, [made])
    assert "horse" not in run("users", "list")
    assert "exists already" in run(*words, input="correct horse battery staple\n", code=1)
    assert "easy" in run(*words, input="password1234\n", code=1)


def test_a_source_shows_its_secret_only_in_the_call_that_made_it(run: Run) -> None:
    made = make(run)
    assert made["endpoint"] == "http://127.0.0.1:8000/webhooks/wp/shop"
    assert made["keys"] == [{"id": made["key_id"], "state": "active", "not_after": None}]
    assert len(str(made["secret"]).encode()) >= 32
    shown = run("sources", "show", "shop", "--json")
    assert shown == {name: made[name] for name in made if name not in ("secret", "key_id")}
    assert str(made["secret"]) not in run("sources", "list", "--json").__repr__()


@SQLITE
def test_a_source_takes_a_secret_of_ones_own_and_refuses_a_weak_one(run: Run) -> None:
    words = ("sources", "create", "Own", "--url", "https://a.example", "--secret-stdin", "--json")
    assert "shorter than 32 bytes" in run(*words, input="short\n", code=1)
    assert run(*words, input="x" * 40 + "\n")["secret"] == "x" * 40
    run(*words, input="", code=2)


@SQLITE
def test_networks_are_listed_and_taken_off(run: Run) -> None:
    make(run)
    run("sources", "allow", "shop", "203.0.113.0/24", "--json")
    assert run("sources", "show", "shop", "--json")["networks"] == ["203.0.113.0/24"]
    run("sources", "disallow", "shop", "203.0.113.0/24", "--json")
    assert run("sources", "show", "shop", "--json")["networks"] == []
    assert "not on the list" in run("sources", "disallow", "shop", "10.0.0.1", code=1)


def test_rotating_prints_the_new_key_and_gives_the_old_one_its_window(run: Run) -> None:
    made = make(run)
    rotated = run("keys", "rotate", "shop", "--window", "2h", "--json")
    new, old = rotated["keys"]
    assert (new["id"], new["state"]) == (rotated["key_id"], "active")
    assert (old["id"], old["state"]) == (made["key_id"], "retiring")
    assert INSTANT.fullmatch(old["not_after"])
    assert rotated["secret"] != made["secret"]
    assert run("keys", "revoke", old["id"], "--json")["state"] == "revoked"
    states = {key["id"]: key["state"] for key in run("keys", "list", "shop", "--json")["items"]}
    assert states == {new["id"]: "active", old["id"]: "revoked"}
    assert "at most 30 days" in run("keys", "rotate", "shop", "--window", "31d", code=1)


@SQLITE
def test_every_list_is_read_page_by_page(run: Run) -> None:
    for name in ("One", "Two", "Three"):
        make(run, name)
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
def test_a_secret_from_standard_input_is_masked_wherever_it_is_shown(run: Run, sink: Sink) -> None:
    words = ("destinations", "create", "webhook", "Hook", "--set", f"url={sink.url}/hook")
    more = ("--set", "auth=bearer", "--secret", "token=-", "--events", "order.*", "--json")
    made = run(*words, *more, input="very-secret-token-1\n")
    assert made["events"] == ["order.*"]
    assert "very-secret" not in str(made) + str(run("destinations", "list", "--json"))
    told = run("destinations", "test", "Hook", "--type", "order.created", "--json")
    assert (told["ok"], told["status"]) == (True, 200)
    assert sink.requests[0].headers["authorization"] == "Bearer very-secret-token-1"
    assert "very-secret" not in str(told)
    sink.answer(403, b"no")
    run("destinations", "test", "Hook", "--json", code=1)


@SQLITE
def test_a_paused_destination_says_so_and_resumes_once(run: Run) -> None:
    run("destinations", "create", "inbox", "Inbox")
    assert run("destinations", "pause", "Inbox", "--json")["state"] == "paused"
    assert "paused already" in run("destinations", "pause", "Inbox", code=1)
    assert run("destinations", "resume", "1", "--json")["state"] == "active"
    assert "not paused" in run("destinations", "resume", "Inbox", code=1)


def test_events_and_deliveries_have_the_shapes_of_the_contract(
    run: Run, app: Flask, sink: Sink
) -> None:
    made = world.make(app, sink)
    event = run("events", "list", "--status", "dead", "--text", "jane", "--json")["items"][0]
    assert event.keys() >= EVENT
    assert (event["source"], event["type"], event["state"]) == ("shop", "comment.created", "dead")
    assert INSTANT.fullmatch(event["received_at"])
    by_name = {delivery["destination"]: delivery for delivery in event["deliveries"]}
    assert all(delivery.keys() == DELIVERY for delivery in by_name.values())
    assert (by_name["Hook"]["state"], by_name["Hook"]["last_status"]) == ("dead", 400)
    assert by_name["Inbox"]["state"] == "delivered"
    shown = run("events", "show", event["event_id"], "--json")
    assert shown["payload"]["event_id"] == event["event_id"]
    dead = run("deliveries", "list", "--state", "dead", "--destination", "Hook", "--json")
    assert (dead["total"], dead["items"][0]["id"]) == (1, by_name["Hook"]["id"])
    history = run("deliveries", "show", str(dead["items"][0]["id"]), "--json")["history"]
    assert [(one["number"], one["outcome"], one["status"]) for one in history] == [
        (1, "refused", 400)
    ]
    assert made.secret not in str(shown)


def test_a_dead_letter_is_replayed_once_and_only_after_it_was_chosen(
    run: Run, app: Flask, sink: Sink
) -> None:
    letter = str(world.make(app, sink).letter)
    run("dead-letters", "replay", code=2)
    run("dead-letters", "replay", "--all", "--id", letter, code=2)
    assert "no destination" in run("dead-letters", "replay", "--destination", "Hok", code=1)
    assert run("dead-letters", "replay", "--all", "--dry-run", "--json")["replayed"] == 0
    assert run("dead-letters", "list", "--json")["total"] == 1
    assert run("dead-letters", "replay", "--destination", "Hook", "--json")["replayed"] == 1
    assert run("dead-letters", "list", "--json") == {"items": [], "total": 0}
    assert "resolved already" in run("dead-letters", "replay", "--id", letter, code=1)
    assert run("deliveries", "list", "--destination", "Hook", "--json")["items"][0]["state"] == (
        "pending"
    )


@SQLITE
def test_dead_letters_are_listed_by_cause_and_by_state(run: Run, app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    (cause,) = run("dead-letters", "list", "--group", "--json")["items"]
    assert (cause["destination"], cause["code"], cause["field"]) == ("Hook", "http_400", "")
    assert (cause["count"], cause["open"], cause["newest"]) == (1, 1, made.letter)
    assert cause["detail"] == "Hook does not accept these messages."
    assert cause["remedy"].startswith("Open one of them")
    assert INSTANT.fullmatch(cause["first_at"]) and INSTANT.fullmatch(cause["last_at"])
    assert run("dead-letters", "list", "--group", "--code", "none", "--json")["total"] == 0
    assert "http_400" in run("dead-letters", "list", "--group")
    assert run("dead-letters", "list", "--state", "resolved", "--json")["total"] == 0
    run("dead-letters", "discard", "--all", "--reason", "x")
    (ended,) = run("dead-letters", "list", "--state", "resolved", "--json")["items"]
    assert (ended["id"], ended["state"]) == (made.letter, "resolved")
    run("dead-letters", "list", "--state", "nonsense", code=2)


@SQLITE
def test_a_dry_run_says_what_would_come_of_it(run: Run, app: Flask, sink: Sink) -> None:
    world.make(app, sink)
    dry = run("dead-letters", "replay", "--all", "--dry-run", "--json")
    assert (dry["selected"], dry["replayed"], dry["dry_run"]) == (1, 0, True)
    (hook,) = dry["outlook"]
    assert (hook["destination"], hook["new"], hook["again"], hook["broken"]) == ("Hook", 1, 0, {})
    said = run("dead-letters", "replay", "--destination", "Hook", "--dry-run")
    assert "1 would be replayed." in said
    assert "Hook: 1 would arrive for the first time" in said
    dry = run("dead-letters", "discard", "--all", "--dry-run", "--json")
    assert dry == {"selected": 1, "discarded": 0, "skipped": 0, "dry_run": True}
    done = run("dead-letters", "discard", "--all", "--json")
    assert done == {"selected": 1, "discarded": 1, "skipped": 0, "dry_run": False}
    nothing = run("dead-letters", "replay", "--all", "--json")
    assert (nothing["selected"], nothing["replayed"]) == (0, 0)


@SQLITE
def test_the_reason_of_a_discard_is_kept_in_the_audit_trail(
    run: Run, app: Flask, sink: Sink
) -> None:
    letter = str(world.make(app, sink).letter)
    words = ("dead-letters", "discard", "--id", letter, "--reason", "sent by hand", "--json")
    assert run(*words)["discarded"] == 1
    with app.app_context():
        entry = db.session.scalar(
            select(AuditEntry).where(AuditEntry.action == "dead_letter.discard")
        )
    assert entry is not None
    assert (entry.actor, entry.detail["reason"]) == ("command line", "sent by hand")


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
def test_what_does_not_exist_is_refused_in_one_line(run: Run, words: tuple[str, ...]) -> None:
    assert "There is no" in run(*words, code=1)


@SQLITE
def test_an_event_cannot_move_the_terminals_cursor(run: Run, app: Flask) -> None:
    make(run)
    world.put(
        app,
        "shop",
        {"event": "x.\x1b[2J", "event_id": "e", "site": "https://a.example", "data": {}},
    )
    assert "\x1b" not in run("events", "list")
