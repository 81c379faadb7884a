"""A run for people: what is broken, the world, what went wrong when, what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.chaos.record import Record
from tests.chaos.trouble import Trouble

_MOST_REQUESTS = 400


def describe(record: Record, broken: list[str]) -> str:
    """Everything that one needs to understand a run."""
    return "\n".join(_lines(record, broken))


def _lines(record: Record, broken: list[str]) -> Iterator[str]:
    scenario, world = record.scenario, record.scenario.world
    yield f"\n=== seed {scenario.seed}: {'BROKEN' if broken else 'fine'}. Again: make chaos SEED={scenario.seed} RUNS=1"
    yield from (f"  ! {what}" for what in broken)
    yield f"mode {scenario.mode}, logins {scenario.okta_login} and {scenario.login}"
    yield f"{scenario.concurrency} at a time, pages {scenario.page_size}"
    yield f"settings {_plain(world.settings)}"
    yield f"Okta {_plain(world.okta_knobs)}"
    yield f"MI {_plain(world.mi_knobs)}"
    yield f"groups {world.groups} (by id {scenario.by_id}, twins {world.twins}), decoys {world.decoys}"
    for person in world.people:
        yield f"  {person.status} in {person.groups}: {_plain(person.profile)}"
    yield f"groups of MI {world.mi_groups}"
    yield from (f"  {account}" for account in world.accounts)
    for sync in record.syncs:
        yield f"sync {sync.number}: exit {sync.code} after {sync.seconds:.2f} s, {_trouble(sync.trouble)}"
        yield f"  fired: {dict(sync.fired)}"
        for plan in sync.plans:
            changes = [f"{each['kind']} {(each['after'] or {}).get('username', '')}" for each in plan["changes"]]
            yield f"  plan for {plan['target_group']}: {changes}"
        for report in sync.reports:
            yield f"  report: {report['state']} {report['error'] or ''} {_plain(report['counts']['users'])}"
            yield from (
                f"    {each['kind']} {each['user']} {each['status']} {each['error'] or ''}"
                for each in report["changes"]
                if each["status"] != "done"
            )
            yield from (f"    {each['class']} {each['kind']} {each['user']}" for each in report["findings"])
        if sync.result:
            yield from (f"  error: {error}" for error in sync.result["errors"])
    hidden = len(record.requests) - _MOST_REQUESTS
    yield from (f"  {line}" for line in record.requests[:_MOST_REQUESTS])
    if hidden > 0:
        yield f"  ... and {hidden} more"


def _plain(mapping: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in mapping.items())


def _trouble(trouble: Trouble) -> str:
    if trouble.is_none:
        return "no trouble"
    rules = [
        f"{side} {_plain({key: value for key, value in rule.items() if value is not None})}"
        for side, rules in (("Okta", trouble.okta_faults), ("MI", trouble.mi_faults))
        for rule in rules
    ]
    knobs = {**trouble.okta_knobs, **trouble.mi_knobs}
    return f"{trouble.kill}, echo {trouble.echo}, overlap {trouble.overlap}, knobs {knobs}, faults {rules}"
