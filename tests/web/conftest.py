"""A web process alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack


@pytest.fixture
def web(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """The web process alone; no broker is there, and none is needed."""
    stack = Stack(tmp_path / "web", database_url, f"unix://{tmp_path}/none.sock")
    try:
        stack.start("web")
        yield stack
    finally:
        stack.close()
