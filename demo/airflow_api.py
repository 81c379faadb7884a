"""The REST API of a running Airflow, as far as the demo and the tests need it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FINAL_RUN_STATES = frozenset({"success", "failed"})


class ApiError(RuntimeError):
    """Airflow answered with an error: what was asked, the `status`, and what it said."""

    def __init__(self, request: str, status: int, text: str) -> None:
        super().__init__(f"{request}: {status} {text}")
        self.status = status


@dataclass(slots=True)
class AirflowApi:
    """A client of one Airflow.

    Attributes:
        url: Address of the API server, without a path.
        user: Name and password of whom it acts for; None where all users are administrators, as in the demo.
        timeout: Seconds to wait for one answer.
    """

    url: str
    user: tuple[str, str] | None = None
    timeout: float = 30
    _session: requests.Session = field(default_factory=requests.Session, init=False)

    def __post_init__(self) -> None:
        self._session.trust_env = False  # no proxy on the way to this machine

    def is_up(self) -> bool:
        """Whether the server answers at all."""
        try:
            return self._session.get(f"{self.url}/api/v2/version", timeout=self.timeout).ok
        except requests.ConnectionError:
            return False

    def login(self) -> None:
        """Gets the token that all other requests carry; to be called once the server is up."""
        if self.user:
            name, password = self.user
            answer = self._send("POST", "/auth/token", json={"username": name, "password": password})
        else:
            answer = self._send("GET", "/auth/token")
        self._session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Sends one request below ``/api/v2`` and returns its JSON, or None when there is no body."""
        return self._send(method, f"/api/v2{path}", **options)

    def health(self) -> dict[str, dict[str, str | None]]:
        """Status and latest heartbeat of each part of Airflow."""
        answer: dict[str, dict[str, str | None]] = self.request("GET", "/monitor/health")
        return answer

    def dags(self) -> list[dict[str, Any]]:
        """All DAGs that have been parsed."""
        answer: list[dict[str, Any]] = self.request("GET", "/dags", params={"limit": 1000})["dags"]
        return answer

    def import_errors(self) -> list[dict[str, Any]]:
        """The DAG files that cannot be loaded: `filename` and `stack_trace` of each."""
        answer: list[dict[str, Any]] = self.request("GET", "/importErrors")["import_errors"]
        return answer

    def unpause(self, dag_id: str) -> None:
        """Lets the runs of a DAG be scheduled."""
        self.request("PATCH", f"/dags/{quote(dag_id)}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Starts a run with the given values of its form and returns the id of the run."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.request("POST", f"/dags/{quote(dag_id)}/dagRuns", json=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of a run: queued, running, success or failed."""
        return str(self.request("GET", _path(dag_id, run_id))["state"])

    def wait_for_runs(
        self, runs: Iterable[tuple[str, str]], *, timeout: float, pause: float = 0.3
    ) -> dict[tuple[str, str], str]:
        """Waits for the end of all runs, given as pairs of DAG id and run id, and returns their states.

        It asks every `pause` seconds.

        A run that has not ended when the time is over is returned with the state it has then.
        """
        states = dict.fromkeys(runs, "")
        deadline = time.monotonic() + timeout
        while True:
            for run, state in states.items():
                if state not in FINAL_RUN_STATES:
                    states[run] = self.run_state(*run)
            if FINAL_RUN_STATES.issuperset(states.values()) or time.monotonic() > deadline:
                return states
            time.sleep(pause)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, in the order of their start: `task_id`, `state`, `try_number`, ..."""
        path = f"{_path(dag_id, run_id)}/taskInstances"
        found: list[dict[str, Any]] = self.request("GET", path, params={"limit": 1000})["task_instances"]
        return sorted(found, key=lambda instance: (instance["start_date"] is None, instance["start_date"]))

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """A value that a task has pushed, or None when it has pushed none."""
        try:
            return self.request("GET", f"{_path(dag_id, run_id, task_id)}/xcomEntries/{quote(key)}")["value"]
        except ApiError as error:
            if error.status == requests.codes.not_found:
                return None
            raise

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """The lines that one try of a task has logged."""
        path = f"{_path(dag_id, run_id, task_id)}/logs/{try_number}"
        answer = self.request("GET", path, params={"full_content": True}, headers={"Accept": "application/json"})
        return [_log_line(entry) for entry in answer["content"]]

    def _send(self, method: str, path: str, **options: Any) -> Any:
        response = self._session.request(method, f"{self.url}{path}", timeout=self.timeout, **options)
        if not response.ok:
            raise ApiError(f"{method} {path}", response.status_code, response.text[:500])
        return response.json() if response.content else None


def _path(dag_id: str, run_id: str, task_id: str | None = None) -> str:
    run = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"
    return run if task_id is None else f"{run}/taskInstances/{quote(task_id)}"


def _log_line(entry: Mapping[str, Any] | str) -> str:
    """One log entry as text: the message, and what was raised, if anything was."""
    if isinstance(entry, str):
        return entry
    raised = "".join(
        f"\n    {error.get('exc_type')}: {error.get('exc_value')}" for error in entry.get("error_detail") or ()
    )
    return f"{entry.get('level') or ''} {entry['event']}{raised}".strip()
