"""Flask-SQLAlchemy, which every process uses.  ``create_app`` binds it; this module has no logic.

Extensions of pages and commands are in ``relay.page_extensions``.
"""

from typing import Any

from flask import g, has_app_context
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


READ_BIND = "read"  # the engine of DATABASE_READ_URL


class ReadingSession(Session):
    """Uses the engine that a request chose for its reads, as ``g.read_engine``."""

    def get_bind(self, mapper: Any = None, clause: Any = None, bind: Any = None, **kw: Any) -> Any:
        if bind is None and has_app_context() and "read_engine" in g:
            return g.read_engine
        return super().get_bind(mapper=mapper, clause=clause, bind=bind, **kw)


# Loaded objects stay usable after a commit.  On SQLite, reloading them would take the write lock.
db = SQLAlchemy(
    model_class=Base,
    disable_autonaming=True,
    session_options={"expire_on_commit": False, "class_": ReadingSession},
)
