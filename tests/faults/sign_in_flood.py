"""Wrong sign-ins from 64 threads until a line arrives on standard input; prints the answers as JSON.

    python -m tests.faults.sign_in_flood PORT

A process of its own: its threads must not delay what the test measures.  Each attempt comes from
another loopback address, so no limit by address stops it.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import sys
import threading
from collections import Counter
from urllib.parse import urlencode

THREADS = 64
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """A connection from ``address`` to the sign-in page, with its cookie and form token."""

    def __init__(self, port: int, address: str, cookies: str = ""):
        self.port, self.address = port, address
        self.cookies, self.token = cookies, ""

    def open(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """-> status, text.  Keeps the cookies."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=60, source_address=(self.address, 0)
        )
        headers = {"Cookie": self.cookies, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({**form, "csrf_token": self.token}) if form is not None else None
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        set_now = [value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") or ()]
        kept = dict(one.split("=", 1) for one in [*self.cookies.split("; "), *set_now] if one)
        self.cookies = "; ".join(f"{name}={value}" for name, value in kept.items())
        connection.close()
        if found := TOKEN.search(text):
            self.token = found[1]
        return answer.status, text

    def sign_in(self, email: str, password: str) -> int:
        """-> the status of the answer"""
        return self.open("POST", "/sign-in", {"email": email, "password": password})[0]


def main() -> None:
    port = int(sys.argv[1])
    first = Browser(port, "127.1.0.1")
    first.open("GET", "/sign-in")
    numbers, answers, ends = itertools.count(), Counter[str](), threading.Event()

    def attack() -> None:
        while not ends.is_set():
            number = next(numbers)
            address = f"127.{2 + number // 62_500 % 200}.{number // 250 % 250}.{number % 250 + 1}"
            browser = Browser(port, address, first.cookies)
            browser.token = first.token
            try:
                answers[str(browser.sign_in("admin@example.com", "a wrong password"))] += 1
            except OSError as exc:
                answers[type(exc).__name__] += 1

    threads = [threading.Thread(target=attack, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    print("started", flush=True)
    sys.stdin.readline()
    ends.set()
    for thread in threads:
        thread.join(30)
    print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
