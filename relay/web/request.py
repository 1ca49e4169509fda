"""One HTTP request, and the WSGI environment that the applications see."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from relay.web.head import Headers


@dataclass(slots=True)
class HttpRequest:
    """``target`` is the path with the query, ``headers`` have names in lower case, ``client`` and
    ``server`` are (address, port).  ``size`` counts the bytes of the body that were received.
    """

    method: str
    target: bytes
    version: str
    headers: Headers
    client: tuple[str, int]
    server: tuple[str, int]
    keep_alive: bool
    body: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def path(self) -> str:
        """The path as WSGI has it: percent-decoded bytes as Latin-1."""
        raw = self.target.partition(b"?")[0]
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin-1")


def environ_of(request: HttpRequest, path: str) -> dict[str, Any]:
    """The WSGI environment.  Repeated headers are joined with a comma, as CGI has them.

    A header with an underscore is left out: it would have the same name as one with a hyphen, which a
    proxy may have set.  Source: https://peps.python.org/pep-3333/
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": request.target.partition(b"?")[2].decode("latin-1"),
        "SERVER_NAME": request.server[0],
        "SERVER_PORT": str(request.server[1]),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": request.client[0],
        "REMOTE_PORT": str(request.client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"".join(request.body)),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        if b"_" in name:
            continue
        key = variable(name)
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


VARIABLES: dict[bytes, str] = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def variable(name: bytes) -> str:
    """The name of a header in the environment."""
    known = VARIABLES.get(name)
    if known is None:
        known = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        if len(VARIABLES) < 200:  # the names that clients make up must not fill the memory
            VARIABLES[name] = known
    return known
