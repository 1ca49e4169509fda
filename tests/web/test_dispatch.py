"""Which application answers, how long responses are sent, and what happens when one fails."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from relay.ingest.waiting import new_wait, release
from relay.web.connections import Connections
from relay.web.dispatch import Dispatcher
from tests.support.network import wait_for

LONG = [bytes([n % 256]) * 50_000 for n in range(40)]  # more than the kernel takes at once


class Served:
    """A server in a thread with the applications ``ingest`` and ``pages``."""

    def __init__(self, ingest: Any, pages: Any, page_threads: int = 2):
        self.port, self.is_ready = 0, True
        self.loop: asyncio.AbstractEventLoop | None = None
        self.connections: Connections | None = None
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.run(ingest, pages, page_threads)), daemon=True
        )
        self.thread.start()
        wait_for(lambda: self.port, 5)

    async def run(self, ingest: Any, pages: Any, page_threads: int) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.loop, self.end = asyncio.get_running_loop(), asyncio.Event()
        dispatcher = Dispatcher(ingest, pages, lambda: self.is_ready, 1, page_threads)
        self.connections = Connections(dispatcher.handle, 0, 1000)
        self.connections.listen(listening)
        self.port = listening.getsockname()[1]
        await self.end.wait()
        self.loop.remove_reader(listening)
        listening.close()
        await self.connections.drain(1)
        dispatcher.close()

    def talk(self, data: bytes) -> bytes:
        """-> everything that the server sends until it closes"""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(data)
            said = b""
            while piece := client.recv(65536):
                said += piece
        return said

    def close(self) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join(5)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def start(*args: Any, **more: Any) -> Served:
        made.append(Served(*args, **more))
        return made[-1]

    yield start
    for one in made:
        one.close()


def says(text: bytes) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [text]

    return application


def get(path: str, version: str = "1.1") -> bytes:
    return f"GET {path} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode()


def test_what_begins_with_webhooks_goes_to_ingest_and_the_rest_to_the_pages(serve: Any) -> None:
    served = serve(says(b"ingest"), says(b"pages"))
    for path in ("/webhooks/wp", "/webhooks/wp/shop", "/webhooks/key", "/webhooks"):
        assert served.talk(get(path)).endswith(b"\r\n\r\ningest")
    for path in ("/", "/healthz", "/webhook"):
        assert served.talk(get(path)).endswith(b"\r\n\r\npages")


def test_a_process_for_events_has_probes_and_no_pages(serve: Any) -> None:
    served = serve(says(b"ingest"), says(b"pages"), page_threads=0)
    assert served.talk(get("/healthz")).endswith(b"pages")
    assert served.talk(get("/webhooks/wp")).endswith(b"ingest")
    assert served.talk(get("/events")).startswith(b"HTTP/1.1 404 ")


def test_an_event_that_waits_lets_the_next_one_run(serve: Any) -> None:
    """All run in one thread; each is released from another one, the last one first."""
    waits: list[Any] = []
    threads: set[int] = set()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        threads.add(threading.get_ident())
        wait = new_wait()
        waits.append(wait)
        is_released = wait.wait(float(environ["QUERY_STRING"]))
        start_response("200 OK", [])
        return [str(is_released).encode()]

    served = serve(application, says(b""))
    clients = [socket.create_connection(("127.0.0.1", served.port), 10) for _ in range(3)]
    paths = ("/webhooks/wp?30", "/webhooks/woocommerce/shop?30", "/webhooks/wp/shop?0.05")
    for client, path in zip(clients, paths, strict=True):
        client.sendall(get(path))
    assert clients[2].recv(1000).endswith(b"False")
    wait_for(lambda: len(waits) == 3, 5)
    release(waits)
    release(waits)  # again, and after the time limit: changes nothing
    assert all(client.recv(1000).endswith(b"True") for client in clients[:2])
    assert threads == {served.thread.ident}
    for client in clients:
        client.close()


def pieces(fail_after: int = 1000) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for n, piece in enumerate(LONG):
            if n == fail_after:
                raise RuntimeError("no more")
            yield piece

    return application


def test_a_long_response_is_sent_in_chunks_and_in_http_1_0_until_the_end(serve: Any) -> None:
    served = serve(says(b""), pieces())
    head, _, body = served.talk(get("/long")).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert unchunked(body) == b"".join(LONG)
    head, _, body = served.talk(get("/long", "1.0")).partition(b"\r\n\r\n")
    assert b"chunked" not in head and body == b"".join(LONG)


def unchunked(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if not int(size, 16):
            assert data == b"\r\n"
            return body
        body, data = body + data[: int(size, 16)], data[int(size, 16) + 2 :]


def test_a_response_that_breaks_off_never_looks_complete(serve: Any) -> None:
    served = serve(says(b""), pieces(fail_after=20))
    try:
        said = served.talk(get("/long"))
    except ConnectionResetError:
        return
    assert not said.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["/webhooks/wp", "/page"])
def test_an_application_that_fails_is_500_in_json(serve: Any, path: str) -> None:
    def fails(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("wrong")

    said = serve(fails, fails).talk(get(path))
    assert said.startswith(b"HTTP/1.1 500 ") and b'"error": "internal"' in said


def test_pipelined_requests_are_answered_in_their_order(serve: Any) -> None:
    def path(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    served = serve(path, path)
    wanted = [f"/{n}" if n % 2 else f"/webhooks/wp/{n}" for n in range(30)]
    request = "".join(f"GET {one} HTTP/1.1\r\nHost: a\r\n\r\n" for one in wanted).encode()
    said = served.talk(request + get("/last"))
    assert [part.split(b"\r\n")[0] for part in said.split(b"\r\n\r\n")[1:]] == [
        *(one.encode() + b"HTTP/1.1 200 OK" for one in wanted),
        b"/last",
    ]


def test_headers_reach_the_application_once_and_without_underscores(serve: Any) -> None:
    def headers(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [repr({k: v for k, v in environ.items() if k.startswith("HTTP_X")}).encode()]

    request = (
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX_A: 2\r\nx-a: 3\r\nConnection: close\r\n\r\n"
    )
    assert serve(headers, headers).talk(request).endswith(b"{'HTTP_X_A': '1,3'}")


def test_hundreds_of_requests_at_once_are_answered_one_after_the_other(serve: Any) -> None:
    served = serve(says(b"x"), says(b"x"), page_threads=0)
    for path in ("/webhooks/wp", "/nothing-here"):
        request = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 2000
        assert served.talk(request + get("/last")).count(b"HTTP/1.1 ") == 2001
    wait_for(lambda: served.connections.total == 0, 5)


def test_a_trailer_is_no_header(serve: Any) -> None:
    def headers(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        body = environ["wsgi.input"].read()
        return [repr((body, {k: v for k, v in environ.items() if k[:6] == "HTTP_X"})).encode()]

    request = (
        b"POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-A: 2\r\nX-B: 3\r\n\r\n"
    )
    assert serve(headers, headers).talk(request).endswith(b"(b'abc', {'HTTP_X_A': '1'})")
    endless = request[: -len(b"\r\n")] + b"X-C: 4\r\n" * 10_000
    assert serve(headers, headers).talk(endless).startswith(b"HTTP/1.1 431 ")


def test_a_request_for_another_protocol_is_served_as_http_1_1(serve: Any) -> None:
    def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(), repr("HTTP_UPGRADE" in environ).encode()]

    head = (
        b"POST /webhooks/wp HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n"
    )
    served = serve(echo, echo)
    said = served.talk(head + b"abc")
    assert said.endswith(b"abcFalse") and b"Connection: close" in said
    said = served.talk(head.replace(b"POST", b"GET").replace(b"Length: 3", b"Length: 0"))
    assert said.startswith(b"HTTP/1.1 200 ") and said.endswith(b"False")


def test_what_waits_for_the_database_never_runs_in_the_loop(serve: Any) -> None:
    threads: dict[str, str] = {}

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        threads[environ["PATH_INFO"]] = threading.current_thread().name
        start_response("200 OK", [])
        return [b""]

    served = serve(application, application)
    others = ("/webhooks/key", "/webhooks/wp/a/key", "/webhooks/wp/a/key/", "/webhooks/wpa")
    events = ("/webhooks/wp", "/webhooks/wp/", "/webhooks/wp/a", "/webhooks/wp/a/")
    for path in (*others, *events):
        served.talk(get(path))
    assert all(threads[path].startswith("probe") for path in others)
    assert {threads[path] for path in events} == {served.thread.name}


def test_a_client_that_reads_nothing_takes_no_thread_and_its_requests_wait(serve: Any) -> None:
    def large(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"x" * 400_000] * 2

    served = serve(says(b""), large, page_threads=1)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", served.port))
    slow.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
    assert len(served.talk(get("/other"))) > 800_000
    (connection,) = served.connections.all()
    assert connection.transport.get_write_buffer_size() < 4_000_000
    assert connection.requests
    slow.close()


def test_until_the_sources_are_known_events_load_them_in_threads_of_their_own(serve: Any) -> None:
    threads: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        threads.append(threading.current_thread().name)
        start_response("200 OK", [])
        return [b""]

    served = serve(application, says(b""))
    served.is_ready = False
    served.talk(get("/webhooks/wp"))
    served.is_ready = True
    served.talk(get("/webhooks/wp"))
    assert threads[0].startswith("first") and threads[1] == served.thread.name
