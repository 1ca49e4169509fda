"""A site with one webhook destination, driven in this process: no worker and no scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import select, text, update

from relay.delivery import drain, router
from relay.models import Attempt, Delivery, Destination, Subscription, db, db_now
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import settings as subscription_settings
from tests.support.events import comment
from tests.support.network import wait_for
from tests.support.sink import Sink
from tests.support.world import put


@dataclass(frozen=True)
class Shop:
    """``hook`` is the id of the destination, which posts to ``sink``."""

    app: Flask
    sink: Sink
    slug: str
    hook: int

    def put(self, count: int = 1) -> None:
        """Store that many events and write their deliveries."""
        for _ in range(count):
            put(self.app, self.slug, comment())
        with self.app.app_context():
            while router.route_batch():
                pass

    def drain(self) -> int:
        with self.app.app_context():
            return drain.run(self.hook)

    @contextmanager
    def draining(self) -> Iterator[None]:
        """A drain works in another thread; at the end it has finished."""
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(self.drain)
            yield
            running.result(timeout=60)

    def change(self, **columns: Any) -> None:
        """Change the destination's row."""
        self._update(update(Destination).where(Destination.id == self.hook).values(columns))

    def end_leases(self) -> None:
        """Let the leases of all claimed deliveries run out."""
        past = {"lease_until": Delivery.created_at}
        self._update(update(Delivery).where(Delivery.state == "in_flight").values(past))

    def make_due(self) -> None:
        """Let what waits for its next attempt be due now."""
        self._update(update(Delivery).where(Delivery.state == "pending").values(due_at=db_now()))

    def update_delivery(self, key: str, **columns: Any) -> None:
        """Change one delivery's row."""
        self._update(update(Delivery).where(Delivery.key == key).values(columns))

    def _update(self, statement: Any) -> None:
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(statement)

    def remove_subscription(self) -> None:
        with self.app.app_context():
            subscription = db.session.scalars(select(Subscription)).one()
            subscription_settings.remove(subscription, COMMAND_LINE)

    def close_subscription(self, state: str = "closed") -> None:
        """Change the subscription's row alone: what waits for it stays."""
        self._update(update(Subscription).values(state=state))

    def wait_for_lock(self) -> None:
        """Wait until a transaction waits for another one.  PostgreSQL only."""
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with self.app.app_context(), db.engine.connect() as connection:
            wait_for(lambda: connection.scalar(waiting), 10, "a transaction that waits")

    def rows(self, model: Any) -> list[Any]:
        with self.app.app_context():
            return list(
                db.session.execute(
                    select(model.__table__).order_by(*model.__table__.primary_key)
                ).all()
            )

    def outcomes(self) -> list[str]:
        """What came of the attempts, oldest first."""
        return [row.outcome for row in self.rows(Attempt)]


def open_shop(app: Flask, sink: Sink, **columns: Any) -> Shop:
    """A site and a destination with these values in its row."""
    with app.app_context():
        source, _, _ = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        hook = destination_settings.create_destination(
            "webhook", "Hook", {"url": f"{sink.url}/hook", "auth": "none"}, COMMAND_LINE
        )
        shop = Shop(app, sink, source.slug, hook.id)
    if columns:
        shop.change(**columns)
    return shop


def remove(shop: Shop, what: str) -> None:
    """Remove the subscription, or close the destination as its removal does."""
    if what == "subscription":
        shop.remove_subscription()
    else:
        shop.change(state="closed")
