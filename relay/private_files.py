"""Only Relay's user can read the files that Relay makes.

``restrict_new_files`` is for every entry point.  ``restrict_old_files`` is for the processes that run on:
a data directory can have files from before, or from a program with another umask.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

OTHERS = 0o077
FOLDERS = ("logs", "metrics", "valkey", "backup-spool")  # what Relay makes in the data directory


def restrict_new_files() -> None:
    """From now on, files and folders of this process and its children are for their owner only."""
    os.umask(OTHERS)


def restrict_old_files(data_dir: Path) -> list[Path]:
    """Take the rights of other users from the data directory and what Relay keeps in it.

    -> what was changed.  What belongs to another user stays as it is: ``flask doctor`` names it.
    """
    changed = []
    for path in open_to_others(data_dir):
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
        except OSError:  # another user's, or deleted since
            continue
        changed.append(path)
    return changed


def open_to_others(data_dir: Path) -> Iterator[Path]:
    """The data directory, and the files in it and in Relay's folders, that other users can use."""
    folders = [data_dir, *(data_dir / name for name in FOLDERS)]
    files = [path for folder in folders for path in _files_in(folder)]
    for path in [*folders, *files]:
        if mode_of(path) & OTHERS:
            yield path


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    except OSError:
        return []


def mode_of(path: Path) -> int:
    """The permission bits; 0 if there is no such file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
