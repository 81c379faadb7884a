"""Parsing the DAGs of many groups: as the DAG processor does, and as a worker does that wants a single one."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from demo.processes import clean_environment
from tests.benchmarks.measuring import Cost, weigh
from tests.benchmarks.page import Findings, Target, table
from tests.benchmarks.scale import Scale

_GROUPS, _TIMES = (10, 100, 1_000), 5
_LIMIT_S, _LIMIT_MS = 3.0, 3.0
_DAG_FILE = Path(__file__).resolve().parents[2] / "dags" / "okta_mi_sync.py"
_PARSE = Path(__file__).with_name("parse_once.py")
#: How Airflow tells a process which DAG it wants.
_WANTED = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"


@dataclass(frozen=True, slots=True)
class _Parse:
    """One way to parse so many groups.

    Attributes:
        cost: Of the whole process.
        import_s: CPU time of it that importing `airflow.sdk` has taken.
        file_s: CPU time of it that the DAG file has taken.
        dags: How many DAGs were made.
    """

    cost: Cost
    import_s: float
    file_s: float
    dags: int


def measure(scale: Scale) -> Findings:
    """The cost of parsing."""
    sizes = [scale.users(groups) for groups in _GROUPS]
    with tempfile.TemporaryDirectory() as folder:
        parses = {size: (_parse(Path(folder), size), _parse(Path(folder), size, only=size // 2)) for size in sizes}
    rows = []
    for size, both in parses.items():
        for name, each in zip(("DAG processor", "worker"), both, strict=True):
            cost = each.cost
            rows.append([
                f"{size:,}", name, each.dags, f"{cost.wall_s:.2f} s", f"{cost.cpu_s:.2f} s", f"{each.import_s:.2f} s",
                f"{each.file_s:.2f} s", f"{cost.peak_mb:.0f} MB",
            ])  # fmt: skip
    head = [
        "groups", "who", "DAGs made", "wall clock", "CPU", "of it, `import airflow.sdk`", "of it, the DAG file",
        "peak memory",
    ]  # fmt: skip
    text = (
        "A whole process, from its start to its end, that imports Airflow and runs `dags/okta_mi_sync.py`: of "
        f"{_TIMES} the one with the CPU time in the middle. The DAG processor makes all DAGs; a worker, which knows by "
        "Airflow's parsing context which one it wants, makes that one. It ends as Airflow ends such processes, with "
        "`os._exit`: to take apart what was imported and made would take another half a second. What is neither the "
        "import nor the file is the start of the interpreter. Airflow starts these processes from one that has "
        "imported `airflow.sdk` already, so that in the end a parse costs what the file costs.\n\n"
    )
    return Findings("Parsing", text + table(head, rows), _targets(parses))


def _targets(parses: dict[int, tuple[_Parse, _Parse]]) -> list[Target]:
    *_, few, many = parses
    everything, worker = parses[many]
    cost, name = everything.cost, f"{many:,} groups, the whole process"
    slope_ms = 1000 * (everything.cost.cpu_s - parses[few][0].cost.cpu_s) / (many - few)
    return [
        Target(f"{name}: CPU", f"under {_LIMIT_S:g} s", f"{cost.cpu_s:.2f} s", cost.cpu_s < _LIMIT_S),
        Target(f"{name}: wall clock", f"under {_LIMIT_S:g} s", f"{cost.wall_s:.2f} s", cost.wall_s < _LIMIT_S),
        Target("each further group", f"{_LIMIT_MS:g} ms", f"{slope_ms:.2f} ms", slope_ms <= _LIMIT_MS),
        Target("a worker", "makes 1 DAG", f"{worker.dags}", worker.dags == 1),
    ]


def _parse(folder: Path, groups: int, only: int | None = None) -> _Parse:
    shutil.copy(_DAG_FILE, folder)
    lines = "\n".join(f"  - {{name: Group {number:04d}, schedule: '@daily'}}" for number in range(groups))
    (folder / "okta_groups.yaml").write_text(f"defaults: {{auto_create: all}}\ngroups:\n{lines}\n", "utf-8")
    result = folder / "result.json"
    command = [sys.executable, str(_PARSE), str(folder / _DAG_FILE.name), str(result)]
    environment = _environment(folder)
    if only is not None:
        from okta_mi_provider.groups_file import dag_id

        environment |= {_WANTED: dag_id(f"Group {only:04d}")}
    parses = [_Parse(weigh(command, environment), *json.loads(result.read_text("utf-8"))) for _ in range(_TIMES)]
    assert {each.dags for each in parses} == {groups if only is None else 1}, parses
    return sorted(parses, key=lambda each: each.cost.cpu_s)[_TIMES // 2]


def _environment(folder: Path) -> dict[str, str]:
    return clean_environment({"AIRFLOW_HOME": str(folder / "home")})
