"""Every error that Slack documents, with what Relay does and a sentence for a person.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (plain text),
https://docs.slack.dev/reference/methods/chat.postMessage (JSON, often with status 200).
"""

from __future__ import annotations

import json
from typing import Any

from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.i18n import N_, _
from relay.rules.lifecycle import Accepted, Held, Refused, Signal
from relay.transport.request import Reply, retry_after_s

RETRY, WAIT, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.WAIT, ErrorAction.PAUSE, ErrorAction.FIX
RECONNECT = N_("Create a new webhook in Slack, enter its URL in the settings and resume.")
RENEW = N_("Reinstall the app in Slack, enter its bot token in the settings and resume.")
REPORT = N_("The problem is on Relay's side: please report it.")
INTERNAL = N_("Slack has an internal error. Relay retries.")
INVALID = N_("Slack does not accept the format of the message. Change its text.")
EMPTY = N_("The message is empty. Change its text.")
TOO_LONG = N_("The message is too long for Slack. Shorten its text.")
VARIABLES = N_(
    "The workflow in Slack does not accept the variables. Give its webhook four variables of the type "
    "Text, named text, event, site and link, publish it, then resume."
)
WORKFLOW_GONE = N_(
    "The workflow in Slack was removed or is not published. Publish it, or enter the URL of another "
    "one in the settings, then resume."
)
CHAT_GONE = N_(
    "The chat server does not accept this webhook. Create a new one there, enter its URL in the "
    "settings, then resume."
)
MIGRATION_S = 600.0

WEBHOOK_ERRORS: dict[str, KnownError] = {
    code: KnownError(action, code, sentence)
    for code, action, sentence in (
        ("invalid_payload", FIX, INVALID),
        (
            "user_not_found",
            PAUSE,
            " ".join((N_("The Slack user of this webhook does not exist."), RECONNECT)),
        ),
        ("no_text", FIX, EMPTY),
        ("invalid_blocks", FIX, INVALID),
        ("invalid_blocks_format", FIX, INVALID),
        ("msg_too_long", FIX, TOO_LONG),
        ("msg_blocks_too_long", FIX, TOO_LONG),
        ("too_many_attachments", FIX, N_("The message has too many attachments. Change its text.")),
        (
            "action_prohibited",
            PAUSE,
            N_(
                "A Slack admin does not allow messages in this channel. Ask the admin, then resume."
            ),
        ),
        (
            "posting_to_general_channel_denied",
            PAUSE,
            " ".join(
                (
                    N_("Slack restricts who can post in the general channel. Choose another one."),
                    RECONNECT,
                )
            ),
        ),
        (
            "invalid_token",
            PAUSE,
            " ".join((N_("Slack no longer accepts this webhook."), RECONNECT)),
        ),
        ("team_disabled", PAUSE, " ".join((N_("The Slack workspace is disabled."), RECONNECT))),
        (
            "channel_not_found",
            PAUSE,
            " ".join((N_("The Slack channel no longer exists."), RECONNECT)),
        ),
        ("no_service", PAUSE, " ".join((N_("The webhook was removed in Slack."), RECONNECT))),
        ("no_service_id", PAUSE, " ".join((N_("The webhook was removed in Slack."), RECONNECT))),
        ("no_active_hooks", PAUSE, " ".join((N_("The webhook is disabled in Slack."), RECONNECT))),
        ("no_team", PAUSE, " ".join((N_("The Slack workspace does not exist."), RECONNECT))),
        (
            "channel_is_archived",
            PAUSE,
            " ".join(
                (
                    N_(
                        "The Slack channel is archived. Unarchive it and resume, or use another "
                        "channel."
                    ),
                    RECONNECT,
                )
            ),
        ),
        ("rollup_error", RETRY, INTERNAL),
    )
}
BOT_ERRORS: dict[str, KnownError] = {
    code: KnownError(action, code, sentence)
    for action, sentence, codes in (
        (
            PAUSE,
            N_("Slack cannot find the channel. Check its id in the settings, then resume."),
            "channel_not_found",
        ),
        (
            PAUSE,
            N_(
                "The app is not a member of the channel. Type /invite and the app's name there, then resume."
            ),
            "not_in_channel",
        ),
        (
            PAUSE,
            N_("The Slack channel is archived. Unarchive it or choose another one, then resume."),
            "is_archived",
        ),
        (
            PAUSE,
            N_(
                "The app is not allowed to post in this channel. Ask a Slack admin, or choose another "
                "channel, then resume."
            ),
            "restricted_action restricted_action_read_only_channel "
            "restricted_action_thread_only_channel restricted_action_non_threadable_channel "
            "posting_to_general_channel_denied no_permission access_denied",
        ),
        (
            FIX,
            TOO_LONG,
            "msg_too_long msg_blocks_too_long",
        ),
        (FIX, EMPTY, "no_text"),
        (FIX, INVALID, "invalid_blocks invalid_blocks_format too_many_attachments"),
        (
            WAIT,
            N_("Slack accepts one message per second in a channel. Relay waits."),
            "ratelimited rate_limited",
        ),
        (
            PAUSE,
            N_(
                "The Slack workspace has reached its limit of messages from apps. Upgrade its plan, then "
                "resume."
            ),
            "message_limit_exceeded",
        ),
        (
            PAUSE,
            " ".join((N_("Slack no longer accepts the bot token."), RENEW)),
            "not_authed invalid_auth account_inactive token_revoked token_expired "
            "not_allowed_token_type two_factor_setup_required",
        ),
        (
            PAUSE,
            " ".join(
                (
                    N_(
                        "The bot does not have the permission to post messages. Give it the scope "
                        "chat:write in Slack."
                    ),
                    RENEW,
                )
            ),
            "missing_scope",
        ),
        (
            PAUSE,
            N_("A Slack admin has blocked messages from apps. Ask the admin, then resume."),
            "ekm_access_denied accesslimited enterprise_is_restricted team_access_not_granted "
            "access_restricted",
        ),
        (
            WAIT,
            N_("The Slack workspace is being migrated. Relay waits until it is done."),
            "org_login_required team_added_to_org",
        ),
        (RETRY, INTERNAL, "fatal_error internal_error request_timeout service_unavailable"),
        (
            PAUSE,
            N_("Slack no longer supports this API method. Update Relay, then resume."),
            "deprecated_endpoint method_deprecated as_user_not_supported",
        ),
        (
            FIX,
            " ".join((N_("Slack does not accept the arguments of the call."), REPORT)),
            "invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data "
            "invalid_post_type missing_post_type invalid_json json_not_object",
        ),
    )
    for code in codes.split()
}


def webhook_signal(reply: Reply) -> Signal:
    """The outcome of a webhook's reply.  Slack's error code counts first; only ``200 ok`` is success."""
    code = reply.text.strip()
    if reply.status == 200:
        if code == "ok":
            return Accepted()
        return Refused(
            "not_slack", " ".join((_("The response is not from Slack."), _(RECONNECT))), pause=True
        )
    if known := WEBHOOK_ERRORS.get(code):
        return known.signal(retry_after_s(reply))
    if reply.status == 429:
        return _too_many(reply)
    signal = classify(reply)
    if isinstance(signal, Refused) and reply.status in (401, 403, 404, 410):
        return Refused(signal.code, f"{signal.sentence} {RECONNECT}", pause=True)
    return signal


def bot_signal(reply: Reply) -> Signal:
    """The outcome of a bot's reply.  Its ``ok`` field counts, not its HTTP status."""
    body = _object(reply)
    code = str(body.get("error", ""))
    if reply.status == 429 or code in ("ratelimited", "rate_limited"):
        return _too_many(reply)
    if known := BOT_ERRORS.get(code):
        migration_s = MIGRATION_S if known.action is WAIT else None
        return known.signal(retry_after_s(reply) or migration_s)
    if reply.status == 200 and body.get("ok") is True:
        return Accepted()
    if reply.status == 200:
        if not code:
            return Refused(
                "not_slack",
                _(
                    "The response is not from Slack. Check the URL of Slack in the settings, then resume."
                ),
                pause=True,
            )
        return Refused(
            "slack_refused",
            _("Slack rejected the message with the error %(code)s.", code=code[:60]),
        )
    return classify(reply)


def workflow_signal(reply: Reply) -> Signal:
    """The outcome of a workflow's reply: JSON with ``ok``.

    Source: https://docs.slack.dev/tools/node-slack-sdk/reference/webhook/classes/WebhookTrigger
    """
    if reply.status == 429:
        return _too_many(reply)
    if reply.status == 200 and _object(reply).get("ok") is True:
        return Accepted()
    if reply.status == 200:
        return Refused(
            "not_slack",
            " ".join((_("The response is not from Slack."), _(WORKFLOW_GONE))),
            pause=True,
        )
    if reply.status == 400:
        return Refused("workflow_variables", VARIABLES, pause=True)
    if reply.status in (401, 403, 404, 410):
        return Refused("workflow_gone", WORKFLOW_GONE, pause=True)
    return classify(reply)


def compatible_signal(reply: Reply) -> Signal:
    """The outcome of the reply of Mattermost (``ok``) or Rocket.Chat (``success``).

    Sources: https://docs.mattermost.com/developers/integrate/webhooks/incoming,
    https://docs.rocket.chat/docs/integrations.
    """
    body = _object(reply)
    if reply.status == 200 and (reply.text.strip() == "ok" or body.get("success") is True):
        return Accepted()
    if reply.status == 200:
        return Refused(
            "not_chat",
            " ".join((_("The response is not from a chat server."), _(CHAT_GONE))),
            pause=True,
        )
    is_gone = "incoming_webhook.invalid" in str(body.get("id", ""))
    if is_gone or reply.status in (401, 403, 404, 410):
        return Refused("chat_webhook_gone", CHAT_GONE, pause=True)
    return classify(reply)


def _too_many(reply: Reply) -> Held:
    known = BOT_ERRORS["ratelimited"]
    return Held("rate_limited", known.sentence, max(1.0, retry_after_s(reply) or 0.0))


def _object(reply: Reply) -> dict[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
