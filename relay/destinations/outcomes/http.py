"""What an HTTP reply means for a delivery, for kinds without rules of their own."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from relay.rules.lifecycle import Accepted, Failed, Refused, Signal
from relay.transport.request import Reply, retry_after_s


def status_phrase(status: int) -> str:
    """``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def redirect_target(location: str) -> str:
    """Which server a redirect names.  Not the rest: it may repeat a token of the old address."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", host):
        return "another page of the same server"
    return f"{parts.scheme or 'https'}://{host}"


SENTENCES = {
    400: "It does not accept this message. Compare what was sent with what it expects.",
    401: "It does not accept our credentials. Enter them again in the destination's settings, then resume.",
    403: "It knows us but does not let us do this. Check the credentials' permissions.",
    404: "Nothing lives at this address. Check it in the destination's settings.",
    405: "It does not take messages at this address. Check it in the destination's settings.",
    409: "It says that this message is in conflict with what it has.",
    413: "The message is too large for it.",
    422: "It does not accept the message's content. Compare what was sent with what it expects.",
}


def classify(reply: Reply) -> Signal:
    """The default by HTTP alone: 2xx is taken; 408, 425, 429, 5xx and silence may pass; the rest will not."""
    if reply.error is not None or reply.status is None:
        code = reply.error or "no_answer"
        kind = Refused if reply.permanent else Failed
        return kind(code, reply.sentence or "The destination did not answer. Relay tries again.")
    status, said = reply.status, f"The destination answered {status_phrase(reply.status)}."
    code = f"http_{status}"
    if 200 <= status < 300:
        return Accepted()
    if status in (408, 425, 429) or status >= 500:
        why = "It has too much to do" if status == 429 else "It has trouble of its own"
        return Failed(code, f"{said} {why}; Relay tries again.", retry_after_s(reply))
    if 300 <= status < 400:
        where = redirect_target(reply.header("Location") or "")
        return Refused(
            code,
            f"{said} It moved to {where}. Relay does not follow: enter the new address in the settings.",
        )
    if status == 410:
        return Refused(
            code, f"{said} This address is closed for good. Enter a new one and resume.", pause=True
        )
    why = SENTENCES.get(status, "It does not accept this message.")
    return Refused(code, f"{said} {why}", pause=status == 401)
