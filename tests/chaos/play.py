"""Plays one run: syncs while things go wrong, then syncs of healed servers, then one that must have nothing to do."""

from __future__ import annotations

import itertools
import json
import pickle
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from okta_mi_provider.sync.plan import Plan
from tests.chaos.job import Job
from tests.chaos.nursery import Nursery
from tests.chaos.oracle import MI, Oracle
from tests.chaos.record import Record, Sync
from tests.chaos.scenario import Scenario
from tests.chaos.stage import Stage, known_secrets
from tests.chaos.trouble import TIMEOUT_S, Trouble

#: Longest that one sync may take, in seconds. It needs one or two when things go wrong; the machine may be busy.
LIMIT_S = 60.0
#: How long a client waits for an answer of a healed server, in seconds.
_PATIENCE_S = 20.0
#: How many syncs of healed servers a run may need beyond those that an undisturbed one needs.
_SPARE = 1


@dataclass
class Player:
    """Plays runs, one after the other.

    Attributes:
        home: A folder for what the processes leave behind.
    """

    stage: Stage
    nursery: Nursery
    home: Path
    limit_s: float = LIMIT_S

    def play(self, scenario: Scenario, sabotage: str = "") -> Record:
        """Plays a run to its end."""
        stage = self.stage
        folder = self.home / f"run-{scenario.seed}-{sabotage}"
        (folder / "kept").mkdir(parents=True)
        stage.install(scenario.world)
        record = Record(scenario, folder, stage.mi_state())
        start = MI.of(record.start)
        wanted, rounds = self.oracle(scenario).end(start, scenario.by_id)
        if scenario.hopeless:
            wanted, rounds = start, 0
        for trouble in scenario.troubles:
            self._sync(record, trouble, sabotage)
        stage.drain()
        record.allowed = max(rounds, 1) + _SPARE
        # A person looks at no group twice, and each look takes a sync more.
        looks = len(scenario.world.groups)
        for number in itertools.count(1):
            if number > record.allowed:
                break
            approved = self._stopped_by_limit(record, wanted) if looks else None
            if approved:
                looks, record.allowed = looks - 1, record.allowed + 1
            self._sync(record, Trouble(), sabotage, approved)
            if MI.of(record.end) == wanted:
                record.needed = number
                break
        record.resting = len(record.syncs)
        self._sync(record, Trouble(), sabotage)
        record.writes = list(stage.tap.writes)
        record.secrets = {**known_secrets(), **stage.tap.secrets, **stage.okta_secrets}
        record.requests = stage.requests()
        record.trapped = stage.was_trapped()
        return record

    @staticmethod
    def oracle(scenario: Scenario) -> Oracle:
        return Oracle(scenario.world, separately=scenario.mode in {"rooms", "operator"})

    def _stopped_by_limit(self, record: Record, wanted: MI) -> str | None:
        """The digest that a person approves: of the last sync's plan, where a limit has stopped it for good reasons.

        A group that a sync has filled before it came to grief may have a limit that it had not when it was empty.
        """
        if not record.syncs:
            return None
        now = MI.of(record.end)
        if now == wanted or self.oracle(record.scenario).after(now, record.scenario.by_id) != now:
            return None
        plans = [Plan.from_json(each) for each in record.syncs[-1].plans]
        return next((plan.digest for plan in plans if plan.unusual), None)

    def _sync(self, record: Record, trouble: Trouble, sabotage: str, approved: str | None = None) -> None:
        stage, number = self.stage, len(record.syncs)
        folder = record.folder / f"sync-{number}"
        folder.mkdir()
        before = stage.mi_state()
        stage.tap.sync = number
        stage.arm(trouble, record.scenario.seed + number)
        job = self._job(record.scenario, trouble, folder, record.folder / "kept", sabotage, approved)
        # Beside the folder that is searched for secrets: the job names none, but is no word of the product either.
        path = record.folder.with_suffix(".job")
        path.write_bytes(pickle.dumps(job))
        began = time.monotonic()
        code = self._run(path, trouble)
        seconds = time.monotonic() - began
        if not trouble.overlap:
            stage.drain()
        fired = stage.heal()
        record.syncs.append(
            Sync(
                number=number,
                trouble=trouble,
                code=code,
                seconds=seconds,
                plans=_lines(job.plans),
                result=json.loads(job.result.read_text("utf-8")) if job.result.exists() else None,
                before=before,
                after=stage.mi_state(),
                fired=fired,
            )
        )

    def _run(self, path: Path, trouble: Trouble) -> int | None:
        tap = self.stage.tap
        timer: threading.Timer | None = None

        def born(pid: int) -> None:
            nonlocal timer
            tap.pid = pid
            if trouble.kill and trouble.kill.seconds is not None:
                timer = threading.Timer(trouble.kill.seconds, lambda: tap.kill(pid))
                timer.start()

        try:
            return self.nursery.run(path, born=born, limit_s=self.limit_s)
        finally:
            if timer:
                timer.cancel()
                timer.join()
            tap.pid = None

    def _job(
        self, scenario: Scenario, trouble: Trouble, folder: Path, kept: Path, sabotage: str, approved: str | None
    ) -> Job:
        ids = self.stage.group_ids
        return Job(
            mode=scenario.mode,
            okta_url=self.stage.okta_url,
            mi_url=self.stage.mi_url,
            groups=tuple(
                (name, ids[place] if place in scenario.by_id else None)
                for place, name in enumerate(scenario.world.groups)
            ),
            settings={**scenario.world.settings, **({"approve_plan": approved} if approved else {})},
            login=scenario.login,
            okta_login=scenario.okta_login,
            concurrency=scenario.concurrency,
            page_size=scenario.page_size,
            timeout_s=_PATIENCE_S if trouble.is_none else TIMEOUT_S,
            default_group_id=str(scenario.world.default_group_id),
            resume=scenario.resume,
            folder=folder,
            kept=kept,
            sabotage=sabotage,
        )


def _lines(path: Path) -> list[dict[str, Any]]:
    """The plans of a file. The last line may have been cut off by a kill; then nothing of that plan was written."""
    if not path.exists():
        return []
    whole = [line for line in path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole]
