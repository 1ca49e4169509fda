"""The checks of one request, in the order of the contract, and what they need in this process."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from sqlalchemy import Engine

from config import Config
from relay.broker import Nudger
from relay.email_digests import EmailDigests
from relay.errors import Unavailable
from relay.i18n import N_
from relay.ingest import schemas, strict_json
from relay.ingest.limits import Limits
from relay.ingest.mistakes import describe_shape, find_mistake, time_unit
from relay.ingest.redaction import redact
from relay.ingest.refusals import IngestRefusal, RefusalCode
from relay.ingest.rejections import Rejections
from relay.ingest.request import RequestHead, check_content_type
from relay.ingest.schemas import InboundEvent
from relay.ingest.signature import VerifyingKey, check_freshness, clock_difference, verify
from relay.ingest.snapshots import Snapshot, Snapshots, SourceSnapshot
from relay.ingest.store.commit_check import CommitCheck
from relay.ingest.store.wakeups import RouterWakeup
from relay.ingest.store.writer import EventWriter, PendingEvent, UnstorableEvent
from relay.secrets import SecretBox

ENDED_KEYS = {
    "revoked": RefusalCode.KEY_REVOKED,
    "expired": RefusalCode.KEY_EXPIRED,
    "not_valid_yet": RefusalCode.KEY_NOT_VALID_YET,
}


class Gateway:
    """The ingest endpoint of one web process: its checks, and the threads that serve them.

    ``read_request`` has checked size, framing, method and headers before.  ``authenticate``,
    ``parse_event`` and ``store`` do the rest, in this order.
    """

    def __init__(self, config: Config, engine: Engine, box: SecretBox, nudger: Nudger):
        self.config, self.engine, self.box = config, engine, box
        self.snapshots = Snapshots(engine, box)
        self.wakeups = RouterWakeup(lambda: nudger.nudge("route_events", first=True))
        self.writer = EventWriter(engine, self.wakeups.call)
        self.commit_check = CommitCheck(engine, self.writer.state, self.writer.wait_s)
        self.rejections = Rejections(engine)
        self.limits = Limits()
        self.digests = EmailDigests(config.encryption_keys)

    def close(self) -> None:
        """Commit the waiting events, write the counted rejections, end the threads."""
        self.writer.close()
        self.wakeups.close()
        self.snapshots.close()
        self.rejections.close()

    def is_ready(self) -> bool:
        """Whether the sources are known, so that an event waits for nothing except its commit."""
        return self.snapshots.newest is not None

    def source_id_of(self, slug: str | None) -> int | None:
        """The source in the path, for a request refused before its sender was authenticated."""
        newest = self.snapshots.newest
        if newest is None or slug is None:
            return None
        source = newest.by_slug.get(slug)
        if source is None:
            others = (one for (_, name), one in newest.webhooks.items() if name == slug)
            source = next(others, None)
        return source.id if source is not None else None

    def authenticate(
        self, head: RequestHead, raw: bytes, slug: str | None
    ) -> tuple[SourceSnapshot, VerifyingKey]:
        """-> the sender and the key that signed, after the checks of address, time, signature and limit.

        Raises IngestRefusal (401, 403, 429), Unavailable.
        """
        snapshot = self.snapshots.current()
        try:
            sources = find_sources(snapshot, head, slug)
        except IngestRefusal as refusal:
            self._count_failure(head, refusal)
            raise
        check_address(sources, head.address)
        try:
            self._check_time(head, only_id(sources))
            key = self._find_key(sources, head, raw)
        except IngestRefusal as refusal:
            self._count_failure(head, refusal)
            if refusal.code is RefusalCode.BAD_SIGNATURE and self.limits.may_explain(head.address):
                refusal.explain = partial(explain_signature, sources, head, raw, refusal)
            raise
        if self.snapshots.is_stale:  # the key may have been revoked since
            raise Unavailable("The database cannot be read.")
        source = snapshot.by_id[key.source_id]
        check_address([source], head.address)
        wait_s = self.limits.count_event(source.id, source.per_minute)
        if wait_s is not None:
            raise RefusalCode.EVENTS_RATE_LIMITED(
                per_minute=source.per_minute, retry_after_s=wait_s, source_id=source.id
            )
        return source, key

    def _count_failure(self, head: RequestHead, refusal: IngestRefusal) -> None:
        """Raises IngestRefusal (429) if too many requests from this address failed."""
        wait_s = self.limits.count_failure(head.address)
        if wait_s is not None:
            raise RefusalCode.FAILURES_RATE_LIMITED(
                address=head.address or "one address",
                last=refusal.sentence,
                retry_after_s=wait_s,
                source_id=refusal.source_id,
            ) from refusal

    def _check_time(self, head: RequestHead, source_id: int | None) -> None:
        now, window_s = time.time(), self.config.signature_window_s
        if check_freshness(head.timestamp, now, window_s):
            return
        ahead_s = clock_difference(head.timestamp, now)
        if ahead_s is None:
            if unit := time_unit(head.timestamp):
                raise RefusalCode.TIME_UNIT(unit=unit, source_id=source_id)
            raise RefusalCode.MALFORMED_TIME(source_id=source_id)
        raise RefusalCode.CLOCK_OFF(
            seconds=abs(ahead_s),
            direction=N_("ahead of") if ahead_s > 0 else N_("behind"),
            window_s=window_s,
            source_id=source_id,
        )

    def _find_key(
        self, sources: list[SourceSnapshot], head: RequestHead, raw: bytes
    ) -> VerifyingKey:
        """The live key that signed the request.  Raises IngestRefusal (401)."""
        now = self.snapshots.now()
        keys = [key for source in sources for key in source.keys]
        if head.key_id is not None:
            keys = [key for key in keys if key.key_id == head.key_id]
        live = verify((k for k in keys if k.is_live(now)), head.timestamp, raw, head.signature)
        if live is not None:
            return live
        ended = verify((k for k in keys if not k.is_live(now)), head.timestamp, raw, head.signature)
        if ended is not None:
            code = ENDED_KEYS[ended.state(now)]
            raise code(key_id=ended.key_id, source_id=ended.source_id)
        raise RefusalCode.BAD_SIGNATURE(source_id=only_id(sources))

    def parse_json(self, head: RequestHead, raw: bytes, source_id: int) -> Any:
        """Check the content type and parse the body.  Raises IngestRefusal (400, 415)."""
        try:
            check_content_type(head.content_type)
            return strict_json.loads(raw)
        except IngestRefusal as refusal:
            refusal.source_id = source_id
            raise
        except strict_json.NotStrict as exc:
            raise RefusalCode.INVALID_JSON(problem=str(exc), source_id=source_id) from exc

    def parse_event(self, head: RequestHead, raw: bytes, source_id: int) -> InboundEvent:
        """Check content type, JSON and schema.  Raises IngestRefusal (400, 415, 422)."""
        body = self.parse_json(head, raw, source_id)
        try:
            return schemas.load_event(body, raw, head.event_id)
        except strict_json.NotStrict as exc:
            raise RefusalCode.INVALID_JSON(problem=str(exc), source_id=source_id) from exc
        except schemas.EventIdMismatch as exc:
            raise RefusalCode.EVENT_ID_MISMATCH(source_id=source_id) from exc
        except schemas.InvalidEvent as exc:
            raise RefusalCode.INVALID_EVENT(
                problems=str(exc), detail=exc.reasons, source_id=source_id
            ) from exc

    def store(
        self, event: InboundEvent, source: SourceSnapshot, key: VerifyingKey, address: str
    ) -> PendingEvent:
        """Commit the event, changed by the site's privacy settings if it has any.

        Raises IngestRefusal (400, 409, 503).
        """
        mark = None
        if source.redactor is not None:
            event, mark = redact(event, source.redactor, self.digests)
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
                },
                mark,
            )
        except Unavailable as exc:
            raise RefusalCode.UNAVAILABLE(source_id=source.id) from exc
        except UnstorableEvent as exc:
            raise RefusalCode.UNSTORABLE(source_id=source.id) from exc
        if not stored.same_body:
            raise RefusalCode.EVENT_ID_CONFLICT(event_id=event.event_id, source_id=source.id)
        return stored


def only_id(sources: list[SourceSnapshot]) -> int | None:
    """The id of the source if there is just one; with several, the sender is unknown."""
    return sources[0].id if len(sources) == 1 else None


def explain_signature(
    sources: list[SourceSnapshot], head: RequestHead, raw: bytes, refusal: IngestRefusal
) -> IngestRefusal:
    """What is wrong with a signature that was refused, if that can be found; else ``refusal``."""
    keys = [key for source in sources for key in source.keys]
    keys.sort(key=lambda key: key.key_id != head.key_id)  # the one that the request names first
    found = find_mistake(keys, head.timestamp, raw, head.signature, head.event_id)
    if found is None:
        shape = describe_shape(head.signature)
        if shape is None:
            return refusal
        return RefusalCode.SIGNATURE_SHAPE(shape=shape, source_id=refusal.source_id)
    corrections = list(found.corrections)
    if head.key_id not in (None, found.key.key_id):
        corrections.append(f"send the id of this key in X-WP-Key-Id, not {head.key_id[:60]!a}")
    return RefusalCode.SIGNATURE_FORM(
        key_id=found.key.key_id, corrections="; ".join(corrections), source_id=found.key.source_id
    )


def find_sources(snapshot: Snapshot, head: RequestHead, slug: str | None) -> list[SourceSnapshot]:
    """The sources that the path and the key id allow; all if neither is given.

    Raises IngestRefusal (401).
    """
    in_path = snapshot.by_slug.get(slug) if slug is not None else None
    if slug is not None and in_path is None:
        raise RefusalCode.UNKNOWN_SOURCE(slug=slug[:64])
    if head.key_id is None:
        return [in_path] if in_path is not None else list(snapshot.by_id.values())
    owner = snapshot.by_key.get(head.key_id)
    if owner is not None and (in_path is None or in_path is owner):
        return [owner]
    source_id = in_path.id if in_path is not None else None
    if head.key_id in snapshot.unreadable:
        raise RefusalCode.KEY_UNREADABLE(key_id=head.key_id, source_id=source_id)
    raise RefusalCode.UNKNOWN_KEY(key_id=head.key_id[:60], source_id=source_id)


def check_address(sources: list[SourceSnapshot], address: str) -> None:
    """Raises IngestRefusal (403) if none of the sources allows requests from ``address``."""
    if sources and not any(source.allows(address) for source in sources):
        raise RefusalCode.ADDRESS_NOT_ALLOWED(
            address=address or "an unknown address", source_id=only_id(sources)
        )
