"""Every generated part of the documents by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scripts.reference import commands, configuration, connections, knobs, operators, report, settings, store

SECTIONS: Mapping[str, Callable[[], str]] = {
    "settings": settings.settings_table,
    "entries": settings.entries_table,
    "connection okta": lambda: connections.fields_table("okta"),
    "connection metric_insights": lambda: connections.fields_table("metric_insights"),
    "configuration": configuration.options_table,
    "commands": commands.all_commands,
    "report keys": report.keys_table,
    "report states": report.words_tables,
    "report findings": report.findings_table,
    **store.SECTIONS,
    "operators": operators.operators,
    "knobs both": knobs.common,
    "knobs okta": knobs.okta,
    "knobs metric_insights": knobs.metric_insights,
}
