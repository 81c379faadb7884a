"""The fields of both connections, as Airflow's form has them, and the keys that only the extra has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from okta_mi_provider.clients.metric_insights_dialect import switches
from okta_mi_provider.get_provider_info import get_provider_info
from scripts.reference.markdown import code, codes, prose, table

#: Airflow's own fields, which have a label and no description.
_STANDARD: Mapping[str, Mapping[str, str]] = {
    "okta": {
        "host": "`https://acme.okta.com`, or your custom domain. Not the admin console (`acme-admin.okta.com`). Schema "
        "and port may stand in the host or in their own fields, not in both.",
        "password": "An SSWS token; empty for a service app.",
    },
    "metric_insights": {
        "host": "`https://mi.example.org`, also with a path in front of `/api`.",
        "login": "Username of the administrator that the application acts for; with `bearer`, of whose token it is. No "
        "sync disables or demotes that account.",
        "password": "The key of the application, or the personal token.",
    },
}
#: Where a page tells more.
_MORE: Mapping[tuple[str, str], str] = {
    ("okta", "auth_mode"): "A service app without it is an error.",
    ("okta", "private_key"): "The key itself, not the name of its file; RSA or EC, without passphrase.",
    ("okta", "scopes"): "Each must be granted to the app; a sync needs no other.",
    ("okta", "max_wait"): "Less than 61 can keep a large group from ever being read.",
    ("metric_insights", "default_group_name"): "Test, doctor and sync warn if both exist and are two groups.",
    ("metric_insights", "max_concurrency"): "1 is the careful choice. Each task that writes has so many, unless they "
    "[share them](operations.md#how-much-is-written-at-once).",
}


def fields_table(connection_type: str) -> str:
    """The fields of one connection type."""
    (kind,) = (each for each in get_provider_info()["connection-types"] if each["connection-type"] == connection_type)
    return table(("field", "in the form", "default", "allowed", "meaning"), _rows(connection_type, kind))


def _rows(connection_type: str, kind: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    labels = kind["ui-field-behaviour"]["relabeling"]
    if labels.keys() != _STANDARD[connection_type].keys():
        raise ValueError(f"{connection_type}: the form has {sorted(labels)}")
    for name, meaning in _STANDARD[connection_type].items():
        yield name, f"*{labels[name]}*", "", "", meaning
    for name, field in kind["conn-fields"].items():
        schema = field["schema"]
        more = _MORE.get((connection_type, name))
        meaning = prose(field["description"], schema.get("enum", ()))
        yield (
            code(name),
            f"*{field['label']}*",
            _value(schema.get("default")),
            _allowed(schema),
            f"{meaning} {more}" if more else meaning,
        )
    if connection_type == "metric_insights":
        for name, switch in switches().items():
            if not switch.title:
                meaning = prose(switch.help, getattr(switch.kind, "values", ()))
                yield code(name), "", _value(switch.default), _kind(switch.kind), f"{meaning} [More](compatibility.md)."


def _value(value: Any) -> str:
    if value is None:
        return ""
    return code(value if isinstance(value, str) else json.dumps(value).removesuffix(".0"))


def _allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return codes(schema["enum"])
    if "minimum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return codes(("true", "false")) if "boolean" in schema["type"] else ""


def _kind(kind: Any) -> str:
    values = getattr(kind, "values", None)
    if values:
        return codes(values)
    allowed = str(getattr(kind, "allowed", "")) or ", ".join(map(code, ("true", "false")))
    return allowed.replace("[", "`[").replace("]", "]`").replace("{", "`{").replace("}", "}`")
