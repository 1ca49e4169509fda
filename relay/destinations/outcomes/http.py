"""What an HTTP reply means for a delivery.  Used by kinds that have no rules of their own."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from relay.i18n import N_, _
from relay.rules.lifecycle import Accepted, Failed, Refused, Signal
from relay.transport.request import Reply, retry_after_s


def status_phrase(status: int) -> str:
    """``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def redirect_target(location: str) -> str:
    """The server that a redirect names.  The rest is left out: it may contain a token of the old URL."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", host):
        return _("another page on the same server")
    return f"{parts.scheme or 'https'}://{host}"


SENTENCES = {
    400: N_("It does not accept this message. Compare the request with what it expects."),
    401: N_(
        "It does not accept Relay's credentials. Enter them again in the destination's settings, then "
        "resume it."
    ),
    403: N_("It denies Relay the permission to do this. Check the permissions of the credentials."),
    404: N_("The URL does not exist there. Check it in the destination's settings."),
    405: N_("The URL does not accept messages. Check it in the destination's settings."),
    409: N_("This message conflicts with data that it already has."),
    413: N_("The message is too large for it."),
    422: N_(
        "It does not accept the content of the message. Compare the request with what it expects."
    ),
    423: N_("What the message would change is locked there."),
}


OTHER = N_("It does not accept this message.")
CLOSED = N_(
    "This URL was permanently closed. Enter a new URL in the settings and resume the destination."
)


def classify(reply: Reply) -> Signal:
    """The default, by HTTP status alone.

    2xx is accepted.  408, 425, 429, 5xx and no response are retried; everything else is refused.
    """
    if reply.error is not None or reply.status is None:
        code = reply.error or "no_answer"
        signal = Refused if reply.permanent else Failed
        return signal(code, reply.sentence or _("The destination did not respond. Relay retries."))
    status = reply.status
    answered = _("The destination responded %(status)s.", status=status_phrase(status))
    code = f"http_{status}"
    if 200 <= status < 300:
        return Accepted()
    if status in (408, 425, 429) or status >= 500:
        why = (
            _("It gets too many calls; Relay retries.")
            if status == 429
            else _("The problem is on its side; Relay retries.")
        )
        return Failed(code, f"{answered} {why}", retry_after_s(reply))
    if 300 <= status < 400:
        target = redirect_target(reply.header("Location") or "")
        why = _(
            "It moved to %(what)s. Relay does not follow redirects: enter the new URL in the settings.",
            what=target,
        )
        return Refused(code, f"{answered} {why}")
    if status == 410:
        return Refused(
            code,
            f"{answered} {_(CLOSED)}",
            pause=True,
        )
    why = _(SENTENCES.get(status, OTHER))
    return Refused(code, f"{answered} {why}", pause=status == 401)
