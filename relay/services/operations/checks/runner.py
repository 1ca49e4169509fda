"""Runs groups of checks at the same time, within a time limit; an error in one is a finding."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from relay.database_errors import driver_reason, explain
from relay.i18n import _, in_language, language
from relay.observability.health import SEVEREST_FIRST, Finding, error, split_advice

Check = Callable[[], Iterable[Finding]]


def isolated(name: str, check: Check) -> list[Finding]:
    """The findings of ``check``; if it raises, one error that names the exception."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except SQLAlchemyError as exc:
        found.append(database_error(name, exc))
    except Exception as exc:
        found.append(
            error(
                name,
                _("This check failed in Relay's own code (%(error)s).", error=type(exc).__name__),
                _("Report it with the version of Relay; the other checks are not affected."),
            )
        )
    return found


def database_error(name: str, exc: SQLAlchemyError) -> Finding:
    what, do = split_advice(_(explain(exc)))
    return replace(error(name, what, do), reason=driver_reason(exc))


class _Group(threading.Thread):
    """Runs one group.  What it has found so far can be read while it runs.

    A thread does not know the request, so the language of the texts is that of the caller.
    """

    def __init__(self, app: Flask, name: str, check: Check):
        super().__init__(name=f"check {name}", daemon=True)  # one that hangs ends with the process
        self.app, self.check, self.found = app, check, list[Finding]()
        self.language = language()

    def run(self) -> None:
        with self.app.app_context(), in_language(self.language):
            self.found += isolated(self.name.removeprefix("check "), self._collect)

    def _collect(self) -> Iterable[Finding]:
        for finding in self.check():
            self.found.append(finding)
        return ()


def run_groups(app: Flask, groups: Mapping[str, Check], budget_s: float) -> list[Finding]:
    """The findings of all groups, the severest first, after ``budget_s`` seconds at most."""
    deadline = time.monotonic() + budget_s
    threads = {heading: _Group(app, heading.lower(), check) for heading, check in groups.items()}
    for thread in threads.values():
        thread.start()
    findings: list[Finding] = []
    for heading, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        found = list(thread.found)
        if thread.is_alive():
            found.append(
                error(
                    heading.lower(),
                    _(
                        "These checks did not finish within %(budget_s)s s.",
                        budget_s=f"{budget_s:g}",
                    ),
                    _(
                        "Something that they need responds too slowly: fix the other findings first, then "
                        "repeat."
                    ),
                )
            )
        findings += [replace(one, group=heading) for one in found]
    return sorted(findings, key=lambda one: SEVEREST_FIRST.index(one.level))
