"""Column types that take what people and servers really send, and give the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine


def storable(text: str) -> str:
    r"""The text without what no database takes: NUL, and halves of surrogate pairs, become `\u....`."""
    if "\0" not in text and text.isprintable():
        return text
    return text.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode()


def _storable(value: Any) -> Any:
    """JSON data with every text in it made storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list | tuple) else value


def to_json(value: Any) -> str:
    """JSON as engines write it: readable, so that people find names in it with SQL."""
    return json.dumps(value, ensure_ascii=False)


class SafeText(TypeDecorator[str]):
    """Text that may be anybody's."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class SafeString(TypeDecorator[str]):
    """The same, of a limited length."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class SafeJson(TypeDecorator[Any]):
    """JSON data; None is NULL. On PostgreSQL it is `jsonb`, on SQLite a text for its JSON functions."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        json_type = JSONB(none_as_null=True) if dialect.name == "postgresql" else JSON(none_as_null=True)
        return dialect.type_descriptor(json_type)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return _storable(value)


class Moment(TypeDecorator[datetime]):
    """A time, which has to know its zone; kept and given back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
