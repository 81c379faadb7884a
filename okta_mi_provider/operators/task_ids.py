"""Ids of the tasks of a generated DAG. They find each other's results by these."""

from __future__ import annotations

#: In their order.
FETCH, DIFF, APPROVE, CREATE_GROUPS, UPSERT_USERS, REPORT = (
    "fetch", "diff", "approve", "create_groups", "upsert_users", "report",
)  # fmt: skip

#: The only task of a DAG whose MI groups an attribute names.
SYNC = "sync"
