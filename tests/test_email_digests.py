"""Keyed hashes of addresses."""

from __future__ import annotations

import hashlib

from relay.email_digests import EmailDigests

OLD, NEW = "a" * 43 + "=", "b" * 43 + "="


def test_a_hash_is_found_with_an_older_key_and_not_without_it() -> None:
    made = EmailDigests([OLD]).digest(" Jane@Example.com ")
    assert made == EmailDigests([OLD]).digest("jane@example.com") and len(made) == 32
    assert made in EmailDigests([NEW, OLD]).all_digests("jane@example.com")
    assert EmailDigests([NEW, OLD]).digest("jane@example.com") != made
    assert made not in EmailDigests([NEW]).all_digests("jane@example.com")
    assert made != hashlib.sha256(b"jane@example.com").digest()
