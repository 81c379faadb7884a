"""What can be switched on the simulators while they run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from okta_mi_provider.simulators.knobs import Knobs, MIKnobs, OktaKnobs
from scripts.reference.markdown import code, codes, table


def common() -> str:
    """Of both servers."""
    return _table(Knobs, Knobs.model_fields)


def okta() -> str:
    """Of Okta only."""
    return _table(OktaKnobs, _own(OktaKnobs))


def metric_insights() -> str:
    """Of Metric Insights only."""
    return _table(MIKnobs, _own(MIKnobs))


def _own(knobs: type[Knobs]) -> list[str]:
    return [name for name in knobs.model_fields if name not in Knobs.model_fields]


def _table(knobs: type[BaseModel], names: Iterable[str]) -> str:
    schema = knobs.model_json_schema()["properties"]
    defaults = knobs().model_dump(mode="json")
    return table(
        ("knob", "default", "allowed", "meaning"),
        (
            (
                code(name),
                _shown(defaults[name]),
                _allowed(schema[name]),
                schema[name]["description"].replace("<", "&lt;"),
            )
            for name in names
        ),
    )


def _shown(value: Any) -> str:
    return code(value if isinstance(value, str) else json.dumps(value).removesuffix(".0"))


def _allowed(schema: dict[str, Any]) -> str:
    return ", ".join(dict.fromkeys(filter(None, _kinds(schema))))


def _kinds(schema: dict[str, Any]) -> Iterator[str]:
    if "enum" in schema:
        yield codes(schema["enum"])
    elif "const" in schema:
        yield code(schema["const"])
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from _kinds(each)
    else:
        yield {
            "null": "null",
            "boolean": "true, false",
            "array": "a list",
            "object": "an object",
            "string": "a text",
            "integer": f"a whole number{_from(schema)}",
            "number": f"a number{_from(schema)}",
        }[schema["type"]]


def _from(schema: dict[str, Any]) -> str:
    if "exclusiveMinimum" in schema:
        return f" over {schema['exclusiveMinimum']:g}"
    least, most = schema.get("minimum"), schema.get("maximum")
    low = "" if least is None else f" from {least:g}"
    return low if most is None else f"{low} to {most:g}"
