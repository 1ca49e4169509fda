"""The kinds of alert channels.

E-mail, Slack and webhook are the kinds of destinations, with the same names of settings and the same
calls; the settings that need an event are left out.  ``ntfy`` is for channels only.
"""

from __future__ import annotations

from relay.destinations.base import Kind
from relay.destinations.channel_kinds.ntfy import Ntfy
from relay.destinations.kinds.email import Email
from relay.destinations.kinds.email.settings import EmailSchema
from relay.destinations.kinds.slack import Slack
from relay.destinations.kinds.slack.settings import SlackSchema
from relay.destinations.kinds.webhook import Webhook
from relay.destinations.kinds.webhook.settings import WebhookSchema
from relay.i18n import N_


class EmailChannel(Email):
    tagline = N_("Sends an e-mail through your own mail server.")
    schema = EmailSchema(exclude=("recipient", "reply_to", "subject", "text", "links"))
    to = schema.fields["to"]
    to.required = True  # a destination may write to the customer instead
    to.error_messages = {**to.error_messages, "required": N_("Enter an e-mail address.")}


class SlackChannel(Slack):
    schema = SlackSchema(exclude=("text", "links", "digest_above", "unfurl_links", "unfurl_media"))


class WebhookChannel(Webhook):
    tagline = N_("Sends JSON to a URL, for another system that reacts to alerts.")
    schema = WebhookSchema(
        exclude=("method", "content", "json_text", "path", "query", "extra_headers")
    )


# What a schema's texts say about events, in words for alerts.
HELP = {
    ("webhook", "url"): N_("Relay sends each message about an alert to this URL over HTTPS."),
    (
        "webhook",
        "signing_secret",
    ): N_(
        "Leave it empty: Relay makes a secret and shows it once. Or enter one "
        "that the receiving system gave you."
    ),
    ("webhook", "ca_pem"): N_(
        "Only if the server has a certificate from your own CA: paste the CA's "
        "certificate, or several. Relay trusts it for this channel only."
    ),
    (
        "slack",
        "webhook_url",
    ): N_(
        "In Slack: your app → Incoming Webhooks → Add New Webhook to Workspace → "
        "choose the channel → copy the URL. URLs of Mattermost and Rocket.Chat work, too."
    ),
}

CHANNEL_KINDS: dict[str, Kind] = {
    kind.slug: kind for kind in (EmailChannel(), SlackChannel(), Ntfy(), WebhookChannel())
}
