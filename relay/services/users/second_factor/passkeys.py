"""Passkeys (WebAuthn, https://www.w3.org/TR/webauthn-3/): register, verify, rename, remove.

A passkey is discoverable and asks for a fingerprint, face or PIN, so that it replaces password and
second factor together.  The library is imported when it is used: it takes 0.2 s.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from sqlalchemy import select, update

from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import N_, _
from relay.models import Passkey, User, db, db_now
from relay.services.audit import By, record
from relay.services.users import mails, sessions
from relay.services.users.second_factor import recovery
from relay.services.users.throttle import AttemptCounter

CHALLENGE_MINUTES = 5
MOST = 20  # of one person
CREDENTIAL_ID = re.compile(r"[A-Za-z0-9_-]{1,512}")
TRANSPORT = re.compile(r"[a-z-]{1,20}")
USED = RateLimitItemPerMinute(1, CHALLENGE_MINUTES, "passkey-challenge")


@dataclass(frozen=True)
class RelyingParty:
    """Where passkeys are valid: ``id`` is the host name, ``origin`` the scheme, host and port."""

    id: str
    origin: str


@dataclass(frozen=True)
class PasskeyAnswer:
    """What the browser sent as JSON, and what it answers: a challenge that was made for it.

    ``challenge`` is base64url; empty if none was made, or if it is older than 5 minutes.
    """

    credential: str
    challenge: str
    party: RelyingParty | None


def relying_party(public_url: str, host_url: str) -> RelyingParty | None:
    """For the public URL, or without one for the URL of the request.

    None where browsers allow no passkeys: at an IP address, or without HTTPS except on localhost.
    """
    parts = urlsplit(public_url or host_url)
    host = parts.hostname or ""
    is_local = host == "localhost" or host.endswith(".localhost")
    if not host or _is_address(host) or not (parts.scheme == "https" or is_local):
        return None
    return RelyingParty(host, f"{parts.scheme}://{parts.netloc}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def creation_options(user_id: int, party: RelyingParty) -> dict[str, Any]:
    """What ``navigator.credentials.create`` takes, as JSON; ``challenge`` is to be kept."""
    import webauthn
    from webauthn.helpers import structs

    user = db.session.get_one(User, user_id)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Relay",
        user_name=user.email,
        user_display_name=user.name or user.email,
        user_id=_handle_of(user.id),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(user.passkeys),
    )
    return json.loads(webauthn.options_to_json(options))  # type: ignore[no-any-return]


def request_options(party: RelyingParty, user_id: int | None = None) -> dict[str, Any]:
    """What ``navigator.credentials.get`` takes, as JSON; without a user, for any passkey."""
    import webauthn
    from webauthn.helpers import structs

    known = list_passkeys(user_id) if user_id is not None else []
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        allow_credentials=_descriptors(known),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return json.loads(webauthn.options_to_json(options))  # type: ignore[no-any-return]


def list_passkeys(user_id: int) -> list[Passkey]:
    """In the order in which they were added."""
    own = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
    return list(db.session.scalars(own))


def add(user_id: int, session_id: int, name: str, answer: PasskeyAnswer, by: By) -> Passkey:
    """Register a passkey.  The first factor of a person ends the person's other sessions.

    Raises Invalid.
    """
    import webauthn

    name = _check_name(name)
    challenge = _spend(answer)
    try:
        verified = webauthn.verify_registration_response(
            credential=answer.credential,
            expected_challenge=webauthn.base64url_to_bytes(challenge),
            expected_rp_id=answer.party.id if answer.party else "",
            expected_origin=answer.party.origin if answer.party else "",
            require_user_verification=True,
        )
        transports = json.loads(answer.credential)["response"].get("transports") or []
    except Exception as exc:  # the library raises many kinds for malformed input
        raise Invalid(
            {"passkey": [_("The browser's passkey was not accepted. Try again.")]}
        ) from exc
    user = db.session.get_one(User, user_id, with_for_update=True)
    credential_id = webauthn.helpers.bytes_to_base64url(verified.credential_id)
    is_known = db.session.scalar(select(Passkey.id).where(Passkey.credential_id == credential_id))
    if is_known or len(user.passkeys) >= MOST or not CREDENTIAL_ID.fullmatch(credential_id):
        db.session.rollback()
        raise Invalid(
            {"passkey": [_("It is already registered, or you have %(num)s passkeys.", num=MOST)]}
        )
    is_first = not user.has_second_factor
    passkey = Passkey(
        user_id=user.id,
        name=name,
        credential_id=credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=[one for one in transports[:8] if TRANSPORT.fullmatch(str(one))],
    )
    db.session.add(passkey)
    record(by, "user.passkey_add", user.email, name=name)
    if is_first:
        sessions.end_all(user, by, but=session_id)
    db.session.commit()
    mails.report_factor(user, N_("The passkey “%(name)s” was added"), by, name=name)
    return passkey


def use(answer: PasskeyAnswer, user_id: int | None = None) -> User | None:
    """The person of the passkey, if it is valid and, with ``user_id``, if it is that person's.

    In the running transaction.
    """
    import webauthn
    from webauthn.helpers import parse_authentication_credential_json

    try:
        challenge = _spend(answer)
        credential = parse_authentication_credential_json(answer.credential)
        if not CREDENTIAL_ID.fullmatch(credential.id):
            return None
        found = db.session.scalar(select(Passkey).where(Passkey.credential_id == credential.id))
        if found is None or user_id not in (None, found.user_id) or answer.party is None:
            return None
        handle = credential.response.user_handle
        if handle is not None and handle != _handle_of(found.user_id):
            return None
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=webauthn.base64url_to_bytes(challenge),
            expected_rp_id=answer.party.id,
            expected_origin=answer.party.origin,
            credential_public_key=found.public_key,
            credential_current_sign_count=found.sign_count,
            require_user_verification=True,
        )
    except Exception:  # the library raises many kinds for malformed input
        return None
    # a copy of the passkey that answers at the same time has the same count
    counted = db.session.execute(
        update(Passkey)
        .where(Passkey.id == found.id, Passkey.sign_count == found.sign_count)
        .values(sign_count=verified.new_sign_count, last_used_at=db_now()),
        execution_options={"synchronize_session": False},
    )
    if not counted.rowcount:  # type: ignore[attr-defined]
        return None
    return db.session.get(User, found.user_id)


def rename(user_id: int, passkey_id: int, name: str, by: By) -> None:
    """Raises Invalid, NotFound."""
    name, passkey = _check_name(name), _own(user_id, passkey_id)
    old, passkey.name = passkey.name, name
    record(by, "user.passkey_rename", by.actor, name=name, old_name=old)
    db.session.commit()


def remove(user_id: int, session_id: int | None, passkey_id: int, by: By) -> None:
    """Remove a passkey, and end all sessions of the person but ``session_id``.  Raises NotFound."""
    user = db.session.get_one(User, user_id, with_for_update=True)
    passkey = _own(user_id, passkey_id)
    name = passkey.name
    user.passkeys.remove(passkey)
    record(by, "user.passkey_remove", user.email, name=name)
    db.session.flush()
    recovery.drop_unneeded(user)
    sessions.end_all(user, by, but=session_id)
    db.session.commit()
    mails.report_factor(user, N_("The passkey “%(name)s” was removed"), by, name=name)


def _own(user_id: int, passkey_id: int) -> Passkey:
    passkey = db.session.get(Passkey, passkey_id)
    if passkey is None or passkey.user_id != user_id:
        db.session.rollback()
        raise NotFound(_("There is no such passkey. It may have been removed."))
    return passkey


def _check_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 120:
        raise Invalid({"name": [_("Enter a name of at most 120 characters, such as Laptop.")]})
    return name


def _spend(answer: PasskeyAnswer) -> str:
    """The challenge, if it is used for the first time.  Raises Refusal."""
    db.session.rollback()  # no transaction is open while the broker counts
    challenge = answer.challenge
    if not challenge or not AttemptCounter(USED, challenge).add():
        raise Refusal(_("This request was used already, or is too old. Try again."))
    return challenge


def _handle_of(user_id: int) -> bytes:
    """How authenticators know the person: no personal data."""
    return f"relay-user-{user_id}".encode()


def _descriptors(passkeys: list[Passkey]) -> list[Any]:
    import webauthn
    from webauthn.helpers import structs

    known = {one.value for one in structs.AuthenticatorTransport}
    return [
        structs.PublicKeyCredentialDescriptor(
            id=webauthn.base64url_to_bytes(passkey.credential_id),
            transports=[
                structs.AuthenticatorTransport(name) for name in passkey.transports if name in known
            ],
        )
        for passkey in passkeys
    ]
