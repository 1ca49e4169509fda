"""Rate limit, concurrency and retry schedule: the page and its form."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor, text_of
from tests.support.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORM = {"rate_count": "", "rate_unit": "second", "concurrency": "4", "schedule": "patient"}


def test_rate_limit_concurrency_and_retry_schedule_are_saved(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}"
    page = text_of(admin.get(here).text)
    assert "No limit" in page and "8 attempts over 1 day 6 h: immediately, then after 5 s" in page
    changes = {"rate_count": "30", "rate_unit": "minute", "schedule": "own", "own": "5 s, 2 h"}
    assert admin.post(f"{here}/throttling", {**FORM, **changes}).status_code == 303
    page = text_of(admin.get(here).text)
    assert "At most 30 per minute, spread evenly" in page and "4 requests at a time" in page
    assert "3 attempts over 2 h: immediately, then after 5 s and 2 h." in page


@pytest.mark.parametrize(
    "changes",
    [{"rate_count": "many"}, {"concurrency": "0"}, {"schedule": "own", "own": "soon"}],
)
def test_an_invalid_form_changes_nothing(
    app: Flask, world: World, admin: Visitor, changes: dict[str, str]
) -> None:
    answer = admin.post(f"/destinations/{world.hook}/throttling", {**FORM, **changes})
    assert answer.status_code == 422 and "field-error" in answer.text
    with app.app_context():
        destination = destination_settings.find_destination(world.hook)
        assert (destination.rate_count, destination.concurrency) == (None, 4)


def test_the_old_url_of_the_page_redirects(world: World, admin: Visitor) -> None:
    answer = admin.get(f"/destinations/{world.hook}/pace")
    assert answer.location == f"/destinations/{world.hook}/throttling"
    assert "Retry schedule" in admin.get(answer.location).text
