"""The alert rules: thresholds, mutes, and what each rule sees now."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flask import Blueprint, request, url_for

from relay import database
from relay.dashboard import forms, guard, htmx
from relay.dashboard.alert_chart import chart_of
from relay.dashboard.alerts import SCOPES, SPANS
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import _
from relay.models import db
from relay.services.alerts import rule_status, rules
from relay.services.alerts.wording import value_words

blueprint = Blueprint("alert_rules", __name__, url_prefix="/alerts/rules")
WORST = 3


@blueprint.get("")
@guard.requires("viewer")
def page() -> Any:
    """Every rule with its worst subjects, or one rule (``?rule=``) with all of them."""
    only = request.args.get("rule", "")[:40]
    if only:
        rules.find_rule(only)
    found = rule_status.statuses(only, rule_status.MOST_OF_ONE_RULE if only else WORST)
    groups = {
        words: [one for one in found if one.setting.rule.scope == scope]
        for scope, words in SCOPES.items()
    }
    return htmx.respond(
        "alerts/rules.html",
        "alerts/_rules.html",
        groups={words: members for words, members in groups.items() if members},
        only=only,
        chart_of=chart_of,
    )


@blueprint.post("/<rule>/threshold")
@guard.requires("admin")
def threshold(rule: str) -> Any:
    return _answer(rule, lambda: _set_threshold(rule))


def _set_threshold(rule: str) -> str:
    if forms.text("do") == "default":
        rules.set_threshold(rule, None, guard.current_by())
        return _("The default threshold applies again.")
    value = _number(forms.text("threshold"))
    rules.set_threshold(rule, value, guard.current_by())
    return _(
        "Threshold saved: %(value)s.",
        value=value_words(value, rules.find_rule(rule).unit),
    )


def _number(text: str) -> float:
    """Raises Invalid."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Invalid({"threshold": [_("Enter a number.")]})
    return value


@blueprint.post("/<rule>/mute")
@guard.requires("admin")
def mute(rule: str) -> Any:
    return _answer(rule, lambda: _mute(rule))


def _mute(rule: str) -> str:
    chosen = forms.text("for")
    if chosen not in SPANS:
        rules.mute(rule, None, guard.current_by())
        return _("Muted. Relay sends nothing about this rule until you end it.")
    words, span = SPANS[chosen]
    rules.mute(rule, database.now(db.session) + span, guard.current_by())
    return _("Muted for %(time)s. Relay sends nothing about this rule until then.", time=_(words))


@blueprint.post("/<rule>/unmute")
@guard.requires("admin")
def unmute(rule: str) -> Any:
    return _answer(rule, lambda: _unmute(rule))


def _unmute(rule: str) -> str:
    rules.unmute(rule, guard.current_by())
    return _("Mute ended. Relay sends messages about this rule again.")


def _answer(rule: str, action: Callable[[], str]) -> Any:
    """Do it and go back to the rule, with a toast either way."""
    try:
        htmx.toast(action())
    except NotFound:
        raise
    except Invalid as exc:
        htmx.toast(" ".join(why for reasons in exc.reasons.values() for why in reasons), "danger")
    except Refusal as exc:
        htmx.toast(str(exc), "danger")
    only = rule if forms.text("only") else None
    return htmx.redirect(url_for("alert_rules.page", rule=only, _anchor=f"rule-{rule}"))


def init_app(app: Any) -> None:
    app.add_template_filter(value_words)
    app.add_template_filter(_, "unit_words")
