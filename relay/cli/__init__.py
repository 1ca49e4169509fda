"""``flask <noun> <verb>``: everything an operator does without a browser."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Add every noun's commands."""
