"""What values an option can have: how a value is checked, and how editors are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: More than there can be of anything.
_MOST = 100_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    values: tuple[str, ...]

    def parse(self, value: object) -> str:
        # YAML 1.1 reads an unquoted `off` as false.
        if value is False and "off" in self.values:
            return "off"
        if isinstance(value, str) and value in self.values:
            return value
        raise ValueError(f"{show(value)} is not allowed; allowed: {', '.join(self.values)}")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Choices:
    """A set of words: a list, or one text with commas. Kept sorted as in `values`."""

    values: tuple[str, ...]

    def parse(self, value: object) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        allowed = f"allowed: a list of {', '.join(self.values)}"
        if not isinstance(items, list | tuple) or not items:
            raise ValueError(f"{show(value)} is not allowed; {allowed}")
        words = [item.strip() if isinstance(item, str) else item for item in items]
        wrong = [word for word in words if word not in self.values]
        if wrong:
            raise ValueError(f"{', '.join(map(show, wrong))} is not allowed; {allowed}")
        return tuple(word for word in self.values if word in words)

    def json_schema(self) -> dict[str, Any]:
        items = {"type": "string", "enum": list(self.values)}
        return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def parse(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError(f"{show(value)} is not allowed; allowed: true, false")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number from `least` to `most`, for no database holds any number."""

    least: int
    most: int

    def parse(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        raise ValueError(f"{show(value)} is not allowed; allowed: a whole number from {self.least} to {self.most:,}")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of things, or a percentage of them such as "20%"."""

    def parse(self, value: object) -> int | str:
        text = value.replace(" ", "") if isinstance(value, str) else value
        if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)):
            text = int(text)
        if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= _MOST:
            return text
        number = text.removesuffix("%") if isinstance(text, str) and text.endswith("%") else ""
        if number.isascii() and number.isdigit() and len(number) <= 3 and int(number) <= 100:
            return f"{int(number)}%"
        raise ValueError(
            f"{show(value)} is not allowed; allowed: a whole number from 0, or a percentage from 0% to 100%"
        )

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["integer", "string"], "minimum": 0, "maximum": _MOST, "pattern": r"^\s*\d+\s*%?\s*$"}


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is not blank."""

    def parse(self, value: object) -> str:
        if isinstance(value, str) and value.strip():
            return value
        raise ValueError(f"{show(value)} is not allowed; allowed: a text that is not blank")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "pattern": r"\S"}


Kind = Amount | Choice | Choices | Flag | Count | Text


def show(value: object) -> str:
    """A value as it may stand in a message: on one line, and not longer than that."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
