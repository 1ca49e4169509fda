"""A transport that can call this machine, and servers that misbehave."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(allowed_networks=LOOPBACK)
    yield made
    made.close()


def post(transport: Transport, url: str, timeout_s: float = 5, **kw: object) -> Reply:
    headers = kw.get("headers", (("Content-Type", "application/json"),))
    return transport.send(OutboundRequest("POST", url, headers, b'{"a":1}', timeout_s))  # type: ignore[arg-type]


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads one request and then runs ``talk``."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.settimeout(5)
                heard = b""
                while b'{"a":1}' not in heard and (piece := peer.recv(65536)):
                    heard += piece
                talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    over.set()
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def drip(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send ``piece`` repeatedly and slowly, until the client disconnects."""

    def talk(peer: socket.socket) -> None:
        peer.sendall(head)
        pause = threading.Event()
        for _ in range(200):
            peer.sendall(piece)
            pause.wait(0.05)

    return talk


def certificate(folder: Path, name: str, days: tuple[int, int]) -> Path:
    """A self-signed certificate with its key, valid between two days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}-{days[1]}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
