"""What a dead letter's cause means for a person, and what to do about it: one row a code.

The sentence of a single call says "Relay tries again"; these say what to do once it does not.  A
kind's own codes need no row: their sentence says first what happened and then what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FixLocation(StrEnum):
    """Where the cause is put right."""

    SETTINGS = "settings"  # of the destination
    MAPPING = "mapping"  # of the field that it complains about
    PACE = "pace"
    THERE = "there"  # at the destination: nothing here helps
    RELAY = "relay"  # whoever runs this Relay


@dataclass(frozen=True)
class Advice:
    """``headline`` says what happened (``{name}`` is the destination), ``advice`` what to do now."""

    headline: str
    advice: str
    mend: FixLocation = FixLocation.SETTINGS


TRIES = "Relay tries again."  # how the sentence of a call ends that time may help
AGAIN = "Then send these again."
BACK = f"Send a test to see whether it is back. {AGAIN}"
COMPARE = "Open one of them and compare what was sent with what it expects."
OPERATOR = "That is on Relay's side: tell whoever runs this Relay, and have its log looked at."
CERTIFICATE = f"Nothing was sent. Whoever runs it has to put the certificate right. {AGAIN}"

ADVICE: dict[str, Advice] = {
    "http_3xx": Advice(
        "{name} has moved to another address.",
        f"Relay does not follow, since that could leak data. Enter the new address. {AGAIN}",
    ),
    "http_400": Advice("{name} does not accept these messages.", f"{COMPARE} {AGAIN}"),
    "http_401": Advice(
        "{name} does not accept our credentials.",
        f"Enter them again in its settings and resume it. {AGAIN}",
    ),
    "http_403": Advice(
        "{name} knows us but does not let us do this.",
        f"Give these credentials the missing permission there, or enter others. {AGAIN}",
    ),
    "http_404": Advice(
        "Nothing lives at the address of {name}.", f"Check it in the settings. {AGAIN}"
    ),
    "http_405": Advice(
        "{name} does not take messages at this address.", f"Check it in the settings. {AGAIN}"
    ),
    "http_409": Advice(
        "{name} says that these are in conflict with what it has.",
        "Open one of them. Often it is there already; then discard these.",
        FixLocation.THERE,
    ),
    "http_410": Advice(
        "The address of {name} was closed for good.",
        f"Enter a new one in the settings and resume it. {AGAIN}",
    ),
    "bad_value": Advice(
        "A value does not fit the field of {name} that it goes to.",
        f"Open one of them to see which, and change what that field is filled with. {AGAIN}",
        FixLocation.MAPPING,
    ),
    "some_refused": Advice(
        "The mail server of {name} took these mails, but not for all of their readers.",
        "Check the addresses in its settings. Sending again would reach the others twice: if they "
        "matter more, discard these.",
    ),
    "http_413": Advice("These messages are too large for {name}.", f"Send less of each. {AGAIN}"),
    "http_422": Advice(
        "{name} does not accept the content of these messages.", f"{COMPARE} {AGAIN}"
    ),
    "http_429": Advice(
        "{name} had too much to do for as long as Relay tried.",
        f"Give it a slower pace. {AGAIN}",
        FixLocation.PACE,
    ),
    "http_4xx": Advice("{name} does not accept these messages.", f"{COMPARE} {AGAIN}"),
    "http_5xx": Advice(
        "{name} had trouble of its own for as long as Relay tried.", BACK, FixLocation.THERE
    ),
    "timeout": Advice(
        "{name} did not answer in time, as often as Relay tried.",
        f"{BACK} Some may have arrived; you are told how many before anything is sent.",
        FixLocation.THERE,
    ),
    "no_answer": Advice("{name} did not answer, as often as Relay tried.", BACK, FixLocation.THERE),
    "connection_lost": Advice(
        "The connection to {name} broke, as often as Relay tried.",
        f"{BACK} Some may have arrived; you are told how many before anything is sent.",
        FixLocation.THERE,
    ),
    "connection_refused": Advice(
        "The server of {name} was down, as often as Relay tried.", BACK, FixLocation.THERE
    ),
    "connect_timeout": Advice(
        "The server of {name} could not be reached, as often as Relay tried.",
        BACK,
        FixLocation.THERE,
    ),
    "unreachable": Advice(
        "The server of {name} could not be reached, as often as Relay tried.",
        BACK,
        FixLocation.THERE,
    ),
    "dns_failed": Advice(
        "The name of the server of {name} could not be looked up.",
        f"Check its address for a typing mistake. {AGAIN}",
    ),
    "tls_not_yet_valid": Advice(
        "The certificate of {name} is not valid yet.", CERTIFICATE, FixLocation.THERE
    ),
    "tls_expired": Advice("The certificate of {name} has expired.", CERTIFICATE, FixLocation.THERE),
    "tls_self_signed": Advice(
        "Nobody vouches for the certificate of {name}.", CERTIFICATE, FixLocation.THERE
    ),
    "tls_unknown_issuer": Advice(
        "The certificate of {name} comes from an unknown authority.", CERTIFICATE, FixLocation.THERE
    ),
    "tls_wrong_host": Advice(
        "The certificate of {name} is for another name.",
        f"Check the address in the settings, or have the certificate put right. {AGAIN}",
    ),
    "tls_failed": Advice(
        "No secure connection to {name} could be agreed on.", CERTIFICATE, FixLocation.THERE
    ),
    "bad_answer": Advice(
        "{name} answered with something that is not proper HTTP.",
        f"Check the address in the settings: does it belong to a web server? {AGAIN}",
    ),
    "blocked_address": Advice(
        "{name} leads to an address that Relay may not call.",
        f"Enter a public address, or have whoever runs this Relay open that network. {AGAIN}",
    ),
    "bad_header": Advice(
        "A header for {name} holds signs that no header may hold.",
        f"Change it in the settings. {AGAIN}",
    ),
    "bad_credentials": Advice(
        "The secret for {name} is not well formed.", f"Enter it again in the settings. {AGAIN}"
    ),
    "bad_template": Advice(
        "The text for {name} could not be filled in with these events.",
        f"Change it in the settings. {AGAIN}",
    ),
    "cannot_build": Advice("Relay could not build these messages.", OPERATOR, FixLocation.RELAY),
    "cannot_open_secret": Advice(
        "The secret of {name} cannot be opened.", f"Enter it again in the settings. {AGAIN}"
    ),
    "internal_error": Advice("Relay could not build these messages.", OPERATOR, FixLocation.RELAY),
    "unknown_kind": Advice(
        "This Relay does not know what kind of service {name} is.",
        "It was set up by a newer version: have this Relay updated.",
        FixLocation.RELAY,
    ),
    "worker_died": Advice(
        "Relay's worker stopped again and again while it handled these.",
        OPERATOR,
        FixLocation.RELAY,
    ),
}


def advice_for(code: str, field: str, sentence: str, name: str) -> Advice:
    """By code, by family of codes (``http_4xx``), else from the call's own ``sentence``.

    Where the destination names a field, its own words say more than a code.
    """
    family = f"http_{code[5]}xx" if code.startswith("http_") and len(code) == 8 else ""
    known = None if field else ADVICE.get(code) or ADVICE.get(family)
    if known is not None:
        return Advice(known.headline.replace("{name}", name), known.advice, known.mend)
    headline, stop, rest = sentence.strip().partition(". ")
    headline += stop.strip()
    if rest.strip().endswith(TRIES):  # it did, as often as it may
        return Advice(headline, f"{rest.strip().removesuffix(TRIES)}{BACK}", FixLocation.THERE)
    mend = FixLocation.MAPPING if field else FixLocation.SETTINGS
    return Advice(headline, rest.strip() or f"{COMPARE} {AGAIN}", mend)


def removed(name: str) -> Advice:
    """Of a destination that is no more."""
    return Advice(
        f"{name} was removed.",
        "They cannot be sent there any more. Discard them.",
        FixLocation.THERE,
    )
