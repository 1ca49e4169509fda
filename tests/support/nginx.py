"""A real nginx with a configuration that ``deploy/nginx`` ships, for the ports of a test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from relay.launcher.processes import ROOT


@contextmanager
def nginx(folder: Path, name: str, changes: Mapping[str, str]) -> Iterator[None]:
    """nginx with ``deploy/nginx/NAME`` and ``changes``, each of which must be found in it."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, "No nginx for the tests. Install Debian's package nginx-light."
    shipped = (ROOT / "deploy" / "nginx" / name).read_text()
    for old, new in changes.items():
        assert old in shipped, old
        shipped = shipped.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {folder}/nginx-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{shipped}}}\n"
    )
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
