"""Parsing the DAGs of many groups: as the DAG processor does, and as a worker does that wants a single one."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from demo.processes import clean_environment
from tests.benchmarks.measuring import Cost, median, weigh
from tests.benchmarks.page import Findings, Target, table
from tests.benchmarks.scale import Scale

_GROUPS, _TIMES = (10, 100, 1_000), 3
_LIMIT_S, _LIMIT_MS = 3.0, 3.0
_DAG_FILE = Path(__file__).resolve().parents[2] / "dags" / "okta_mi_sync.py"
#: How Airflow tells a process which DAG it wants.
_WANTED = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"


@dataclass(frozen=True, slots=True)
class _Parse:
    """One way to parse so many groups: the whole process, and how long the file alone has taken there."""

    cost: Cost
    file_s: float
    dags: int


def measure(scale: Scale) -> Findings:
    """The cost of parsing."""
    sizes = [scale.users(groups) for groups in _GROUPS]
    with tempfile.TemporaryDirectory() as folder:
        base = _importing_airflow(Path(folder))
        parses = {size: (_parse(Path(folder), size), _parse(Path(folder), size, only=size // 2)) for size in sizes}
    rows = []
    for size, both in parses.items():
        for name, each in zip(("DAG processor", "worker"), both, strict=True):
            cost = each.cost
            rows.append([
                f"{size:,}", name, each.dags, f"{cost.wall_s:.2f} s", f"{cost.cpu_s:.2f} s", f"{cost.peak_mb:.0f} MB",
                f"{1000 * each.file_s:.0f} ms",
            ])  # fmt: skip
    head = ["groups", "who", "DAGs made", "wall clock", "CPU", "peak memory", "the DAG file alone"]
    text = (
        "A process that imports Airflow and runs `dags/okta_mi_sync.py`, the middle of three. The DAG processor makes "
        "all DAGs; a worker, which knows by Airflow's parsing context which one it wants, makes that one. Importing "
        f"`airflow.sdk` and nothing else takes {base.cpu_s:.2f} s of CPU and {base.peak_mb:.0f} MB.\n\n"
    )
    return Findings("Parsing", text + table(head, rows), _targets(parses, base.cpu_s))


def _targets(parses: dict[int, tuple[_Parse, _Parse]], airflow_s: float) -> list[Target]:
    *_, few, many = parses
    everything, worker = parses[many]
    parse_s = everything.cost.cpu_s - airflow_s
    slope_ms = 1000 * (everything.cost.cpu_s - parses[few][0].cost.cpu_s) / (many - few)
    return [
        Target(
            f"{many:,} groups, over importing Airflow",
            f"under {_LIMIT_S:g} s CPU",
            f"{parse_s:.2f} s",
            parse_s < _LIMIT_S,
        ),
        Target("each further group", f"{_LIMIT_MS:g} ms", f"{slope_ms:.2f} ms", slope_ms <= _LIMIT_MS),
        Target("a worker", "makes 1 DAG", f"{worker.dags}", worker.dags == 1),
    ]


def _parse(folder: Path, groups: int, only: int | None = None) -> _Parse:
    shutil.copy(_DAG_FILE, folder)
    lines = "\n".join(f"  - {{name: Group {number:04d}, schedule: '@daily'}}" for number in range(groups))
    (folder / "okta_groups.yaml").write_text(f"defaults: {{auto_create: all}}\ngroups:\n{lines}\n", "utf-8")
    result = folder / "result.json"
    command = [sys.executable, "-m", "tests.benchmarks.parsing", str(folder / _DAG_FILE.name), str(result)]
    environment = _environment(folder)
    if only is not None:
        from okta_mi_provider.groups_file import dag_id

        environment |= {_WANTED: dag_id(f"Group {only:04d}")}
    costs, files_s, dags = [], [], set()
    for _ in range(_TIMES):
        costs.append(weigh(command, environment))
        file_s, made = json.loads(result.read_text("utf-8"))
        files_s.append(file_s)
        dags.add(made)
    (made,) = dags
    assert made == (groups if only is None else 1), made
    return _Parse(median(costs), sorted(files_s)[_TIMES // 2], made)


def _importing_airflow(folder: Path) -> Cost:
    """What a process costs that does nothing else."""
    command = [sys.executable, "-c", "from airflow.sdk import DAG"]
    return median([weigh(command, _environment(folder)) for _ in range(_TIMES)])


def _environment(folder: Path) -> dict[str, str]:
    return clean_environment({"AIRFLOW_HOME": str(folder / "home"), "PYTHONPATH": os.getcwd()})


def main() -> None:
    """Runs a DAG file, and writes the seconds that it has taken and how many DAGs it has made."""
    from airflow.sdk import DAG  # noqa: F401 - the DAG processor has it before it looks at a file
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    specification = importlib.util.spec_from_file_location(_DAG_FILE.stem, sys.argv[1])
    assert specification
    assert specification.loader
    module = sys.modules[_DAG_FILE.stem] = importlib.util.module_from_spec(specification)
    DagContext.current_autoregister_module_name = _DAG_FILE.stem
    began = time.perf_counter()
    specification.loader.exec_module(module)
    file_s = time.perf_counter() - began
    Path(sys.argv[2]).write_text(json.dumps([file_s, len(DagContext.autoregistered_dags)]), "utf-8")


if __name__ == "__main__":
    main()
