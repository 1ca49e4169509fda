"""How the router of a process notifies its drains."""

from __future__ import annotations

from flask import Flask

from relay.delivery.local_drains import LocalDrains


def test_a_drain_is_notified_while_it_listens(app: Flask) -> None:
    woken: list[int] = []
    with app.app_context():
        assert LocalDrains.current() is LocalDrains.current()
        drains = LocalDrains.current()
    assert not drains.notify(1)
    with drains.listening(1, lambda: woken.append(1)):
        assert drains.notify(1) and not drains.notify(2)
    assert not drains.notify(1)
    assert woken == [1]


def test_a_drain_that_took_over_still_listens_when_the_other_ends(app: Flask) -> None:
    with app.app_context():
        drains = LocalDrains.current()
    woken: list[str] = []
    first = drains.listening(1, lambda: woken.append("first"))
    first.__enter__()
    with drains.listening(1, lambda: woken.append("second")):
        first.__exit__(None, None, None)
        assert drains.notify(1)
    assert woken == ["second"]
