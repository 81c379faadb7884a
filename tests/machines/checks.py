"""What must be true in the end, whatever Airflow has run on and whatever was done to it."""

from __future__ import annotations

import logging
from itertools import chain

from okta_mi_provider.store import ArtifactKind, RunKey, Store
from tests.machines.runs import Runs
from tests.machines.scene import SLOTS, TASK_SLOTS
from tests.machines.traffic import creates, most_at_once, writes

log = logging.getLogger(__name__)


def check_everything(runs: Runs, *, undisturbed: float, out_of_sight: int) -> None:
    """All groups have exactly their members, nobody was created twice, and the reports tell of everybody.

    Args:
        runs: All of them.
        undisturbed: Until when Airflow knew of everything that ran, by `time.perf_counter`.
        out_of_sight: How many tasks that write have gone on since without Airflow's knowing.
    """
    mi = runs.scene.world.mi
    assert runs.states() == dict.fromkeys(runs.scene.members, "success")
    members = {group["name"]: sorted(group["members"]) for group in mi.state()["groups"]}
    for group, names in runs.scene.members.items():
        assert members[group] == names, group
        check_report(runs.site.store_url, runs.key(group), names)
    sent = creates(mi)
    created = [each for each in sent if each.status and each.status < 300]
    assert len(created) == sum(map(len, runs.scene.members.values())), "nobody was created twice"
    traffic = writes(mi)
    before, ever = most_at_once([each for each in traffic if each.started < undisturbed]), most_at_once(traffic)
    log.info(
        "%s users created by %s requests. At most %s writes in flight, and %s before a task was out of sight.",
        len(created), len(sent), ever, before,
    )  # fmt: skip
    assert before <= SLOTS, "all tasks together keep to the pool"
    assert ever <= SLOTS + TASK_SLOTS * out_of_sight, "only what is out of sight comes on top"


def check_report(store_url: str, key: RunKey, names: list[str]) -> None:
    """No outcome is lost: everybody is told of once, as created, or as found created."""
    store = Store(store_url)
    try:
        found = store.find(key, ArtifactKind.REPORT)
        # Of many changes the first are in the report itself.
        pieces = store.find_all(key, ArtifactKind.REPORT_CHANGES)
    finally:
        store.close()
    assert found is not None
    counts, changes = found.data["counts"], [*found.data["changes"], *chain.from_iterable(pieces)]
    assert found.data["state"] == "done"
    assert {each["status"] for each in changes} <= {"done", "already"}
    assert sorted(each["user"] for each in changes if each["user"] is not None) == names
    assert counts["users"]["created"] + counts["users"]["unchanged"] == len(names)
    assert counts["users"]["failed"] == 0
    assert counts["memberships"]["added"] == counts["users"]["created"]
