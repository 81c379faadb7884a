"""docs/tutorial.md, done step by step as a reader does it, with everything that it shows compared."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from okta_mi_provider.cli import main as okta_mi
from okta_mi_provider.version_compat import AIRFLOW_VERSION
from tests.airflow import person as people
from tests.airflow.conftest import DAGS
from tests.airflow.person import Person
from tests.airflow.runs import run_dag
from tests.airflow.tutorial import Block, Programs, Shell, assert_printed, blocks

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("migrated")]

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEPS = list(blocks(PAGE))
#: Where the tutorial has its simulators.
ADDRESSES = ("127.0.0.1:8081", "127.0.0.1:8082")
DAG_ID = "okta_mi__my_new_group"
#: What a further terminal begins with.
AGAIN = r"cd okta-mi-tutorial && \. venv/bin/activate$|export AIRFLOW_"


class Reader:
    """Whoever follows the tutorial: types commands, saves files, triggers runs, and answers what is asked.

    Attributes:
        asked: How often a run has asked.
        paused: The DAGs that are.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.shell = Shell(folder, Programs(folder.with_name("programs"), self._command))
        self.asked = 0
        self.paused: set[str] = set()
        # The files as Airflow has read them last.
        self._read: dict[str, str] = {}

    def do(self, step: Block, shown: str | None) -> None:
        """Does a step; what it prints must be what is shown, if anything is."""
        printed = ""
        if name := step.notes.get("file"):
            assert f"`{name}`" in step.before, f"line {step.line}: the reader is not told to save {name}"
            path = self.shell.current / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
        elif step.notes.get("terminal") == "simulators":
            printed = self.shell.start_simulators(step.text, ADDRESSES)
        elif step.language == "bash":
            printed = self.shell.run(step.text, int(step.notes.get("exit code", "0")))
        if shown is not None:
            assert_printed(shown, printed)

    def _command(self, program: str, words: Sequence[str]) -> int:
        """What the programs `okta-mi` and `airflow` do."""
        if program == "okta-mi":
            # What the page warns of: a run in between would do again what is taken back.
            assert not {"undo", "--yes"} <= set(words) or DAG_ID in self.paused, "the DAG is not paused"
            return okta_mi.main(words)
        match words:
            case ["db", "migrate"]:
                return 0  # done
            case ["dags", "unpause", dag_id]:
                self.paused.discard(dag_id)
                return 0
            case ["dags", "pause", dag_id]:
                self.paused.add(dag_id)
                return 0
            case ["dags", "reserialize"]:
                self._read = _texts("dags")
                return 0
            case ["dags", "trigger", dag_id, *more]:
                return self._trigger(dag_id, json.loads(more[more.index("--conf") + 1]) if more else {})
        from airflow.cli import cli_parser

        args = cli_parser.get_parser().parse_args(list(words))
        args.func(args)
        return 0

    def _trigger(self, dag_id: str, conf: dict[str, object]) -> int:
        from airflow.dag_processing.dagbag import DagBag

        # When Airflow is started it has read what is there.
        self._read = self._read or _texts("dags")
        assert self._read == _texts("dags"), "the run begins before Airflow has read the groups file again"
        # Where this Airflow looks for DAG files; it parses them once more for each task.
        shutil.rmtree(DAGS)
        shutil.copytree("dags", DAGS)
        bag = DagBag(str(DAGS))
        assert not bag.import_errors
        person = Person(["Approve"], name="Anonymous")
        run_dag(bag.dags[dag_id], person, **conf)
        self.asked += len(person.questions)
        return 0


def _texts(folder: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in Path(folder).iterdir() if path.is_file()}


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.setattr(people, "DAG_ID", DAG_ID)
    monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{tmp_path / 'store.db'}")
    made = Reader(tmp_path / "tutorial")
    yield made
    made.shell.close()
    _forget_connections("okta_default", "metric_insights_default")


def _forget_connections(*conn_ids: str) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id.in_(conn_ids)))


@pytest.mark.skipif(AIRFLOW_VERSION.startswith("3.2."), reason="Airflow 3.2 waits in its triggerer")
def test_whoever_follows_the_tutorial_sees_what_it_shows(reader: Reader) -> None:
    asked = 0
    for step, following in zip(STEPS, [*STEPS[1:], None], strict=True):
        if step.answer is not None:
            asked += 1
            assert reader.asked == asked, f"line {step.line}: nobody was asked"
        elif "not run" not in step.notes and step.language != "text":
            shown = following.text if following and following.language == "text" and step.language == "bash" else None
            reader.do(step, shown)
    assert reader.asked == asked == 1


def test_only_what_cannot_be_run_here_is_passed_over() -> None:
    passed = {step.text.strip(): step.notes["not run"] for step in STEPS if "not run" in step.notes}
    lines = [line for text in passed for line in text.replace("\\\n", "").splitlines()]
    setup = r"make -C \S+ build$|mkdir -p \S+ && cd okta-mi-tutorial$|python3 -m venv venv |pip install "
    assert [
        line for line in lines if not re.match(rf"{setup}|{AGAIN}|airflow standalone$|cd \.\. && rm -r ", line)
    ] == []
    assert all(reason.strip() for reason in passed.values())


def test_further_terminals_have_the_variables_of_the_first() -> None:
    set_ = [re.findall(r"\bAIRFLOW_\w+=\S+", step.text) for step in STEPS if "AIRFLOW_HOME=" in step.text]
    assert len(set_) == 2
    assert set_[0] == set_[1]
    assert len(set_[0]) == 5


def test_there_is_something_to_do_and_to_see() -> None:
    run = [step for step in STEPS if step.language == "bash" and "not run" not in step.notes]
    assert len(run) >= 15
    assert sum(step.language == "text" for step in STEPS) >= 9
    assert {"sh", "console", ""}.isdisjoint({step.language for step in STEPS if step.answer is None})


def test_its_groups_file_and_dag_file_are_those_of_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (dag_file,) = (step.text for step in STEPS if step.notes.get("file", "").endswith(".py"))
    assert dag_file in readme
    assert all(yaml.safe_load(step.text)["groups"] for step in STEPS if step.notes.get("file", "").endswith(".yaml"))


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n...\nd", "a\nb\nc\nd\n", True),
        ("a\n...", "a\n", False),
        ("a", "a\nb\n", False),
        ("at 2026-11-28 12:00, plan 0123456789ab", "at 2027-01-01 01:01, plan ba9876543210", True),
        ("plan 0123456789ab", "plan 01234", False),
    ],
)
def test_what_is_shown_is_compared_with_what_is_printed(shown: str, printed: str, same: bool) -> None:
    compare: Callable[[], None] = lambda: assert_printed(shown, printed)  # noqa: E731
    if same:
        compare()
    else:
        with pytest.raises(AssertionError):
            compare()
