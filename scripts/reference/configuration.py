"""The section `[okta_mi]` of Airflow's configuration."""

from __future__ import annotations

from collections.abc import Iterator

from okta_mi_provider.get_provider_info import get_provider_info
from scripts.reference.markdown import code, prose, table


def options_table() -> str:
    """Every option with the environment variable that sets it, too."""
    return table(("option", "default", "environment variable", "example", "meaning"), _rows())


def _rows() -> Iterator[tuple[str, ...]]:
    for section, content in get_provider_info()["config"].items():
        for name, option in content["options"].items():
            secret = " May hold a password: Airflow shows it to nobody." if option.get("sensitive") else ""
            yield (
                code(name),
                code(option["default"]) if option["default"] else "empty",
                code(f"AIRFLOW__{section.upper()}__{name.upper()}"),
                code(option["example"]) if option["example"] else "",
                prose(option["description"]) + secret,
            )
