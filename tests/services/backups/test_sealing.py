"""Encryption of backups: a damaged file, a wrong key and a full disk are noticed, and age reads the files."""

from __future__ import annotations

import errno
import io
import subprocess
from pathlib import Path

import pytest
from pyrage import x25519

from relay.errors import Refusal
from relay.services.backups import sealing

CONTENT = [b"one ", b"", b"x" * 200_000, b" end"]
KEY = x25519.Identity.generate()


def sealed(path: Path) -> Path:
    with path.open("wb") as file:
        sealing.seal(CONTENT, file, [str(KEY.to_public())])
    return path


def content(path: Path, *keys: x25519.Identity) -> bytes:
    with sealing.opened(path, list(keys)) as file:
        return file.read()


def test_a_sealed_file_is_read_with_its_key_only(tmp_path: Path) -> None:
    path = sealed(tmp_path / "backup.age")
    assert content(path, KEY) == b"".join(CONTENT)
    with pytest.raises(Refusal, match="This private key does not open backup"):
        content(path, x25519.Identity.generate())
    with pytest.raises(
        Refusal, match=r"encrypted\. Give the file with the private key: --identity"
    ):
        content(path)


@pytest.mark.parametrize("damage", ["cut off", "changed"])
def test_a_damaged_file_is_refused_even_by_who_reads_only_its_beginning(
    tmp_path: Path, damage: str
) -> None:
    path = sealed(tmp_path / "backup.age")
    whole = path.read_bytes()
    changed = whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:]
    path.write_bytes(whole[:-20] if damage == "cut off" else changed)
    with pytest.raises(Refusal, match="damaged or incomplete"):
        content(path, KEY)
    with pytest.raises(Refusal, match="damaged or incomplete"), sealing.opened(path, [KEY]) as file:
        file.read(4)


def test_no_error_of_the_disk_or_the_database_is_lost(tmp_path: Path) -> None:
    class Full(io.RawIOBase):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def broken() -> object:
        yield b"one"
        raise RuntimeError("the database went away")

    recipients = [str(KEY.to_public())]
    with pytest.raises(OSError, match="No space left"):
        sealing.seal([b"few"], Full(), recipients)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="the database went away"):
        sealing.seal(broken(), io.BytesIO(), recipients)  # type: ignore[arg-type]


def test_a_passphrase_opens_the_key_of_a_backup(tmp_path: Path) -> None:
    public, key_file = sealing.new_key("correct horse battery")
    assert b"AGE-SECRET-KEY" not in key_file
    (found,) = sealing.read_identities(key_file, "correct horse battery", "a.key.age")
    assert str(found.to_public()) == public
    for passphrase, message in (("wrong", "does not open a.key.age"), ("", "Set RELAY_BACKUP_")):
        with pytest.raises(Refusal, match=message):
            sealing.read_identities(key_file, passphrase, "a.key.age")


def test_the_program_age_reads_the_files(tmp_path: Path) -> None:
    path, key = sealed(tmp_path / "backup.age"), tmp_path / "key.txt"
    key.write_text(f"{KEY}\n")
    words = ["age", "--decrypt", "--identity", str(key), str(path)]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"".join(CONTENT)
