"""Traffic: charts of what was received, delivered and failed, and the flow of one day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, Response, g, request, url_for

from relay import database
from relay.dashboard import charts, guard, htmx
from relay.dashboard.charts import RANGES, ChartView
from relay.dashboard.flow import OUTCOMES, Flow, flow_of
from relay.dashboard.time_zones import current_zone
from relay.i18n import _
from relay.models import Destination, Source, db
from relay.services.destinations import settings as destination_settings
from relay.services.ledger import site_reports
from relay.services.ledger.model import Period
from relay.services.ledger.reading import names_in, read_parts, snapshot
from relay.services.sources import settings as source_settings
from relay.services.traffic import reading
from relay.services.traffic.reading import ChartRange, ChartSteps, TrafficSeries

blueprint = Blueprint("traffic", __name__, url_prefix="/traffic")


def chosen_steps(now: datetime) -> ChartSteps:
    """The steps of the range in the URL."""
    return reading.steps_of(charts.chosen_range(request.args.get("range", "")), now, current_zone())


@blueprint.get("")
@guard.requires("viewer", replica=True)
def page() -> Response:
    """All sites and destinations: the chart, the destinations in numbers, and the flow of a day."""
    now = database.now(db.session)
    steps = chosen_steps(now)
    names = reading.destination_names()
    calls = reading.calls_of(steps)
    return htmx.respond(
        "traffic/page.html",
        "traffic/_traffic.html",
        chart=charts.traffic_chart(
            "traffic-chart",
            _("Events and deliveries"),
            reading.of_sites(steps),
            current_zone(),
            reading.holds_of(steps),
        ),
        range=steps.range,
        ranges=RANGES,
        names=names,
        calls=calls,
        no_calls=reading.NO_CALLS,
        sparks=destination_sparks(list(names), now),
        here=url_for("traffic.page"),
        **_flow(now),
    )


def _flow(now: datetime) -> dict[str, Any]:
    with snapshot(g.get("read_engine")) as connection:
        today = now.date()
        day = chosen_day(request.args.get("day", ""), today)
        period, names = Period(day, day), names_in(connection)
        books = read_parts(connection, period)
    reported = site_reports.missing_now(site_reports.reporting(period))
    missing = {
        source_id: sum(count for (_, at), count in found.items() if at == day)
        for source_id, found in reported.items()
    }
    flow: Flow | None = flow_of(books, names, day, missing)
    return {"flow": flow, "day": day, "today": today, "one_day": timedelta(days=1)}


def chosen_day(text: str, today: date) -> date:
    """The day in the URL; today for an invalid one or one in the future, 62 days ago at most."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return max(min(day, today), today - timedelta(days=61))


def site_sparks(ids: Sequence[int]) -> Mapping[int, TrafficSeries]:
    """The last 24 hours of these sites."""
    return reading.sparklines_of_sites(_day(database.now(db.session)), ids)


def destination_sparks(ids: Sequence[int], now: datetime) -> Mapping[int, TrafficSeries]:
    """The last 24 hours of these destinations."""
    return reading.sparklines_of_destinations(_day(now), ids)


def _day(now: datetime) -> ChartSteps:
    return reading.steps_of(ChartRange.DAY, now, current_zone())


@blueprint.get("/overview")
@guard.requires("viewer", limited=True, replica=True)
def overview_chart() -> Any:
    """The chart of the overview, as a fragment."""
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("overview.page", range=request.args.get("range")))
    return htmx.respond(
        "overview/_chart.html", "overview/_chart.html", **overview_context(database.now(db.session))
    )


def overview_context(now: datetime) -> dict[str, Any]:
    """What ``overview/_chart.html`` shows: of all sites that the person sees."""
    steps = chosen_steps(now)
    series = reading.of_sites(steps)
    # a person who is limited to some sites does not see the destinations as a whole
    holds = reading.holds_of(steps) if guard.signed_in().sees_all_sites else []
    return {
        "chart": charts.traffic_chart(
            "overview-traffic", _("Events and deliveries"), series, current_zone(), holds
        ),
        "range": steps.range,
        "ranges": RANGES,
        "here": url_for("overview.page"),
        "fragment": url_for("traffic.overview_chart"),
    }


@blueprint.get("/sites/<slug>")
@guard.requires("viewer", limited=True, replica=True)
def site_chart(slug: str) -> Any:
    """The chart of a site, as a fragment."""
    source = source_settings.find_source(slug)
    if not htmx.wants_fragment():
        here = url_for("sources.detail", slug=slug, range=request.args.get("range"))
        return htmx.redirect(here)
    return htmx.respond(
        "sources/_chart.html",
        "sources/_chart.html",
        **site_context(source, database.now(db.session)),
    )


def site_context(source: Source, now: datetime) -> dict[str, Any]:
    """What ``sources/_chart.html`` shows."""
    steps = chosen_steps(now)
    series = reading.of_sites(steps, source.id)
    return {
        "chart": charts.traffic_chart(
            "site-traffic", _("Events and deliveries"), series, current_zone()
        ),
        "range": steps.range,
        "ranges": RANGES,
        "here": url_for("sources.detail", slug=source.slug),
        "fragment": url_for("traffic.site_chart", slug=source.slug),
    }


@blueprint.get("/destinations/<int:destination_id>")
@guard.requires("viewer", replica=True)
def destination_chart(destination_id: int) -> Any:
    """The charts of a destination, as a fragment."""
    destination = destination_settings.find_destination(destination_id)
    if not htmx.wants_fragment():
        here = url_for(
            "destinations.detail",
            destination_id=destination_id,
            range=request.args.get("range"),
        )
        return htmx.redirect(here)
    context = destination_context(destination, database.now(db.session))
    return htmx.respond("destinations/_chart.html", "destinations/_chart.html", **context)


def destination_context(destination: Destination, now: datetime) -> dict[str, Any]:
    """What ``destinations/_chart.html`` shows."""
    steps = chosen_steps(now)
    number = destination.id
    chart: ChartView = charts.traffic_chart(
        "destination-traffic",
        _("Deliveries"),
        reading.of_destination(steps, number),
        current_zone(),
        reading.holds_of(steps, number),
        received="",
    )
    return {
        "chart": chart,
        "duration_chart": charts.duration_chart(
            "destination-duration",
            _("Response time"),
            steps,
            reading.durations_of(steps, number),
            current_zone(),
        ),
        "calls": reading.calls_of(steps, number).get(number, reading.NO_CALLS),
        "range": steps.range,
        "ranges": RANGES,
        "here": url_for("destinations.detail", destination_id=number),
        "fragment": url_for("traffic.destination_chart", destination_id=number),
    }


def init_app(app: Flask) -> None:
    charts.init_app(app)
    app.add_template_filter(lambda outcome: _(OUTCOMES[outcome][0]), "outcome_words")
