"""What a form with a passkey needs: a challenge in the session, and where passkeys are valid."""

from __future__ import annotations

import time
from typing import Any

from flask import current_app, request, session

from config import Config
from relay.services.users.second_factor import passkeys
from relay.services.users.second_factor.passkeys import PasskeyAnswer, RelyingParty

CHALLENGE = "passkey-challenge"
LONGEST = 16_000


def party() -> RelyingParty | None:
    """Where passkeys are valid; None where browsers allow none."""
    config: Config = current_app.extensions["relay_config"]
    return passkeys.relying_party(config.public_url, request.host_url)


def keep_challenge(options: dict[str, Any]) -> dict[str, Any]:
    """Remember the challenge of these options in the session."""
    session[CHALLENGE] = {"text": options["challenge"], "at": int(time.time())}
    return options


def answer(field: str) -> PasskeyAnswer | None:
    """The posted passkey with its challenge, which is then forgotten; None if there is none."""
    credential = request.form.get(field, "")
    if not credential or len(credential) > LONGEST:
        return None
    made = session.pop(CHALLENGE, {})
    is_fresh = 0 <= time.time() - made.get("at", 0) < passkeys.CHALLENGE_MINUTES * 60
    return PasskeyAnswer(credential, made["text"] if is_fresh else "", party())
