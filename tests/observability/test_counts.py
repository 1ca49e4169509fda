"""Counts survive the end of their process, are never doubled, and a full disk stops nothing."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from relay.observability import counts
from relay.observability.counts import Counts, fold, read_all


def in_child(work: Callable[[], object]) -> int:
    """Do ``work`` in a process of its own, which ends at once.  -> its wait status"""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def count(folder: Path, key: str, times: int) -> None:
    own = Counts()
    own.keep_in(folder)
    series = own.new_series(key, 1)
    for _ in range(times):
        own.add((series, 0, 1.0, 0.0))


def in_process(folder: Path, key: str, times: int) -> None:
    assert in_child(lambda: count(folder, key, times)) == 0


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.counts"))


def numbers(folder: Path) -> dict[str, list[float]]:
    return {key: list(found) for key, found in read_all(folder).items()}


def test_a_process_that_counts_nothing_writes_nothing(tmp_path: Path) -> None:
    own = Counts()
    own.keep_in(tmp_path / "metrics")
    own.new_series("a", 1)
    assert list(tmp_path.iterdir()) == []


def test_files_of_ended_processes_become_one_and_their_counts_stay(tmp_path: Path) -> None:
    for _ in range(5):
        in_process(tmp_path, "a", 3)
    in_process(tmp_path, "b", 2)
    # each process folds those before it, so there is no growth even if nobody reads the metrics
    assert len(files(tmp_path)) == 1
    assert numbers(tmp_path) == {"a": [15.0], "b": [2.0]}
    fold(tmp_path)
    assert files(tmp_path) == []
    assert numbers(tmp_path) == {"a": [15.0], "b": [2.0]}
    fold(tmp_path)
    assert numbers(tmp_path) == {"a": [15.0], "b": [2.0]}


def test_the_file_of_a_living_process_is_not_folded(tmp_path: Path) -> None:
    own = Counts()
    own.keep_in(tmp_path)
    series = own.new_series("a", 1)
    own.add((series, 0, 1.0, 0.0))
    before = files(tmp_path)
    fold(tmp_path)
    own.add((series, 0, 1.0, 0.0))
    assert files(tmp_path) == before == [own.name]
    assert numbers(tmp_path) == {"a": [2.0]}


def test_a_forked_process_has_its_own_file_and_its_own_counts(tmp_path: Path) -> None:
    own = Counts()
    own.keep_in(tmp_path)
    series = own.new_series("a", 1)
    own.add((series, 0, 10.0, 0.0))
    assert in_child(lambda: own.add((series, 0, 1.0, 0.0))) == 0
    own.add((series, 0, 10.0, 0.0))
    assert len(files(tmp_path)) == 2
    assert numbers(tmp_path) == {"a": [21.0]}
    fold(tmp_path)  # the child's end did not release the parent's lock
    assert files(tmp_path) == [own.name]
    assert numbers(tmp_path) == {"a": [21.0]}


def test_all_numbers_of_a_series_are_kept(tmp_path: Path) -> None:
    own = Counts()
    own.keep_in(tmp_path)
    series = own.new_series("histogram", 4)
    own.add((series, 0, 1.0, 0.25))
    own.add((series, 2, 1.0, 7.5))
    assert numbers(tmp_path) == {"histogram": [1.0, 0.0, 1.0, 7.75]}


# ---- crashes -------------------------------------------------------------------------------------


def killed_after(lines: int, work: Callable[[], object]) -> Callable[[], object]:
    """``work``, killed after so many lines of ``counts.py``."""
    left = lines

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename == counts.__file__ and event == "line":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def traced() -> None:
        sys.settrace(trace)
        work()
        sys.settrace(None)

    return traced


def test_a_fold_that_is_killed_at_any_line_loses_and_doubles_nothing(tmp_path: Path) -> None:
    for lines in range(1000):
        folder = tmp_path / str(lines)
        own = Counts()
        own.keep_in(folder)
        own.add((own.new_series("a", 1), 0, 1.0, 0.0))
        in_process(folder, "a", 3)
        in_process(folder, "b", 4)  # it folded the one before
        status = in_child(killed_after(lines, lambda folder=folder: fold(folder)))  # type: ignore[misc]
        expected = {"a": [4.0], "b": [4.0]}
        assert numbers(folder) == expected, f"killed at line {lines}"
        fold(folder)
        assert numbers(folder) == expected, f"folded again after a kill at line {lines}"
        assert files(folder) == [own.name]
        if status == 0:
            break
        assert status == signal.SIGKILL
    assert 30 < lines < 999


def test_a_count_that_is_killed_at_any_line_is_counted_once_or_not(tmp_path: Path) -> None:
    for lines in range(1000):
        folder = tmp_path / str(lines)
        in_process(folder, "a", 3)
        status = in_child(killed_after(lines, lambda folder=folder: count(folder, "a", 2)))  # type: ignore[misc]
        seen = numbers(folder)["a"][0]
        fold(folder)
        assert numbers(folder) == {"a": [seen]}
        assert files(folder) == []
        if status == 0:
            break
        assert 3 <= seen <= 5
    assert seen == 5
    assert lines > 30


def test_readers_see_every_count_once_while_processes_end_and_are_folded(tmp_path: Path) -> None:
    done = threading.Event()
    seen: list[float] = []

    def read() -> None:
        while not done.is_set():
            seen.append(numbers(tmp_path).get("a", [0.0])[0])

    in_process(tmp_path, "a", 1)
    pids = []
    for _ in range(3):
        pid = os.fork()
        if not pid:
            for _ in range(30):
                in_process(tmp_path, "a", 1)
            os._exit(0)
        pids.append(pid)
    reader = threading.Thread(target=read)
    reader.start()
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
    done.set()
    reader.join(30)
    assert seen == sorted(seen), "a count went missing for a moment, or was seen twice"
    assert numbers(tmp_path) == {"a": [91.0]}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"files": 3}', b"\xff" * 100])
def test_a_damaged_total_starts_again(tmp_path: Path, damage: bytes) -> None:
    in_process(tmp_path, "a", 1)
    fold(tmp_path)
    (tmp_path / counts.TOTAL).write_bytes(damage)
    in_process(tmp_path, "a", 2)
    fold(tmp_path)
    assert numbers(tmp_path) == {"a": [2.0]}


def test_any_cut_of_a_file_is_read_up_to_the_cut(tmp_path: Path) -> None:
    own = Counts()
    own.keep_in(tmp_path)
    for key in ("a", "b"):
        own.add((own.new_series(key, 2), 0, 1.0, 0.0))
    whole = (tmp_path / own.name).read_bytes()
    for length in range(len(whole)):
        assert set(counts.parse(whole[:length])) <= {"a"}
    assert set(counts.parse(whole)) == {"a", "b"}
    assert counts.parse(b"something else" * 9) == {}


# ---- a full disk ---------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("This user cannot mount a file system.")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    path = folder / "ballast"
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            return path


def test_counting_goes_on_while_the_disk_is_full_and_is_written_afterwards(
    small_disk: Path,
) -> None:
    own = Counts()
    own.keep_in(small_disk)
    first = own.new_series("first", 1)
    own.add((first, 0, 1.0, 0.0))
    ballast = fill(small_disk)
    later = [own.new_series(f"later-{number:03}" + "x" * 900, 1) for number in range(20)]
    for series in [first, *later]:
        own.add((series, 0, 1.0, 0.0))
    new = Counts()
    new.keep_in(small_disk)
    new.add((new.new_series("new", 1), 0, 1.0, 0.0))
    assert own.snapshot()[2]["first"] == array("d", [2.0])
    assert read_all(small_disk, without=own.name).keys() == set()
    ballast.unlink()
    for series in [first, *later]:
        own.add((series, 0, 1.0, 0.0))
    seen = numbers(small_disk)
    assert seen.pop("first") == [3.0]
    assert len(seen) == 20
    assert set(map(tuple, seen.values())) == {(2.0,)}


def test_a_fold_on_a_full_disk_keeps_the_files(small_disk: Path) -> None:
    for _ in range(2):
        in_process(small_disk, "a" * 3000, 3)
    before = files(small_disk)
    ballast = fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        fold(small_disk)
    assert files(small_disk) == before
    assert numbers(small_disk) == {"a" * 3000: [6.0]}
    ballast.unlink()
    fold(small_disk)
    assert (files(small_disk), numbers(small_disk)) == ([], {"a" * 3000: [6.0]})


def test_a_limit_on_file_sizes_is_like_a_full_disk(tmp_path: Path) -> None:
    def limited() -> None:
        own = Counts()
        own.keep_in(tmp_path)
        own.add((own.new_series("a", 1), 0, 1.0, 0.0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        for number in range(50):
            own.add((own.new_series(f"key-{number}", 8), 0, 1.0, 0.0))
        assert own.snapshot()[2]["key-49"][0] == 1.0
        assert (tmp_path / own.name).stat().st_size == own.end, "half a record stayed"

    assert in_child(limited) == 0
    assert "a" in numbers(tmp_path)
