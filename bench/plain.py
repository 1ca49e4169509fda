"""The same work without Relay: the reference that a run is compared with.

Verifying and committing an event, and delivering it, written as plainly as possible: HMAC, ``json.loads``,
one INSERT and one COMMIT for 32 rows; one SELECT, keep-alive calls with ``http.client`` and one UPDATE for 50.
A machine that is slower or busier makes both slower, so their ratio can be compared between machines.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from relay.models import db

GROUP, BATCH = 32, 50
TABLE = """
CREATE TEMPORARY TABLE plain_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id text UNIQUE, body text, delivered boolean DEFAULT false
)
"""


def costs(app: Any, raws: Sequence[bytes], secret: str, sink_url: str) -> dict[str, float]:
    """-> CPU µs of this process per event, for ingest and for delivery."""
    with app.app_context():
        pooled = db.engine.raw_connection()
    try:
        connection = pooled.driver_connection
        assert connection is not None
        connection.autocommit = True
        connection.execute(TABLE)
        received = timed(lambda: receive(connection, raws, secret), len(raws))
        delivered = timed(lambda: deliver(connection, sink_url), len(raws))
    finally:
        pooled.invalidate()
    return {"plain: verify and commit": received, "plain: deliver": delivered}


def timed(call: Any, count: int) -> float:
    began = time.process_time()
    call()
    return (time.process_time() - began) / count * 1e6


def receive(connection: Any, raws: Sequence[bytes], secret: str) -> None:
    key, rows = secret.encode(), []
    for raw in raws:
        head, _, body = raw.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        mac = hmac.new(key, headers["X-WP-Timestamp"].encode() + b"." + body, hashlib.sha256)
        if not hmac.compare_digest(
            base64.b64encode(mac.digest()).decode(), headers["X-WP-Signature"]
        ):
            raise ValueError("The signature is wrong.")
        rows.append((json.loads(body)["event_id"], body.decode()))
        if len(rows) == GROUP:
            insert(connection, rows)
            rows = []
    insert(connection, rows)


def insert(connection: Any, rows: list[tuple[str, str]]) -> None:
    if rows:
        marks = ", ".join(["(%s, %s)"] * len(rows))
        sql = f"INSERT INTO plain_event (event_id, body) VALUES {marks} RETURNING id"  # noqa: S608
        connection.execute(sql, [value for row in rows for value in row]).fetchall()


def deliver(connection: Any, sink_url: str) -> None:
    parts = urlsplit(sink_url)
    client = http.client.HTTPConnection(parts.hostname or "", parts.port)
    while rows := connection.execute(
        "SELECT id, body FROM plain_event WHERE NOT delivered ORDER BY id LIMIT %s", [BATCH]
    ).fetchall():
        for _, body in rows:
            client.request("POST", parts.path, body.encode(), {"Content-Type": "application/json"})
            client.getresponse().read()
        connection.execute(
            "UPDATE plain_event SET delivered = true WHERE id = ANY(%s)",
            [[row_id for row_id, _ in rows]],
        )
    client.close()
