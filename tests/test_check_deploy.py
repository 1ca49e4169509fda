"""Each check of the files in ``deploy/`` finds a file that is broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from relay.dashboard.help import DOCS
from relay.launcher.processes import ROOT
from relay.services.operations.checks.database import MIGRATIONS
from relay.services.sources.plugin import FOLDER
from scripts import check_deploy
from scripts.image_steps import context

CHART = "helm/relay/templates"
BROKEN = {
    "an unknown instruction": ("dockerfile", "Dockerfile", "USER 10001", "USR 10001", "unexpected"),
    "root": ("dockerfile", "Dockerfile", "USER 10001:10001\n", "", "a user other than root"),
    "no exact base": ("dockerfile", "Dockerfile", ":3.13.7-slim", ":slim", "exact version"),
    "an unknown key": ("compose", "compose.yaml", "stop_grace_period: 60s", "stop: 60s", "stop"),
    "no such service": ("compose", "compose.yaml", "    setup:\n", "    seetup:\n", "seetup"),
    "eviction": ("compose", "compose.yaml", "noeviction", "allkeys-lru", "noeviction"),
    "a writable root": ("compose", "compose.yaml", "read_only: true", "read_only: false", "read-only"),
    "no exact image": ("compose", "compose.yaml", "postgres:17.6-bookworm", "postgres", "exact"),
    "a misspelt directive": (
        "units", "systemd/relay-worker.service", "MemoryMax", "MemoryMaxx", "MemoryMaxx"
    ),
    "an open unit": (
        "units", "systemd/relay-web.service", "ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\n", "",
        "exposure level",
    ),
    "no such time": ("units", "systemd/relay-backup.timer", "02:30:00", "25:30:00", "25:30"),
    "no such socket": (
        "units", "systemd/relay-web.service", "Requires=relay-web.socket", "Requires=relay-web.sock",
        "relay-web.sock",
    ),
    "a template error": ("chart", f"{CHART}/web.yaml", "{{- if not", "{{- iff not", "iff"),
    "a wrong type": ("chart", f"{CHART}/web.yaml", "periodSeconds: 2", "periodSeconds: two", "integer"),
    "an unknown field": ("chart", f"{CHART}/pdb.yaml", "maxUnavailable", "maxMissing", "maxMissing"),
    "a pod as root": ("chart", f"{CHART}/_helpers.tpl", "runAsNonRoot: true", "runAsNonRoot: false", "root"),
    "no memory limit": ("chart", "helm/relay/values.yaml", "limits: {memory: 512Mi}", "limits: {}", "limit"),
    "an unknown nginx directive": (
        "nginx", "nginx/relay.conf", "ssl_protocols", "ssl_protocol", "ssl_protocol"
    ),
    "broken cells": ("nginx", "nginx/cells.conf", "keepalive 32; }", "keepalive 32; ", "cells.conf"),
    "an unknown Caddy directive": (
        "caddy", "caddy/compose.Caddyfile", "reverse_proxy", "reverseproxy", "reverseproxy"
    ),
    "an unknown logrotate directive": ("logrotate", "logrotate/relay", "compress", "compres", "compres"),
}  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", folder)
    return folder


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_found(copy: Path, what: str) -> None:
    check, name, old, new, expected = BROKEN[what]
    text = (copy / name).read_text(encoding="utf-8")
    assert old in text
    (copy / name).write_text(text.replace(old, new), encoding="utf-8")
    errors = list(getattr(check_deploy, check)(copy))
    assert any(expected in error for error in errors), errors


def test_the_image_has_what_relay_reads_beside_its_packages(tmp_path: Path) -> None:
    context(tmp_path)
    copied = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    for read in (DOCS, FOLDER, MIGRATIONS):
        path = read.relative_to(ROOT)
        assert (tmp_path / path).is_dir(), f"Dockerfile.dockerignore leaves {path} out"
        assert f"\nCOPY {path.parts[0]} {path.parts[0]}\n" in copied
