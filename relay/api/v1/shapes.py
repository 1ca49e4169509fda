"""What the API's queries, bodies and answers share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

CURSOR = "c"  # begins every cursor, so that no one takes it for an id


class AnswerShape(Schema):
    """Of an answer, with the members in the order of the class."""

    class Meta:
        unknown = EXCLUDE  # later versions add members


class InputShape(Schema):
    """Of a query or a body; an unknown member is an error."""

    class Meta:
        unknown = RAISE


class Moment(fields.AwareDateTime):
    """ISO 8601 in UTC with milliseconds, ending in Z; without an offset it is read as UTC."""

    def __init__(self, **kw: Any):
        super().__init__(format="iso", default_timezone=UTC, **kw)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        found = super()._deserialize(value, attr, data, **kw)
        try:
            in_utc: datetime = found.astimezone(UTC)
        except OverflowError as exc:  # its year is 0 or 10000 in UTC
            raise ValidationError("Enter a time between the years 1 and 9999.") from exc
        return in_utc

    def _serialize(self, value: datetime | None, attr: Any, obj: Any, **kw: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class CursorField(fields.String):
    """``next_cursor`` of the page before."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kw: Any) -> Any:
        text = str(value)
        number = text.removeprefix(CURSOR)
        if text == number or not (number.isascii() and number.isdigit() and len(number) < 19):
            raise ValidationError("Use next_cursor of the page before.")
        return int(number)


class PageQuery(InputShape):
    """Of every list."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 100),
        metadata={"description": "How many items a page has, at most."},
    )
    cursor = CursorField(
        load_default=None, metadata={"description": "`next_cursor` of the page before."}
    )


class EmptyBody(InputShape):
    """Of an action without settings."""


class NoteBody(InputShape):
    note = fields.String(
        required=True,
        validate=validate.Length(1, 1000),
        metadata={"description": "What a person should know."},
    )


def text(description: str = "", **kw: Any) -> fields.String:
    return fields.String(metadata={"description": description} if description else {}, **kw)


def choice(values: list[str], description: str = "", **kw: Any) -> fields.String:
    return text(description, validate=validate.OneOf(values), **kw)


def optional(description: str = "", **kw: Any) -> fields.String:
    """A text in a query; empty means any."""
    return text(description, load_default="", validate=validate.Length(max=200), **kw)
