"""A strict HTTP proxy that only opens tunnels.

It refuses what RFC 9110 calls invalid: a target that is not host and port (section 9.3.6), a Host
header that differs from the target (section 7.2), content in a CONNECT request (section 9.3.6), and
wrong or missing Proxy-Authorization (section 11.7.1).  Beyond the RFC it refuses a target that is a
name, because Relay must ask for the address that it checked, and bytes that arrive before the tunnel
is open.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import select
import socket
import threading
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """``asked`` are the targets, ``faults`` what was wrong with a request.

    ``login`` is the ``user:password`` that it asks for.  ``denied`` and ``broken`` are addresses that
    it answers with 403 and 502.  ``reply`` replaces its answer.  ``bytes_seen`` passed through tunnels.
    """

    login: str = ""
    denied: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    reply: bytes = b""
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    bytes_seen: bytes = b""

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        user = f"{self.login}@" if self.login else ""
        self.url = f"http://{user}127.0.0.1:{self.port}"
        self.closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            peer.settimeout(10)
            heard = b""
            while b"\r\n\r\n" not in heard:
                piece = peer.recv(65536)
                if not piece:
                    return
                heard += piece
            head, _, rest = heard.partition(b"\r\n\r\n")
            status, target = self._check(head.decode("latin-1"), rest)
            if self.reply:
                peer.sendall(self.reply)
                return
            if status != 200 or target is None:
                peer.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
                return
            try:
                upstream = socket.create_connection(target, timeout=5)
            except OSError:
                peer.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            peer.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 strict\r\n\r\n")
            with upstream:
                self._pump(peer, upstream)

    def _check(self, head: str, rest: bytes) -> tuple[int, tuple[str, int] | None]:
        line, *lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        method, _, tail = line.partition(" ")
        target, _, version = tail.partition(" ")
        self.asked.append(target)
        if method != "CONNECT" or version != "HTTP/1.1":
            return self._fault(405, f"not a CONNECT request: {line}")
        host, _, port = target.rpartition(":")
        if not port.isdigit() or not 1 <= int(port) <= 65535:
            return self._fault(400, f"the target has no port: {target}")
        try:
            address = str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
        except ValueError:
            return self._fault(400, f"the target is a name: {target}")
        if headers.get("host") != target:
            return self._fault(400, f"the Host header differs: {headers.get('host')}")
        if {"content-length", "transfer-encoding"} & headers.keys():
            return self._fault(400, "a CONNECT request has no content")
        if rest:
            return self._fault(400, "bytes came before the tunnel was open")
        expected = "Basic " + base64.b64encode(self.login.encode()).decode()
        if self.login and headers.get("proxy-authorization") != expected:
            return self._fault(407, "the login is wrong or missing")
        if not self.login and "proxy-authorization" in headers:
            return self._fault(400, "a login was sent and not asked for")
        if address in self.denied:
            return 403, None
        return (502, None) if address in self.broken else (200, (address, int(port)))

    def _fault(self, status: int, why: str) -> tuple[int, None]:
        self.faults.append(why)
        return status, None

    def _pump(self, peer: socket.socket, upstream: socket.socket) -> None:
        while not self.closing.is_set():
            ready, _, _ = select.select([peer, upstream], [], [], 0.2)
            for sock in ready:
                piece = sock.recv(65536)
                if not piece:
                    return
                self.bytes_seen += piece
                (upstream if sock is peer else peer).sendall(piece)
