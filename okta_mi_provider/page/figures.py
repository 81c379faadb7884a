"""The numbers of a run as the pages show them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from okta_mi_provider.store.history import RunRecord


class Figures(NamedTuple):
    """What a run has done, or would have; None where it did not come to a plan.

    Attributes:
        members: Users of the Okta groups who are to be members.
        added: Memberships.
        created: Users.
        changed: Users whose attributes were changed.
        removed: Memberships.
        disabled: Users.
        conflicts: Users for whom a person has to decide.
        failures: Users of whom a write failed.
    """

    members: int | None = None
    added: int | None = None
    created: int | None = None
    changed: int | None = None
    removed: int | None = None
    disabled: int | None = None
    conflicts: int | None = None
    failures: int | None = None


def figures_of(run: RunRecord) -> Figures:
    """The numbers of a run. Without a plan nothing was counted, and zeros would tell a lie."""
    # An undo does not ask who is in Okta.
    members = None if run.mode == "undo" else run.users_in_scope
    if run.plan_digest is None or run.counts is None:
        return Figures(members=members)
    return figures(run.counts, members)


def figures(counts: Mapping[str, Any], members: int | None) -> Figures:
    """The same, from the `counts` of the JSON report."""
    users, memberships = counts.get("users") or {}, counts.get("memberships") or {}
    return Figures(
        members,
        memberships.get("added"),
        users.get("created"),
        users.get("updated"),
        memberships.get("removed"),
        users.get("disabled"),
        users.get("conflicts"),
        users.get("failed"),
    )
