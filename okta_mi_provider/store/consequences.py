"""What follows for later syncs from what became of changes: the ledger, links, and users who are not finished.

Functions on an open connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from okta_mi_provider.store import changes as account
from okta_mi_provider.store import ledger, links, unfinished
from okta_mi_provider.store.ledger import Membership
from okta_mi_provider.store.settle import Verdict
from okta_mi_provider.sync.memory import Link, Unfinished
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.outcome import SETTLED, Outcome, Status
from okta_mi_provider.sync.plan import ChangeKind, Plan


class Writing(NamedTuple):
    """Who writes what.

    Attributes:
        run: Id of the run in the store.
        group: The MI group of the plan, with its id as soon as it is known.
    """

    run: int
    dag_id: str
    plan: Plan
    group: TargetGroup


def of_outcomes(connection: Connection, writing: Writing, outcomes: Sequence[Outcome]) -> None:
    """Notes what follows from changes that were tried."""
    plan, group = writing.plan, writing.group
    here = [each for each in outcomes if each.change.group == group.name]
    # Whoever is put back without being anybody in Okta was put there by hand once, and is so again.
    ledger.put(connection, (_membership(writing, each) for each in here if each.joined and each.change.source_id))
    gone = [
        each.target_id
        for each in here
        if each.change.kind is ChangeKind.REMOVE_MEMBER and each.status in SETTLED and each.target_id
    ]
    ledger.drop(connection, plan.host, group.id, gone)
    created = [
        Link(each.change.source_id, each.target_id, each.change.user or "")
        for each in outcomes
        if each.change.kind is ChangeKind.CREATE_USER and each.change.source_id and each.target_id
    ]
    links.put(connection, plan.host, plan.org, writing.run, created)
    _note_unfinished(connection, writing, outcomes)


def of_verdicts(connection: Connection, verdicts: Iterable[Verdict], host: str, group: TargetGroup | None) -> None:
    """Notes what became of changes of earlier runs, and what follows from it, as those runs would have.

    Args:
        connection: Where to write.
        verdicts: What became of them.
        host: The MI server.
        group: The MI group of the run that has found it out; None if it does not exist.
    """
    for doubt, noted, user in verdicts:
        account.note(connection, doubt.run, [noted])
        created = doubt.kind is ChangeKind.CREATE_USER and noted.status is Status.DONE
        if created and user and doubt.source_id:
            link = Link(doubt.source_id, user.id, user.username)
            links.put(connection, host, doubt.org, doubt.run, [link])
            if doubt.default_group:
                half_made = Unfinished(doubt.source_id, user.username, user.email)
                unfinished.put(connection, host, doubt.org, doubt.run, [half_made])
        if group is None or doubt.group_name != group.name:
            continue
        if noted.joined and user and doubt.source_id:
            membership = Membership(
                host=host,
                group_id=group.id,
                user_id=user.id,
                group_name=group.name,
                username=user.username,
                source_id=doubt.source_id or "",
                source_group_id=doubt.source_group_id,
                dag_id=doubt.dag_id,
                run=doubt.run,
            )
            ledger.put(connection, [membership])
        if noted.left and doubt.user_id:
            ledger.drop(connection, host, group.id, [doubt.user_id])


def _note_unfinished(connection: Connection, writing: Writing, outcomes: Sequence[Outcome]) -> None:
    """Notes who may have been created and is not in the Default Group, and who is in it now."""
    plan, default_group = writing.plan, writing.plan.default_group
    if default_group is None or default_group.id == writing.group.id:
        return
    failed, inside = [], []
    for status, change in ((each.status, each.change) for each in outcomes if each.change.source_id):
        creates = change.kind is ChangeKind.CREATE_USER
        joins = change.kind is ChangeKind.ADD_MEMBER and change.group == default_group.name
        if status in SETTLED and (creates or joins):
            inside.append(change.source_id or "")
        elif creates and change.after:
            failed.append(Unfinished(change.source_id or "", change.after.username, change.after.email))
    unfinished.put(connection, plan.host, plan.org, writing.run, failed)
    unfinished.drop(connection, plan.host, plan.org, inside)


def _membership(writing: Writing, outcome: Outcome) -> Membership:
    return Membership(
        host=writing.plan.host,
        group_id=writing.group.id,
        user_id=outcome.target_id or "",
        group_name=writing.group.name,
        username=outcome.change.user or "",
        source_id=outcome.change.source_id or "",
        source_group_id=next((each.id for each in writing.plan.source_groups), ""),
        dag_id=writing.dag_id,
        run=writing.run,
    )
