"""A drain: limits, circuit, removal and lost connections, in this process and over real processes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from relay import database, secrets
from relay.delivery import drain, router
from relay.delivery.drain import Drain
from relay.models import Attempt, DeadLetter, Delivery, Destination, db
from relay.rules.status import WAITS_FOR_SECRET
from relay.secrets.vault import Vault
from relay.services.audit import COMMAND_LINE
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.destinations import settings as destination_settings
from tests.delivery.shop import Shop, open_shop, remove
from tests.support import world
from tests.support.events import comment
from tests.support.openbao import OpenBao
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack
from tests.support.token_endpoint import TokenEndpoint
from tests.support.world import delivery_states

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
REMOVED = pytest.mark.parametrize("removed", ["subscription", "destination"])


def connect(stack: Stack, sink: Sink, *limits: str) -> str:
    source = stack.make_source()
    webhook = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *webhook)
    if limits:
        stack.flask("destinations", "pace", "Sink", *limits)
    return source.secret


def send(stack: Stack, secret: str, count: int) -> None:
    with ThreadPoolExecutor(8) as senders:
        answers = list(
            senders.map(lambda _: stack.send(comment(), secret).status_code, range(count))
        )
    assert answers == [202] * count


def busiest(times: list[float], window_s: float) -> int:
    """The most arrivals in any window of that length."""
    return max(sum(a <= b < a + window_s for b in times) for a in times)


def test_no_second_has_more_calls_than_the_rate_limit_allows(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink, "--rate", "10/second", "--concurrency", "8")
    send(stack, secret, 45)
    sink.wait(45, timeout_s=30)
    times = [seen.at for seen in sink.requests]
    assert busiest(times, 1.0) <= 11
    assert max(times) - min(times) < 8, "it was much slower than its rate limit"


@POSTGRES
def test_a_higher_concurrency_is_used_by_the_drain_that_runs(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink, "--concurrency", "1")
    sink.answer(200, b"ok", delay_s=3)
    send(stack, secret, 1)
    sink.wait(1)
    stack.flask("destinations", "pace", "Sink", "--concurrency", "8")
    send(stack, secret, 4)
    times = [seen.at for seen in sink.wait(5, timeout_s=30)]
    assert times[4] - times[2] < 3, "they went one after the other"
    stack.wait_for(lambda: stack.states() == {"delivered": 5}, 20, "all to be delivered")
    assert len(sink.requests) == 5


@POSTGRES
def test_the_rate_limit_holds_when_the_worker_is_killed(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink, "--rate", "5/second")
    send(stack, secret, 30)
    sink.wait(8, timeout_s=30)
    stack.kill("worker")
    stack.start("worker")
    stack.change("UPDATE delivery SET lease_until = created_at WHERE state = 'in_flight'")
    stack.change("UPDATE destination SET drain_until = created_at")
    stack.wait_for(lambda: stack.states() == {"delivered": 30}, 60, "all to be delivered")
    assert busiest([seen.at for seen in sink.requests], 1.0) <= 6


def test_the_circuit_opens_and_no_waiting_delivery_loses_an_attempt(
    stack: Stack, sink: Sink
) -> None:
    secret = connect(stack, sink)
    sink.answer(503)
    send(stack, secret, 60)

    def circuit() -> str:
        return str(stack.rows("SELECT circuit FROM destination")[0]["circuit"])

    stack.wait_for(lambda: circuit() == "open", 20, "the circuit to open")
    assert len(sink.requests) <= 10 + 4 + 1
    stack.wait_for(lambda: sum(stack.states().values()) == 60, 20, "all to be routed")
    untouched = stack.rows("SELECT count(*) AS n FROM delivery WHERE attempts = 0")[0]["n"]
    assert untouched >= 45
    (shown,) = stack.flask("destinations", "list", "--json")["items"]
    assert shown["circuit"] in ("open", "probing")

    sink.answer(200)
    seen = len(sink.requests)
    stack.wait_for(lambda: stack.states() == {"delivered": 60}, 60, "all to be delivered")
    assert circuit() == "closed"
    times = [request.at for request in sink.requests[seen:]]
    assert sum(at < times[0] + 1 for at in times) <= 8, "the backlog arrived at once"
    keys = [request.headers["idempotency-key"] for request in sink.requests[seen:]]
    assert len(set(keys)) == len(keys) == 60


def test_refused_credentials_pause_the_destination_and_every_delivery_waits_for_the_resume(
    stack: Stack, sink: Sink
) -> None:
    secret = connect(stack, sink, "--concurrency", "1")
    sink.answers([Answer(401), Answer()])
    send(stack, secret, 12)
    stack.wait_for(
        lambda: stack.rows("SELECT state FROM destination")[0]["state"] == "paused", 20, "a pause"
    )
    stack.wait_for(
        lambda: stack.states() == {"pending": 12}, 20, "every delivery to be routed and to wait"
    )
    assert len(sink.requests) == 1
    refused = sink.requests[0].headers["idempotency-key"]
    stack.flask("destinations", "resume", "Sink")
    stack.wait_for(lambda: stack.states() == {"delivered": 12}, 30, "all to be delivered")
    assert [seen.headers["idempotency-key"] for seen in sink.requests].count(refused) == 2


# ---- in this process -----------------------------------------------------------------------------


def token(shop: Shop) -> str | None:
    """Who owns the destination's row."""
    with shop.app.app_context():
        return db.session.scalar(select(Destination.drain_token))


def test_only_one_drain_opens_and_it_releases_the_destination_at_the_end(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    shop.put(2)
    with app.app_context():
        first = Drain.open(shop.hook)
        assert first is not None and first.token == token(shop)
        assert Drain.open(shop.hook) is None
        assert first.run() == 2
        assert token(shop) is None
        assert delivery_states(shop.app) == {"delivered": 2}


def test_a_destination_that_does_not_exist_has_no_drain(app: Flask) -> None:
    with app.app_context():
        assert Drain.open(12345) is None
        assert drain.run(12345) == 0


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_paused_or_removed_destination_is_not_called(app: Flask, sink: Sink, state: str) -> None:
    shop = open_shop(app, sink)
    shop.put(2)
    shop.change(state=state)
    assert shop.drain() == 0
    assert (delivery_states(shop.app), sink.requests, token(shop)) == ({"pending": 2}, [], None)


@pytest.mark.parametrize("end", ["killed", "sealed", "revoked", "deleted"])
def test_a_vault_that_does_not_answer_holds_the_destination_and_costs_no_attempt(
    app: Flask, sink: Sink, openbao: OpenBao, end: str
) -> None:
    openbao.store("kv", "shop", token="a-very-secret-value")
    openbao.policy("shop", "kv/data/shop")
    env = openbao.env(VAULT_TOKEN=openbao.new_token("shop"))
    shop = open_shop(app, sink)
    with app.app_context():
        secrets.box().vault = Vault(env=env, keep_value_s=0, keep_failure_s=0)
        values = {"url": f"{sink.url}/in", "auth": "bearer", "token": "vault:kv/shop#token"}
        destination_settings.update_destination(shop.hook, "Hook", values, COMMAND_LINE)
    shop.put(3)
    {
        "killed": openbao.kill,
        "sealed": openbao.seal,
        "revoked": lambda: openbao.revoke(env["VAULT_TOKEN"]),
        "deleted": lambda: openbao.store("kv", "shop", other="field"),
    }[end]()
    for _ in range(2):
        assert shop.drain() == 0
        [row] = shop.rows(Destination)
        assert (row.state, row.drain_token, row.paused_reason) == ("active", None, "")
        assert "Relay retries." in row.held_reason and openbao.url in row.held_reason
        assert row.held_reason.startswith(WAITS_FOR_SECRET)
        shop.change(held_until=row.created_at)  # the hold is over
    assert shop.outcomes() == [] and {row.attempts for row in shop.rows(Delivery)} == {0}
    if end == "killed":
        openbao.start()
    elif end == "sealed":
        openbao.unseal()
    elif end == "deleted":
        openbao.store("kv", "shop", token="a-very-secret-value")
    else:
        env["VAULT_TOKEN"] = openbao.new_token("shop")
    assert shop.drain() == 3
    assert {one.headers["authorization"] for one in sink.requests} == {"Bearer a-very-secret-value"}


def test_a_secret_that_cannot_be_opened_pauses_the_destination_and_nothing_is_lost(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    shop.put(2)
    shop.change(sealed_secrets="gibberish")
    assert shop.drain() == 0
    (row,) = shop.rows(Destination)
    assert (row.state, row.drain_token) == ("paused", None)
    assert "opened" in row.paused_reason or "secret" in row.paused_reason.lower()
    assert (delivery_states(shop.app), shop.rows(Attempt)) == ({"pending": 2}, [])
    assert [delivery.claims for delivery in shop.rows(Delivery)] == [0, 0]


def test_a_pause_stops_what_is_claimed_and_has_not_started(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink, concurrency=1)
    sink.answer(delay_s=1.0)
    shop.put(3)
    with shop.draining():
        sink.wait(1)
        shop.change(state="paused")
    assert delivery_states(shop.app) == {"delivered": 1, "pending": 2}
    assert len(sink.requests) == 1
    assert token(shop) is None


def test_a_worker_that_stops_gives_back_what_has_not_started(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink, concurrency=1)
    sink.answer(delay_s=0.5)
    shop.put(3)
    stopping = app.extensions["relay_stopping"]
    try:
        with shop.draining():
            sink.wait(1)
            stopping.set()
    finally:
        stopping.clear()
    assert delivery_states(shop.app) == {"delivered": 1, "pending": 2}
    assert shop.drain() == 2


def test_a_suspect_is_sent_before_the_others_and_alone(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    sink.answer(delay_s=0.3)
    shop.put(4)
    keys = [row.key for row in shop.rows(Delivery)]
    shop.update_delivery(keys[2], claims=1)
    shop.drain()
    first, second, *_ = sink.requests
    assert first.headers["idempotency-key"] == keys[2]
    assert second.at - first.at >= 0.3
    assert delivery_states(shop.app) == {"delivered": 4}


@REMOVED
def test_a_claimed_delivery_that_has_not_started_is_discarded_after_the_removal(
    app: Flask, sink: Sink, removed: str
) -> None:
    shop = open_shop(app, sink, concurrency=1)
    sink.answer(delay_s=1.0)
    shop.put(3)
    with shop.draining():
        sink.wait(1)
        assert delivery_states(shop.app) == {"in_flight": 3}
        remove(shop, removed)
    assert delivery_states(shop.app) == {"delivered": 1, "discarded": 2}
    assert len(sink.requests) == 1
    assert shop.outcomes() == ["accepted"]


@REMOVED
@pytest.mark.parametrize(
    ("status", "state", "outcome"),
    [
        (200, "delivered", "accepted"),
        (400, "discarded", "refused"),
        (401, "discarded", "refused"),
        (429, "discarded", "failed"),
        (503, "discarded", "failed"),
    ],
)
def test_a_call_under_way_is_recorded_and_never_repeated(
    app: Flask, sink: Sink, removed: str, status: int, state: str, outcome: str
) -> None:
    shop = open_shop(app, sink)
    sink.answer(status, delay_s=1.0)
    shop.put()
    with shop.draining():
        sink.wait(1)
        remove(shop, removed)
    assert delivery_states(shop.app) == {state: 1}
    (attempt,), (delivery,) = shop.rows(Attempt), shop.rows(Delivery)
    assert (attempt.outcome, attempt.status) == (outcome, status)
    assert (delivery.attempts, delivery.settled_at is not None) == (1, True)
    assert shop.rows(DeadLetter) == []
    shop.end_leases()
    shop.make_due()
    shop.drain()
    assert len(sink.requests) == 1


def test_a_destination_that_was_removed_before_the_drain_is_released_without_a_call(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    shop.put()
    shop.change(state="closed")
    with app.app_context():
        opened = Drain.open(shop.hook)
        assert opened is not None and opened.hold is not None
        assert opened.hold.code == "removed"
        opened.close()
    assert (sink.requests, token(shop)) == ([], None)


def resume(shop: Shop) -> None:
    with shop.app.app_context():
        destination_settings.resume(shop.hook, COMMAND_LINE)


def test_the_delivery_that_meets_a_pause_is_not_a_failed_delivery(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink, concurrency=1)
    sink.answers([Answer(401), Answer()])
    shop.put(3)
    shop.drain()
    (first, *_) = shop.rows(Delivery)
    assert (delivery_states(shop.app), shop.outcomes()) == ({"pending": 3}, ["refused"])
    assert (first.attempts, first.attempts_since_replay, first.claims) == (1, 0, 0)
    assert first.last_error.startswith("The destination responded 401 Unauthorized.")
    assert shop.rows(DeadLetter) == []
    assert shop.drain() == 0 and len(sink.requests) == 1, "it was sent although it is paused"
    resume(shop)
    shop.drain()
    assert delivery_states(shop.app) == {"delivered": 3}
    assert [row.number for row in shop.rows(Attempt) if row.delivery_id == first.id] == [1, 2]


def test_no_call_starts_after_one_that_pauses_the_destination(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink, concurrency=2)
    sink.answer(401)
    shop.put(8)
    shop.drain()
    assert delivery_states(shop.app) == {"pending": 8}
    assert len(sink.requests) <= 2


def test_a_probe_that_meets_a_pause_waits_and_is_sent_after_the_resume(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    shop.put(2)
    with app.app_context():
        past = database.now(db.session) - timedelta(seconds=1)
    shop.change(circuit="open", circuit_since=past, circuit_until=past, failures=10, openings=1)
    sink.answers([Answer(401), Answer()])
    shop.drain()
    (row,) = shop.rows(Destination)
    assert (row.state, row.circuit, row.failures) == ("paused", "closed", 0)
    assert (delivery_states(shop.app), len(sink.requests)) == ({"pending": 2}, 1)
    resume(shop)
    while delivery_states(shop.app) != {
        "delivered": 2
    }:  # one call after the other, as after an outage
        shop.drain()


def test_a_replayed_delivery_that_meets_a_pause_waits_and_keeps_its_replay(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    sink.answers([Answer(400), Answer(401), Answer()])
    shop.put()
    shop.drain()
    with app.app_context():
        dead_letter_actions.replay(shop.rows(DeadLetter)[0].id, COMMAND_LINE)
    shop.drain()
    (delivery,) = shop.rows(Delivery)
    assert (delivery.state, delivery.revived_from) == ("pending", "dead")
    assert [row.state for row in shop.rows(DeadLetter)] == ["resolved"]
    resume(shop)
    shop.drain()
    assert delivery_states(shop.app) == {"delivered": 1}


# ---- what to do after a status -------------------------------------------------------------------


def retry_all(shop: Shop, times: int = 10) -> None:
    """Drain until nothing is pending, each retry at once."""
    for _ in range(times):
        if shop.drain() == 0:
            return
        shop.make_due()


@pytest.mark.parametrize("status", [403, 404, 405, 409, 423])
def test_a_webhook_is_retried_for_an_hour_after_what_a_deploy_or_a_firewall_answers(
    app: Flask, sink: Sink, status: int
) -> None:
    shop = open_shop(app, sink)
    sink.answer(status)
    shop.put()
    retry_all(shop)
    assert delivery_states(shop.app) == {"dead": 1}
    assert shop.outcomes() == ["failed"] * 4
    assert [row.code for row in shop.rows(DeadLetter)] == [f"http_{status}"]


def test_a_receiver_that_is_back_within_the_hour_gets_the_delivery(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    sink.answers([Answer(404), Answer(403), Answer()])
    shop.put()
    retry_all(shop)
    assert (delivery_states(shop.app), shop.outcomes()) == (
        {"delivered": 1},
        ["failed", "failed", "accepted"],
    )


@pytest.mark.parametrize("status", [301, 400, 402, 413, 422])
def test_other_errors_of_a_webhook_are_not_retried(app: Flask, sink: Sink, status: int) -> None:
    shop = open_shop(app, sink)
    sink.answer(status)
    shop.put()
    retry_all(shop)
    assert (delivery_states(shop.app), len(sink.requests)) == ({"dead": 1}, 1)


def test_a_webhook_that_is_closed_for_good_pauses_as_standard_webhooks_says(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    sink.answer(410)
    shop.put()
    shop.drain()
    assert delivery_states(shop.app) == {"pending": 1}
    assert shop.rows(Destination)[0].state == "paused"


@pytest.mark.parametrize(
    ("chosen", "status", "state", "attempts", "destination"),
    [
        ({"404": "fail"}, 404, "dead", 1, "active"),
        ({"4xx": "fail"}, 404, "dead", 1, "active"),
        ({"422": "retry"}, 422, "dead", 8, "active"),
        ({"3xx": "first_hour"}, 302, "dead", 4, "active"),
        ({"5xx": "fail"}, 502, "dead", 1, "active"),
        ({"401": "fail"}, 401, "dead", 1, "active"),
        ({"403": "pause"}, 403, "pending", 1, "paused"),
        ({"503": "pause", "5xx": "fail"}, 503, "pending", 1, "paused"),
    ],
)
def test_a_persons_choice_for_a_status_applies(
    app: Flask,
    sink: Sink,
    chosen: dict[str, str],
    status: int,
    state: str,
    attempts: int,
    destination: str,
) -> None:
    shop = open_shop(app, sink, on_status=chosen)
    sink.answer(status)
    shop.put()
    retry_all(shop)
    assert (delivery_states(shop.app), len(shop.outcomes())) == ({state: 1}, attempts)
    assert shop.rows(Destination)[0].state == destination


def test_answers_that_are_retried_do_not_open_the_circuit(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    sink.answer(404)
    shop.put(12)
    shop.drain()
    assert len(sink.requests) == 12
    (row,) = shop.rows(Destination)
    assert (row.circuit, row.failures) == ("closed", 0)


def test_a_choice_that_is_made_while_a_drain_runs_applies_from_its_next_claim(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink, concurrency=1)
    sink.answer(404, delay_s=0.3)
    shop.put(2)
    with shop.draining():
        sink.wait(1)
        shop.change(on_status={"404": "fail"})
    assert delivery_states(shop.app) == {"dead": 1, "pending": 1} or delivery_states(shop.app) == {
        "dead": 2
    }


def test_a_token_url_that_refuses_pauses_and_the_delivery_goes_out_after_the_fix(
    app: Flask, sink: Sink
) -> None:
    server = TokenEndpoint()
    shop = open_shop(app, sink, on_status={"401": "fail"})
    settings = {
        "url": server.api_url,
        "auth": "oauth2",
        "token_url": server.token_url,
        "client_id": server.rules.client_id,
    }
    change = destination_settings.update_destination
    with app.app_context():
        change(shop.hook, "Hook", settings | {"client_secret": "an-expired-secret"}, COMMAND_LINE)
    shop.put(2)
    shop.drain()
    (row,) = shop.rows(Destination)
    assert (delivery_states(shop.app), row.state) == ({"pending": 2}, "paused")
    assert "invalid_client: “The client secret is wrong or has expired”" in row.paused_reason
    assert server.api_calls() == []
    with app.app_context():
        right = {"client_secret": server.rules.client_secret}
        change(shop.hook, "Hook", settings | right, COMMAND_LINE)
    resume(shop)
    while delivery_states(shop.app) != {"delivered": 2}:  # slowly at first
        shop.drain()
    assert (len(server.api_calls()), len(server.issued)) == (2, 1)
    stored = json.dumps([row._asdict() for row in shop.rows(Attempt)], default=str)
    assert server.issued[0] not in stored and server.rules.client_secret not in stored
    server.close()


@pytest.mark.parametrize("concurrency", [1, 4])
def test_nothing_starts_after_a_reply_that_asks_to_wait(
    app: Flask, sink: Sink, concurrency: int
) -> None:
    made = world.make(app, sink)
    sink.requests.clear()
    wait = Answer(429, headers={"Retry-After": "30"})
    sink._plans.clear()
    sink._plans[None] = [*[Answer()] * 300, wait, Answer()]
    with app.app_context():
        db.session.execute(
            text("UPDATE destination SET concurrency = :c WHERE id = :id"),
            {"c": concurrency, "id": made.hook},
        )
        for number in range(600):
            db.session.execute(
                text(
                    "INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address, payload,"
                    " body_sha256, search_text) SELECT source_id, signing_key_id, :e, event_type, site, address,"
                    " payload, body_sha256, search_text FROM event WHERE id = :id"
                ),
                {"e": f"many-{number}", "id": made.event},
            )
        db.session.commit()
        db.session.remove()
        while router.route_batch():
            pass
        drain.run(made.hook)
    # only calls that were under way when the reply came
    assert len(sink.requests) - 301 <= 4 * (concurrency - 1)
