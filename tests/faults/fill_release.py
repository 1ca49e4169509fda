"""Fill a database with the code of an earlier release: run in its folder, with its settings.

The argument is the URL of a sink.  Three webhooks go there: ``/in`` takes all, ``/later`` and ``/gone`` answer
as the test said.  Two events are routed and sent; the third one is only stored.  Prints the site's secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from typing import Any

from flask_migrate import upgrade

from relay.delivery import drain, router
from wsgi import app


def flask(*words: str, given: str | None = None) -> Any:
    result = app.test_cli_runner().invoke(args=[*words, "--json"], input=given)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def send(secret: str, number: int) -> None:
    body = json.dumps(
        {
            "event": "comment.created",
            "event_id": f"old-{number}",
            "site": "https://shop.example.com",
            "data": {
                "id": number, "post_id": 7, "author": "Jane", "content": "Grüße",
                "created_at": "2026-11-24T10:00:00Z",
            },
        }
    ).encode()  # fmt: skip
    stamp = str(int(time.time()))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "X-WP-Timestamp": stamp,
        "X-Event-Id": f"old-{number}",
        "X-WP-Signature": base64.b64encode(mac).decode(),
    }
    answer = app.test_client().post(
        "/webhooks/wp", data=body, headers=headers, content_type="application/json"
    )
    assert answer.status_code == 202, answer.text


with app.app_context():
    upgrade()
person = ("users", "create", "jane@example.com", "--role", "admin", "--password-stdin")
flask(*person, given="correct horse battery staple\n")
secret = flask("sources", "create", "Shop", "--url", "https://shop.example.com")["secret"]
for path in ("in", "later", "gone"):
    to = ("--set", f"url={sys.argv[1]}/{path}", "--set", "auth=none")
    flask("destinations", "create", "webhook", f"Hook {path}", *to)
send(secret, 1)
send(secret, 2)
with app.app_context():
    router.route_batch()
    for destination_id in (1, 2, 3):
        drain.run(destination_id)
send(secret, 3)
print(json.dumps({"secret": secret}))
