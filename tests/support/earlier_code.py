"""The code of an earlier commit, from git's history, to run beside today's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from relay.launcher.processes import ROOT

# Earlier code imports Flask-Limiter, which is not installed any more.  It limits guesses at passwords:
# the tests of an upgrade make none.
FLASK_LIMITER = {
    "__init__.py": """
from limits.storage import MemoryStorage

class Limiter:
    storage = MemoryStorage()
    def __init__(self, **options): pass
    def init_app(self, app): pass
    def limit(self, *words, **options): return lambda view: view
    def exempt(self, view): return view
""",
    "util.py": """
from flask import request

def get_remote_address(): return request.remote_addr
""",
}


def extract(commit: str, folder: Path) -> Path:
    """The code of ``commit`` in a new folder, with today's assets.  Skips the test without that history."""
    folder.mkdir()
    git = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if git.returncode:
        pytest.skip("The history of this clone does not go back far enough.")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=git.stdout, check=True)
    shutil.copytree(ROOT / "relay/static/gen", folder / "relay/static/gen")
    (folder / "flask_limiter").mkdir()
    for name, text in FLASK_LIMITER.items():
        (folder / "flask_limiter" / name).write_text(text)
    return folder
