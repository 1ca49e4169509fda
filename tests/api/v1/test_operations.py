"""Pages of lists, on both databases, and the number of statements of each list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event as sqlalchemy_event

from relay.api import v1
from relay.models import Alert, db
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from tests.api.v1.conftest import ApiClient
from tests.support.two_sites import TwoSites


def test_a_list_goes_on_at_its_cursor(sites: TwoSites, api: Callable[..., ApiClient]) -> None:
    client = api("viewer")
    for path, key in (
        ("/events", "id"),
        ("/failed-deliveries", "id"),
        ("/destinations", "id"),
        ("/alerts", "id"),
        ("/sites", "slug"),
    ):
        whole = [item[key] for item in client.get(path)["items"]]
        found, cursor = [], {}
        while True:
            page = client.get(path, limit=1, **cursor)
            found += [item[key] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == whole and len(whole) > 1, path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_wrong_query_is_refused(sites: TwoSites, api: Callable[..., ApiClient]) -> None:
    client = api("viewer")
    for query in ("limit=0", "limit=101", "cursor=5", "cursor=cx", "page=2", "state=lost"):
        answer = client.open("GET", f"/events?{query}")
        assert answer.status_code == 422, query
        assert list(answer.get_json()["error"]["fields"]) == [query.partition("=")[0]]


@contextmanager
def counting() -> Iterator[list[str]]:
    statements: list[str] = []

    def add(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", add)
    try:
        yield statements
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", add)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_list_sends_no_more_statements_for_more_rows(
    app: Flask, sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    client = api("viewer")
    lists = [one.path for one in v1.operations() if one.is_list]

    def counts() -> dict[str, int]:
        found = {}
        for path in lists:
            client.get(path)
            with app.app_context(), counting() as statements:
                client.get(path)
            found[path] = len(statements)
        return found

    before = counts()
    with app.app_context():
        for n in range(5):
            source_settings.create_source(f"S{n}", "https://s.example.com", COMMAND_LINE)
            destination_settings.create_destination("inbox", f"D{n}", {}, COMMAND_LINE)
            about = {"sentence": f"Alert {n}", "advice": "", "path": ""}
            db.session.add(Alert(rule="failure_rate", subject=f"destination:{n + 50}", **about))
        db.session.commit()
    assert counts() == before
