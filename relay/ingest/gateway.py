"""The checks of one request in the contract's order, and what stands behind them."""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from config import Config
from relay.broker import Nudger
from relay.errors import Unavailable
from relay.ingest import schemas, strict_json
from relay.ingest.answers import TurnedAway, unauthorized
from relay.ingest.limits import Limits
from relay.ingest.rejections import Rejections
from relay.ingest.schemas import InboundEvent
from relay.ingest.signature import VerifyingKey, check_freshness, clock_difference, verify
from relay.ingest.snapshots import Snapshots, SourceSnapshot
from relay.ingest.writer import Waiting, Writer
from relay.secrets import SecretBox

EVENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
NEEDED = (
    ("HTTP_X_WP_TIMESTAMP", "X-WP-Timestamp"),
    ("HTTP_X_EVENT_ID", "X-Event-Id"),
    ("HTTP_X_WP_SIGNATURE", "X-WP-Signature"),
)


@dataclass(frozen=True)
class Head:
    """What the head of a request says."""

    timestamp: str
    event_id: str
    signature: bytes
    key_id: str | None
    content_type: str
    address: str


def source_address(environ: dict[str, Any]) -> str:
    """The sender's address, IPv4 inside IPv6 unwrapped; nonsense from a proxy's header is not believed."""
    peer = environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR")
    for text in (environ.get("REMOTE_ADDR"), peer):
        try:
            found = ipaddress.ip_address((text or "").strip().strip("[]").split("%", 1)[0])
        except ValueError:
            continue
        return str(getattr(found, "ipv4_mapped", None) or found)
    return "0.0.0.0"  # noqa: S104 - unknown, on no allowlist


def read_head(environ: dict[str, Any]) -> Head:
    """Raises TurnedAway (400) where a header is missing or the event id is malformed."""
    missing = [name for key, name in NEEDED if not environ.get(key)]
    if missing:
        names = ", ".join(missing)
        raise TurnedAway(
            400,
            "missing_headers",
            "missing_headers",
            f"The request lacked {names}. Something else than Relay's plugin may have sent it.",
            detail=f"Missing: {names}.",
        )
    event_id = environ["HTTP_X_EVENT_ID"].strip()
    if not EVENT_ID.match(event_id):
        raise TurnedAway(
            400,
            "invalid_event_id",
            "invalid_event_id",
            "The X-Event-Id header was sent twice or holds signs that are not allowed.",
            detail="X-Event-Id must be sent once: 1 to 128 of A-Z a-z 0-9 . _ : -",
        )
    return Head(
        timestamp=environ["HTTP_X_WP_TIMESTAMP"].strip(),
        event_id=event_id,
        signature=environ["HTTP_X_WP_SIGNATURE"].strip().encode("latin-1", "replace"),
        key_id=(environ.get("HTTP_X_WP_KEY_ID") or "").strip() or None,
        content_type=environ.get("CONTENT_TYPE") or "",
        address=source_address(environ),
    )


def check_content_type(text: str) -> None:
    """JSON, plain text or nothing is read as JSON.  Raises TurnedAway (415)."""
    kind, _, parameters = text.partition(";")
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters)
    fine = kind.strip().lower() in ("", "application/json", "text/plain")
    if not fine or (charset and charset[1].lower() not in ("utf-8", "utf8")):
        raise TurnedAway(
            415,
            "unsupported_media_type",
            "content_type",
            f"The body was declared as {text[:80]!r}; Relay reads JSON in UTF-8.",
        )


class Gateway:
    """What one web process keeps for the way in."""

    def __init__(self, config: Config, engine: Engine, box: SecretBox, nudger: Nudger):
        self.config = config
        self.snapshots = Snapshots(engine, box)
        self.writer = Writer(engine, lambda: nudger.nudge("route_events"))
        self.rejections = Rejections(engine)
        self.limits = Limits()

    def close(self) -> None:
        self.snapshots.stopped.set()
        self.writer.close()
        self.rejections.close()

    def candidates(self, head: Head, slug: str | None) -> list[SourceSnapshot]:
        """The sources that may have sent this.  Raises TurnedAway (the 401), Unavailable."""
        snapshot = self.snapshots.current()
        if slug is not None:
            found = snapshot.by_slug.get(slug)
            if found is None:
                raise unauthorized("unknown_source", f"No source is called {slug[:64]!r}.")
            if head.key_id is not None and snapshot.by_key.get(head.key_id) is not found:
                raise unauthorized("unknown_key", unknown_key(head), found.id)
            return [found]
        if head.key_id is not None:
            found = snapshot.by_key.get(head.key_id)
            if found is None:
                raise unauthorized("unknown_key", unknown_key(head))
            return [found]
        return list(snapshot.by_id.values())

    def check_address(self, sources: list[SourceSnapshot], head: Head) -> None:
        """Raises TurnedAway (403) where no candidate takes requests from there."""
        if sources and not any(source.takes_from(head.address) for source in sources):
            only = sources[0].id if len(sources) == 1 else None
            raise TurnedAway(
                403,
                "address_not_allowed",
                "address_not_allowed",
                f"{head.address} is not on the list of allowed addresses.",
                source_id=only,
            )

    def authenticate(
        self, sources: list[SourceSnapshot], head: Head, raw: bytes
    ) -> tuple[SourceSnapshot, VerifyingKey]:
        """Who sent this, by freshness and signature.  Raises TurnedAway (401, 403, 429)."""
        only = sources[0].id if len(sources) == 1 else None
        try:
            self._check_time(head, only)
            key = self._verify(sources, head, raw, only)
        except TurnedAway as away:
            wait = self.limits.take_bad_signature(head.address)
            if wait is not None:
                raise rate_limited(
                    wait, f"{head.address} sent too many requests with a wrong signature.", only
                ) from away
            raise
        source = next(one for one in sources if one.id == key.source_id)
        self.check_address([source], head)
        wait = self.limits.take(source.id, source.per_minute)
        if wait is not None:
            sentence = f"The source sent more than its {source.per_minute} events a minute."
            raise rate_limited(wait, sentence, source.id)
        return source, key

    def _check_time(self, head: Head, source_id: int | None) -> None:
        now = time.time()
        if check_freshness(head.timestamp, now, self.config.signature_window_s):
            return
        ahead = clock_difference(head.timestamp, now)
        if ahead is None:
            sentence = "The X-WP-Timestamp header was not a time in unix seconds."
            raise unauthorized("malformed_time", sentence, source_id)
        way = "ahead of" if ahead > 0 else "behind"
        raise unauthorized(
            "clock_off",
            f"The request's time was {abs(ahead):.0f} s {way} Relay's clock (at most "
            f"{self.config.signature_window_s} s are allowed). Set the site's clock by NTP; if it is "
            "right, the request was sent late or is a copy of an old one.",
            source_id,
        )

    def _verify(
        self, sources: list[SourceSnapshot], head: Head, raw: bytes, source_id: int | None
    ) -> VerifyingKey:
        now = datetime.now(UTC)
        every = [key for source in sources for key in source.keys]
        if head.key_id is not None:
            every = [key for key in every if key.key_id == head.key_id]
        found = verify((k for k in every if k.is_live(now)), head.timestamp, raw, head.signature)
        if found is not None:
            return found
        old = verify((k for k in every if not k.is_live(now)), head.timestamp, raw, head.signature)
        if old is not None:
            word = "revoked" if old.revoked else "expired"
            raise unauthorized(
                f"key_{word}",
                f"The site still signs with the {word} key {old.key_id}. Enter the new key there.",
                old.source_id,
            )
        raise unauthorized(
            "bad_signature",
            "The signature fits no key: the site has another secret than Relay, or the body was "
            "changed after signing. Compare the fingerprint on the site's page with the one here.",
            source_id,
        )

    def load(self, head: Head, raw: bytes, source_id: int) -> InboundEvent:
        """Content type, JSON, schema.  Raises TurnedAway (415, 400, 422)."""
        try:
            check_content_type(head.content_type)
            return schemas.load_event(strict_json.loads(raw), raw, head.event_id)
        except TurnedAway as away:
            away.source_id = source_id
            raise
        except strict_json.NotStrict as exc:
            raise TurnedAway(
                400, "invalid_json", "invalid_json", str(exc), str(exc), source_id=source_id
            ) from exc
        except schemas.OtherEventId as exc:
            sentence = "The X-Event-Id header and the body's event_id are not the same."
            raise TurnedAway(
                400,
                "event_id_mismatch",
                "event_id_mismatch",
                sentence,
                sentence,
                source_id=source_id,
            ) from exc
        except schemas.InvalidEvent as exc:
            raise TurnedAway(
                422, "invalid_event", "invalid_event", str(exc), exc.reasons, source_id=source_id
            ) from exc

    def store(
        self, event: InboundEvent, source: SourceSnapshot, key: VerifyingKey, address: str
    ) -> Waiting:
        """Commit.  Raises TurnedAway (409), Unavailable."""
        try:
            stored = self.writer.store(
                {
                    "source_id": source.id,
                    "signing_key_id": key.row_id,
                    "event_id": event.event_id,
                    "event_type": event.event_type,
                    "site": event.site,
                    "address": address,
                    "payload": event.payload,
                    "body_sha256": event.body_sha256,
                    "search_text": event.search_text,
                }
            )
        except IntegrityError as exc:
            # source or key vanished since the snapshot; the next one will know
            raise unauthorized("unknown_source", "The source was removed.", source.id) from exc
        except Unavailable:
            raise
        except Exception as exc:
            raise Unavailable("The event could not be stored.") from exc
        if not stored.same_body:
            raise TurnedAway(
                409,
                "event_id_conflict",
                "event_id_conflict",
                f"Another event with the id {event.event_id} came before; that one was kept.",
                source_id=source.id,
            )
        return stored


def unknown_key(head: Head) -> str:
    return (
        f"No key of this source is called {(head.key_id or '')[:60]!r}. "
        "Copy the key id from the source's page again."
    )


def rate_limited(wait: int, sentence: str, source_id: int | None) -> TurnedAway:
    return TurnedAway(
        429, "rate_limited", "rate_limited", sentence, retry_after_s=wait, source_id=source_id
    )
