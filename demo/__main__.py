"""`make demo`: two simulated servers, a real Airflow, and three groups synced from the one to the other."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from demo.airflow_stack import AirflowStack
from demo.processes import StartError, free_port
from demo.simulators import Simulators
from demo.summary import GroupRun, explain_failure, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
STATE = REPOSITORY / ".demo"
GROUPS_FILE = REPOSITORY / "demo" / "okta_groups.yaml"
GROUPS = ("my_new_group", "MI - Finance", "MI - All Staff")
RUN_TIMEOUT = 240.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

say = functools.partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if all runs have succeeded and Metric Insights holds exactly the right members."""
    options = _parser().parse_args(arguments)
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    code = 130
    try:
        with _the_only_one(), _running(options.users) as (simulators, airflow):
            code = 0 if _sync(simulators, airflow) else 1
            if not options.stop:
                for group in GROUPS:
                    say(f"{airflow.url}/dags/{airflow.wait_for_dag(group)}")
                say("The connections come from the environment; Admin > Connections does not list them.")
                say("\nServing until Ctrl-C.")
                _serve(simulators, airflow)
    except KeyboardInterrupt:
        say("Stopped.")
    except StartError as error:
        say(f"\n{error}", file=sys.stderr)
        return 1
    return code


def _interrupt(*_: object) -> None:
    """Ends the demo as Ctrl-C does; a second signal cannot keep it from tidying up."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--stop", action="store_true", help="end when the runs are done, instead of serving on")
    parser.add_argument("--users", type=int, default=1200, help="users of the Okta org (default: %(default)s)")
    return parser


@contextlib.contextmanager
def _the_only_one() -> Iterator[None]:
    """Two demos would share one Airflow database."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"A demo is already running with {STATE}. End it first.") from None
        yield


@contextlib.contextmanager
def _running(users: int) -> Iterator[tuple[Simulators, AirflowStack]]:
    """The servers and Airflow, from their start to their end."""
    begin = time.monotonic()
    say(f"Starting Okta and Metric Insights (simulated, {users} users) and Airflow; their logs are in {STATE} ...")
    with Simulators(users, log=STATE / "simulators.log") as simulators:
        airflow = AirflowStack(
            home=STATE / "airflow",
            dags_folder=REPOSITORY / "dags",
            settings={
                **simulators.connections(),
                "AIRFLOW__OKTA_MI__GROUPS_FILE": str(GROUPS_FILE),
                # All DAGs share Okta's rate limit through a pool, which the scheduler makes.
                "AIRFLOW__OKTA_MI__OKTA_POOL": "okta_api",
            },
            port=free_port(8080),
        )
        with airflow:
            say(f"... all are up after {time.monotonic() - begin:.0f} s.\n")
            say(f"  Airflow           {airflow.url}  (no login)")
            say(f"  Okta              {simulators.okta_url}")
            say(f"  Metric Insights   {simulators.mi_url}\n")
            try:
                yield simulators, airflow
            finally:
                say("\nStopping ...")


def _sync(simulators: Simulators, airflow: AirflowStack) -> bool:
    """Runs the DAGs of all groups and shows what came out; whether all of it is right."""
    begin = time.monotonic()
    started = [_trigger(airflow, group) for group in GROUPS]
    say(f"Running {', '.join(dag_id for dag_id, _ in started)} ...")
    states = airflow.api.wait_for_runs(started, timeout=RUN_TIMEOUT)
    airflow.ensure_running()
    simulators.ensure_running()
    runs = [
        GroupRun(group, dag_id, run_id, states[dag_id, run_id], airflow.api.xcom(dag_id, run_id, "report"))
        for group, (dag_id, run_id) in zip(GROUPS, started, strict=True)
    ]
    say(f"... done after {time.monotonic() - begin:.0f} s.\n\n{table(runs)}\n")
    for run in runs:
        if not run.succeeded:
            say("\n".join(explain_failure(airflow.api, run)))
    comparisons = [simulators.compare(group) for group in GROUPS]
    for comparison in comparisons:
        say(comparison)
    return all(run.succeeded for run in runs) and all(comparison.is_exact for comparison in comparisons)


def _trigger(airflow: AirflowStack, group: str) -> tuple[str, str]:
    dag_id = airflow.wait_for_dag(group)
    airflow.api.unpause(dag_id)
    return dag_id, airflow.api.trigger(dag_id)


def _serve(simulators: Simulators, airflow: AirflowStack) -> None:
    """Keeps an eye on everything until it is interrupted."""
    while True:
        airflow.ensure_running()
        simulators.ensure_running()
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
