"""The sync by the real command, `okta-mi provision`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from okta_mi_provider.cli import connections
from okta_mi_provider.cli import provision as command
from okta_mi_provider.cli.main import main
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.run import provision
from tests.chaos.client import Notebook
from tests.chaos.job import Job


def run(job: Job) -> dict[str, Any]:
    """Syncs, and reads the report that the command has written."""
    if job.okta_login == "app":
        os.environ["OKTA_PRIVATE_KEY"] = credentials.OKTA_EC_PRIVATE_KEY
    else:
        os.environ["OKTA_API_TOKEN"] = credentials.OKTA_API_TOKEN
    if job.login == "personal":
        os.environ["MI_API_TOKEN"] = credentials.MI_API_TOKEN
    else:
        os.environ["MI_APPLICATION_KEY"] = credentials.MI_APPLICATION_KEY
    report = job.folder / "report.json"
    with _noting_plans(job), _short_timeout(job):
        code = main(["provision", *_options(job), "--report", str(report), "--", *(name for name, _ in job.groups)])
    found = json.loads(report.read_text("utf-8")) if report.exists() else []
    reports = found if isinstance(found, list) else [found]
    return {"reports": reports, "texts": [], "errors": [], "exit_code": code}


def _options(job: Job) -> list[str]:
    settings = job.settings
    words = ["--okta-host", job.okta_url, "--mi-host", job.mi_url, "--max-concurrency", str(job.concurrency), "-v"]
    if job.okta_login == "app":
        words += ["--okta-client-id", credentials.OKTA_CLIENT_ID]
        words += ["--okta-private-key-id", credentials.OKTA_EC_PRIVATE_KEY_ID]
    if job.login == "application":
        words += ["--mi-user", credentials.MI_USER, "--mi-application-id", credentials.MI_APPLICATION_ID]
    if settings["auto_create"] != "none":
        words += [f"--auto-create={settings['auto_create']}"]
    for name in (
        "user_type", "username_attr", "sync_user_limit", "target_group", "prune", "deprovision", "max_removals",
    ):  # fmt: skip
        if name in settings:
            words += [f"--{name.replace('_', '-')}={settings[name]}"]
    for name in ("match_by", "statuses"):
        if name in settings:
            words += [f"--{name.replace('_', '-')}={','.join(settings[name])}"]
    words += [
        f"--{name.replace('_', '-')}" for name in ("skip_default_group", "force", "dry_run") if settings.get(name)
    ]
    if "approve_plan" in settings:
        words.append(f"--approve={settings['approve_plan']}")
    words += [] if settings["protect_administrators"] else ["--no-protect-administrators"]
    return words + {"none": ["--no-summary"], "counts": [], "full": ["--full-summary"]}[settings["summary"]]


@contextmanager
def _noting_plans(job: Job) -> Iterator[None]:
    """The command's own watcher is a progress bar, and there is none without a terminal."""

    def noting(*arguments: Any, watcher: Any, **more: Any) -> Any:
        return provision(*arguments, watcher=Notebook(job), **more)

    command.provision = noting
    try:
        yield
    finally:
        command.provision = provision


@contextmanager
def _short_timeout(job: Job) -> Iterator[None]:
    """The command has no option for it."""
    connections.Transport = lambda **given: Transport(**{"timeout_s": job.timeout_s, **given})
    try:
        yield
    finally:
        connections.Transport = Transport
