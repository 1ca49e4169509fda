"""What every table shares: its base class and the column types of the two databases."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Enum, Integer
from sqlalchemy.dialects import postgresql

from relay.database import UtcDateTime, db_now, utc_day
from relay.extensions import Base, db

__all__ = [
    "Base",
    "BigId",
    "SQLITE_ONLY",
    "Json",
    "JsonOrNull",
    "UtcDateTime",
    "db",
    "db_now",
    "enum_column",
    "is_sqlite_only",
    "one_of",
    "utc_day",
]

# SQLite generates ids only for a key that is declared as plain INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")
JsonOrNull = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
Json = JSON().with_variant(postgresql.JSONB(), "postgresql")


# For constraints that a table in partitions cannot have: PostgreSQL keeps the promise in another way, or
# the code does.  See docs/decisions/0006-partitions.md.
SQLITE_ONLY = {"sqlite_only": True}


def is_sqlite_only(constraint: Any) -> bool:
    """Whether a constraint of the models is missing on PostgreSQL."""
    marks = (getattr(one, "info", {}) for one in (constraint, *getattr(constraint, "elements", ())))
    return any(mark == SQLITE_ONLY for mark in marks)


def enum_column(kind: type[StrEnum], length: int = 16) -> Enum:
    """A text column that holds the values of ``kind`` and loads as its members."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,  # see one_of
        length=length,
        values_callable=lambda members: [member.value for member in members],
    )


def one_of(column: str, kind: type[StrEnum]) -> CheckConstraint:
    """A constraint, named like its column, that allows only the values of ``kind``."""
    values = ", ".join(f"'{member.value}'" for member in kind)
    return CheckConstraint(f"{column} IN ({values})", name=column)
