"""Which service a webhook URL belongs to, and what that service takes.  Pure.

Sources:
- https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (``/services/``)
- https://docs.slack.dev/tools/slack-github-action/sending-techniques/sending-data-webhook-slack-workflow
  (``/triggers/``, and ``/workflows/`` of older workflows: flat variables with texts)
- https://docs.mattermost.com/developers/integrate/webhooks/incoming (``/hooks/`` and one key)
- https://docs.rocket.chat/docs/integrations (``/hooks/``, an id and a token)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from relay.i18n import N_, _


class WebhookService(StrEnum):
    SLACK = "slack"
    WORKFLOW = "workflow"
    MATTERMOST = "mattermost"
    ROCKET_CHAT = "rocket_chat"


@dataclass(frozen=True)
class _UrlPattern:
    service: WebhookService
    path: re.Pattern[str]


PATTERNS = (
    _UrlPattern(WebhookService.SLACK, re.compile(r"/services/.+")),
    _UrlPattern(WebhookService.WORKFLOW, re.compile(r"/(triggers|workflows)/.+")),
    _UrlPattern(WebhookService.ROCKET_CHAT, re.compile(r"(/[^/]+)*/hooks/[^/]+/[^/]+/?")),
    _UrlPattern(WebhookService.MATTERMOST, re.compile(r"(/[^/]+)*/hooks/[^/]+/?")),
)
# Characters of one message.  Mattermost: its column; Rocket.Chat: Message_MaxAllowedSize.
MAX_PLAIN = {WebhookService.MATTERMOST: 16_000, WebhookService.ROCKET_CHAT: 5_000}
# Hosts with webhooks that take another format.
OTHERS = {
    "discord.com": "Discord",
    "discordapp.com": "Discord",
    "chat.googleapis.com": N_("Google Chat"),
    "webhook.office.com": N_("Microsoft Teams"),
    "logic.azure.com": N_("Microsoft Teams"),
    "powerplatform.com": N_("Microsoft Teams"),
}
EXPECTED = N_(
    "This is not a webhook URL of Slack, which looks like https://hooks.slack.com/services/T…/B…/… (an "
    "incoming webhook) or https://hooks.slack.com/triggers/… (a workflow). For other services, use a "
    "destination of the kind Webhook."
)


def service_of(url: str) -> WebhookService:
    """The service of a webhook URL.  Raises ValueError with a sentence that says what to use."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as exc:
        raise ValueError(_(EXPECTED)) from exc
    for domain, name in OTHERS.items():
        if host == domain or host.endswith(f".{domain}"):
            raise ValueError(
                _(
                    "This is a webhook URL of %(name)s, which does not take Slack's messages. Use a destination "
                    "of the kind Webhook, and build the body that it expects in its mapping.",
                    name=name,
                )
            )
    found = next((one.service for one in PATTERNS if one.path.fullmatch(parts.path)), None)
    if found is None or (host == "hooks.slack.com" and found in MAX_PLAIN):
        raise ValueError(_(EXPECTED))
    return found
