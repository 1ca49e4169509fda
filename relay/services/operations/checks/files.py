"""Files and folders: free space, who can read them, and what Relay needs to find or write."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from flask import current_app
from sqlalchemy import make_url

from config import WITH_FILE, Config
from relay.i18n import _
from relay.observability import health
from relay.observability.health import Finding, error, ok, warning
from relay.private_files import OTHERS, mode_of, open_to_others
from relay.services.operations.checks.runner import isolated

SECRET_FILES = ("SECRET_KEY", "DATABASE_URL", "DATABASE_READ_URL", "REDIS_URL", *WITH_FILE)
KEYS = "secrets.env"


def check(config: Config) -> Iterator[Finding]:
    file = sqlite_file(config)
    yield from isolated("data directory", lambda: [check_data_dir(config.data_dir)])
    yield from isolated("permissions", lambda: check_permissions(config.data_dir, file))
    yield from isolated("disk", lambda: check_disks(config.data_dir, file))
    yield from isolated("metrics", lambda: check_metrics(config.data_dir / "metrics"))
    yield from isolated("assets", check_assets)


def sqlite_file(config: Config) -> Path | None:
    url = make_url(config.database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def check_data_dir(path: Path) -> Finding:
    """Whether Relay can write to it, and only its owner can enter it."""
    word = shlex.quote(str(path))
    if not path.is_dir():
        return error(
            "data directory",
            _("%(path)s is not a folder.", path=path),
            _("Create it: mkdir -m 700 %(word)s", word=word),
        )
    if not os.access(path, os.W_OK | os.X_OK):
        return error(
            "data directory",
            _("Relay cannot write to %(path)s.", path=path),
            _("Make Relay's user its owner: chown USER %(word)s", word=word),
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IWOTH:
        return error(
            "data directory",
            _("Every user can write to %(path)s.", path=path),
            _("Run: %(command)s", command=f"chmod 700 {word}"),
        )
    if mode & 0o077:
        return warning(
            "data directory",
            _("Other users can enter %(path)s.", path=path),
            _("Run: %(command)s", command=f"chmod 700 {word}"),
        )
    return ok("data directory", _("%(path)s is writable, and only by Relay's user.", path=path))


def check_permissions(data_dir: Path, file: Path | None) -> Iterator[Finding]:
    """Keys, database and backups must be readable by their owner only."""
    database = (
        [] if file is None else [file.with_name(file.name + end) for end in ("", "-wal", "-shm")]
    )
    others = {one for one in open_to_others(data_dir) if not one.is_dir()} - set(database)
    alone = sorted(one for one in others if one.parent == data_dir)
    in_folders = sorted(others - set(alone))
    found = [_finding(*paths) for paths in (database, *([one] for one in alone), in_folders)]
    for name in SECRET_FILES:
        text = os.environ.get(f"{name}_FILE", "").strip()
        if text and (mode := mode_of(Path(text))) & OTHERS:
            found.append(
                warning(
                    "permissions",
                    _(
                        "Other users can read %(text)s, the file of %(name)s_FILE (mode %(mode)s).",
                        text=text,
                        name=name,
                        mode=f"{mode:04o}",
                    ),
                    _(
                        "Run: %(command)s, or set this mode where the platform mounts it.",
                        command=f"chmod 600 {shlex.quote(text)}",
                    ),
                )
            )
    findings = [one for one in found if one is not None]
    yield from findings
    if not findings:
        yield ok("permissions", _("Keys, database and backups are readable by their owner only."))


def _finding(*paths: Path) -> Finding | None:
    """A finding for those of ``paths`` that other users can use; the files of a database are one."""
    found = [path for path in paths if mode_of(path) & OTHERS]
    if not found:
        return None
    mode = mode_of(found[0])
    level, shown = error if found[0].name == KEYS else warning, f"{mode:04o}"
    return level(
        "permissions",
        _("Other users can read %(path)s (mode %(mode)s).", path=found[0], mode=shown)
        if mode & 0o044
        else _("Other users can change %(path)s (mode %(mode)s).", path=found[0], mode=shown),
        _("Run: %(command)s", command=f"chmod 600 {shlex.join(map(str, found))}"),
    )


def check_disks(data_dir: Path, file: Path | None) -> Iterator[Finding]:
    """The disk of the data directory, and that of the SQLite file if it is another one."""
    yield check_disk("disk", data_dir)
    if file is not None and file.parent.stat().st_dev != data_dir.stat().st_dev:
        yield check_disk("database disk", file.parent)


def check_disk(check: str, path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    size = health.size(free)
    if free < health.DISK_ERROR_BYTES:
        return error(
            check,
            _("Only %(size)s are free at %(path)s.", size=size, path=path),
            _("Free disk space now, or enlarge the disk."),
        )
    if free < health.DISK_WARNING_BYTES:
        return warning(
            check,
            _("Only %(size)s are free at %(path)s.", size=size, path=path),
            _("Free disk space soon, or enlarge the disk."),
        )
    return ok(check, _("%(size)s are free at %(path)s.", size=size, path=path))


def check_metrics(folder: Path) -> Iterator[Finding]:
    """Whether the processes of this host can write their counters; Relay makes the folder."""
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        yield warning(
            "metrics",
            _("Relay cannot write to %(folder)s, so /metrics has no counters.", folder=folder),
            _("Make Relay's user its owner: chown USER %(quote)s", quote=shlex.quote(str(folder))),
        )
    else:
        yield ok("metrics", _("The counters of /metrics can be written."))


def check_assets() -> Iterator[Finding]:
    """Whether the files of the pages were built, and are those that the manifest names."""
    folder = Path(str(current_app.static_folder))
    build = _(
        "Run: %(command)s, then restart the web processes.",
        command="python scripts/build_assets.py",
    )
    try:
        named = json.loads((folder / "gen" / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        yield error("assets", _("The styles and scripts of the dashboard are not built."), build)
        return
    missing = [
        output
        for output, version in named.items()
        if not (folder / output.replace("%(version)s", str(version))).is_file()
    ]
    if missing:
        yield error(
            "assets",
            _(
                "Of the dashboard's files, %(missing)s are missing from %(folder)s.",
                missing=len(missing),
                folder=folder,
            ),
            build,
        )
    else:
        yield ok("assets", _("The styles and scripts of the dashboard are built."))
