"""The document and docs/api.md describe the API as it answers."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from relay.api import openapi, v1
from relay.models import Alert, DeadLetter, Destination, Event, db
from relay.rules.states import DestinationState
from tests.api.v1.conftest import ApiClient
from tests.api.v1.test_access import path_of
from tests.support.two_sites import TwoSites

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
EXAMPLE = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_operation_is_in_the_document_once() -> None:
    document = openapi.document()
    names = [
        one["operationId"]
        for path in document["paths"].values()
        for one in path.values()
        if "operationId" in one
    ]
    assert len(names) == len(set(names))
    for one in v1.operations():
        described = document["paths"][one.template][one.method.lower()]
        assert described["security"] == [{"apiToken": []}], one.name
        assert f"role {one.role}" in described["description"]
    listed = document["paths"]["/api/v1/events"]["get"]["responses"]["200"]
    item = listed["content"]["application/json"]["schema"]["properties"]["items"]["items"]
    assert item == {"$ref": "#/components/schemas/StoredEvent"}  # not the one that sites send


def missing(shape: Schema, value: dict[str, Any]) -> list[str]:
    """The members that a shape promises and a view does not give, also in nested ones."""
    found = [name for name in shape.fields if name not in value]
    for name, field in shape.fields.items():
        inner = field.inner if isinstance(field, fields.List) else None
        if isinstance(inner, fields.Nested):
            found += [
                f"{name}.{one}" for v in value.get(name, []) for one in missing(inner.schema, v)
            ]
    return found


@SQLITE
def test_every_answer_has_all_members_of_its_shape(
    sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    client = api("admin")
    for one in v1.operations():
        if one.method == "GET":
            found = client.get(path_of(one, sites))
            for value in found["items"] if one.is_list else [found]:
                assert missing(one.returns(), value) == [], one.name


def run_curl(client: ApiClient, words: list[str]) -> TestResponse:
    """Send what a curl command would send.  An option that is not known here fails."""
    assert words.pop(0) == "curl"
    method, url, headers, data = "", "", {}, None
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = words.pop(0)
        else:
            assert not url and not word.startswith("-"), word
            url = word
    base = "https://relay.example.com"
    assert url.startswith(base)
    method = method or ("GET" if data is None else "POST")
    return client.client.open(url.removeprefix(base), method=method, headers=headers, data=data)


@SQLITE
def test_the_examples_of_the_documentation_work(
    app: Flask, sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    client, mine = api("support"), sites.mine
    with app.app_context():  # the rows that the examples name
        named = {"event_id": "evt-7f3a", "event_type": "comment.created"}
        db.session.execute(update(Event).where(Event.id == mine.events[0]).values(**named))
        for table in (Alert, DeadLetter):
            assert {1, 2} <= set(db.session.scalars(select(table.id)))
        db.session.execute(update(Destination).values(state=DestinationState.ACTIVE))
        db.session.commit()
    later = datetime.now(UTC) + timedelta(hours=4)
    page = PAGE.read_text(encoding="utf-8").replace(
        "2026-03-01T16:00:00Z", later.isoformat(timespec="seconds")
    )
    text = "\n".join(EXAMPLE.findall(page)).replace("\\\n", " ")
    text = text.replace("$RELAY", "https://relay.example.com").replace("$TOKEN", client.token)
    commands = [shlex.split(line) for line in text.splitlines() if line.strip()]
    assert len(commands) > 10
    for words in commands:
        answer = run_curl(client, list(words))
        assert answer.status_code == 200, (words, answer.text)


def test_the_json_examples_have_the_members_of_their_shapes() -> None:
    blocks = re.findall(r"^```json\n(\{.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    found = [json.loads(block) for block in blocks if '"cursor' not in block]
    token = next(one for one in found if "role" in one)
    assert set(token) == set(v1.health.TokenShape().fields)
    listed = next(one for one in found if "items" in one)
    assert set(listed) == {"items", "next_cursor"}
    assert set(listed["items"][0]) == set(v1.events.StoredEventShape().fields)
    assert any(set(one.get("error", {})) == {"code", "message"} for one in found)
