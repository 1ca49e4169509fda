"""Finds out how a sender signs, after its signature was refused: for the page of the site, not for the sender.

Never part of a request: ``Rejections`` calls it in its own thread after the 401 was sent, so neither
the time of the response nor its CPU depends on it.  ``Limits.may_explain`` allows a few of these per
minute, by address and in all, and ``MAX_HASHED`` bounds each one.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relay.i18n import N_
from relay.ingest.signature import VerifyingKey

MAX_KEYS = 20
MAX_HASHED = 16 * 2**20  # bytes, about 20 ms
HEX = re.compile(rb"(?:[0-9a-f]{2}){8,64}\Z", re.IGNORECASE)
BASE64 = re.compile(rb"[A-Za-z0-9+/]+")
PREFIX = re.compile(
    rb"(hmac[-_ ]?sha256|sha-?256|v1|signature|hmac|base64|hex)\s*[=,:]\s*", re.IGNORECASE
)
HASHES = {16: "MD5", 20: "SHA-1", 48: "SHA-384", 64: "SHA-512"}
SIZE = 32  # of HMAC-SHA256
UNITS = {13: N_("milliseconds"), 16: N_("microseconds"), 19: N_("nanoseconds")}
AROUND_SECRET = (  # before and after it
    ("", "\n", "remove the line break at the end of the secret"),
    ("", "\r\n", "remove the line break at the end of the secret"),
    ("", " ", "remove the space at the end of the secret"),
    (" ", "", "remove the space at the start of the secret"),
    ("", "\t", "remove the tab at the end of the secret"),
    ('"', '"', "remove the quotation marks around the secret"),
    ("'", "'", "remove the quotation marks around the secret"),
)


@dataclass(frozen=True)
class SignatureForm:
    """A reading of the header: the MAC in it, and how to write it instead (empty if it is right)."""

    mac: bytes
    corrections: tuple[str, ...]


@dataclass(frozen=True)
class SigningMistake:
    """The key that signed, and what to correct in the sender."""

    key: VerifyingKey
    corrections: tuple[str, ...]


def time_unit(timestamp: str) -> str | None:
    """The unit or form of a timestamp that is not in whole seconds, if it is one that senders use."""
    if re.fullmatch(r"[0-9]+", timestamp):
        return UNITS.get(len(timestamp))
    if re.fullmatch(r"[0-9]{9,11}\.[0-9]+", timestamp):
        return N_("seconds with a fraction")
    if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[A-Z][a-z]{2}, [0-9]{1,2} ", timestamp):
        return N_("the form of a date")
    return None


def read_forms(signature: bytes) -> Iterator[SignatureForm]:
    """How the header can be read: with a prefix or quotes, in hex, URL-safe base64, or base64 of hex."""
    text, corrections = signature, []
    if len(text) > 1 and text[:1] == text[-1:] and text[:1] in b"\"'":
        text = text[1:-1]
        corrections.append("write the signature without quotation marks")
    if found := PREFIX.match(text):
        corrections.append(f"remove the prefix {found[0].decode('ascii').strip()}")
        text = text[found.end() :]
    if HEX.fullmatch(text):
        in_base64 = "write the signature in base64, not in hex"
        yield SignatureForm(bytes.fromhex(text.decode()), (*corrections, in_base64))
        return
    digits = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if not BASE64.fullmatch(digits) or len(digits) % 4 == 1:
        return
    mac = base64.b64decode(digits + b"=" * (-len(digits) % 4))
    if b"-" in text or b"_" in text:
        corrections.append("write the signature in standard base64 with + and /, not URL-safe")
    if len(text) % 4:
        corrections.append("write the = at the end of the base64")
    if HEX.fullmatch(mac):
        yield SignatureForm(
            bytes.fromhex(mac.decode()),
            (
                *corrections,
                "encode the 32 raw bytes in base64, not their hex text "
                "(in PHP: hash_hmac with true as its last argument)",
            ),
        )
        return
    yield SignatureForm(mac, tuple(corrections))


def signed_texts(timestamp: str, raw: bytes, event_id: str) -> tuple[tuple[bytes, str], ...]:
    """What senders sign, and the correction for each; the right one first."""
    time, event = timestamp.encode("latin-1", "replace"), event_id.encode("latin-1", "replace")
    right = "sign the time, a dot and the body"
    return (
        (time + b"." + raw, ""),
        (raw, f"{right}, not the body alone"),
        (time + raw, f"{right}: the dot is missing"),
        (raw + b"." + time, f"{right}, in this order"),
        (raw + time, f"{right}, in this order and with the dot"),
        (time + b"\n" + raw, f"{right}, not a line break between them"),
        (event + b"." + time + b"." + raw, f"{right}, without the event id"),
    )


def find_mistake(
    keys: Sequence[VerifyingKey], timestamp: str, raw: bytes, signature: bytes, event_id: str
) -> SigningMistake | None:
    """How one of ``keys`` made the signature; None if none of them did in any known way."""
    forms = [form for form in read_forms(signature) if len(form.mac) == SIZE]
    if not forms:
        return None
    left = MAX_HASHED
    texts = signed_texts(timestamp, raw, event_id)
    for before, after, for_secret in (("", "", ""), *AROUND_SECRET):
        for key in keys[:MAX_KEYS]:
            for text, for_text in texts:
                left -= len(text)
                if left < 0:
                    return None
                mac = key.mac_of(text, before, after)
                for form in forms:
                    if hmac.compare_digest(mac, form.mac):
                        found = (*form.corrections, for_text, for_secret)
                        return SigningMistake(key, tuple(one for one in found if one))
    return None


def describe_shape(signature: bytes) -> str | None:
    """What the header has instead of base64 of 32 bytes; None if its form is right."""
    forms = list(read_forms(signature))
    if not forms:
        return N_("is not base64")
    (form,) = forms
    if len(form.mac) != SIZE:
        named = HASHES.get(len(form.mac))
        return f"holds {len(form.mac)} bytes" + (f", as {named} makes them" if named else "")
    return f"has another form ({'; '.join(form.corrections)})" if form.corrections else None
