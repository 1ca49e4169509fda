"""Strict JSON, as a table of what is refused."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.ingest import strict_json

BAD_JSON = [
    b"",
    b"{",
    b"\xff",
    b"\xef\xbb\xbf{}",
    b"NaN",
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1, "a": 2}',
    b'{"a": "\\u0000"}',
    b'{"a\\u0000": 1}',
    b'{"a": "\\ud800"}',
    b'{"a": "\\udc00x"}',
    b'{"a": 9223372036854775808}',
    b'{"a": -9223372036854775809}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": 1e999}',
    b"[" * 65 + b"]" * 65,
    b'{"a":' * 70 + b"1" + b"}" * 70,
    b"[" * 100_000,
    b'{"a": 01}',
    b"{'a': 1}",
    b'{"a": 1} x',
    b'{"a": "\n"}',
]


@pytest.mark.parametrize("raw", BAD_JSON, ids=[str(n) for n in range(len(BAD_JSON))])
def test_ambiguous_json_is_refused(raw: bytes) -> None:
    with pytest.raises(strict_json.NotStrict) as error:
        strict_json.loads(raw)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 64 + b"]" * 64,
        b'{"a": "\\ud83d\\ude00"}',
        b'{"a": [-9223372036854775808, 1.5]}',
        '{"ü": "😀"}'.encode(),
    ],
)
def test_strict_json_passes(raw: bytes) -> None:
    assert strict_json.loads(raw) == json.loads(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    try:
        strict_json.loads(raw)
    except strict_json.NotStrict:
        return


def test_the_repeated_key_among_many_is_found_quickly() -> None:
    """It would take minutes if the effort grew with the square of the number of keys."""
    names = [f'"k{n}":0' for n in range(100_000)]
    began = time.process_time()
    with pytest.raises(strict_json.NotStrict, match=r"'k9… \(6 characters\)' appears twice"):
        strict_json.loads(("{" + ",".join([*names, names[-1]]) + "}").encode())
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "number", ["1e-9999999999999999999", "0e99999999", "1e-401", "0." + "1" * 500]
)
def test_a_number_that_would_be_very_long_is_refused(number: str) -> None:
    with pytest.raises(strict_json.NotStrict, match="too many digits"):
        strict_json.loads(f'{{"amount": {number}}}'.encode())
    assert strict_json.loads(b'{"amount": 1e-300}') == {"amount": 1e-300}
