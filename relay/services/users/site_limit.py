"""What a person who is limited to some sites reads and changes, enforced for every statement.

``apply`` limits the current request.  From then on, each of its connections adds the condition of each
table in ``CONDITIONS`` to every ORM statement and to every UPDATE and DELETE: only rows of these sites.
Before a statement is sent, its SQL is checked.  It may use the tables in ``OPEN``, and those in
``CONDITIONS`` only together with their condition.  Everything else raises ``OutsideLimit``, also a table
that is in neither list: a forgotten condition is an error, never a row too many.

The connections of other requests, of ingest and of the workers stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from flask import Flask, g, has_app_context
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Delete,
    Update,
    event,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.expression import FunctionElement

from relay import models
from relay.extensions import Base, db


class OutsideLimit(Exception):
    """A statement that could read or change rows of other sites.  It is not sent."""


@dataclass(frozen=True)
class SiteLimit:
    """``sites`` are the ids of the sites that the person sees, ``actor`` is their e-mail address."""

    sites: frozenset[int]
    actor: str


class own_rows(FunctionElement[bool]):
    """``own_rows(column, condition)``: the condition of the column's table, marked in the SQL."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        return self  # the default adds ``= 1`` on SQLite, which then uses no index


@compiles(own_rows)
def _marked(element: Any, compiler: Any, **kw: Any) -> str:
    column, condition = element.clauses
    name = compiler.process(column, **kw)
    return f"/*own {name}*/ ({compiler.process(condition, **kw)}) /*end*/"


# The conditions use aliases of the plain tables, so that no condition is added to them in turn.
SOURCE: Any = models.Source.__table__.alias("own_source")
EVENT: Any = models.Event.__table__.alias("own_event")
DELIVERY: Any = models.Delivery.__table__.alias("own_delivery")
SUBSCRIPTION: Any = models.Subscription.__table__.alias("own_subscription")
LISTENS: Any = models.SubscriptionSource.__table__.alias("own_listens")
ITS_EVENT = EVENT.c.id == DELIVERY.c.event_pk


def _by_id(row: Any, limit: SiteLimit) -> ColumnElement[bool]:
    return row.id.in_(limit.sites)  # type: ignore[no-any-return]


def _by_source(row: Any, limit: SiteLimit) -> ColumnElement[bool]:
    return row.source_id.in_(limit.sites)  # type: ignore[no-any-return]


def _by_event(row: Any, limit: SiteLimit) -> ColumnElement[bool]:
    return exists().where(EVENT.c.id == row.event_pk, EVENT.c.source_id.in_(limit.sites))


def _by_delivery(row: Any, limit: SiteLimit) -> ColumnElement[bool]:
    own = EVENT.c.source_id.in_(limit.sites)
    return exists().where(DELIVERY.c.id == row.delivery_id, ITS_EVENT, own)


def _takes(subscription_id: Any, limit: SiteLimit) -> ColumnElement[bool]:
    """A subscription that takes events of all sites, or of these."""
    listed = LISTENS.c.subscription_id == subscription_id
    return or_(~exists().where(listed), exists().where(listed, _by_source(LISTENS.c, limit)))


def _by_subscription(id_column: Any, limit: SiteLimit) -> ColumnElement[bool]:
    """It takes events of these sites, or took one before a person changed it."""
    took = id_column.in_(_delivered(DELIVERY.c.subscription_id, limit))
    return or_(_takes(id_column, limit), took)


def _by_destination(id_column: Any, limit: SiteLimit) -> ColumnElement[bool]:
    """The same for a destination and its subscriptions."""
    takes = exists().where(
        SUBSCRIPTION.c.destination_id == id_column, _takes(SUBSCRIPTION.c.id, limit)
    )
    return or_(takes, id_column.in_(_delivered(DELIVERY.c.destination_id, limit)))


def _delivered(column: Any, limit: SiteLimit) -> Any:
    return select(column).where(ITS_EVENT, EVENT.c.source_id.in_(limit.sites))


def _by_requester(row: Any, limit: SiteLimit) -> ColumnElement[bool]:
    """A replay that the person started, unless it has deliveries of sites that they no longer see."""
    foreign = EVENT.c.source_id.not_in(limit.sites)
    other = exists().where(DELIVERY.c.replay_id == row.id, ITS_EVENT, foreign)
    return (row.requested_by == limit.actor) & ~other  # type: ignore[no-any-return]


def _by_subject(row: Any, limit: SiteLimit) -> ColumnElement[bool]:
    """An alert about one of the sites: ``site:<slug>``, or ``site:<slug>:<part>``."""
    subject = literal("site:") + SOURCE.c.slug
    start = func.substr(row.subject, 1, func.length(subject) + 1)
    its_own = or_(row.subject == subject, start == subject + ":")
    return exists().where(SOURCE.c.id.in_(limit.sites), its_own)


Condition = Callable[[Any, SiteLimit], ColumnElement[bool]]
CONDITIONS: dict[type[Base], Condition] = {
    models.Source: _by_id,
    **dict.fromkeys(
        (
            *(models.Event, models.SigningKey, models.AllowedNetwork, models.Rejection),
            *(models.Intake, models.ArchivedEvents, models.ArchivedDeliveries),
            *(
                models.ArchivedRejections,
                models.LedgerPart,
                models.SiteReport,
                models.EventHour,
                models.CanaryRun,
                models.ObjectRevision,
                models.SiteTraffic,
            ),
        ),
        _by_source,
    ),
    models.Delivery: _by_event,
    models.Attempt: _by_delivery,
    models.DeadLetter: _by_delivery,
    models.Subscription: lambda row, limit: _by_subscription(row.id, limit),
    models.MappingVersion: lambda row, limit: _by_subscription(row.subscription_id, limit),
    models.Destination: lambda row, limit: _by_destination(row.id, limit),
    models.DestinationVersion: lambda row, limit: _by_destination(row.destination_id, limit),
    models.Replay: _by_requester,
    models.RedactedEvent: _by_event,
    models.EmailDigest: _by_event,
    models.Alert: _by_subject,
    models.AlertEvaluation: _by_subject,
}
# What every page and every change needs: people, pairs of numbers, and what changes only add to.
OPEN = frozenset(
    table.__tablename__
    for table in (
        *(models.User, models.UserSite, models.UserSession, models.Passkey, models.RecoveryCode),
        *(models.OneTimeLink, models.SignInPolicy, models.SubscriptionSource, models.SavedView),
        *(models.ApiToken, models.ApiTokenSite),
        *(models.AuditEntry, models.AuditHead, models.Revision),
    )
)
NEW_ROWS = frozenset({models.Replay.__tablename__})  # a limited person creates them


@cache
def _mentions() -> re.Pattern[str]:
    """A table that is not open, where a statement reads or writes it, with its alias."""
    names = sorted(set(Base.metadata.tables) - OPEN, key=len, reverse=True)
    tables = "|".join(re.escape(name) for name in names)
    return re.compile(rf'(?<!AS )(?<![\w.$"])"?({tables})"?(?![\w."]|\s*=)(?: AS "?(\w+)"?)?')


@lru_cache(maxsize=1000)
def why_refused(sql: str) -> str:
    """The first table that the statement uses without its condition; empty if there is none."""
    marked: Counter[str] = Counter()

    def take(block: re.Match[str]) -> str:
        inner = [table for table, name in _uses(block[2]) if not name.startswith("own_")]
        marked[block[1]] += 1
        return "".join(f" FROM {table} " for table in inner)  # a condition about other rows is none

    rest = re.sub(r"'(?:[^']|'')*'", "''", sql)
    rest = re.sub(r'(?s)/\*own "?(\w+)"?\.[^*]*\*/ (.*?) /\*end\*/', take, rest)
    for name in NEW_ROWS:
        rest = rest.replace(f"INSERT INTO {name} ", "INSERT ")
    used = _uses(rest)
    names = Counter(name for _, name in used)
    return next((table for table, name in used if marked[name] < names[name]), "")


def _uses(sql: str) -> list[tuple[str, str]]:
    """-> (table, its name in the statement) for each use of a table that is not open"""
    return [(found[1], found[2] or found[1]) for found in _mentions().finditer(sql)]


def apply(sites: frozenset[int], actor: str) -> None:
    """Limit the current request to these sites; ``actor`` is the person's e-mail address."""
    g.site_limit = SiteLimit(sites, actor)
    _limit(db.session.connection())


def _limit(connection: Connection) -> None:
    if _add_conditions in connection.dispatch.before_execute:
        return
    event.listen(connection, "before_execute", _add_conditions, retval=True)
    event.listen(connection, "before_cursor_execute", _check)


def _add_conditions(
    _connection: Connection, statement: Any, many: Any, one: Any, _options: Any
) -> tuple[Any, Any, Any]:
    limit: SiteLimit = g.site_limit
    if isinstance(statement, Update | Delete) and not statement._propagate_attrs:
        # the rows that the session writes by their key
        table: Any = statement.table
        if (condition := _by_table().get(table.name)) is not None:
            statement = statement.where(_own(table.c, condition, limit))
    elif isinstance(statement, Executable):
        statement = _limit_reload(statement.options(*_options_of(limit)), limit)
    return statement, many, one


def _limit_reload(statement: Any, limit: SiteLimit) -> Any:
    """SQLAlchemy leaves the options out where it reloads an object that the session holds."""
    if not getattr(getattr(statement, "_compile_options", None), "_for_refresh_state", False):
        return statement
    model = statement._propagate_attrs["plugin_subject"].class_
    condition = CONDITIONS.get(model)
    return statement if condition is None else statement.where(_own(model, condition, limit))


def _own(row: Any, condition: Condition, limit: SiteLimit) -> Any:
    """``row`` is a model, or the columns of its table."""
    return own_rows(_any_column(row), condition(row, limit) if limit.sites else false())


def _any_column(row: Any) -> Any:
    """A column that shows under which name a statement uses the table."""
    return next(
        getattr(row, name) for name in ("id", "event_pk", "source_id", "rule") if hasattr(row, name)
    )


@cache
def _by_table() -> dict[str, Condition]:
    return {model.__tablename__: condition for model, condition in CONDITIONS.items()}


@lru_cache(maxsize=100)
def _options_of(limit: SiteLimit) -> tuple[Any, ...]:
    return tuple(
        with_loader_criteria(model, _own(model, condition, limit), include_aliases=True)
        for model, condition in CONDITIONS.items()
    )


def _check(
    _connection: Connection, _cursor: Any, sql: str, _parameters: Any, _context: Any, _many: bool
) -> None:
    if table := why_refused(sql):
        raise OutsideLimit(
            f"A statement of a person limited to some sites uses {table} as a whole."  # i18n: keep
        )


def init_app(app: Flask) -> None:
    """Limit the further connections of a request, too."""
    with app.app_context():
        for engine in db.engines.values():
            event.listen(engine, "engine_connect", _connected)


def _connected(connection: Connection) -> None:
    if has_app_context() and "site_limit" in g:
        _limit(connection)
