"""One sync in a process of its own: real clients, real HTTP, everything noted that it says."""

from __future__ import annotations

import gc
import json
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from okta_mi_provider.cli.provision import journal_of
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.metric_insights import MetricInsightsClient, MIDialect
from okta_mi_provider.clients.metric_insights_auth import Application, Login, PersonalToken
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.okta_auth import ApiToken, OktaLogin
from okta_mi_provider.clients.okta_keys import SigningKey
from okta_mi_provider.clients.okta_oauth import ServiceApp
from okta_mi_provider.clients.urls import metric_insights_url, okta_url
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.simulators import credentials
from okta_mi_provider.store import Store
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.plan import Plan
from okta_mi_provider.sync.render import as_csv, as_markdown, as_text
from okta_mi_provider.sync.report import Report
from okta_mi_provider.sync.run import Sides, Watcher, provision
from tests.chaos.job import Job

#: Exit code of a process that an exception has ended.
_CRASHED = 70


def get_ready() -> None:
    """Imports everything that a sync may need, before the first fork."""
    from tests.chaos import command, rooms, sabotage  # noqa: F401

    # Nothing of what is there now will be freed: do not let each child look for it.
    gc.freeze()


def run_and_exit(path: Path) -> None:
    """Does a job and ends this process: with 0 if it got to its end, however the sync went, and with 70 if not."""
    job: Job = pickle.loads(path.read_bytes())
    _redirect(job.folder)
    code = _CRASHED
    try:
        # In one step: a process that is killed leaves a whole result or none.
        new = job.result.with_suffix(".new")
        new.write_text(json.dumps(run(job)), "utf-8")
        new.replace(job.result)
        code = 0
    finally:
        # This process is a copy of the nursery, and must not go on as it.
        if code:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        logging.shutdown()
        os._exit(code)


def run(job: Job) -> dict[str, Any]:
    """Syncs; returns the reports, and everything else that was said."""
    from tests.chaos import command, rooms, sabotage

    _listen(job.folder / "log.txt")
    os.environ["AIRFLOW__OKTA_MI__STORE"] = f"sqlite:///{job.store}"
    with sabotage.broken(job.sabotage):
        if job.mode == "rooms":
            return rooms.run(job)
        if job.mode == "operator":
            return rooms.run_single(job)
        if job.mode == "command":
            return command.run(job)
        return _provision(job)


class Notebook(Watcher):
    """Notes each plan before anything of it is written."""

    def __init__(self, job: Job) -> None:
        self._path = job.plans

    def planned(self, plan: Plan) -> None:
        note_plan(self._path, plan)


def note_plan(path: Path, plan: Plan) -> None:
    """Writes a plan where it outlives this process."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(plan.to_json()) + "\n")


def selectors(job: Job) -> list[GroupSelector]:
    return [GroupSelector(None, group_id) if group_id else GroupSelector(name) for name, group_id in job.groups]


def _unions(job: Job) -> list[list[GroupSelector]]:
    """Each group by itself; or all of them as one, where they have one target that nobody else shall be in."""
    each = selectors(job)
    together = job.settings.get("target_group") and job.settings["prune"] != "off"
    return [each] if together else [[selector] for selector in each]


def okta(job: Job) -> OktaClient:
    """A client as the hook makes it."""
    login: OktaLogin = ApiToken(credentials.OKTA_API_TOKEN, credentials="of the chaos")
    if job.okta_login == "app":
        key = SigningKey.parse(credentials.OKTA_EC_PRIVATE_KEY, key_id=credentials.OKTA_EC_PRIVATE_KEY_ID, what="It")
        login = ServiceApp(credentials.OKTA_CLIENT_ID, key, credentials="of the chaos")
    return OktaClient(
        okta_url(job.okta_url),
        login,
        transport=Transport(timeout_s=job.timeout_s, read_only=True),
        page_size=job.page_size,
    )


def metric_insights(job: Job, *, read_only: bool) -> MetricInsightsClient:
    """A client as the hook makes it."""
    login: Login
    if job.login == "personal":
        login = PersonalToken(credentials.MI_API_TOKEN, credentials="of the chaos")
    else:
        login = Application(
            credentials.MI_APPLICATION_ID,
            credentials.MI_APPLICATION_KEY,
            credentials.MI_USER,
            credentials="of the chaos",
        )
    return MetricInsightsClient(
        metric_insights_url(job.mi_url),
        login,
        credentials="of the chaos",
        transport=Transport(timeout_s=job.timeout_s, read_only=read_only),
        max_concurrency=job.concurrency,
        dialect=MIDialect(default_group_id=job.default_group_id),
    )


def told(report: Report) -> list[str]:
    """A report in every form for people."""
    return [
        as_text(report, full=False),
        as_text(report, full=True),
        as_markdown(report, full=True),
        as_csv([report]),
        repr(report),
    ]


def said_by(error: BaseException) -> list[str]:
    """Everything that an exception can tell."""
    return [str(error), repr(error), *traceback.format_exception(error)]


def shown(*things: object) -> list[str]:
    """How our objects show themselves, and those that they are made of."""
    return sorted({repr(each) for each in _parts(things, set())})


def _provision(job: Job) -> dict[str, Any]:
    settings = SyncSettings.from_mapping(job.settings)
    source, target = okta(job), metric_insights(job, read_only=settings.dry_run)
    sides = Sides(source, target, EnsuringWriter(target), job.concurrency)
    reports, texts = [], []
    with closing(Store(f"sqlite:///{job.store}")) as store:
        journal = journal_of(store, sides, settings)
        for report, cause in provision(sides, _unions(job), settings, journal_of=journal, watcher=Notebook(job)):
            reports.append({**report.to_json(), "passing": bool(cause and cause.passing)})
            texts += told(report)
            texts += said_by(cause) if cause else []
    return {"reports": reports, "texts": texts + shown(sides), "errors": []}


def _parts(things: Any, seen: set[int]) -> Iterator[object]:
    for thing in things:
        if not type(thing).__module__.startswith("okta_mi_provider") or id(thing) in seen:
            continue
        seen.add(id(thing))
        yield thing
        names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
        yield from _parts([getattr(thing, name, None) for name in names], seen)


def _redirect(folder: Path) -> None:
    """Lets nothing that this process says get lost, nor into the pipe of the nursery."""
    for descriptor, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, str(folder / "stdout.txt"), os.O_WRONLY | os.O_CREAT),
        (2, str(folder / "stderr.txt"), os.O_WRONLY | os.O_CREAT),
    ):
        file = os.open(name, flags, 0o600)
        os.dup2(file, descriptor)
        os.close(file)


def _listen(path: Path) -> None:
    """Writes every record of every logger into a file, with tracebacks."""
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(threadName)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.DEBUG)
