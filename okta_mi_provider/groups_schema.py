"""JSON Schema of the groups file, for editors. `okta_groups.schema.json` in this package is its output."""

from __future__ import annotations

from typing import Any

from okta_mi_provider.entry_options import ENTRY_OPTIONS, NAMES, UNION
from okta_mi_provider.settings import SyncSettings, lasting


def json_schema() -> dict[str, Any]:
    """The schema, made from the options that `groups_file` reads."""
    common = {name: option.json_schema() for name, option in ENTRY_OPTIONS.items()}
    for name, option in lasting().items():
        default = SyncSettings().to_mapping()[name]
        common[name] = {**option.kind.json_schema(), "description": option.help, "default": default}
        if default is None:
            types = common[name]["type"]
            common[name]["type"] = [*(types if isinstance(types, list) else [types]), "null"]
    named = {name: option.json_schema() for name, option in NAMES.items()}
    single = {
        "type": "object",
        "properties": {**named, **common},
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in named],
    }
    union = {
        "type": "object",
        "properties": {"groups": UNION.json_schema(), **common},
        "additionalProperties": False,
        "required": ["groups", "target_group"],
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
                "items": {"anyOf": [named["name"], single, union]},
            },
        },
        "required": ["groups"],
        "additionalProperties": False,
    }
