"""No page sends more SQL statements because it shows more rows.

Every GET route of the dashboard is requested twice, as a page and as the fragment that htmx polls:
with one row of everything, and with thirty.  The routes come from the URL map, so a new page takes
part at once: it has to be named in ``LISTS`` or in ``NO_LIST``.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import (
    Flask,
    before_render_template,
    render_template_string,
    template_rendered,
    url_for,
)
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select
from werkzeug.routing import Rule

from relay import secrets
from relay.models import (
    AiStep,
    AiUse,
    Alert,
    AlertChannel,
    AlertEntry,
    AlertEvaluation,
    AllowedNetwork,
    ApiToken,
    ApiTokenSite,
    Attempt,
    AuditEntry,
    DeadLetter,
    Delivery,
    Destination,
    ErasureReceipt,
    Event,
    Intake,
    MappingVersion,
    Quota,
    Rejection,
    Replay,
    SigningKey,
    SiteReport,
    Source,
    Subscription,
    User,
    UserSession,
    UserSite,
    db,
)
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from tests.dashboard.conftest import Visitor

MANY = 30
FRAGMENT = {"HX-Request": "true"}
NOT_DASHBOARD = ("static", "ingest", "api", "api_v1", "connect_token")
# what a list shows of each row, and how many rows it shows for n rows of everything
LISTS: dict[str, tuple[str, Callable[[int], int]]] = {
    "overview.page": (r"/events/\d+", lambda n: min(n, 8)),
    "sources.list_page": (r">Site \d\d<", lambda n: n),
    "sources.detail": (r"reason \d\d", lambda n: min(n, 20)),
    "destinations.list_page": (r">Destination \d\d<", lambda n: n),
    "destinations.detail": (r'id="subscription-\d+"', lambda n: n + 3),
    "subscriptions.new_page": (r">Site \d\d<", lambda n: n),
    "subscriptions.edit_page": (r">Site \d\d<", lambda n: n),
    "mapping.page": (r"note \d\d", lambda n: min(n, 20) if n > 1 else 0),
    "traffic.page": (r"/destinations/\d+\?range", lambda n: n),
    "events.list_page": (r"comment \d\d", lambda n: n),
    "finder.page": (r">Site \d\d<", lambda n: min(n, 5)),
    "events.detail": (r'id="delivery-\d+"', lambda n: n + 3),
    "dead_letters.list_page": (r"cause_\d\d", lambda n: n),
    "dead_letters.table_page": (r'id="dead-letter-\d+"', lambda n: n),
    "replays.list_page": (r"Replay \d\d", lambda n: n),
    "replays.preview": (r"sample=\d+", lambda n: min(n, 5) if n > 1 else 0),
    "replays.detail": (r"Destination \d\d", lambda n: n),
    "ai.page": (r"uses Asker \d\d", lambda n: n),
    "ai_steps.page": (r"Asker \d\d", lambda n: n),
    "alert_channels.list_page": (r'id="channel-\d+"', lambda n: n),
    "ledger.page": (r"Alert \d\d", lambda n: n),
    "alerts.list_page": (r"Alert \d\d", lambda n: n),
    "alerts.detail": (r"Entry \d\d", lambda n: n),
    "alert_rules.page": (r">Destination \d\d<", lambda n: min(n, 3)),
    "ledger.export": (r"Site \d\d", lambda n: n),
    "people.receipt_list": (r"er_\d\d", lambda n: n),
    # with the admin, who looks at it
    "team.list_page": (r">Person \d\d<", lambda n: n),
    "team.detail": (r"Browser \d\d", lambda n: n),
    "team.invite_page": (r">Site \d\d<", lambda n: n),
    "account.page": (r"Browser \d\d", lambda n: n),
    "tokens.page": (r"Token \d\d", lambda n: n),
    "tokens.new_page": (r">Site \d\d<", lambda n: n),
    # one audit entry in four is ours, and a page has fifty
    "audit.list_page": (r"Changed \d\d", lambda n: min(n, 13)),
}
NEED_A_LINK = {
    *("auth.first_run_page", "passwords.invite_page", "passwords.new_password_page"),
    "passwords.new_address_page",
}
CONNECT = {
    "site": "https://shop.example.com",
    "return": "https://shop.example.com/wp-admin/",
    "state": "s" * 22,
    "challenge": "c" * 43,
}
NO_LIST = {
    "connect.page",  # sites on one host
    "settings.page",  # at most 10 backups
    *("settings.show_backup", "help.show", "destination_account.show_access"),
    *("traffic.overview_chart", "traffic.site_chart", "traffic.destination_chart"),
    *("passwords.invite_page", "passwords.new_password_page", "passwords.forgotten_page"),
    "passwords.new_address_page",
    *(
        "auth.proof_page",
        "auth.sign_in_page",
        "auth.first_run_page",
        "second_step.page",
        "second_factor.page",  # at most 20 passkeys
        "second_factor.app_page",
        "second_factor.codes_page",
        "second_factor.passkey_page",
        "sign_in_policy.page",
        "single_sign_on.start",
        "single_sign_on.start_proof",
        "single_sign_on.callback",
        "sources.new_page",
        "sources.connect",  # what a person has just made
        "sources.plugin_zip",
        "auth.session_state",
        "mapping.field_list",  # of a few events
    ),
    *("sources.waiting", "destinations.new_page", "destinations.edit_page", "throttling.page"),
    *("throttling.old_page", "throttling.show_status", "destination_account.show_quotas"),
    "health.page",
    *("dead_letters.count", "dead_letters.updates", "dead_letters.row", "alerts.count"),
    *("removal.confirm_destination", "removal.confirm_source"),
    *("alert_channels.new_page", "alert_channels.edit_page"),
    *("people.page", "people.receipt", "source_privacy.page"),
}
# more addresses of the same page, and those that need a query
QUERIES: dict[str, list[dict[str, Any]]] = {
    "connect.page": [CONNECT],
    "sources.list_page": [{}, {"state": "removed"}],
    "destinations.list_page": [{}, {"state": "removed"}],
    "alert_channels.new_page": [{}, {"kind": "email"}],
    "destinations.new_page": [{}, {"kind": "inbox"}],
    "events.list_page": [{}, {"source": "site-00", "type": "comment.created", "text": "comment"}],
    "alert_rules.page": [{}, {"rule": "failure_rate"}],
    "finder.page": [{"q": "site"}],
    "alerts.list_page": [{}, {"subject": "destination:1", "rule": "failure_rate"}],
    "dead_letters.table_page": [{}, {"destination": "Destination 00", "text": "cause"}],
    "replays.preview": [{}, {"recover": "Destination 00", "which": "all"}],
}
MOST = 21  # statements of any page
LIMITS = {
    "health.page": 36,
    "overview.page": 19,
    "destinations.list_page": 9,
    "destinations.detail": 25,
    "sources.list_page": 10,
    "sources.detail": 25,  # two of them lead to what the ledger has counted already
    "traffic.page": 22,  # with the ledger of a day
}


@dataclass
class Everything:
    """One row of everything for each ``add``, all of them below the first site and destination."""

    app: Flask
    size: int = 0

    def grow(self, size: int) -> None:
        with self.app.app_context():
            while self.size < size:
                self.add(f"{self.size:02}", self.size)
                self.size += 1

    def add(self, name: str, number: int) -> None:
        now = datetime.now(UTC)
        source, key, _ = source_settings.create_source(
            f"Site {name}", "https://shop.example.com", COMMAND_LINE, slug=f"site-{name}"
        )
        to = destination_settings.create_destination(
            "inbox", f"Destination {name}", {}, COMMAND_LINE
        )
        to.fixed_at = now
        to.held_until, to.held_reason = now + timedelta(hours=1), "The service asked to wait."
        asker = destination_settings.create_destination(
            "openai",
            f"Asker {name}",
            {"models": "small-1 0.25 2.00", "api_key": "sk-very-secret-key-1"},
            COMMAND_LINE,
        )
        if number == 0:
            self.source_id, self.key_id, self.destination_id = source.id, key.id, to.id
            self.subscription_id = to.subscriptions[0].id
            self.replayed = [self.subscription(), self.subscription()]
        extra = self.subscription()
        extra.sources = [source]
        event = self.event(number, name, now)
        replay = Replay(token=name, title=f"Replay {name}", requested_by="me", total=2)
        self.keep(
            *(extra, event, replay),
            Source(slug=f"removed-{name}", name=f"Removed {name}", url="", state="closed"),
            Destination(name=f"Removed {name}", kind="inbox", config={}, state="closed"),
            SigningKey(
                key_id=f"key_{name}",
                source_id=self.source_id,
                sealed_secret=secrets.box().seal(name * 20),
                fingerprint=f"{number:08}",
            ),
            AllowedNetwork(source_id=self.source_id, cidr=f"10.0.0.{number}/32"),
            Rejection(
                source_id=self.source_id,
                reason="clock",
                sentence=f"reason {name}",
                status=401,
                address="203.0.113.7",
            ),
            Quota(
                destination_id=to.id,
                name="day",
                label="calls a day",
                limit=100,
                remaining=50,
                read_at=now,
                resets_at=now + timedelta(hours=5),
                per_s=0.1,
            ),
            AuditEntry(actor="me", action="test.add", object_label=f"Changed {name}", detail={}),
            ErasureReceipt(
                number=f"er_{name}",
                digest=b"",
                actor="me",
                counts={
                    "events": 1,
                    "attempts": 0,
                    "dead_letters": 0,
                    "discarded": 0,
                    "in_flight": 0,
                },
            ),
            Alert(rule="ledger.site", subject=name, sentence=f"Alert {name}", advice="Look."),
            Alert(
                rule="failure_rate",
                subject=f"destination:{to.id}",
                sentence=f"Past {name}",
                advice="Look.",
                resolved_at=now,
            ),
            AlertEvaluation(
                rule="failure_rate",
                subject=f"destination:{to.id}",
                value=number,
                samples=[[number, 1], [number + 60, 2]],
            ),
            AlertChannel(kind="ntfy", name=f"Channel {name}", config={"topic": name}),
            Intake(
                source_id=source.id,
                day=now.date(),
                event_type="comment.created",
                lane=0,
                received=number,
            ),
        )
        self.people(number, name, source.id)
        for days in (1, 2):
            self.keep(
                SiteReport(
                    event_pk=10_000 + 10 * number + days,
                    source_id=source.id,
                    day=(now - timedelta(days=days)).date(),
                    until=now,
                    plugin="1",
                    counts={
                        "comment.created": {
                            "fired": 3,
                            "sent": 1,
                            "dropped": 0,
                            "waiting": 0,
                            "later": 0,
                        }
                    },
                )
            )
        if number == 0:
            self.event_pk, self.replay_id = event.id, replay.id
            self.alert_id = db.session.scalars(select(Alert.id).order_by(Alert.id)).first()
        self.keep(AlertEntry(alert_id=self.alert_id, action="note", text=f"Entry {name}"))
        if number:
            version = MappingVersion(
                subscription_id=self.subscription_id, number=number + 1, note="", made_by="me"
            )
            self.keep(version)
        newest = db.session.scalars(
            select(MappingVersion)
            .where(MappingVersion.subscription_id == self.subscription_id)
            .order_by(MappingVersion.number.desc())
        ).first()
        assert newest is not None
        newest.note = f"note {name}"
        self.keep(
            AiStep(
                subscription_id=extra.id,
                destination_id=asker.id,
                model="small-1",
                instructions="Sort this.",
                shown=[["data", "content"]],
                fields=[{"name": "topic", "type": "text", "description": "", "choices": []}],
                masking=True,
                max_input_tokens=1000,
                max_output_tokens=100,
                wait_s=5,
                day_cap=1_000_000,
            ),
            *(
                AiUse(
                    day=now.date(),
                    destination_id=asker.id,
                    subscription_id=subscription_id,
                    model="small-1",
                    state="settled",
                    currency="USD",
                    cost=1000,
                )
                for subscription_id in (extra.id, None)
            ),
        )
        dead = self.delivery(self.event_pk, to.subscriptions[0], "dead", version=1)
        self.keep(
            DeadLetter(
                delivery_id=dead.id,
                destination_id=to.id,
                code=f"cause_{name}",
                sentence=f"cause_{name} was the answer.",
                owner="me@example.com",
                note="Seen",
                created_at=now - timedelta(hours=1),
            )
        )
        self.delivery(event.id, extra, "delivered", version=1)
        self.delivery(event.id, self.replayed[0], "pending", replay_id=replay.id)
        other = to.subscriptions[0] if number else self.replayed[1]
        self.delivery(event.id, other, "pending", replay_id=self.replay_id)
        db.session.commit()

    def people(self, number: int, name: str, source_id: int) -> None:
        """A person who sees one site, and sessions of the admin and of the first of these people."""
        made = User(
            email=f"{name}@example.com", name=f"Person {name}", role="viewer", state="active"
        )
        made.sites_limited, made.sites = True, [UserSite(source_id=source_id)]
        self.keep(made)
        if number == 0:
            self.user_id = made.id
            self.admin_id = db.session.scalars(select(User.id).order_by(User.id)).first()
        for user_id in {self.user_id, self.admin_id}:
            self.keep(
                UserSession(
                    user_id=user_id,
                    token_sha256=f"{name}-{user_id}",
                    method="password",
                    device=f"Browser {name}",
                )
            )
            self.keep(
                ApiToken(
                    user_id=user_id,
                    name=f"Token {name}" if user_id == self.user_id else "Another",
                    digest=f"{name}-{user_id}".encode(),
                    hint="relay_abcd",
                    role="viewer",
                    sites_limited=True,
                    sites=[ApiTokenSite(source_id=self.source_id)],
                )
            )

    def keep(self, *rows: Any) -> None:
        for row in rows:
            db.session.add(row)
        db.session.flush()

    def subscription(self) -> Subscription:
        made = Subscription(
            destination_id=self.destination_id,
            event_types=["comment.created"],
            versions=[MappingVersion(number=1, made_by="me")],
        )
        self.keep(made)
        return made

    def event(self, number: int, name: str, now: datetime) -> Event:
        data = {"id": number, "post_id": 1, "author": "Jane", "content": f"comment {name}"}
        event_id = f"event-{name}"
        body = json.dumps({"event": "comment.created", "event_id": event_id, "data": data})
        return Event(
            source_id=self.source_id,
            signing_key_id=self.key_id,
            event_id=event_id,
            event_type="comment.created",
            site="https://shop.example.com",
            address="203.0.113.7",
            payload=body,
            body_sha256=hashlib.sha256(body.encode()).digest(),
            search_text=body.lower(),
            received_at=now,
            routed_at=now,
            delivery_count=3,
        )

    def delivery(self, event_pk: int, to: Subscription, state: str, **columns: Any) -> Delivery:
        now = datetime.now(UTC)
        made = Delivery(
            key=f"{event_pk}-{to.id}",
            event_pk=event_pk,
            subscription_id=to.id,
            destination_id=to.destination_id,
            state=state,
            due_at=now if state == "pending" else None,
            settled_at=None if state == "pending" else now,
            attempts=2,
            mapping_version=1,
            **columns,
        )
        self.keep(made)
        for number in (1, 2):
            self.keep(
                Attempt(
                    key=f"{made.key}-{number}",
                    delivery_id=made.id,
                    number=number,
                    outcome="failed",
                    started_at=now,
                    request={},
                    response={},
                    ai={"outcome": "answered", "answer": {"topic": "tea"}, "sentence": "It read."},
                )
            )
        return made

    def arguments(self, rule: Rule) -> dict[str, Any]:
        """The values of a route's variables.  A new variable needs its value here."""
        known = {
            "slug": "site-00",
            "number": "er_00",
            "destination_id": self.destination_id,
            "subscription_id": self.subscription_id,
            "event_id": self.event_pk,
            "dead_letter_id": self.first(DeadLetter),
            "replay_id": self.replay_id,
            "alert_id": self.alert_id,
            "channel_id": self.first(AlertChannel),
            "token": "none",
            "user_id": self.user_id,
            "page": "operate",
            "anchor": "retention",
        }
        return {name: known[name] for name in rule.arguments}

    def first(self, table: Any) -> int:
        with self.app.app_context():
            return int(db.session.scalars(select(table.id).order_by(table.id)).first() or 0)


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    """The statements that are executed meanwhile, without those that only open a transaction.

    A statement while a template is rendered is an error: a filter or a lazy relationship sent it.
    """
    found: list[str] = []
    rendering: list[str] = []
    with app.app_context():
        engine = db.engine

    def on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        is_commit_check = threading.current_thread().name == "commit-check"  # once in two seconds
        if not statement.startswith("BEGIN") and not is_commit_check:
            assert not rendering, f"{rendering[-1]} sends {statement}"
            found.append(statement)

    def on_begin(_app: Flask, template: Any, **_: Any) -> None:
        rendering.append(template.name)

    def on_end(_app: Flask, template: Any, **_: Any) -> None:
        assert rendering.pop() == template.name

    sqlalchemy_event.listen(engine, "before_cursor_execute", on_statement)
    try:
        with (
            before_render_template.connected_to(on_begin, app),
            template_rendered.connected_to(on_end, app),
        ):
            yield found
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", on_statement)


def pages(app: Flask) -> list[Rule]:
    """Every route of the dashboard that a browser can open."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint.split(".")[0] not in NOT_DASHBOARD
    ]


def addresses(app: Flask, everything: Everything) -> list[tuple[str, str]]:
    """-> (endpoint, address) of every page."""
    found = []
    with app.test_request_context():
        for rule in pages(app):
            for query in QUERIES.get(rule.endpoint, [{}]):
                values = everything.arguments(rule) | query
                found.append((rule.endpoint, url_for(rule.endpoint, **values)))
    return found


def measure(
    app: Flask, person: Visitor, everything: Everything
) -> dict[tuple[str, str, bool], list[str]]:
    """-> the statements of each (endpoint, address, whether as a fragment)."""
    found: dict[tuple[str, str, bool], list[str]] = {}
    wrong: dict[str, str] = {}
    for endpoint, address in addresses(app, everything):
        for is_fragment in (False, True):
            with counting(app) as statements:
                answer = person.get(address, headers=FRAGMENT if is_fragment else {})
            assert answer.status_code in (200, 204, 303, 404), (address, answer.status_code)
            assert (answer.status_code == 404) == (endpoint in NEED_A_LINK), address
            found[endpoint, address, is_fragment] = statements
            is_first = (endpoint, is_fragment) not in {key[::2] for key in list(found)[:-1]}
            if endpoint in LISTS and not is_fragment and is_first:
                pattern, expected = LISTS[endpoint]
                shown = len(set(re.findall(pattern, answer.text)))
                if shown != expected(everything.size):
                    wrong[address] = f"shows {shown} rows, not {expected(everything.size)}"
    assert not wrong
    return found


def test_every_page_is_known_as_a_list_or_not(app: Flask) -> None:
    assert {rule.endpoint for rule in pages(app)} == LISTS.keys() | NO_LIST
    assert not LISTS.keys() & NO_LIST


def test_more_rows_cost_no_more_statements(app: Flask) -> None:
    person, everything = Visitor(app, "admin"), Everything(app)
    everything.grow(1)
    person.get("/")  # what is read once a process is read
    one = measure(app, person, everything)
    everything.grow(MANY)
    many = measure(app, person, everything)
    for (endpoint, address, is_fragment), statements in many.items():
        before = len(one[endpoint, address, is_fragment])
        print(f"{address}{' (fragment)' if is_fragment else ''}: {before} {len(statements)}")
    grown = {
        address: (len(one[key]), len(statements), repeated(statements))
        for key, statements in many.items()
        for _, address, _ in [key]
        if len(statements) != len(one[key])
    }
    assert not grown
    for (endpoint, address, _), statements in many.items():
        assert len(statements) <= LIMITS.get(endpoint, MOST), (address, statements)


def repeated(statements: list[str]) -> str:
    """The statement that occurs most often, shortened."""
    most = max(statements, key=statements.count)
    return f"{statements.count(most)} x {' '.join(most.split())[:300]}"


def test_the_count_sees_a_query_for_each_row(app: Flask) -> None:
    everything = Everything(app)
    everything.grow(3)
    with app.app_context(), counting(app) as statements:
        rows = db.session.scalars(select(Destination)).all()
        for row in rows:
            db.session.scalar(select(Subscription.id).where(Subscription.destination_id == row.id))
        assert len(statements) == 1 + len(rows) == 10


def test_a_statement_while_a_template_is_rendered_is_an_error(app: Flask) -> None:
    with (
        app.test_request_context(),
        counting(app),
        pytest.raises(AssertionError, match="sends SELECT"),
    ):
        render_template_string("{{ read() }}", read=lambda: db.session.scalar(select(Source.id)))
