"""The environment of a Relay under test, without the settings of the caller."""

from __future__ import annotations

import os
from pathlib import Path

SECRET_KEY = "only-for-tests-0123456789abcdefghijklmnop"
ENCRYPTION_KEY = "b25seS1mb3ItdGVzdHMtMDEyMzQ1Njc4OWFiY2RlZmc="
LOOPBACK = "127.0.0.0/8,::1/128"
OURS = ("DATABASE_URL", "DATABASE_READ_URL", "REDIS_URL", "SECRET_KEY", "PORT")


def foreign(env: dict[str, str]) -> dict[str, str]:
    """``env`` without any setting of Relay."""
    return {
        name: value
        for name, value in env.items()
        if not name.startswith(("RELAY_", "FLASK_", "OTEL_", *OURS))
    }


def relay_env(data_dir: Path, **more: str) -> dict[str, str]:
    """What a process of Relay needs to start, with ``more`` on top."""
    return foreign(dict(os.environ)) | {
        "RELAY_DATA_DIR": str(data_dir),
        "SECRET_KEY": SECRET_KEY,
        "RELAY_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "RELAY_ALLOWED_PRIVATE_NETWORKS": LOOPBACK,
        "FLASK_APP": "wsgi",
        **more,
    }
