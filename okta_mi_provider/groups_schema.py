"""JSON Schema of the groups file, for editors. `okta_groups.schema.json` in this package is its output."""

from __future__ import annotations

from typing import Any

from okta_mi_provider.entry_options import ENTRY_OPTIONS, NAMES
from okta_mi_provider.settings import SyncSettings, options


def json_schema() -> dict[str, Any]:
    """The schema, made from the options that `groups_file` reads."""
    common = {name: option.json_schema() for name, option in ENTRY_OPTIONS.items()}
    for name, option in options().items():
        default = SyncSettings().to_mapping()[name]
        common[name] = {**option.kind.json_schema(), "description": option.help, "default": default}
        if default is None:
            common[name]["type"] = [common[name]["type"], "null"]
    named = {name: option.json_schema() for name, option in NAMES.items()}
    entry = {
        "type": "object",
        "properties": {**named, **common},
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in named],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Groups of Okta that are synced into Metric Insights",
        "type": "object",
        "properties": {
            "defaults": {
                "description": "What holds for every group that does not say otherwise.",
                "type": ["object", "null"],
                "properties": common,
                "additionalProperties": False,
            },
            "groups": {
                "description": "One DAG for each: the name of the Okta group, or a mapping.",
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [named["name"], entry]},
            },
        },
        "required": ["groups"],
        "additionalProperties": False,
    }
