"""Settings each of which is allowed, but not together. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from okta_mi_provider.settings_error import Problem


def contradictions(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Every setting that does not go with another one.

    Args:
        values: Settings that are allowed, by name. What is missing has its default.
    """
    if values.get("match_by", ("username",))[0] != "username":
        yield Problem("match_by", "username is always matched first; allowed: username, or username and email")
    if values.get("deprovision") == "disable" and "DEPROVISIONED" in values.get("statuses", ()):
        yield Problem("deprovision", "disable contradicts statuses, which says that DEPROVISIONED users are synced")
    if values.get("map_attr_to_group") is not None:
        for key, said in _not_mapped(values):
            yield Problem(key, f"{said} when map_attr_to_group is set")
    approve = values.get("approve", "never")
    if approve != "never" and values.get("approve_plan") is not None:
        # Whoever may trigger a run is not for that reason one of those who may approve.
        yield Problem(
            "approve_plan",
            f"a person is asked here (approve: {approve}), and only the answer to the task approve lets a plan be "
            "written: trigger the run without it, and have the plan approved there",
        )


def _not_mapped(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings that make no sense where an attribute names the MI groups, with what to say."""
    if values.get("target_group") is not None:
        yield "target_group", "must not be set"
    if values.get("prune", "off") != "off":
        yield (
            "prune",
            "must be off: a group that nobody's attribute names any more is not seen, and would keep its people,",
        )
    if values.get("incremental", False):
        yield "incremental", "must be false: which groups there are depends on profiles, whose changes it does not see,"
    if values.get("match_by", ("username",)) != ("username",):
        yield "match_by", "must be username: who else has an address is seen in each group by itself only,"
    if values.get("approve", "never") != "never":
        yield "approve", "must be never: there is a plan for each MI group, and a person is asked about one,"
