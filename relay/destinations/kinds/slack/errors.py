"""Every error that Slack documents: what it means, and what a person does about it.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (plain text),
https://docs.slack.dev/reference/methods/chat.postMessage (JSON, often with status 200).
"""

from __future__ import annotations

import json
from typing import Any

from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.rules.lifecycle import Accepted, Held, Refused, Signal
from relay.transport.request import Reply, retry_after_s

RETRY, WAIT, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.WAIT, ErrorAction.PAUSE, ErrorAction.FIX
RECONNECT = "Make a new webhook in Slack, enter its address here and resume."
RENEW = "Install the app in Slack again, enter its bot token here and resume."
OURS = "That is on Relay's side: please report it."
MIGRATION_S = 600.0

WEBHOOK_ERRORS: dict[str, KnownError] = {
    word: KnownError(verdict, word, sentence)
    for word, verdict, sentence in (
        ("invalid_payload", FIX, "Slack does not understand the message. Change its text."),
        (
            "user_not_found",
            PAUSE,
            f"Slack does not know the user this webhook writes to. {RECONNECT}",
        ),
        ("no_text", FIX, "The message came out empty. Change its text."),
        ("too_many_attachments", FIX, "The message has too many attachments. Change its text."),
        (
            "action_prohibited",
            PAUSE,
            "A Slack admin does not allow messages there. Ask them, then resume.",
        ),
        (
            "posting_to_general_channel_denied",
            PAUSE,
            "Slack allows only some people to write in the general channel. Choose another one. "
            + RECONNECT,
        ),
        ("invalid_token", PAUSE, f"Slack does not accept this webhook any more. {RECONNECT}"),
        ("team_disabled", PAUSE, f"The Slack workspace is switched off. {RECONNECT}"),
        ("channel_not_found", PAUSE, f"The Slack channel does not exist any more. {RECONNECT}"),
        ("no_service", PAUSE, f"The webhook was removed in Slack. {RECONNECT}"),
        ("no_service_id", PAUSE, f"The webhook was removed in Slack. {RECONNECT}"),
        ("no_active_hooks", PAUSE, f"The webhook is switched off in Slack. {RECONNECT}"),
        ("no_team", PAUSE, f"The Slack workspace does not exist. {RECONNECT}"),
        (
            "channel_is_archived",
            PAUSE,
            f"The Slack channel is archived. Unarchive it, or: {RECONNECT}",
        ),
        ("rollup_error", RETRY, "Slack has trouble of its own. Relay tries again."),
    )
}
BOT_ERRORS: dict[str, KnownError] = {
    word: KnownError(verdict, word, sentence)
    for verdict, sentence, words in (
        (
            PAUSE,
            "Slack does not find the channel. Check its id in the settings, then resume.",
            "channel_not_found",
        ),
        (
            PAUSE,
            "The app is not in the channel. Write /invite and its name there, then resume.",
            "not_in_channel",
        ),
        (
            PAUSE,
            "The Slack channel is archived. Unarchive it or choose another one, then resume.",
            "is_archived",
        ),
        (
            PAUSE,
            "Slack does not let this app write in that channel. Ask a Slack admin, or choose another "
            "channel, then resume.",
            "restricted_action restricted_action_read_only_channel "
            "restricted_action_thread_only_channel restricted_action_non_threadable_channel "
            "posting_to_general_channel_denied no_permission access_denied",
        ),
        (
            FIX,
            "The message is too long for Slack. Shorten its text.",
            "msg_too_long msg_blocks_too_long",
        ),
        (FIX, "The message came out empty. Change its text.", "no_text"),
        (
            FIX,
            "Slack does not understand the message. Change its text.",
            "invalid_blocks invalid_blocks_format too_many_attachments",
        ),
        (WAIT, "Slack takes one message a second in a channel.", "ratelimited rate_limited"),
        (
            PAUSE,
            "The Slack workspace takes no more messages from apps. Extend its plan, then resume.",
            "message_limit_exceeded",
        ),
        (
            PAUSE,
            f"Slack does not accept the bot token any more. {RENEW}",
            "not_authed invalid_auth account_inactive token_revoked token_expired "
            "not_allowed_token_type two_factor_setup_required",
        ),
        (
            PAUSE,
            f"The bot may not write messages. Give it the scope chat:write in Slack. {RENEW}",
            "missing_scope",
        ),
        (
            PAUSE,
            "A Slack admin has stopped messages of apps. Ask them, then resume.",
            "ekm_access_denied accesslimited enterprise_is_restricted team_access_not_granted "
            "access_restricted",
        ),
        (
            WAIT,
            "The Slack workspace is being moved. Relay waits until it is over.",
            "org_login_required team_added_to_org",
        ),
        (
            RETRY,
            "Slack has trouble of its own. Relay tries again.",
            "fatal_error internal_error request_timeout service_unavailable",
        ),
        (
            PAUSE,
            "Slack does not offer this way of writing any more. Update Relay, then resume.",
            "deprecated_endpoint method_deprecated as_user_not_supported",
        ),
        (
            FIX,
            f"Slack does not understand the call. {OURS}",
            "invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data "
            "invalid_post_type missing_post_type invalid_json json_not_object",
        ),
    )
    for word in words.split()
}


def webhook_signal(reply: Reply) -> Signal:
    """Slack's own words first; only ``200 ok`` is success."""
    word = reply.text.strip()
    if reply.status == 200:
        if word == "ok":
            return Accepted()
        return Refused("not_slack", f"The answer was not Slack's. {RECONNECT}", pause=True)
    if known := WEBHOOK_ERRORS.get(word):
        return known.signal(retry_after_s(reply))
    if reply.status == 429:
        return _too_many(reply)
    signal = classify(reply)
    if isinstance(signal, Refused) and reply.status in (401, 403, 404, 410):
        return Refused(signal.code, f"{signal.sentence} {RECONNECT}", pause=True)
    return signal


def bot_signal(reply: Reply) -> Signal:
    """The ``ok`` of the answer decides, not its status."""
    answer = _object(reply)
    word = str(answer.get("error", ""))
    if reply.status == 429 or word in ("ratelimited", "rate_limited"):
        return _too_many(reply)
    if known := BOT_ERRORS.get(word):
        moving = known.verdict is WAIT and MIGRATION_S
        return known.signal(retry_after_s(reply) or moving or None)
    if reply.status == 200 and answer.get("ok") is True:
        return Accepted()
    if reply.status == 200:
        if not word:
            return Refused(
                "not_slack",
                "The answer was not Slack's. Check Slack's address in the settings, then resume.",
                pause=True,
            )
        return Refused("slack_refused", f"Slack did not take the message and says {word[:60]}.")
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
