"""A vault of our own: the read of HashiCorp Vault's key-value version 2, with what a test stores."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.network import free_port

TOKEN = "s.only-for-tests"


class FakeVault:
    """``secrets`` maps ``mount/path`` to its fields.  After ``close`` nothing listens on its port."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, str]] = {}
        self.is_sealed = False
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = vault.answer(self.path, self.headers.get("X-Vault-Token", ""))
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, token: str) -> tuple[int, dict[str, object]]:
        """-> status and body, as the API documents them"""
        if self.is_sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        mount, _, rest = path.removeprefix("/v1/").partition("/data/")
        fields = self.secrets.get(f"{mount}/{rest}")
        return (200, {"data": {"data": fields}}) if fields else (404, {"errors": []})

    def env(self) -> dict[str, str]:
        """The settings of a process that reads from it."""
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": TOKEN}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
