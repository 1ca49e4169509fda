"""Commands for the whole system: keys, retention and erasure."""

from __future__ import annotations

import click
from cryptography.fernet import Fernet

from relay.cli.output import command, show, top_level
from relay.services.audit import COMMAND_LINE
from relay.services.operations import encryption, erasure, retention


@command(
    top_level,
    "rotate-encryption-keys",
    "rotate-encryption-keys --new-key",
    "rotate-encryption-keys",
)
@click.option("--new-key", is_flag=True, help="Only print a new key for RELAY_ENCRYPTION_KEYS.")
def rotate_encryption_keys(new_key: bool, as_json: bool) -> None:
    """Encrypt every stored secret with the newest key.

    Put a new key before the old one in RELAY_ENCRYPTION_KEYS and restart all processes. Run this
    command, then remove the old key.
    """
    if new_key:
        key = Fernet.generate_key().decode()
        show({"key": key}, as_json, key)
        return
    count = encryption.reseal_all(COMMAND_LINE)
    show({"resealed": count}, as_json, f"Encrypted {count} secrets with the newest key.")


@command(top_level, "prune", "prune")
def prune(as_json: bool) -> None:
    """Delete finished events that are older than their site keeps them."""
    pruned = retention.prune(COMMAND_LINE)
    show(
        {"deleted": pruned.events, "rejections": pruned.rejections, "emptied": pruned.emptied},
        as_json,
        f"Deleted {pruned.events} events and {pruned.rejections} rejections. Deleted the personal data "
        f"of {pruned.emptied} unresolved events.",
    )


@command(top_level, "erase-person", "erase-person jane@example.com")
@click.argument("email")
def erase_person(email: str, as_json: bool) -> None:
    """Erase a person's data from events, attempts and dead letters.

    Ids and outcomes stay. Relay cannot erase data that it has delivered: erase the person in the
    destinations too.
    """
    receipt = erasure.erase_person(email, COMMAND_LINE)
    text = (
        f"Erased from {receipt.events} events, {receipt.attempts} attempts and "
        f"{receipt.dead_letters} dead letters. Discarded {receipt.discarded} deliveries."
    )
    if receipt.in_flight:
        text += f" {receipt.in_flight} deliveries are in flight: run this again in a minute."
    text += f" Receipt {receipt.number}."
    show(receipt.counts | {"receipt": receipt.number}, as_json, text)
