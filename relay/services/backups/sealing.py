"""Encryption of backups in the format of age, which the program ``age`` reads too.

With public keys (RELAY_BACKUP_RECIPIENTS) only who has a private key can read a backup; Relay cannot.
With a passphrase, each backup has a key of its own, in a second file that is encrypted with the
passphrase: ``age --decrypt --identity NAME.key.age NAME.backup.gz.age`` asks for it.
Sources: https://age-encryption.org/v1, https://github.com/woodruffw/pyrage
"""

from __future__ import annotations

# i18n: keep file - for operators and for the stored reason of a backup that failed
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyrage
from pyrage import x25519

from relay.errors import Refusal

HEADER = b"age-encryption.org/v1\n"
WRONG_KEY = (pyrage.DecryptError, pyrage.IdentityError)


class Pieces:
    """A file object that reads from an iterator.  ``failure`` is what the iterator raised."""

    def __init__(self, pieces: Iterable[bytes]):
        self.pieces, self.left, self.failure = iter(pieces), b"", None

    failure: BaseException | None

    def read(self, size: int = -1) -> bytes:
        try:
            while not self.left and (piece := next(self.pieces, None)) is not None:
                self.left = piece
        except BaseException as exc:
            self.failure = exc
            raise
        size = len(self.left) if size < 0 else size
        found, self.left = self.left[:size], self.left[size:]
        return found


class NotedWrites:
    """A file object that notes what a write raised: the library drops the error of its last write."""

    def __init__(self, file: IO[bytes]):
        self.file = file
        self.failure: BaseException | None = None

    def write(self, piece: bytes) -> int:
        try:
            return self.file.write(piece)
        except BaseException as exc:
            self.failure = exc
            raise

    def flush(self) -> None:
        self.file.flush()


def new_key(passphrase: str) -> tuple[str, bytes]:
    """-> the public key of a new pair, and the private key encrypted with the passphrase"""
    identity = x25519.Identity.generate()
    text = f"# public key: {identity.to_public()}\n{identity}\n"
    return str(identity.to_public()), pyrage.passphrase.encrypt(text.encode(), passphrase)


def seal(pieces: Iterable[bytes], file: IO[bytes], recipients: Iterable[str]) -> None:
    """Write the pieces to ``file``, encrypted for the public keys; as they are without any."""
    keys = [x25519.Recipient.from_str(one) for one in recipients]
    if not keys:
        for piece in pieces:
            file.write(piece)
        return
    source, target = Pieces(pieces), NotedWrites(file)
    try:
        pyrage.encrypt_io(cast(IO[bytes], source), cast(IO[bytes], target), keys)
    except Exception as exc:
        raise source.failure or target.failure or exc from None
    if target.failure is not None:
        raise target.failure


def read_identities(text: bytes, passphrase: str, name: str) -> list[x25519.Identity]:
    """The private keys of an identity file, which can be encrypted with the passphrase.

    Raises Refusal.
    """
    if text.startswith(HEADER):
        if not passphrase:
            raise Refusal(f"{name} is encrypted with a passphrase. Set RELAY_BACKUP_PASSPHRASE.")
        try:
            text = pyrage.passphrase.decrypt(text, passphrase)
        except WRONG_KEY as exc:
            raise Refusal(
                f"RELAY_BACKUP_PASSPHRASE does not open {name}. Set the one of when the backup was made."
            ) from exc
    lines = (line.strip() for line in text.decode("utf-8", "replace").splitlines())
    try:
        return [
            x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")
        ]
    except WRONG_KEY as exc:
        raise Refusal(f"{name} is not a file with private keys of age.") from exc


def stored_name(path: Path) -> str:
    """The name of a backup's file, of which ``path`` may be a copy that is being fetched."""
    return path.name.removesuffix(".part")


def is_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


@contextmanager
def opened(path: Path, identities: list[x25519.Identity]) -> Iterator[IO[bytes]]:
    """The content of a file, decrypted while it is read.  Raises Refusal, OSError.

    A file that was cut off or changed is noticed at the latest when its end is read.
    """
    if not is_sealed(path):
        with path.open("rb") as plain:
            yield plain
        return
    if not identities:
        raise Refusal(
            f"{stored_name(path)} is encrypted. Give the file with the private key: --identity FILE"
        )
    reader, writer = os.pipe()
    failures: list[BaseException] = []

    def decrypt() -> None:
        try:
            with path.open("rb") as source, os.fdopen(writer, "wb") as target:
                pyrage.decrypt_io(source, target, identities)
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=decrypt, name="decrypt", daemon=True)
    thread.start()
    try:
        with os.fdopen(reader, "rb") as file:
            try:
                yield file
                while not failures and file.read(65536):
                    pass
            except Exception as exc:
                # an error of the reader is the consequence of one of the decryption
                thread.join(1.0)
                if failures:
                    raise _explained(path, failures[0]) from exc
                raise
    finally:
        thread.join()
    if failures:
        raise _explained(path, failures[0])


def _explained(path: Path, exc: BaseException) -> Refusal:
    if isinstance(exc, WRONG_KEY) and "matching" in str(exc):
        return Refusal(f"This private key does not open {stored_name(path)}.")
    return Refusal(f"{stored_name(path)} is damaged or incomplete: it cannot be decrypted ({exc}).")
