"""The checks of one request in the contract's order, and what stands behind them."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine

from config import Config
from relay.broker import Nudger
from relay.errors import Unavailable
from relay.ingest import responses, schemas, strict_json
from relay.ingest.limits import Limits
from relay.ingest.rejections import Rejections
from relay.ingest.request import RequestHead, check_content_type
from relay.ingest.responses import IngestRefusal, unauthorized
from relay.ingest.schemas import InboundEvent
from relay.ingest.signature import VerifyingKey, check_freshness, clock_difference, verify
from relay.ingest.snapshots import Snapshot, Snapshots, SourceSnapshot
from relay.ingest.store.wakeups import RouterWakeup
from relay.ingest.store.writer import EventWriter, PendingEvent, UnstorableEvent
from relay.secrets import SecretBox


class Gateway:
    """What one web process keeps for the way in."""

    def __init__(self, config: Config, engine: Engine, box: SecretBox, nudger: Nudger):
        self.config, self.engine, self.box = config, engine, box
        self.snapshots = Snapshots(engine, box)
        self.wakeups = RouterWakeup(lambda: nudger.nudge("route_events"))
        self.writer = EventWriter(engine, self.wakeups.call)
        self.rejections = Rejections(engine)
        self.limits = Limits()

    def close(self) -> None:
        """Finish what waits, write what is kept, end the threads."""
        self.writer.close()
        self.wakeups.close()
        self.snapshots.close()
        self.rejections.close()

    def candidates(self, head: RequestHead, slug: str | None) -> list[SourceSnapshot]:
        """The sources that may have sent this.  Raises IngestRefusal (401, 429), Unavailable."""
        snapshot = self.snapshots.current()
        try:
            return candidates(snapshot, head, slug)
        except IngestRefusal as away:
            self._count_bad(head, away)
            raise

    def known_source(self, slug: str | None) -> int | None:
        """Whose page a refusal belongs to that came before anyone asked who had sent it."""
        newest = self.snapshots.newest
        found = newest.by_slug.get(slug) if newest is not None and slug is not None else None
        return found.id if found is not None else None

    def check_address(self, sources: list[SourceSnapshot], head: RequestHead) -> None:
        """Raises IngestRefusal (403) where no candidate takes requests from there."""
        if sources and not any(source.takes_from(head.address) for source in sources):
            only = sources[0].id if len(sources) == 1 else None
            raise IngestRefusal(
                403,
                "address_not_allowed",
                "address_not_allowed",
                f"{head.address} is not on the list of allowed addresses.",
                source_id=only,
            )

    def authenticate(
        self, sources: list[SourceSnapshot], head: RequestHead, raw: bytes
    ) -> tuple[SourceSnapshot, VerifyingKey]:
        """Who sent this, by freshness and signature.  Raises IngestRefusal (401, 403, 429)."""
        only = sources[0].id if len(sources) == 1 else None
        try:
            self._check_time(head, only)
            key = self._verify(sources, head, raw, only)
        except IngestRefusal as away:
            self._count_bad(head, away)
            raise
        if self.snapshots.is_stale:  # the key may have been revoked since
            raise Unavailable("The database cannot be read.")
        source = next(one for one in sources if one.id == key.source_id)
        self.check_address([source], head)
        wait = self.limits.take(source.id, source.per_minute)
        if wait is not None:
            sentence = f"The source sent more than its {source.per_minute} events a minute."
            raise rate_limited(wait, sentence, source.id)
        return source, key

    def _count_bad(self, head: RequestHead, away: IngestRefusal) -> None:
        """Raises IngestRefusal (429) where this address has failed too often."""
        wait = self.limits.take_bad_signature(head.address)
        if wait is not None:
            sentence = (
                f"{head.address or 'One address'} sent too many requests that nobody signed. "
                f"The last one: {away.sentence}"
            )
            raise rate_limited(wait, sentence, away.source_id) from away

    def _check_time(self, head: RequestHead, source_id: int | None) -> None:
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
        self, sources: list[SourceSnapshot], head: RequestHead, raw: bytes, source_id: int | None
    ) -> VerifyingKey:
        now = self.snapshots.now()
        every = [key for source in sources for key in source.keys]
        if head.key_id is not None:
            every = [key for key in every if key.key_id == head.key_id]
        found = verify((k for k in every if k.is_live(now)), head.timestamp, raw, head.signature)
        if found is not None:
            return found
        old = verify((k for k in every if not k.is_live(now)), head.timestamp, raw, head.signature)
        if old is not None:
            word = old.state(now)
            raise unauthorized(
                f"key_{word}",
                f"The site signs with the key {old.key_id}, which is {word.replace('_', ' ')}. "
                "Enter the newest key on the site.",
                old.source_id,
            )
        raise unauthorized(
            "bad_signature",
            "The signature fits no key: the site has another secret than Relay, or the body was "
            "changed after signing. Compare the fingerprint on the site's page with the one here.",
            source_id,
        )

    def read(self, head: RequestHead, raw: bytes, source_id: int) -> Any:
        """Content type and JSON.  Raises IngestRefusal (415, 400)."""
        try:
            check_content_type(head.content_type)
            return strict_json.loads(raw)
        except IngestRefusal as away:
            away.source_id = source_id
            raise
        except strict_json.NotStrict as exc:
            raise not_strict(exc, source_id) from exc

    def load(self, head: RequestHead, raw: bytes, source_id: int) -> InboundEvent:
        """Content type, JSON, schema.  Raises IngestRefusal (415, 400, 422)."""
        body = self.read(head, raw, source_id)
        try:
            return schemas.load_event(body, raw, head.event_id)
        except strict_json.NotStrict as exc:
            raise not_strict(exc, source_id) from exc
        except schemas.EventIdMismatch as exc:
            sentence = "The X-Event-Id header and the body's event_id are not the same."
            raise IngestRefusal(
                400,
                "event_id_mismatch",
                "event_id_mismatch",
                sentence,
                sentence,
                source_id=source_id,
            ) from exc
        except schemas.InvalidEvent as exc:
            raise IngestRefusal(
                422, "invalid_event", "invalid_event", str(exc), exc.reasons, source_id=source_id
            ) from exc

    def store(
        self, event: InboundEvent, source: SourceSnapshot, key: VerifyingKey, address: str
    ) -> PendingEvent:
        """Commit.  Raises IngestRefusal (400, 409, 503)."""
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
        except Unavailable as exc:  # the writer's is shared by a whole group
            raise responses.unavailable(source.id) from exc
        except UnstorableEvent as exc:
            sentence = "The database cannot keep this event."
            raise IngestRefusal(
                400, "invalid_body", "unstorable", sentence, sentence, source_id=source.id
            ) from exc
        if not stored.same_body:
            raise IngestRefusal(
                409,
                "event_id_conflict",
                "event_id_conflict",
                f"Another event with the id {event.event_id} came before; that one was kept.",
                source_id=source.id,
            )
        return stored


def candidates(snapshot: Snapshot, head: RequestHead, slug: str | None) -> list[SourceSnapshot]:
    """By the path, by the key id, or else all.  Raises IngestRefusal (401)."""
    named = snapshot.by_slug.get(slug) if slug is not None else None
    if slug is not None and named is None:
        raise unauthorized("unknown_source", f"No source is called {slug[:64]!a}.")
    if head.key_id is None:
        return [named] if named is not None else list(snapshot.by_id.values())
    found = snapshot.by_key.get(head.key_id)
    if found is None or (named is not None and named is not found):
        of = named.id if named is not None else None
        if head.key_id in snapshot.unreadable:
            sentence = (
                f"The secret of {head.key_id} cannot be opened with RELAY_ENCRYPTION_KEYS. "
                "Put back the key it was sealed with, or rotate the signing key."
            )
            raise unauthorized("key_unreadable", sentence, of)
        sentence = (
            f"No key of this source is called {head.key_id[:60]!a}. "
            "Copy the key id from the source's page again."
        )
        raise unauthorized("unknown_key", sentence, of)
    return [found]


def not_strict(exc: strict_json.NotStrict, source_id: int) -> IngestRefusal:
    return IngestRefusal(
        400, "invalid_json", "invalid_json", str(exc), str(exc), source_id=source_id
    )


def rate_limited(wait: int, sentence: str, source_id: int | None) -> IngestRefusal:
    return IngestRefusal(
        429, "rate_limited", "rate_limited", sentence, retry_after_s=wait, source_id=source_id
    )
