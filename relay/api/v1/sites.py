"""Sites: list and show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app, request
from marshmallow import fields

from relay import database
from relay.api.v1.operations import OperationGroup
from relay.api.v1.shapes import AnswerShape, Moment, PageQuery, text
from relay.models import SigningKey, Source, db
from relay.services.paging import Page
from relay.services.sources import keys
from relay.services.sources import settings as source_settings

group = OperationGroup("Sites")


class SiteShape(AnswerShape):
    slug = text("The short name of the site.")
    name = fields.String()
    url = fields.String()
    type = text("How it sends: `plugin`, `woocommerce` or `form`.")
    created_at = Moment()
    last_event_at = Moment(
        allow_none=True, metadata={"description": "When its newest stored event was received."}
    )


class KeyShape(AnswerShape):
    id = fields.String()
    state = text("`active`, `retiring`, `revoked` or `expired`.")
    not_after = Moment(allow_none=True)


class SiteInFullShape(SiteShape):
    endpoint = text("Where it sends its events.")
    per_minute = fields.Integer(metadata={"description": "Its rate limit; 0: none."})
    networks = fields.List(
        fields.String(), metadata={"description": "Allowed addresses; empty: all."}
    )
    keys = fields.List(fields.Nested(KeyShape))


@group.add("GET", "/sites", "List sites, newest first.", SiteShape, limited=True, query=PageQuery)
def list_sites(query: dict[str, Any]) -> Page[Any]:
    page = source_settings.list_sources(query["limit"], query["cursor"])
    last = source_settings.last_events([source.id for source in page.items])
    items = [of_site(source, last.get(source.id)) for source in page.items]
    return Page(items, page.total, page.next_after)


@group.add("GET", "/sites/<slug>", "Show a site with its keys.", SiteInFullShape, limited=True)
def show_site(slug: str) -> Any:
    source = source_settings.find_source(slug)
    now, config = database.now(db.session), current_app.extensions["relay_config"]
    last = source_settings.last_events([source.id])
    return of_site(source, last.get(source.id)) | {
        "endpoint": source_settings.endpoint_of(source, config, request.host_url),
        "per_minute": source.per_minute,
        "networks": [network.cidr for network in source.networks],
        "keys": [_key(key, now) for key in source.keys],
    }


def of_site(source: Source, last_event_at: datetime | None) -> dict[str, Any]:
    return {
        "slug": source.slug,
        "name": source.name,
        "url": source.url,
        "type": source.type.value,
        "created_at": source.created_at,
        "last_event_at": last_event_at,
    }


def _key(key: SigningKey, now: datetime) -> dict[str, Any]:
    return {"id": key.key_id, "state": keys.shown_state(key, now), "not_after": key.not_after}
