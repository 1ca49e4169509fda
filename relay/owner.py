"""A command that root starts works as the owner of the data directory.

Otherwise the files that it makes there, such as SQLite's ``-wal``, belong to root, and Relay's processes
cannot write them afterwards.
"""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

from config import Config
from relay.errors import SettingsError

PROGRAM = Path(__file__).resolve()


def read_settings() -> Config:
    """The settings for a command, which from now on is the owner's.  Raises SettingsError."""
    config = Config.from_env()  # first: a secret may be in a file for root only
    continue_as_owner(config.data_dir)
    return config


def continue_as_owner(data_dir: Path) -> None:
    """As root, become the user that owns ``data_dir``, if it exists.  Raises SettingsError."""
    if os.geteuid() != 0:
        return
    try:
        owner = data_dir.stat()
    except OSError:
        return
    if owner.st_uid == 0:
        return
    try:
        account = pwd.getpwuid(owner.st_uid)
        name, group, home = account.pw_name, account.pw_gid, account.pw_dir
    except KeyError:  # in a container, often
        name, group, home = f"#{owner.st_uid}", owner.st_gid, str(data_dir)
    sentence = f"The data directory {data_dir} belongs to {name}, so a command of root continues as {name}, but"
    try:
        if name.startswith("#"):
            os.setgroups([group])
        else:
            os.initgroups(name, group)
        os.setgid(group)
        os.setuid(owner.st_uid)
    except OSError as exc:
        raise SettingsError(
            f"{sentence} root may not do so here: {exc.strerror}. Run the command as this user: "
            f"sudo -E -u '{name}' flask …"
        ) from exc
    os.environ.update(HOME=home, USER=name, LOGNAME=name)
    for path in (PROGRAM, Path(sys.prefix), Path(sys.base_prefix)):
        if not os.access(path, os.R_OK):
            raise SettingsError(
                f"{sentence} this user cannot read {path}. Install Relay and Python where it can."
            )
