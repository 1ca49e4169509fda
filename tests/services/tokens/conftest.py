"""A team and its tokens."""

from __future__ import annotations

from tests.services.users.conftest import team

__all__ = ["team"]
