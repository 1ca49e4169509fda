"""Mappings: previewed on stored events, saved in versions, used by deliveries."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.delivery import drain, router
from relay.destinations import KINDS
from relay.destinations.base import TargetField
from relay.destinations.kinds import webhook
from relay.errors import Invalid, NotFound
from relay.mapping.conditions import Condition, ConditionGroup
from relay.models import AuditEntry, DeadLetter, Delivery, db
from relay.services.audit import COMMAND_LINE, By
from relay.services.dead_letters import causes
from relay.services.destinations import settings as destination_settings
from relay.services.mappings import versions as mapping_versions
from relay.services.mappings.preview import (
    MappingPreview,
    Rules,
    dry_run,
    load_preview,
    preview_event,
    types_of,
)
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview as replay_preview
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import settings as subscription_settings
from relay.services.subscriptions.settings import SubscriptionSettings
from tests.support import world
from tests.support.events import order
from tests.support.sink import Sink

JANE = By("jane@example.com")
TYPE = "order.created"
numbers = itertools.count(1)
RULES: Rules = {
    "customer.email": {"path": ["data", "customer", "email"]},
    "total": {"path": ["data", "total"], "as": "number"},
    "title": {"text": "Order {{ data.number }} & more"},
    "vip": {"path": ["data", "vip"], "default": "no", "as": "yes_no"},
}


@pytest.fixture
def hook(app: Flask, sink: Sink) -> Iterator[int]:
    """A webhook that takes all orders of a shop.  -> its id"""
    with app.app_context():
        source_settings.create_source("Shop", "https://shop.example.com", COMMAND_LINE)
        made = destination_settings.create_destination(
            "webhook",
            "Hook",
            {"url": f"{sink.url}/hook", "auth": "none"},
            COMMAND_LINE,
            ["order.*"],
        )
        yield made.id
        db.session.remove()
    app.extensions["relay_ingest"].close()


def bench(destination_id: int, event_type: str = TYPE) -> MappingPreview:
    db.session.rollback()
    first = destination_settings.find_destination(destination_id).subscriptions[0].id
    return load_preview(subscription_settings.find(destination_id, first), event_type)


def come(app: Flask, destination_id: int, *events: dict[str, Any]) -> None:
    """These events come, are routed and sent."""
    db.session.rollback()
    for event in events:
        world.put(app, "shop", event)
    while router.route_batch():
        pass
    drain.run(destination_id)


def save(destination_id: int, rules: Rules | None) -> int:
    number = mapping_versions.save(bench(destination_id), rules, JANE).number
    db.session.rollback()
    return number


def delivery() -> Delivery:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).all()[0]


def test_without_a_mapping_the_whole_event_is_sent(app: Flask, hook: int, sink: Sink) -> None:
    come(app, hook, order())
    body = sink.requests[0].json()
    assert body["event"] == TYPE and body["data"]["total"] == "129.90"
    assert delivery().mapping_version == 1


def test_a_mapping_can_build_any_object(app: Flask, hook: int, sink: Sink) -> None:
    assert save(hook, RULES) == 2
    come(app, hook, order(number="7"))
    assert sink.requests[0].json() == {
        "customer": {"email": "jane@example.com"},
        "total": 129.9,
        "title": "Order 7 & more",
        "vip": False,
    }
    assert delivery().mapping_version == 2


def test_a_mapping_of_one_type_does_not_change_others(app: Flask, hook: int, sink: Sink) -> None:
    save(hook, RULES)
    other = order() | {"event": "order.status_changed"}
    come(app, hook, other)
    assert sink.requests[0].json()["event"] == "order.status_changed"
    types = types_of(bench(hook).subscription)
    assert {"order.created", "order.status_changed"} <= set(types)
    assert all(name.startswith("order.") for name in types)


def test_saving_the_same_rules_twice_makes_one_version(hook: int) -> None:
    assert save(hook, RULES) == save(hook, RULES) == 2
    changed = RULES | {"title": {"text": "Another"}}
    assert save(hook, changed) == 3
    assert save(hook, None) == 4
    found = mapping_versions.versions(bench(hook).subscription)
    assert [(one.number, list(one.rules)) for one in found] == [
        (4, []),
        (3, [TYPE]),
        (2, [TYPE]),
        (1, []),
    ]
    assert {one.made_by for one in found} == {"jane@example.com", "command line"}
    actions = db.session.scalars(select(AuditEntry.action)).all()
    assert actions.count("mapping.save") == 3


def test_an_earlier_version_can_be_restored(app: Flask, hook: int, sink: Sink) -> None:
    save(hook, RULES)
    save(hook, None)
    assert mapping_versions.go_back(bench(hook).subscription, 2, JANE).number == 4
    come(app, hook, order(number="9"))
    assert sink.requests[0].json()["title"] == "Order 9 & more"
    with pytest.raises(NotFound):
        mapping_versions.go_back(bench(hook).subscription, 99, JANE)


@pytest.mark.parametrize(("mapping", "title"), [("original", "first"), ("current", "second")])
def test_a_replay_uses_the_selected_mapping(
    app: Flask, hook: int, sink: Sink, mapping: str, title: str
) -> None:
    save(hook, {"title": {"text": "first"}})
    sink.answer(400, b"no", path="/hook")
    come(app, hook, order())
    sink.answer(200, b"ok", path="/hook")
    save(hook, {"title": {"text": "second"}})
    wish = replay_preview.select_delivery(delivery().id)
    assert replay_preview.mappings_differ(wish.newest())
    (sample,) = replay_preview.samples(wish.newest())
    assert title in "".join(replay_preview.body_of(sample, mapping))
    replay_actions.start(wish, JANE, f"token-{mapping}", mapping)
    db.session.rollback()
    sink.forget()
    drain.run(hook)
    assert sink.requests[0].json() == {"title": title}
    assert delivery().mapping_version == (2 if mapping == "original" else 3)


def test_a_cancelled_replay_unpins_the_mapping(app: Flask, hook: int, sink: Sink) -> None:
    sink.answer(400, b"no", path="/hook")
    come(app, hook, order())
    replay = replay_actions.start(
        replay_preview.select_delivery(delivery().id), JANE, "t", "original"
    )
    assert delivery().pinned_mapping == 1
    replay_actions.cancel(replay.id, JANE)
    assert delivery().pinned_mapping is None


def test_an_optional_value_that_does_not_fit_is_left_out_and_the_rest_is_sent(
    app: Flask, hook: int, sink: Sink
) -> None:
    save(hook, RULES | {"total": {"path": ["data", "status"], "as": "number"}})
    come(app, hook, order(status="odd", number="7"))
    body = sink.requests[0].json()
    assert (body["total"], body["title"]) == (None, "Order 7 & more")
    sent = delivery()
    assert sent.state == "delivered"
    (note,) = sent.history[0].notes or ()
    assert note["sentence"] == "Sent without: total — “odd” is not a number"


def test_an_invalid_template_is_not_saved_and_a_warned_one_is(hook: int) -> None:
    with pytest.raises(Invalid) as refused:
        save(hook, {"title": {"text": "{% if %}"}})
    assert list(refused.value.reasons) == ["title"]
    with pytest.raises(Invalid):
        save(hook, {"a..b": {"text": "x"}})
    rules: Rules = {"title": {"text": "{{ data.auther }}"}}
    assert save(hook, rules) == 2
    table = bench(hook)
    (warning,) = preview_event(table, rules, table.samples[0]).warnings
    assert warning.sentence == "title uses auther, which no recent event has."


def test_the_preview_shows_real_events_or_a_sample(app: Flask, hook: int) -> None:
    table = bench(hook)
    assert not table.is_real and len(table.samples) == 1
    come(app, hook, order(total="1"), order(total="2", extra={"deep": "value"}))
    table = bench(hook)
    assert table.is_real and len(table.samples) == 2
    examples = {field.label: field.example for field in table.fields}
    assert examples["total"] == "2" and examples["extra.deep"] == "value"
    assert examples["site_name"] == "Shop"
    with pytest.raises(NotFound):
        bench(hook, "comment.created")


def test_the_preview_is_the_call_that_a_delivery_makes_with_its_secrets_masked(
    app: Flask, sink: Sink, hook: int
) -> None:
    destination_settings.update_destination(
        hook,
        "Hook",
        {"url": f"{sink.url}/hook", "auth": "bearer", "token": "very-secret-token-1"},
        JANE,
    )
    save(hook, RULES)
    come(app, hook, order())
    table = bench(hook)
    looked = preview_event(table, RULES, table.samples[0])
    assert (looked.error, looked.warnings) == ("", [])
    assert json.loads(looked.requests[0]["body"]) == sink.requests[0].json()
    assert "very-secret-token-1" not in json.dumps(looked.requests)
    assert ["Authorization", "Bearer ••••"] in looked.requests[0]["headers"]


class Crm(webhook.Webhook):
    """A kind with fields of its own."""

    slug, name, open_fields = "webhook", "Crm", False
    FIELDS = (
        TargetField("email", "E-mail", "email", required=True),
        TargetField("stage", "Stage", "choice", choices=(("new", "New"), ("won", "Won"))),
    )

    def targets(self, config: Any, account: Any) -> tuple[TargetField, ...]:
        return self.FIELDS

    def default_mapping(self, config: Any, event_type: str) -> dict[str, Any]:
        return {"email": {"path": ["data", "customer", "email"]}, "stage": {"text": "new"}}


@pytest.fixture
def crm(hook: int, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setitem(KINDS, "webhook", Crm())  # one more kind, as a file in kinds/ would add it
    return hook


def test_a_dry_run_counts_sendable_events_and_problems(app: Flask, crm: int) -> None:
    customers: list[dict[str, Any]] = [{"email": "a@example.com"}] * 4 + [{}, {}, {"email": "no"}]
    come(app, crm, *[order(customer=one) for one in customers])
    table = bench(crm)
    found = dry_run(table, table.default_mapping)
    assert (found.fine, found.total) == (4, 7)
    assert found.wrong == {
        "without a value for E-mail": 2,
        "with a value in E-mail that does not fit": 1,
    }


def test_a_required_value_that_does_not_fit_is_a_dead_letter_that_names_the_field(
    app: Flask, crm: int, sink: Sink
) -> None:
    come(app, crm, order(customer={"email": "nobody"}))
    assert not sink.requests
    db.session.rollback()
    letter = db.session.scalars(select(DeadLetter)).one()
    assert (letter.code, letter.field) == ("bad_value", "email")
    assert letter.sentence == "E-mail gets “nobody”, which is not an e-mail address."


def test_failures_of_a_mapping_are_offered_after_its_fix(app: Flask, crm: int) -> None:
    save(crm, {"email": {"path": ["data", "status"]}})
    come(app, crm, order(status="odd"))
    db.session.rollback()
    assert causes.offered(destination_settings.find_destination(crm)) == []
    save(crm, {"email": {"path": ["data", "customer", "email"]}})
    (cause,) = causes.offered(destination_settings.find_destination(crm))
    assert (cause.newest.code, cause.newest.field, cause.count) == ("bad_value", "email", 1)


def test_a_dry_run_counts_an_event_with_an_unfit_optional_value_as_sendable(
    app: Flask, crm: int
) -> None:
    come(app, crm, order(status="odd"))
    table = bench(crm)
    rules = table.default_mapping | {"stage": {"path": ["data", "status"]}}
    assert (dry_run(table, rules).fine, dry_run(table, rules).wrong) == (1, {})


def test_warnings_name_missing_invalid_and_unknown_fields(app: Flask, crm: int) -> None:
    come(app, crm, order(status="processing"))
    table = bench(crm)
    rules: Rules = {
        "stage": {"path": ["data", "status"]},
        "gone": {"path": ["data", "nowhere"]},
    }
    told = [one.sentence for one in preview_event(table, rules, table.samples[0]).warnings]
    assert told == [
        "Sent without: Stage — “processing” is not one of its options (New, Won)",
        "E-mail is required, but nothing is mapped to it.",
        "Crm does not have the field gone.",
        "gone uses nowhere, which no recent event has.",
    ]


def test_the_default_mapping_saved_unchanged_stays_the_default(crm: int) -> None:
    table = bench(crm)
    assert mapping_versions.save(table, dict(table.default_mapping), JANE).number == 1


def test_a_test_send_uses_the_unsaved_mapping_and_is_marked(
    app: Flask, hook: int, sink: Sink
) -> None:
    come(app, hook, order(number="11"))
    sink.forget()
    table = bench(hook)
    outcome = mapping_versions.send_test(table, RULES, table.samples[0], JANE)
    assert outcome.ok
    body = sink.requests[0].json()
    assert body["test"] is True and body["title"] == "Order 11 & more"
    assert delivery().attempts == 1  # nothing was delivered besides
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "mapping.test")).one()
    assert entry.detail["event_type"] == TYPE


def test_a_subscription_with_conditions_is_tried_on_events_that_it_takes(
    app: Flask, hook: int
) -> None:
    come(app, hook, order(total="1"), order(total="900"))
    dear = ConditionGroup("all", (Condition(("data", "total"), "at_least", "500"),))
    subscription_settings.change(
        bench(hook).subscription, SubscriptionSettings(["order.*"], (), dear), JANE
    )
    assert [one.message.data["total"] for one in bench(hook).samples] == ["900"]


def test_mappings_older_than_versions_still_work(app: Flask, hook: int, sink: Sink) -> None:
    sink.answer(400, b"no", path="/hook")
    come(app, hook, order())
    db.session.execute(update(Delivery).values(mapping_version=None))
    db.session.commit()
    wish = replay_preview.select_since(hook, database.now(db.session) - timedelta(hours=1))
    replay_actions.start(wish, JANE, "t", "original")
    sink.answer(200, b"ok", path="/hook")
    db.session.rollback()
    drain.run(hook)
    assert delivery().state == "delivered"
