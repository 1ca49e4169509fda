"""Forwards the audit log to a syslog server, as JSON in messages of RFC 5424.

Entries are sent by number after their commit, and the newest number that was sent is stored: while
the server is down, nothing is lost and no request waits.  After a crash an entry can be sent twice,
with the same ``seq``.  With UDP, nobody can tell whether a message arrived.

Sources: https://www.rfc-editor.org/rfc/rfc5424#section-6, https://www.rfc-editor.org/rfc/rfc6587
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select

from relay.database import READ_ONLY
from relay.models import Milestone, db
from relay.models.audit_chain import ENTRY
from relay.observability.logging import log
from relay.services.audit_check import SENT
from relay.services.operations import milestones

PRIORITY = 13 * 8 + 5  # facility "log audit", severity "notice"
BATCH = 100
TIMEOUT_S = 5.0


def forward() -> int:
    """Send the entries that were not sent yet.  -> how many; 0 without RELAY_AUDIT_SYSLOG

    Never raises OSError: what could not be sent is sent next time.
    """
    target = current_app.extensions["relay_config"].audit_syslog
    if not target:
        return 0
    count = 0
    while entries := _unsent():
        try:
            send(target, [message(entry) for entry in entries])
        except OSError as exc:
            log("audit.not_forwarded", level="warning", target=target, reason=str(exc))
            return count
        with db.engine.begin() as connection:
            milestones.store(connection, SENT, detail={"seq": entries[-1]["seq"]})
        count += len(entries)
    return count


def _unsent() -> list[dict[str, Any]]:
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        detail = connection.scalar(select(Milestone.detail).where(Milestone.name == SENT))
        sent = int((detail or {}).get("seq", 0))
        wanted = select(ENTRY).where(ENTRY.c.seq > sent).order_by(ENTRY.c.seq).limit(BATCH)
        return [dict(row) for row in connection.execute(wanted).mappings()]


def message(entry: Mapping[str, Any]) -> bytes:
    """One message without a frame: header, no structured data, one line of JSON in ASCII."""
    at = entry["at"].astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    body = {
        "seq": entry["seq"],
        "at": at,
        "actor": entry["actor"],
        "address": entry["address"],
        "action": entry["action"],
        "object": entry["object_label"],
        "detail": entry["detail"],
        "hash": entry["hash"],
    }
    host = socket.gethostname()[:255] or "-"
    return f"<{PRIORITY}>1 {at} {host} relay - audit - {json.dumps(body)}".encode()


def send(target: str, messages: Sequence[bytes]) -> None:
    """Send to ``udp://host:port``, ``tcp://host:port`` or ``unix:///path``.  Raises OSError."""
    parts = urlsplit(target)
    if parts.scheme == "tcp":
        _send_stream((parts.hostname or "", parts.port or 0), messages)
        return
    if parts.scheme == "unix":
        family, address = socket.AF_UNIX, parts.path
    else:
        found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)[0]
        family, address = found[0], found[4]  # type: ignore[assignment]
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(address)
        for one in messages:
            client.send(one)


def _send_stream(address: tuple[str, int], messages: Sequence[bytes]) -> None:
    """Each message with its length in front.  The server has read all of them when it closes too."""
    with socket.create_connection(address, TIMEOUT_S) as client:
        client.sendall(b"".join(b"%d %s" % (len(one), one) for one in messages))
        client.shutdown(socket.SHUT_WR)
        try:
            while client.recv(4096):
                pass
        except TimeoutError:
            return  # a server that keeps its side open: the system has accepted all of it
