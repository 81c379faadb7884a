"""A store with something to look at: groups that are well and groups that are not, names that do harm, a long plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from okta_mi_provider.store import ArtifactKind, RunKey, Store
from okta_mi_provider.store.schema import CHANGES, RUNS
from okta_mi_provider.sync.run import Result
from tests.store.fakes import FakeMI, FakeOkta, Sync

#: Names that a careless page would take for markup, for another direction of reading, or for another line.
MARKUP = "<script>alert(1)</script>"
QUOTES = "\" onmouseover='alert(2)' x=\""
BIDI = "abc\u202etxt.exe\u2066"
LINES = "first\nsecond\tthird\0"
LONG = "long-" + "x" * 600
FORMULA = '=HYPERLINK("http://evil.example/","click")'
HOSTILE = (MARKUP, QUOTES, BIDI, LINES, LONG, FORMULA)

#: Changes of the long plan.
MANY = 10_000


def dag_of(group: str) -> str:
    return f"okta_mi__{group}"


def fill(store: Store, *, many: int = MANY, days: int = 20) -> None:
    """Runs that have ended on the last days.

    Args:
        store: Empty.
        many: Changes of the long plan.
        days: For how long the syncs have been running.
    """
    for ended in _runs(store, many, days):
        age(store, ended)


def _runs(store: Store, many: int, days: int) -> Iterator[datetime]:
    """Makes one run after the other, and says when each shall have ended."""
    now, dice = datetime.now(UTC), random.Random(7)
    okta, mi = FakeOkta(), FakeMI()
    sync = Sync(store, okta, mi)
    okta.join("Sales", *(f"person{number:02}" for number in range(24)))
    okta.join("Finance", *(f"teller{number}" for number in range(9)))
    okta.join("Marketing", *(f"maker{number}" for number in range(5)))
    okta.join("Hostile", "harmless")
    for number, name in enumerate(HOSTILE):
        okta.join("Hostile", name, id=f"00uH{number}", first_name=name, email=f"hostile{number}@example.com")
    okta.join("Hostile", "ana", id="00uANA")
    for day in range(days, 0, -1):
        yield from _day(sync, dice, day, now - timedelta(days=day))
    mi.failing = {"teller3"}
    okta.join("Finance", "teller3", last_name="Smith")
    okta.join("Finance", "teller4", email="teller5@example.com")
    _run(sync, "Finance", "last")
    yield now - timedelta(minutes=31)
    mi.failing = set()
    for name in ("maker0", "maker1", "maker2"):
        okta.leave("Marketing", name)
    _run(sync, "Marketing", "last", max_removals=1)
    yield now - timedelta(hours=2)
    _run(sync, "Hostile", "last")
    yield now - timedelta(minutes=12)
    okta.join("Everybody", *(f"u{number:05}" for number in range(many)))
    # Refused, and so kept with every change.
    _run(sync, "Everybody", "last", max_creates=100)
    yield now - timedelta(minutes=3)
    _run(sync, "Sales", "look", mode="drift")
    yield now - timedelta(minutes=1)
    sync.run("Sales", key=RunKey.of_task("nightly", "provision", "manual__1"))
    yield now - timedelta(hours=9)
    sync.run("Marketing", by="root")
    yield now - timedelta(days=1)


def _day(sync: Sync, dice: random.Random, day: int, at: datetime) -> Iterator[datetime]:
    for number in range(dice.randrange(4)):
        sync.okta.join("Sales", f"new{day:02}{number}")
    if day % 3 == 0:
        sync.okta.leave("Sales", f"person{day:02}")
    if day % 4 == 0:
        sync.okta.join("Sales", f"person{dice.randrange(20):02}", last_name=f"Married{day}")
    for group in ("Sales", "Finance"):
        _run(sync, group, f"scheduled__{at:%Y-%m-%d}", by="scheduled")
        yield at


def _run(sync: Sync, group: str, run_id: str, by: str = "alice", **values: object) -> Result:
    """A run as a generated DAG makes it, with the report that its last task stores."""
    key = RunKey(dag_of(group), run_id)
    result = sync.run(group, key=key, by=by, **{"prune": "managed", **values})
    sync.store.save(key, ArtifactKind.REPORT, result.report.to_json())
    if result.report.plan:
        sync.store.save_plan(key, result.report.plan)
    return result


def age(store: Store, ended: datetime) -> None:
    """Lets the newest run be one of another time."""
    with store.writing() as connection:
        run = max(connection.execute(RUNS.select().with_only_columns(RUNS.c.id)).scalars())
        began = ended - timedelta(seconds=42)
        connection.execute(update(RUNS).where(RUNS.c.id == run).values(started_at=began, ended_at=ended))
        connection.execute(update(CHANGES).where(CHANGES.c.run == run).values(at=ended))
