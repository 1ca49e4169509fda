"""What an admin set for the whole installation, instead of an environment variable."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, Json, UtcDateTime, db_now


class Setting(Base):
    """The ``value`` of one setting; a setting without a row has its default."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    changed_by: Mapped[str] = mapped_column(String(254), default="", server_default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
