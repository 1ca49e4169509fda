"""The bot token of a Slack destination: which bot it belongs to, and a link that creates an app with all it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from relay.destinations.base import AccessResult, Send
from relay.destinations.envelope import USER_AGENT
from relay.destinations.kinds.slack.errors import bot_signal
from relay.i18n import _
from relay.rules.lifecycle import Accepted
from relay.transport.request import OutboundRequest

# Source: https://docs.slack.dev/reference/app-manifest
MANIFEST: Mapping[str, Any] = {
    "display_information": {
        "name": "Relay",
        "description": "Posts orders, leads and comments of your sites.",  # i18n: keep
    },
    "features": {"bot_user": {"display_name": "Relay", "always_online": False}},
    "oauth_config": {"scopes": {"bot": ["chat:write", "incoming-webhook"]}},
    "settings": {
        "org_deploy_enabled": False,
        "socket_mode_enabled": False,
        "token_rotation_enabled": False,
    },
}


def manifest_url() -> str:
    """A page of Slack that creates the app from the manifest.

    Source: https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests (sharing manifests)
    """
    manifest = json.dumps(MANIFEST, separators=(",", ":"))
    return f"https://api.slack.com/apps?new_app=1&manifest_json={quote(manifest, safe='')}"


def check(config: Mapping[str, Any], send: Send) -> AccessResult:
    """Ask Slack which bot the token belongs to.  Source: https://docs.slack.dev/reference/methods/auth.test"""
    token = str(config["bot_token"])
    url = str(config.get("api_url", "https://slack.com/api")).rstrip("/") + "/auth.test"
    headers = (
        ("Authorization", f"Bearer {token}"),  # i18n: keep
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("User-Agent", USER_AGENT),
    )
    reply = send(OutboundRequest("POST", url, headers, b"", secrets=(token,)))
    signal = bot_signal(reply)
    if not isinstance(signal, Accepted):
        return AccessResult(signal)
    body = json.loads(reply.text)
    user, team = str(body.get("user", ""))[:80], str(body.get("team", ""))[:80]
    return AccessResult(signal, _("Connected as %(user)s in %(team)s.", user=user, team=team))
