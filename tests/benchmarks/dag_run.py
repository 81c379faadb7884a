"""A whole run of a generated DAG, beside one of five tasks that do nothing, in a real Airflow."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from demo.airflow_stack import AirflowStack
from demo.connections import simulator_connections
from tests.benchmarks.crowd import group_name
from tests.benchmarks.measuring import provision, spread
from tests.benchmarks.page import Findings, Target, table
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Servers

_USERS, _TIMES, _PATIENCE_S = 10_000, 5, 120.0
_MOST = 1.2
_EMPTY = "five_empty_tasks"
#: Tasks of the kind that a worker executes; Airflow only marks those of EmptyOperator.
_EMPTY_DAG = f"""\
from airflow.sdk import DAG, chain
from airflow.providers.standard.operators.python import PythonOperator

with DAG("{_EMPTY}", schedule=None):
    chain(*[PythonOperator(task_id=f"nothing_{{number}}", python_callable=lambda: None) for number in range(5)])
"""
_SYNC_DAG = Path(__file__).resolve().parents[2] / "dags" / "okta_mi_sync.py"


def measure(scale: Scale) -> Findings:
    """What Airflow adds to a sync, and a sync to Airflow."""
    users, name = scale.users(_USERS), group_name(0)
    with Servers(size=users, synced=True) as servers, tempfile.TemporaryDirectory() as folder:
        dags = Path(folder) / "dags"
        dags.mkdir()
        (dags / "empty.py").write_text(_EMPTY_DAG, "utf-8")
        shutil.copy(_SYNC_DAG, dags)
        (dags / "okta_groups.yaml").write_text(f"groups: [{{name: {name}, auto_create: all}}]\n", "utf-8")
        store = Path(folder) / "store.db"
        provision(servers, [name], store)
        with AirflowStack(
            home=Path(folder) / "airflow", dags_folder=dags, settings=simulator_connections(servers.okta, servers.mi)
        ) as airflow:
            ids = [airflow.wait_for_dag(_EMPTY), airflow.wait_for_dag(name)]
            for dag_id in ids:
                airflow.api.unpause(dag_id)
                _run(airflow, dag_id)
            # In turns, beside the same Airflow: whatever else the machine does meets all three.
            turns = [
                (_run(airflow, ids[0]), provision(servers, [name], store), _run(airflow, ids[1])) for _ in range(_TIMES)
            ]
            okta, mi = servers.totals(servers.okta), servers.totals(servers.mi)
    empty, commands, sync = zip(*turns, strict=True)
    alone = [command.cost.wall_s for command in commands]
    allowed = _MOST * statistics.median(empty) + statistics.median(alone)
    took = statistics.median(sync)
    last = commands[-1]
    # The servers forget what came before each command, and have been asked by the last run of the DAG only since.
    of_dag = [
        okta["requests"] - last.okta,
        mi["requests"] - mi["writes"] - last.mi_reads,
        mi["writes"] - last.mi_writes,
    ]
    rows: list[Sequence[object]] = [
        ["five empty tasks", spread(empty), "", 0, 0, 0],
        [f"generated DAG, {users:,} unchanged users", spread(sync), "", *of_dag],
        [
            "the sync itself: `okta-mi provision` of the same, process start included",
            spread(alone),
            f"{last.cost.cpu_s:.2f} s, {last.cost.over_bare_mb:.0f} MB",
            last.okta,
            last.mi_reads,
            last.mi_writes,
        ],
    ]
    text = (
        "A complete Airflow on this machine (LocalExecutor, SQLite, `scheduler_idle_sleep_time` 0.1, "
        f"`min_heartbeat_interval` 1), {_TIMES} turns after one to warm up, in each of which all three run one after "
        "the other; seconds from a run's start to its end as Airflow notes them, and of the command's whole process: "
        "median (least - most). The tasks are processes of Airflow, which does not tell what each has cost.\n\n"
    )
    head = ["", "seconds", "CPU, memory", "Okta requests", "MI reads", "MI writes"]
    target = Target(
        "DAG run",
        f"{_MOST} x empty tasks + the sync itself = {allowed:.2f} s",
        f"{took:.2f} s",
        took <= allowed,
    )
    return Findings("A whole DAG run", text + table(head, rows), [target])


def _run(airflow: AirflowStack, dag_id: str) -> float:
    """The seconds that a run has taken, from its start to its end."""
    run_id = airflow.api.trigger(dag_id)
    (state,) = airflow.api.wait_for_runs([(dag_id, run_id)], timeout=_PATIENCE_S).values()
    assert state == "success", (dag_id, state)
    run = airflow.api.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
    began, ended = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
    return (ended - began).total_seconds()
