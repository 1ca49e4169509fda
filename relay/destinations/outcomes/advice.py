"""Advice for a person about a failed delivery: what happened and what to do, one row per code.

The sentence of a single call ends with "Relay retries"; the advice here is for the time after the
last attempt.  A kind's own codes need no row, because their sentence first says what happened and
then what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.i18n import N_, _
from relay.stored_text import translated


class FixLocation(StrEnum):
    """Where the cause must be fixed."""

    SETTINGS = "settings"  # of the destination
    MAPPING = "mapping"  # of the field that the error names
    RATE_LIMIT = "rate_limit"
    DESTINATION = "destination"  # at the service itself: nothing in Relay helps
    RELAY = "relay"  # by the operator of this Relay


@dataclass(frozen=True)
class Advice:
    """``headline`` says what happened (``{name}`` is the destination), ``advice`` what to do now."""

    headline: str
    advice: str
    fix_location: FixLocation = FixLocation.SETTINGS


RETRIES = N_("Relay retries.")  # ends the sentence of every call that a retry may fix
REPLAY = N_("Then resend these deliveries.")
TEST_FIRST = " ".join((N_("Send a test to check whether it works again."), REPLAY))
UNCLEAR = N_("Some of these may have arrived. Relay shows how many before it sends anything.")
COMPARE = N_("Open one of them and compare its request with what the destination expects.")
OPERATOR = N_("The problem is on Relay's side. Ask the operator of this Relay to check its log.")
PROXY = " ".join(
    (
        N_(
            "The problem is on Relay's side. Ask the operator of this Relay to check "
            "RELAY_OUTBOUND_PROXY and the rules of the proxy."
        ),
        REPLAY,
    )
)
CERTIFICATE = " ".join(
    (N_("Nothing was sent. The destination's operator must fix the certificate."), REPLAY)
)

ADVICE: dict[str, Advice] = {
    "http_3xx": Advice(
        N_("{name} has moved to another URL."),
        " ".join(
            (
                N_(
                    "Relay does not follow redirects, because that could leak data. Enter the "
                    "new URL in the settings."
                ),
                REPLAY,
            )
        ),
    ),
    "http_400": Advice(N_("{name} does not accept these messages."), f"{COMPARE} {REPLAY}"),
    "http_401": Advice(
        N_("{name} does not accept Relay's credentials."),
        " ".join((N_("Enter them again in its settings."), REPLAY)),
    ),
    "http_403": Advice(
        N_("{name} denies Relay the permission to do this."),
        " ".join((N_("Grant it there to these credentials, or enter other credentials."), REPLAY)),
    ),
    "http_404": Advice(
        N_("The URL of {name} does not exist."),
        " ".join((N_("Check the URL in the settings."), REPLAY)),
    ),
    "http_405": Advice(
        N_("The URL of {name} does not accept messages."),
        " ".join((N_("Check the URL in the settings."), REPLAY)),
    ),
    "http_409": Advice(
        N_("These messages conflict with data that {name} already has."),
        N_("Open one of them. If its data is already there, discard these deliveries."),
        FixLocation.DESTINATION,
    ),
    "http_410": Advice(
        N_("The URL of {name} was permanently closed."),
        " ".join((N_("Enter a new URL in the settings."), REPLAY)),
    ),
    "bad_mapping": Advice(
        N_(
            "The mapping for {name} uses a computed field that this version of Relay does not have."
        ),
        " ".join((N_("Choose another value for the field in the mapping."), REPLAY)),
        FixLocation.MAPPING,
    ),
    "bad_value": Advice(
        N_("A value does not fit its field in {name}."),
        " ".join(
            (
                N_("Open one of them to see which field, and change the mapping of that field."),
                REPLAY,
            )
        ),
        FixLocation.MAPPING,
    ),
    "some_refused": Advice(
        N_("The mail server of {name} accepted these mails, but not for all recipients."),
        N_(
            "Check the addresses in its settings. Resending sends the mails to the other recipients again. "
            "To avoid that, discard these deliveries."
        ),
    ),
    "http_413": Advice(
        N_("These messages are too large for {name}."),
        " ".join((N_("Shorten the mapping."), REPLAY)),
    ),
    "http_422": Advice(
        N_("{name} does not accept the content of these messages."), f"{COMPARE} {REPLAY}"
    ),
    "http_429": Advice(
        N_("{name} still received too many calls at the last attempt."),
        " ".join((N_("Set a lower rate limit."), REPLAY)),
        FixLocation.RATE_LIMIT,
    ),
    "http_4xx": Advice(N_("{name} does not accept these messages."), f"{COMPARE} {REPLAY}"),
    "http_5xx": Advice(
        N_("{name} still had an internal error at the last attempt."),
        TEST_FIRST,
        FixLocation.DESTINATION,
    ),
    "timeout": Advice(
        N_("{name} still did not respond in time at the last attempt."),
        f"{TEST_FIRST} {UNCLEAR}",
        FixLocation.DESTINATION,
    ),
    "no_answer": Advice(
        N_("{name} still did not respond at the last attempt."), TEST_FIRST, FixLocation.DESTINATION
    ),
    "connection_lost": Advice(
        N_("The connection to {name} was lost again at the last attempt."),
        f"{TEST_FIRST} {UNCLEAR}",
        FixLocation.DESTINATION,
    ),
    "connection_refused": Advice(
        N_("The server of {name} was still down at the last attempt."),
        TEST_FIRST,
        FixLocation.DESTINATION,
    ),
    "connect_timeout": Advice(
        N_("The server of {name} was still unreachable at the last attempt."),
        TEST_FIRST,
        FixLocation.DESTINATION,
    ),
    "unreachable": Advice(
        N_("The server of {name} was still unreachable at the last attempt."),
        TEST_FIRST,
        FixLocation.DESTINATION,
    ),
    "dns_failed": Advice(
        N_("The host name of {name} could not be resolved."),
        " ".join((N_("Check its spelling in the settings."), REPLAY)),
    ),
    "tls_not_yet_valid": Advice(
        N_("The certificate of {name} is not valid yet."), CERTIFICATE, FixLocation.DESTINATION
    ),
    "tls_expired": Advice(
        N_("The certificate of {name} has expired."), CERTIFICATE, FixLocation.DESTINATION
    ),
    "tls_self_signed": Advice(
        N_("The certificate of {name} is self-signed and not trusted."),
        CERTIFICATE,
        FixLocation.DESTINATION,
    ),
    "tls_unknown_issuer": Advice(
        N_("The certificate of {name} was issued by an unknown authority."),
        CERTIFICATE,
        FixLocation.DESTINATION,
    ),
    "tls_wrong_host": Advice(
        N_("The certificate of {name} is for a different host name."),
        " ".join(
            (
                N_(
                    "Check the URL in the settings. If it is correct, the destination's operator "
                    "must fix the certificate."
                ),
                REPLAY,
            )
        ),
    ),
    "tls_failed": Advice(
        N_("A secure connection to {name} could not be established."),
        CERTIFICATE,
        FixLocation.DESTINATION,
    ),
    "bad_answer": Advice(
        N_("The response of {name} is not valid HTTP."),
        " ".join((N_("Check in the settings that the URL belongs to a web server."), REPLAY)),
    ),
    "blocked_address": Advice(
        N_("The address of {name} is blocked: Relay does not call private networks."),
        " ".join(
            (
                N_(
                    "Enter a public address, or ask the operator of this Relay to allow that "
                    "network."
                ),
                REPLAY,
            )
        ),
    ),
    "proxy_unreachable": Advice(
        N_("The outbound proxy of this Relay could not be reached."), PROXY, FixLocation.RELAY
    ),
    "proxy_refused": Advice(
        N_("The outbound proxy of this Relay does not let it call {name}."),
        PROXY,
        FixLocation.RELAY,
    ),
    "proxy_no_connection": Advice(
        N_("The outbound proxy of this Relay could not connect to {name}."),
        TEST_FIRST,
        FixLocation.DESTINATION,
    ),
    "bad_ca": Advice(
        N_("The certificate authority in the settings of {name} cannot be read."),
        " ".join((N_("Paste its certificate again in the settings."), REPLAY)),
    ),
    "bad_header": Advice(
        N_("A header for {name} contains characters that HTTP headers do not allow."),
        " ".join((N_("Change the header in the settings."), REPLAY)),
    ),
    "bad_credentials": Advice(
        N_("The secret for {name} is not valid."),
        " ".join((N_("Enter it again in the settings."), REPLAY)),
    ),
    "bad_json": Advice(
        N_("The JSON text for {name} gives no valid JSON for these events."),
        " ".join(
            (
                N_(
                    "Open one of them: its error names the place. Change the JSON text in the "
                    "settings; for a value that may be missing, use the filter json."
                ),
                REPLAY,
            )
        ),
    ),
    "bad_path": Advice(
        N_("The path after the URL of {name} does not work with these events."),
        " ".join((N_("Change the path in the settings."), REPLAY)),
    ),
    "token_refused": Advice(
        N_("{name} gets no access token (OAuth 2.0)."),
        " ".join(
            (
                N_(
                    "Open one of them: its error has the service's own words. Correct the settings."
                ),
                REPLAY,
            )
        ),
    ),
    "token_unreachable": Advice(
        N_("The token URL of {name} could not be reached."), TEST_FIRST, FixLocation.DESTINATION
    ),
    "token_unavailable": Advice(
        N_("The token URL of {name} still had an error at the last attempt."),
        TEST_FIRST,
        FixLocation.DESTINATION,
    ),
    "token_invalid": Advice(
        N_("The token URL of {name} responds without an access token."),
        " ".join((N_("Check it in the settings."), REPLAY)),
    ),
    "bad_template": Advice(
        N_("The template for {name} does not work with these events."),
        " ".join((N_("Change the template in the settings."), REPLAY)),
    ),
    "cannot_build": Advice(
        N_("Relay could not build these messages."), OPERATOR, FixLocation.RELAY
    ),
    "cannot_open_secret": Advice(
        N_("The secret of {name} cannot be read."),
        " ".join((N_("Enter it again in the settings."), REPLAY)),
    ),
    "internal_error": Advice(
        N_("Relay could not build these messages."), OPERATOR, FixLocation.RELAY
    ),
    "unknown_kind": Advice(
        N_("This version of Relay does not support the kind of {name}."),
        N_(
            "The destination was created with a newer version. Ask the operator to update this Relay."
        ),
        FixLocation.RELAY,
    ),
    "worker_died": Advice(
        N_("Relay's worker crashed repeatedly while it sent these deliveries."),
        OPERATOR,
        FixLocation.RELAY,
    ),
}


def advice_for(code: str, field: str, sentence: str, name: str) -> Advice:
    """The advice for a code or its family (``http_4xx``), else taken from the call's ``sentence``, in the
    language of the reader.

    An error about a field always takes the sentence: it is more specific than any code.
    """
    family = f"http_{code[5]}xx" if code.startswith("http_") and len(code) == 8 else ""
    known = None if field else ADVICE.get(code) or ADVICE.get(family)
    if known is not None:
        headline = _(known.headline).replace("{name}", name)
        return Advice(headline, translated(known.advice), known.fix_location)
    headline, stop, rest = translated(sentence).strip().partition(". ")
    headline += stop.strip()
    if rest.strip().endswith(_(RETRIES)):  # no retry follows: it was the last attempt
        advice = f"{rest.strip().removesuffix(_(RETRIES))}{translated(TEST_FIRST)}"
        return Advice(headline, advice, FixLocation.DESTINATION)
    fix_location = FixLocation.MAPPING if field else FixLocation.SETTINGS
    return Advice(headline, rest.strip() or translated(f"{COMPARE} {REPLAY}"), fix_location)


def removed(name: str) -> Advice:
    """The advice for deliveries to a destination that was removed."""
    return Advice(
        _("%(name)s was removed.", name=name),
        _("These deliveries can no longer be sent. Discard them."),
        FixLocation.DESTINATION,
    )
