"""What a sender does wrong when it signs, found from the request alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime

import pytest

from relay.ingest import mistakes
from relay.ingest.mistakes import describe_shape, find_mistake, time_unit
from relay.ingest.signature import VerifyingKey

SECRET = "s3cret-s3cret-s3cret-s3cret-s3cret"
TIME, BODY, EVENT = "1772366400", b'{"event": "relay.test"}', "evt-1"
RIGHT = TIME.encode() + b"." + BODY
IN_BASE64, NOT_ALONE = (
    "write the signature in base64, not in hex",
    "sign the time, a dot and the body",
)


def key(secret: str = SECRET, row_id: int = 1) -> VerifyingKey:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return VerifyingKey.prepare(secret, row_id, f"key_{row_id}", 7, since, None, False)


def mac(text: bytes = RIGHT, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), text, "sha256").digest()


def first_mac_with(character: bytes) -> tuple[bytes, bytes]:
    """A body and the MAC of it with this character in its base64."""
    for number in range(1000):
        body = b"%d" % number
        made = mac(TIME.encode() + b"." + body)
        if character in base64.b64encode(made):
            return body, made
    raise AssertionError("unreachable")


def b64(made: bytes) -> bytes:
    return base64.b64encode(made)


CASES = [
    (mac().hex().encode(), [IN_BASE64]),
    (mac().hex().upper().encode(), [IN_BASE64]),
    (b"sha256=" + mac().hex().encode(), ["remove the prefix sha256=", IN_BASE64]),
    (b"sha256=" + b64(mac()), ["remove the prefix sha256="]),
    (b"v1," + b64(mac()), ["remove the prefix v1,"]),
    (b'"' + b64(mac()) + b'"', ["write the signature without quotation marks"]),
    (b64(mac()).rstrip(b"="), ["write the = at the end of the base64"]),
    (
        b64(mac().hex().encode()),
        [
            "encode the 32 raw bytes in base64, not their hex text "
            "(in PHP: hash_hmac with true as its last argument)"
        ],
    ),
    (b64(mac(BODY)), [f"{NOT_ALONE}, not the body alone"]),
    (b64(mac(TIME.encode() + BODY)), [f"{NOT_ALONE}: the dot is missing"]),
    (b64(mac(BODY + b"." + TIME.encode())), [f"{NOT_ALONE}, in this order"]),
    (b64(mac(EVENT.encode() + b"." + RIGHT)), [f"{NOT_ALONE}, without the event id"]),
    (b64(mac(secret=f"{SECRET}\n")), ["remove the line break at the end of the secret"]),
    (b64(mac(secret=f"{SECRET}\r\n")), ["remove the line break at the end of the secret"]),
    (b64(mac(secret=f"{SECRET} ")), ["remove the space at the end of the secret"]),
    (b64(mac(secret=f" {SECRET}")), ["remove the space at the start of the secret"]),
    (b64(mac(secret=f'"{SECRET}"')), ["remove the quotation marks around the secret"]),
    (
        b"sha256=" + mac(BODY, f"{SECRET}\n").hex().encode(),
        [
            "remove the prefix sha256=",
            IN_BASE64,
            f"{NOT_ALONE}, not the body alone",
            "remove the line break at the end of the secret",
        ],
    ),
]


@pytest.mark.parametrize(("signature", "corrections"), CASES)
def test_a_mistake_is_named_with_all_its_parts(signature: bytes, corrections: list[str]) -> None:
    found = find_mistake([key("other" * 9, 2), key()], TIME, BODY, signature, EVENT)
    assert found is not None
    assert (found.key.key_id, list(found.corrections)) == ("key_1", corrections)


@pytest.mark.parametrize("character", [b"+", b"/"])
def test_url_safe_base64_is_named(character: bytes) -> None:
    body, made = first_mac_with(character)
    found = find_mistake([key()], TIME, body, base64.urlsafe_b64encode(made), EVENT)
    assert found is not None
    assert found.corrections == (
        "write the signature in standard base64 with + and /, not URL-safe",
    )


def test_another_secret_and_a_changed_body_are_no_such_mistake() -> None:
    assert find_mistake([key("other" * 9)], TIME, BODY, b64(mac()), EVENT) is None
    assert find_mistake([key()], TIME, BODY + b" ", b64(mac()), EVENT) is None
    assert describe_shape(b64(mac())) is None


@pytest.mark.parametrize(
    ("signature", "shape"),
    [
        (b"\xfc\xfc", "is not base64"),
        (b"!", "is not base64"),
        (hashlib.sha1(b"").hexdigest().encode(), "holds 20 bytes, as SHA-1 makes them"),
        (b64(hashlib.sha512(b"").digest()), "holds 64 bytes, as SHA-512 makes them"),
        (b64(b"x" * 30), "holds 30 bytes"),
        (b"0" * 64, f"has another form ({IN_BASE64})"),
    ],
)
def test_the_shape_of_a_foreign_signature_is_described(signature: bytes, shape: str) -> None:
    assert find_mistake([key()], TIME, BODY, signature, EVENT) is None
    assert describe_shape(signature) == shape


@pytest.mark.parametrize(
    ("timestamp", "unit"),
    [
        ("1772366400000", "milliseconds"),
        ("1772366400000000", "microseconds"),
        ("1772366400000000000", "nanoseconds"),
        ("1772366400.25", "seconds with a fraction"),
        ("2026-03-01T12:00:00Z", "the form of a date"),
        ("Sun, 01 Mar 2026 12:00:00 GMT", "the form of a date"),
        ("yesterday", None),
        ("", None),
        ("17723664000000", None),
    ],
)
def test_the_unit_of_a_timestamp_is_found(timestamp: str, unit: str | None) -> None:
    assert time_unit(timestamp) == unit


def test_the_search_is_bounded() -> None:
    """At most MAX_HASHED bytes, however large the body and however many the keys."""
    many = [key(f"{number:040}", number) for number in range(500)]
    began = time.process_time()
    assert find_mistake(many, TIME, b"x" * 262_144, b64(b"x" * 32), EVENT) is None
    assert find_mistake(many, TIME, b"x", b64(b"x" * 32), EVENT) is None
    assert time.process_time() - began < 1
    assert mistakes.MAX_HASHED == 16 * 2**20
