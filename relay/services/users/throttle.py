"""Limits on guessing passwords and codes, shared by all processes through the broker.

Failed attempts count; successful ones do not.  An address that guesses is stopped, an account that is
guessed at is not locked: a browser that signed in before and an address without a failure can still
sign in.  IPv6 addresses count by their /64, which one customer usually has.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from functools import cache

from flask import current_app
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from relay.errors import TooBusy
from relay.i18n import N_, _
from relay.networks import network_of

SHARED = "relay_limits"  # the counters in the broker; commands have none
PER_ADDRESS = RateLimitItemPerMinute(10, 1, "sign-in-address")
PER_BROWSER = RateLimitItemPerMinute(10, 10, "sign-in-browser")
PER_ACCOUNT = RateLimitItemPerMinute(30, 15, "sign-in-account")
FAILED_BEFORE = RateLimitItemPerMinute(1, 15, "sign-in-failed")
PER_SESSION = RateLimitItemPerMinute(5, 5, "proof")
PER_FACTOR = RateLimitItemPerMinute(10, 15, "second-factor")
REPORTED = RateLimitItemPerMinute(1, 1, "sign-in-reported")
SENTENCE = N_(
    "There were too many failed attempts. Relay limits them to protect accounts. "
    "Wait %(wait)s and try again."
)
PER_LINK = RateLimitItemPerMinute(20, 1, "link")  # a form behind a link that signs someone in
_in_memory = FixedWindowRateLimiter(MemoryStorage())


def shared_counters(redis_url: str) -> Callable[[], FixedWindowRateLimiter]:
    """The counters in the broker.  The first use makes its client."""

    @cache
    def counters() -> FixedWindowRateLimiter:
        uri = redis_url.replace("unix://", "redis+unix://", 1)  # as the library expects it
        options = {"socket_connect_timeout": 0.5, "socket_timeout": 2.0}
        return FixedWindowRateLimiter(storage_from_string(uri, **options))

    return counters


class AttemptCounter:
    """One limit for one key, such as an address."""

    def __init__(self, item: RateLimitItem, *key: str | int):
        # hashed: the broker's files must not hold an address that someone typed
        name = "\x00".join(str(part) for part in key)
        self.item, self.key = item, hashlib.sha256(name.encode()).hexdigest()[:32]

    def add(self) -> bool:
        """Count one; whether it was still within the limit."""
        return _call("hit", self)

    def is_full(self) -> bool:
        return not _call("test", self)

    def wait_s(self) -> int:
        """Seconds until the counter is empty again."""
        stats = _call("get_window_stats", self)
        return max(1, math.ceil(stats.reset_time - time.time()))

    def clear(self) -> None:
        """Start again from zero."""
        _call("clear", self)

    def check(self) -> None:
        """Raises TooBusy if it is full."""
        if self.is_full():
            raise too_many(self.wait_s())


def _call(method: str, counter: AttemptCounter):  # type: ignore[no-untyped-def]
    try:
        shared = current_app.extensions[SHARED]()
        return getattr(shared, method)(counter.item, counter.key)
    except Exception:  # the broker is down or this is a command: each process counts by itself
        return getattr(_in_memory, method)(counter.item, counter.key)


def too_many(wait_s: int) -> TooBusy:
    return TooBusy(_(SENTENCE, wait=wait_words(wait_s)), wait_s)


def wait_words(wait_s: int) -> str:
    """``40 seconds``, ``3 minutes``."""
    if wait_s <= 60:
        return _("%(num)s seconds", num=wait_s)
    return _("%(num)s minutes", num=math.ceil(wait_s / 60))


class SignInThrottle:
    """The limits of one attempt: ``account`` is the address that was typed.

    ``browser`` identifies a browser that signed in to this account before; empty for any other.
    """

    def __init__(self, account: str, address: str, browser: str = ""):
        network = network_of(address)
        self.browser = AttemptCounter(PER_BROWSER, browser) if browser else None
        self.address = AttemptCounter(PER_ADDRESS, network)
        self.failed_before = AttemptCounter(FAILED_BEFORE, network, account)
        self.account = AttemptCounter(PER_ACCOUNT, account)
        self.reported = AttemptCounter(REPORTED, network, account)

    def check(self) -> None:
        """Raises TooBusy if this attempt is one too many."""
        if self.browser:
            return self.browser.check()
        self.address.check()
        if self.failed_before.is_full() and self.account.is_full():
            raise too_many(self.failed_before.wait_s())
        return None

    def count_failure(self) -> None:
        if self.browser:
            self.browser.add()
            return
        self.address.add()
        self.failed_before.add()
        self.account.add()
