"""One message about many alerts of one rule.  Pure.

A common cause, such as a network that is down, opens an alert for each destination at once.  People get one
message with the first alerts and their number; a webhook gets one for each alert, because a program
follows each by its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from relay.i18n import N_
from relay.rules.alerts import RULES, Scope
from relay.rules.states import Severity

KINDS = frozenset(("email", "slack", "ntfy"))  # of channels that people read
MOST_SINGLE = 2  # so many alerts of one rule have a message each
MOST = 500  # alerts in one message
MOST_LISTED = 10
# After more than MOST_SINGLE messages of a rule within RECENT, a channel gets at most one per EVERY.
RECENT, EVERY = timedelta(minutes=5), timedelta(minutes=1)
NOUNS = {Scope.DESTINATION: "destinations", Scope.SITE: "sites", Scope.INSTALLATION: "alerts"}
ADVICE = {
    Scope.DESTINATION: N_(
        "When many destinations have a problem at once, the cause is often on Relay's side: check "
        "its network, DNS and outbound proxy first. Then open each alert."
    ),
    Scope.SITE: N_(
        "When many sites have a problem at once, the cause is often on Relay's side: check the proxy in "
        "front of Relay and its network first. Then open each alert."
    ),
    Scope.INSTALLATION: N_("Open each alert."),
}


def body_of_group(bodies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body of one message about several alerts of one rule and change, as ``messages.body_of``.

    ``alerts`` are the sentences of the first ones, the most severe first; ``more`` is how many follow.
    """
    ordered = sorted(bodies, key=lambda one: -Severity(one["severity"]).rank)
    first, rule = ordered[0], RULES.get(ordered[0]["rule"])
    scope = rule.scope if rule else Scope.INSTALLATION
    label = rule.label if rule else first["rule"]
    ends = [one["resolved_at"] for one in bodies]
    return {
        **first,
        "sentence": f"{label}: {len(bodies)} {NOUNS[scope]}.",
        "advice": ADVICE[scope],
        "url": _list_url(first),
        "since": min(one["since"] or one["opened_at"] for one in bodies),
        "resolved_at": max(ends) if all(ends) else None,
        "count": 1,
        "alerts": [one["sentence"] for one in ordered[:MOST_LISTED]],
        "more": max(0, len(bodies) - MOST_LISTED),
    }


def _list_url(body: Mapping[str, Any]) -> str:
    """The list of the alerts of this rule."""
    return f"{body['url'].rpartition('/')[0]}?rule={body['rule']}"


def key_of_group(keys: Iterable[str]) -> str:
    """The same for the same messages, so that a repeat can be recognized."""
    return hashlib.sha256(" ".join(sorted(keys)).encode()).hexdigest()[:32]
