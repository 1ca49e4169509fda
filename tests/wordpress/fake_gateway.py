"""A fake gateway: verifies real signatures over the raw bytes and returns the replies that a test sets."""

import base64
import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "lab_secret-0123456789-abcdefghijklmnopqrstuvwxyz"
KEY_ID = "key_lab.1"


@dataclass
class Reply:
    """The next reply.  ``hold`` keeps the caller waiting until it is set; ``date_offset_s`` shifts the clock."""

    status: int = 202
    body: str = '{"status":"accepted"}'
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    date_offset_s: int = 0
    hold: threading.Event | None = None


KEY_IS_CURRENT = Reply(200, '{"status":"current"}')


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    verified: bool

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def event_id(self) -> str:
        return self.headers.get("x-event-id", "")


class FakeGateway:
    """Listens on a free port of 127.0.0.1 as soon as it is created.

    Events are in ``received``; questions about keys in ``questions``, which get ``key_reply``; exchanges of a one-time code
    in ``exchanges``, which get ``token_reply``.
    """

    def __init__(self, secret: str = SECRET, port: int = 0):
        self.secret = secret
        self.received: list[Received] = []
        self.questions: list[Received] = []
        self.key_reply = KEY_IS_CURRENT
        self.exchanges: list[Received] = []
        self.token_reply = Reply(400, '{"error":"invalid_code"}')
        self.connections = 0
        self._changed = threading.Condition()
        self._script: list[Reply] = []
        self._always: Reply | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/webhooks/wp/lab"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening, so that connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Delete all requests; verify and accept again."""
        with self._changed:
            self.received, self.connections, self._script, self._always = [], 0, [], None
            self.questions, self.key_reply = [], KEY_IS_CURRENT
            self.exchanges, self.token_reply = [], Reply(400, '{"error":"invalid_code"}')

    def reply(self, *replies: Reply) -> None:
        """Set the next replies, in this order; after them the default one."""
        self._script.extend(replies)

    def always(self, reply: Reply) -> None:
        """Set the reply to all following requests."""
        self._always = reply

    def wait_for(self, count: int, timeout_s: float = 30) -> list[Received]:
        """Wait until this many requests were received."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, timeout_s), (
                f"{len(self.received)} of {count} requests were received"
            )
            return list(self.received)

    def _verify(self, headers, body: bytes) -> bool:
        stamp = headers.get("x-wp-timestamp", "")
        if not (stamp.isascii() and stamp.isdigit()) or abs(time.time() - int(stamp)) > 300:
            return False
        digest = hmac.new(
            self.secret.encode(), stamp.encode() + b"." + body, hashlib.sha256
        ).digest()
        return hmac.compare_digest(
            base64.b64encode(digest), headers.get("x-wp-signature", "").encode()
        )

    def _reply_to(self, request: Received) -> Reply:
        if request.path.endswith("/key"):
            self.questions.append(request)
            refused = Reply(401, '{"error":"unauthorized"}')
            return self.key_reply if request.verified else refused
        if request.path == "/connect/token":
            self.exchanges.append(request)
            return self.token_reply
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
            if self._script:
                return self._script.pop(0)
            if self._always:
                return self._always
            earlier = [
                one
                for one in self.received[:-1]
                if one.verified and one.event_id == request.event_id
            ]
        if not request.verified:
            return Reply(401, '{"error":"unauthorized"}')
        return Reply(200, '{"status":"duplicate"}') if earlier else Reply()

    def _handler(self):
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                gateway.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = gateway._reply_to(
                    Received(self.path, headers, body, gateway._verify(headers, body))
                )
                if reply.hold:
                    reply.hold.wait(60)
                payload = reply.body.encode()
                self.send_response_only(reply.status)
                self.send_header("Date", formatdate(time.time() + reply.date_offset_s, usegmt=True))
                self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(len(payload)))
                self.send_header("Connection", "close")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(payload)
                except OSError:
                    pass  # some tests kill the caller

            def log_message(self, *_):
                pass

        return Handler
