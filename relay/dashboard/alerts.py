"""Alerts: the open ones, the past ones, and one alert with its timeline and actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay import database
from relay.dashboard import forms, guard, htmx, navigation
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import N_, _
from relay.models import Alert, db
from relay.rules.alerts import RULES, Scope
from relay.rules.states import UserState
from relay.services.alerts import actions, listing
from relay.services.alerts.listing import AlertFilter
from relay.services.alerts.wording import subject_names
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from relay.services.users import accounts as user_accounts

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")
SCOPES = {
    Scope.DESTINATION: N_("Destinations"),
    Scope.SITE: N_("Sites"),
    Scope.INSTALLATION: N_("This installation"),
}
SPANS = {
    "1h": (N_("1 hour"), timedelta(hours=1)),
    "4h": (N_("4 hours"), timedelta(hours=4)),
    "1d": (N_("1 day"), timedelta(days=1)),
    "7d": (N_("1 week"), timedelta(days=7)),
}
PAGE_WORDS = {
    "destinations": N_("View destination"),
    "sources": N_("View site"),
    "dead-letters": N_("View failed deliveries"),
    "ledger": N_("View ledger"),
    "events": N_("View events"),
    "ai": N_("View AI steps"),
    "alerts": N_("View channels"),
}
OTHER_PAGE = N_("View page")


@dataclass(frozen=True)
class OpenAlerts:
    """The open alerts in the three groups that the page shows."""

    fresh: Sequence[Alert]
    seen: Sequence[Alert]
    covered: Sequence[Alert]

    @classmethod
    def of(cls, alerts: Sequence[Alert], now: datetime) -> OpenAlerts:
        fresh = [one for one in alerts if listing.needs_attention(one, now)]
        covered = [one for one in alerts if one.covered_by and one not in fresh]
        seen = [one for one in alerts if not (one.covered_by or one in fresh)]
        return cls(fresh, seen, covered)

    def __bool__(self) -> bool:
        return bool(self.fresh or self.seen or self.covered)


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    now, chosen, after = database.now(db.session), requested_filter(), forms.page_after()
    alerts = listing.open_now(chosen)
    whole = not htmx.wants_fragment()
    page = listing.past(chosen, 25, after) if whole else None
    shown = [*alerts, *(page.items if page else [])]
    kept = {name: value for name, value in vars(chosen).items() if value}
    return htmx.respond(
        "alerts/page.html",
        "alerts/_open.html",
        alerts=OpenAlerts.of(alerts, now),
        now=now,
        names=subject_names(one.subject for one in shown),
        page=page,
        after=after,
        chosen=chosen,
        kept=kept,
        here=url_for("alerts.list_page", **kept),
        **(_choices() if whole else {}),
    )


def requested_filter() -> AlertFilter:
    """The filter in the URL."""
    wanted = {name: request.args.get(name, "")[:200] for name in ("rule", "severity", "subject")}
    return AlertFilter(**wanted)


def _choices() -> Mapping[str, Any]:
    """The values that the filter offers."""
    destinations, sites = (
        destination_settings.destination_choices(),
        source_settings.source_choices(),
    )
    return {
        "rule_choices": {
            _(words): [(rule.name, _(rule.label)) for rule in RULES.values() if rule.scope == scope]
            for scope, words in SCOPES.items()
        },
        "subject_choices": {
            _("Destinations"): [(f"destination:{one.id}", one.name) for one in destinations],
            _("Sites"): [(f"site:{one.slug}", one.name) for one in sites],
        },
    }


@blueprint.get("/count")
@guard.requires("viewer")
def count() -> Any:
    """The count in the navigation, which polls."""
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("alerts.list_page"))
    return render_template("alerts/_count.html", alert_count=navigation.alert_count())


@blueprint.get("/<int:alert_id>")
@guard.requires("viewer")
def detail(alert_id: int) -> Any:
    alert = listing.find_alert(alert_id)
    people = [] if htmx.wants_fragment() else user_accounts.list_users()
    return htmx.respond(
        "alerts/detail.html",
        "alerts/_alert.html",
        alert=alert,
        now=database.now(db.session),
        name=subject_names([alert.subject])[alert.subject],
        written={entry.action for entry in alert.entries},
        people=[one.email for one in people if one.state == UserState.ACTIVE],
    )


@blueprint.post("/<int:alert_id>/acknowledge")
@guard.requires("support")
def acknowledge(alert_id: int) -> Any:
    note = forms.text("note")
    return _answer(
        alert_id,
        lambda: actions.acknowledge(alert_id, note, guard.current_by()),
        _("Acknowledged. The alert stays open until its cause no longer exists."),
    )


@blueprint.post("/<int:alert_id>/snooze")
@guard.requires("support")
def snooze(alert_id: int) -> Any:
    words, span = SPANS.get(forms.text("for"), SPANS["1h"])
    until = database.now(db.session) + span
    return _answer(
        alert_id,
        lambda: actions.snooze(alert_id, until, guard.current_by()),
        _("Snoozed for %(time)s. Relay sends nothing about this alert until then.", time=_(words)),
    )


@blueprint.post("/<int:alert_id>/end-snooze")
@guard.requires("support")
def end_snooze(alert_id: int) -> Any:
    return _answer(
        alert_id,
        lambda: actions.end_snooze(alert_id, guard.current_by()),
        _("Snooze ended."),
    )


@blueprint.post("/<int:alert_id>/assign")
@guard.requires("support")
def assign(alert_id: int) -> Any:
    owner = forms.text("owner") or None
    return _answer(
        alert_id,
        lambda: actions.assign(alert_id, owner, guard.current_by()),
        _("Assigned to %(owner)s.", owner=owner) if owner else _("Unassigned."),
    )


@blueprint.post("/<int:alert_id>/note")
@guard.requires("support")
def note(alert_id: int) -> Any:
    text = forms.text("note")
    return _answer(
        alert_id, lambda: actions.add_note(alert_id, text, guard.current_by()), _("Note saved.")
    )


def _answer(alert_id: int, action: Callable[[], Any], sentence: str) -> Any:
    """Do it and go back to the page that the form came from, with a toast either way."""
    try:
        action()
        htmx.toast(sentence)
    except NotFound:
        raise
    except Invalid as exc:
        htmx.toast(" ".join(why for reasons in exc.reasons.values() for why in reasons), "danger")
    except Refusal as exc:
        htmx.toast(str(exc), "danger")
    here = url_for("alerts.detail", alert_id=alert_id)
    return htmx.redirect(guard.local_path(request.form.get("next", here)))


def page_words(path: str) -> str:
    """The text of the link to the page that shows an alert: ``View destination``."""
    return _(PAGE_WORDS.get(path.lstrip("/").partition("/")[0].partition("?")[0], OTHER_PAGE))


def rule_label(name: str) -> str:
    """``Destination not responding``; the name itself if the rule no longer exists."""
    return _(RULES[name].label) if name in RULES else name


def spans() -> dict[str, tuple[str, timedelta]]:
    """How long a person can snooze or mute something, in words of the reader."""
    return {name: (_(words), span) for name, (words, span) in SPANS.items()}


def init_app(app: Any) -> None:
    app.add_template_filter(page_words)
    app.add_template_filter(rule_label)
    app.context_processor(lambda: {"spans": spans()})
