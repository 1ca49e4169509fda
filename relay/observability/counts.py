"""Numbers that only grow, in one file for each process, so that they survive its end.

A process writes ``<pid>-<random>.counts`` when it counts for the first time, and holds a lock on it
while it lives.  Files without a lock belong to processes that ended; ``fold`` adds them to
``total.json``, which names the files that it includes.  So a count is never lost or added twice,
wherever a process is killed: the new total replaces the old one in one step, and a file that it names
no longer counts.

The files are written with ``pwrite``, not mapped into memory: on a full disk a write to a mapped page
kills the process.  A number that cannot be written stays in memory and is written with the next one.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import struct
import threading
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

Numbers = Mapping[str, "array[float]"]

MAGIC = b"RELAYCT1"
RECORD = struct.Struct("<II")  # length of the key, how many numbers
MAX_KEY_BYTES, MAX_NUMBERS = 4096, 64
TRY_AGAIN_S = 1.0  # after a file could not be made
TOTAL, FOLD_LOCK = "total.json", "fold.lock"


class Series:
    """The numbers of one metric with one set of label values."""

    __slots__ = ("key", "numbers", "position")

    def __init__(self, key: str, size: int):
        self.key = key
        self.numbers = array("d", bytes(8 * size))
        self.position = 0  # of the numbers in the file; 0: not written yet


# To the number of a series at an index, add an amount; and a total to its last number.
Addition = tuple[Series, int, float, float]


class Counts:
    """The numbers of this process.  They are written to a file after ``keep_in``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.series: dict[str, Series] = {}
        self.folder: Path | None = None
        self.handle, self.name = -1, ""  # of the file
        self.end = len(MAGIC)  # where the next record begins
        self.try_at = 0.0
        os.register_at_fork(after_in_child=self._start_again)

    def keep_in(self, folder: Path) -> None:
        """Write to a file in ``folder``, which is made with the first count.

        Another folder is another host's or another test's, so the numbers start at zero.
        """
        with self.lock:
            if folder != self.folder:
                if self.folder is not None:
                    self._reset()
                self.folder = folder

    def new_series(self, key: str, size: int) -> Series:
        with self.lock:
            return self.series.setdefault(key, Series(key, size))

    def add(self, *additions: Addition) -> None:
        """Never raises for the disk.  Every request calls this, so it is written for speed."""
        with self.lock:
            for series, index, amount, total in additions:
                numbers = series.numbers
                numbers[index] += amount
                if total:
                    numbers[-1] += total
                try:
                    if series.position:
                        os.pwrite(self.handle, numbers, series.position)
                    elif self._is_open():
                        self._append(series)
                except OSError:
                    continue  # the next call writes these numbers too

    def snapshot(self) -> tuple[Path | None, str, dict[str, array[float]]]:
        """-> the folder, the name of this process's file, and its numbers"""
        with self.lock:
            numbers = {key: series.numbers[:] for key, series in self.series.items()}
            return self.folder, self.name, numbers

    def _is_open(self) -> bool:
        if self.handle < 0 and self.folder is not None and time.monotonic() >= self.try_at:
            try:
                self.handle, self.name = make_file(self.folder)
            except OSError:
                self.try_at = time.monotonic() + TRY_AGAIN_S
            else:
                with suppress(OSError):
                    fold(self.folder)
        return self.handle >= 0

    def _append(self, series: Series) -> None:
        key = series.key.encode()
        key += b" " * (
            -len(key) % 8
        )  # so that the numbers are aligned, and one is never half written
        record = RECORD.pack(len(key), len(series.numbers)) + key + series.numbers.tobytes()
        if os.pwrite(self.handle, record, self.end) != len(record):
            os.ftruncate(self.handle, self.end)
            return
        series.position = self.end + RECORD.size + len(key)
        self.end += len(record)

    def _reset(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)
        self.handle, self.name, self.end, self.try_at = -1, "", len(MAGIC), 0.0
        for series in self.series.values():
            series.numbers = array("d", bytes(8 * len(series.numbers)))
            series.position = 0

    def _start_again(self) -> None:
        """In a forked process: what the parent counted is in the parent's file."""
        self.lock = threading.Lock()
        self._reset()


def make_file(folder: Path) -> tuple[int, str]:
    """-> the handle and the name of a new, locked file.  Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        name = f"{os.getpid()}-{secrets.token_hex(6)}.counts"
        handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Another process may have folded the file before the lock: then it is locked or gone.
            if take_lock(handle) and (folder / name).exists():
                if os.pwrite(handle, MAGIC, 0) == len(MAGIC):
                    return handle, name
                raise OSError("The disk is full.")
        except OSError:
            (folder / name).unlink(missing_ok=True)
            os.close(handle)
            raise
        os.close(handle)


def take_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def parse(data: bytes) -> dict[str, array[float]]:
    """The numbers of a file.  A record that its process could not complete is left out."""
    found: dict[str, array[float]] = {}
    at = len(MAGIC)
    if data[:at] != MAGIC:
        return found
    while at + RECORD.size <= len(data):
        key_length, size = RECORD.unpack_from(data, at)
        start = at + RECORD.size + key_length
        at = start + 8 * size
        if not 0 < key_length <= MAX_KEY_BYTES or not 0 < size <= MAX_NUMBERS or at > len(data):
            break
        key = data[start - key_length : start].decode(errors="replace").rstrip()
        found[key] = array("d", data[start:at])
    return found


def add_up(into: dict[str, array[float]], more: Numbers) -> None:
    for key, numbers in more.items():
        old = into.get(key)
        if old is None or len(old) != len(numbers):
            into[key] = numbers[:]
        else:
            into[key] = array("d", map(float.__add__, old, numbers))


def read_total(data: bytes) -> tuple[dict[str, array[float]], set[str]]:
    """-> the numbers of ``total.json`` and the names of the files that they include"""
    try:
        read = json.loads(data)
        return {key: array("d", values) for key, values in read["counts"].items()}, set(
            read["files"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, set()  # empty, or damaged by a power failure: the counters start again


def bytes_of(path: Path) -> bytes:
    """The content of a file, empty if it is missing.  Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def read_all(folder: Path, without: str = "") -> dict[str, array[float]]:
    """The sums of all files but ``without``.  Waits for no other process.  Raises OSError.

    If files are folded meanwhile, it reads again: then the total has changed.
    """
    for _ in range(20):
        total = bytes_of(folder / TOTAL)
        sums, included = read_total(total)
        for path in sorted(folder.glob("*.counts")):
            if path.name not in included and path.name != without:
                add_up(sums, parse(bytes_of(path)))
        if bytes_of(folder / TOTAL) == total:
            break
    return sums


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether this process has the lock of a file.  Does not wait."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield take_lock(handle)
    finally:
        os.close(handle)


def fold(folder: Path) -> None:
    """Add the files of ended processes to the total and remove them.  Raises OSError."""
    with locked(folder / FOLD_LOCK) as is_mine:
        if not is_mine:
            return  # another process does it now
        for old in folder.glob("*.db"):
            old.unlink(missing_ok=True)  # of Relay before 1.2
        handles: dict[Path, int] = {}
        try:
            present = sorted(folder.glob("*.counts"))
            for path in present:
                with suppress(FileNotFoundError):
                    handle = os.open(path, os.O_RDONLY)
                    if take_lock(handle):
                        handles[path] = handle
                    else:
                        os.close(handle)
            if handles:
                _write_total(folder, list(handles), {path.name for path in present})
            for path in handles:
                path.unlink(missing_ok=True)
        finally:
            for handle in handles.values():
                os.close(handle)


def _write_total(folder: Path, ended: list[Path], present: set[str]) -> None:
    """Replace the total in one step.  A file that it names and that still exists stays named."""
    sums, included = read_total(bytes_of(folder / TOTAL))
    for path in ended:
        if path.name not in included:
            add_up(sums, parse(path.read_bytes()))
    files = sorted((included & present) | {path.name for path in ended})
    content = {"files": files, "counts": {key: list(values) for key, values in sums.items()}}
    new = folder / f"{TOTAL}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / TOTAL)
