"""`plan`, `explain`, `history`, `runs` and `undo`: from the outside, between the two servers."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from okta_mi_provider.sync.model import SourceGroup
from tests.integration.conftest import Provision
from tests.integration.world import DEFAULT_GROUP, ENVIRONMENT, MetricInsights, Okta, Run, World, login, logins

Ask = Callable[..., Run]
MANAGED = ("-a", "all", "--prune", "managed", "--max-removals", "100%")


@pytest.fixture
def ask(okta_mi: Callable[..., Run], world: World) -> Ask:
    """Runs a command; with the servers and good credentials, where it talks to them."""

    def run(command: str, *words: str) -> Run:
        options = {"history": [], "runs": [], "undo": world.options[world.options.index("--mi-host") :]}
        return okta_mi(command, *options.get(command, world.options), *words, env=ENVIRONMENT)

    return run


def said(run: Run) -> str:
    return run.out + run.err


def state(mi: MetricInsights) -> object:
    """What people see of MI: its users, and who is in which group."""
    return mi.users(), {group: mi.members(group) for group in mi.groups()}


# ---------------------------------------------------------------------- plan


@pytest.mark.usefixtures("finance")
class TestPlan:
    def test_it_shows_everybody_writes_nothing_and_exits_with_1(self, ask: Ask, mi: MetricInsights) -> None:
        run = ask("plan", "-a", "all", "Finance")
        assert run.code == 1
        for part in ("would create group 'Finance'", f"would create user '{login('ana')}'", "MI differs from Okta"):
            assert part in run.out
        assert mi.writes() == []

    def test_a_group_that_mi_does_not_have_is_not_in_step(self, ask: Ask, mi: MetricInsights) -> None:
        run = ask("plan", "Finance")
        assert run.code == 1
        assert "MI differs from Okta: it has no such group." in run.out
        assert mi.writes() == []

    def test_in_step_it_exits_with_0(self, ask: Ask, provision: Provision) -> None:
        provision("-a", "all", "Finance")
        run = ask("plan", "-a", "all", "Finance")
        assert run.code == 0
        assert "would" not in run.out.partition("Finance")[2].partition("done")[2].replace("would be", "")

    def test_what_was_done_by_hand_is_named(self, ask: Ask, provision: Provision, mi: MetricInsights) -> None:
        provision("-a", "all", "Finance")
        mi.add_user("hans", "Finance")
        mi.leave("Finance", "ana")
        mi.add_user("bruno", last_name="Hand")
        run = ask("plan", "Finance", "--json")
        assert run.code == 1
        (document,) = json.loads(run.out)
        by_hand = {(each["kind"], each["user"]) for each in document["findings"] if each["kind"].endswith("by_hand")}
        assert by_hand == {
            ("added_by_hand", login("hans")),
            ("removed_by_hand", login("ana")),
            ("changed_by_hand", login("bruno")),
        }
        assert (document["mode"], document["state"]) == ("drift", "failed")

    def test_a_dead_token_is_bad_usage(self, okta_mi: Callable[..., Run], world: World) -> None:
        run = okta_mi("plan", *world.options, "Finance", env={**ENVIRONMENT, "OKTA_API_TOKEN": "wrong"})
        assert run.code == 2
        assert "make a new one" in run.err or "make a new one" in run.out

    def test_the_plan_of_a_groups_file_is_that_of_its_dag(self, ask: Ask, mi: MetricInsights, tmp_path: Path) -> None:
        file = tmp_path / "okta_groups.yaml"
        file.write_text(
            "groups:\n  - {name: Finance, auto_create: all, target_group: BI}\n  - {name: X, prune: some}\n"
        )
        run = ask("plan", "--groups-file", str(file), "Finance")
        assert "would create group 'BI'" in run.out
        assert mi.writes() == []
        for group, message in (("Nobody", "has no entry for 'Nobody'"), ("X", "3:22: prune: 'some' is not allowed")):
            wrong = ask("plan", "--groups-file", str(file), group)
            assert (wrong.code, message in wrong.err) == (2, True), wrong.err


# ---------------------------------------------------------------------- provision of a groups file


@pytest.mark.usefixtures("finance")
class TestGroupsFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Callable[[str], str]:
        def write(entries: str) -> str:
            path = tmp_path / "okta_groups.yaml"
            path.write_text(f"groups: [{entries}]")
            return str(path)

        return write

    def test_an_entry_is_synced_as_its_dag_does(
        self, provision: Provision, mi: MetricInsights, file: Callable[[str], str]
    ) -> None:
        path = file("{name: Finance, auto_create: all, target_group: BI, user_type: power_user}, {name: Other}")
        run = provision("--groups-file", path, "Finance")
        assert run.code == 0
        assert mi.members("BI") == logins("ana", "bruno")
        assert {mi.user(name)["type"] for name in ("ana", "bruno")} == {"power"}

    def test_options_that_are_given_go_first(
        self, provision: Provision, mi: MetricInsights, file: Callable[[str], str]
    ) -> None:
        path = file("{name: Finance, auto_create: all, target_group: BI}")
        assert provision("--groups-file", path, "--target-group", "Other", "Finance").code == 0
        assert mi.members("Other") == logins("ana", "bruno")
        assert "BI" not in mi.groups()

    def test_groups_of_one_entry_are_a_union(
        self, provision: Provision, okta: Okta, mi: MetricInsights, file: Callable[[str], str]
    ) -> None:
        okta.group("Sales", "carla")
        path = file("{groups: [Finance, Sales], auto_create: all, target_group: BI, prune: all}")
        run = provision("--groups-file", path, "Sales", "Finance")
        assert run.code == 0
        assert mi.members("BI") == logins("ana", "bruno", "carla")
        assert run.report["source"]["group"]["name"] == "Finance + Sales"

    def test_what_is_wrong_is_told_before_anything_is_read(
        self, provision: Provision, world: World, file: Callable[[str], str], tmp_path: Path
    ) -> None:
        path = file("{name: Finance}, {name: X, prune: some}")
        missing = str(tmp_path / "none.yaml")
        for words, message in (
            ((path, "Nobody"), "has no entry for 'Nobody'"),
            ((path, "X"), "prune: 'some' is not allowed"),
            ((missing, "Finance"), "none.yaml"),
            ((path,), "Which group?"),
        ):
            run = provision("--groups-file", *words)
            assert (run.code, message in run.err) == (2, True), run.err
        assert world.requests_sent() == 0

    @pytest.mark.parametrize("approve", ["always", "unusual"])
    def test_what_a_person_of_airflow_has_to_approve_no_command_writes(
        self, provision: Provision, mi: MetricInsights, file: Callable[[str], str], approve: str
    ) -> None:
        path = file(f"{{name: Finance, auto_create: all, max_creates: 1, approve: {approve}}}")
        run = provision("--groups-file", path, "Finance")
        assert run.code == 3
        assert "--approve does not stand for the answer: trigger the DAG of this entry" in run.report["error"]
        again = provision("--groups-file", path, "--approve", run.report["plan_digest"], "Finance")
        assert (again.code, mi.writes()) == (2, []), again.err
        assert "only the answer to the task approve lets a plan be written" in again.err

    def test_the_last_sync_is_known_whether_a_command_or_the_dag_has_made_it(
        self, provision: Provision, okta: Okta, file: Callable[[str], str]
    ) -> None:
        path = file("{name: Finance, auto_create: all, target_group: BI}")
        assert provision("--groups-file", path, "Finance").code == 0
        okta.user("carla", "Finance")
        run = provision("--groups-file", path, "--match-by", "username,email", "Finance")
        assert run.code == 3
        assert "match_by: username -> username, email" in run.report["error"]


# ---------------------------------------------------------------------- explain


@pytest.mark.usefixtures("finance")
class TestExplain:
    def test_it_walks_one_user_through_every_step(self, ask: Ask, mi: MetricInsights) -> None:
        run = ask("explain", login("ana").upper(), "--group", "Finance", "-a", "all")
        assert run.code == 0
        lines = run.out.splitlines()
        assert [line for line in lines if not line.startswith(" ")] == ["Import", "Scope", "Match", "Plan"]
        assert f"would create user '{login('ana')}'" in run.out
        assert login("bruno") not in run.out
        assert mi.writes() == []

    def test_as_json(self, ask: Ask) -> None:
        document = json.loads(ask("explain", login("ana"), "--group", "Finance", "-a", "all", "--json").out)
        assert [step["step"] for step in document["steps"]] == ["import", "scope", "match", "plan"]
        assert [(change["kind"], change["user"]) for change in document["changes"]] == [
            ("create_group", None),
            ("create_user", login("ana")),
        ]

    def test_nobody_of_that_name_is_1_and_a_wrong_call_is_2(self, ask: Ask) -> None:
        assert ask("explain", "nobody", "--group", "Finance").code == 1
        assert ask("explain", login("ana")).code == 2
        assert ask("explain", " ", "--group", "Finance").code == 2
        assert "--group" in ask("explain", login("ana"), "--grup", "Finance").err

    def test_the_sync_of_that_user_writes_what_it_said_and_nobody_else(
        self, provision: Provision, mi: MetricInsights
    ) -> None:
        run = provision("-a", "all", "--only-user", login("ana"), "Finance")
        assert (run.code, mi.members("Finance")) == (0, logins("ana"))
        nobody = provision("-a", "all", "--only-user", "nobody", "Finance")
        assert nobody.code == 1
        assert "has a user 'nobody'" in nobody.out


# ---------------------------------------------------------------------- history and runs


class TestHistory:
    def test_a_user_s_history_tells_what_when_by_whom(
        self, ask: Ask, provision: Provision, okta: Okta, finance: SourceGroup
    ) -> None:
        provision("-a", "all", "Finance")
        okta.change("ana", lastName="=Other")
        provision("-a", "all", "Finance")
        table = ask("history", login("ana").upper())
        assert table.code == 0
        assert table.out.splitlines()[0].split()[:3] == ["AT", "RUN", "KIND"]
        assert "create_user" in table.out
        assert "-> '=Other'" in table.out
        rows = json.loads(ask("history", login("ana"), "--format", "json").out)
        assert [row["kind"] for row in rows] == ["create_user", "update_user"]
        assert (rows[1]["old"]["last_name"], rows[1]["new"]["last_name"]) == (rows[0]["new"]["last_name"], "=Other")
        assert all(row["triggered_by"] and row["status"] == "done" for row in rows)
        for cell in csv.DictReader(io.StringIO(ask("history", login("ana"), "-f", "csv").out)):
            assert not [value for value in cell.values() if value.startswith(("=", "+", "-", "@"))]

    @pytest.mark.usefixtures("finance")
    def test_of_a_group_of_a_time_and_of_a_run(self, ask: Ask, provision: Provision) -> None:
        provision("-a", "all", "Finance")
        users = {row["user"] for row in json.loads(ask("history", "--group", "Finance", "-f", "json").out)}
        assert users == {None, *logins("ana", "bruno")}
        both = ask("history", login("ana"), "--group", "Finance", "--since", "1h", "-f", "json")
        assert [row["user"] for row in json.loads(both.out)] == [login("ana")]
        (number,) = [row["run"] for row in json.loads(ask("runs", "-f", "json").out)]
        assert len(json.loads(ask("history", "--run", str(number), "-f", "json").out)) == 3
        assert ask("history", login("ana"), "--since", "2999-01-01").out == "Nothing.\n"

    @pytest.mark.usefixtures("finance")
    def test_a_user_who_is_in_no_run_is_told_so_with_the_store(
        self, ask: Ask, provision: Provision, tmp_path: Path
    ) -> None:
        provision("-a", "all", "Finance")
        said_of_anna = f"In no run of the store sqlite:///{tmp_path / 'store.db'} was anything written"
        table = ask("history", "anna")
        assert (table.code, table.out.startswith(said_of_anna), "'anna'" in table.out) == (0, True, True)
        for how, empty in (("json", "[]\n"), ("csv", None)):
            run = ask("history", "anna", "--format", how)
            assert (run.code, run.err.startswith(said_of_anna)) == (0, True)
            assert run.out == empty or run.out.startswith("at,run,")
        assert ask("history", login("ana"), "--group", "Nobody").out == "Nothing.\n"

    @pytest.mark.usefixtures("finance")
    def test_runs_are_listed_the_latest_first(self, ask: Ask, provision: Provision) -> None:
        provision("-a", "all", "Finance")
        provision("-n", "Finance", "Nobody")
        rows = json.loads(ask("runs", "-f", "json").out)
        assert [(row["group"], row["mode"], row["state"]) for row in rows] == [
            ("Nobody", "dry run", "failed"),
            ("Finance", "dry run", "done"),
            ("Finance", "sync", "done"),
        ]
        assert (rows[2]["created"], rows[2]["added"]) == (2, 2)
        assert len(json.loads(ask("runs", "--state", "failed", "-f", "json").out)) == 1
        assert len(json.loads(ask("runs", "--limit", "1", "-f", "json").out)) == 1
        assert "No such run is in the store sqlite:///" in ask("runs", "--group", "Absent").out
        empty = ask("runs", "--group", "Absent", "-f", "json")
        assert (json.loads(empty.out), "No such run is in the store" in empty.err) == ([], True)
        assert "FINANCE" not in ask("runs", "--group", "Nobody").out.upper().replace("FINANCE,", "")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["history"], "Whose history?"),
            (["history", "ana", "--since", "yesterday"], "--since yesterday: not a time"),
            (["history", "--run", "99"], "There is no run 99"),
            (["history", "--run", "x"], "invalid int value"),
            (["runs", "--limit", "0"], "--limit must be at least 1"),
            (["runs", "--state", "odd"], "invalid choice"),
            (["runs", "--store", "nowhere"], "--store nowhere: not a SQLAlchemy URL"),
            (["undo", "99"], "There is no run 99 in the store sqlite:///"),
            (["undo"], "RUN"),
        ],
    )
    def test_a_wrong_call_is_one_message(self, ask: Ask, words: list[str], message: str) -> None:
        run = ask(*words)
        assert run.code == 2
        assert message in run.err
        assert "Traceback" not in run.err


# ---------------------------------------------------------------------- undo


class TestUndo:
    @pytest.fixture
    def before(self, okta: Okta, mi: MetricInsights, finance: SourceGroup) -> object:
        """Ana is as in Okta, bruno has another name; hans was put there by hand."""
        mi.add_user("ana")
        mi.add_user("bruno", last_name="Before")
        mi.add_user("hans")
        mi.add_group("Finance", "ana", "hans")
        return state(mi)

    def number(self, ask: Ask) -> str:
        return str(json.loads(ask("runs", "-f", "json").out)[0]["run"])

    def test_it_is_shown_first_and_written_with_yes(
        self, ask: Ask, provision: Provision, mi: MetricInsights, okta: Okta, before: object
    ) -> None:
        assert provision("--prune", "all", "Finance").code == 0
        assert mi.members("Finance") == logins("ana", "bruno")
        run, mi_then = self.number(ask), state(mi)
        shown = ask("undo", run)
        assert shown.code == 0
        assert "Write it with --yes" in shown.out
        assert state(mi) == mi_then
        done = ask("undo", run, "--yes")
        assert done.code == 0, said(done)
        assert state(mi) == before
        # It is a run of its own, and taking it back does the sync again.
        latest = json.loads(ask("runs", "-f", "json").out)[0]
        assert (latest["mode"], latest["undoes"]) == ("undo", int(run))
        assert f"undo of {run}" in ask("runs").out
        assert ask("undo", self.number(ask), "--yes").code == 0
        assert state(mi) == mi_then

    def test_again_it_has_nothing_to_do(
        self, ask: Ask, provision: Provision, mi: MetricInsights, before: object
    ) -> None:
        provision("Finance")
        run = self.number(ask)
        assert ask("undo", run, "--yes").code == 0
        mi.forget_requests()
        assert ask("undo", run, "--yes").code == 0
        assert mi.writes() == []

    def test_what_has_changed_since_is_shown_and_kept(
        self, ask: Ask, provision: Provision, mi: MetricInsights, before: object
    ) -> None:
        provision("Finance")
        mi.add_user("bruno", last_name="Later")
        run = ask("undo", self.number(ask), "--yes")
        assert run.code == 1
        assert "neither what the run has written" in run.out
        assert mi.user("bruno")["last_name"] == "Later"
        assert login("bruno") not in mi.members("Finance")

    def test_created_users_are_disabled_on_request_and_never_deleted(
        self, ask: Ask, provision: Provision, mi: MetricInsights, finance: SourceGroup
    ) -> None:
        provision("-a", "all", "Finance")
        run = self.number(ask)
        assert ask("undo", run, "--yes").code == 0
        assert (mi.members("Finance"), mi.user("ana")["enabled"]) == ([], "Y")
        assert ask("undo", run, "--disable-created", "--yes").code == 0
        assert mi.user("ana")["enabled"] == "N"

    def test_whoever_was_disabled_can_sign_in_again(
        self, ask: Ask, provision: Provision, mi: MetricInsights, okta: Okta, before: object
    ) -> None:
        okta.change("ana", status="DEPROVISIONED")
        assert provision("--deprovision", "disable", "Finance").code == 0
        assert mi.user("ana")["enabled"] == "N"
        assert ask("undo", self.number(ask), "--yes").code == 0
        assert mi.user("ana")["enabled"] == "Y"

    def test_a_hand_made_member_who_is_put_back_stays_hand_made(
        self, ask: Ask, provision: Provision, mi: MetricInsights, before: object
    ) -> None:
        provision("--prune", "all", "Finance")
        ask("undo", self.number(ask), "--yes")
        assert login("hans") in mi.members("Finance")
        provision(*MANAGED, "Finance")
        assert login("hans") in mi.members("Finance")

    def test_whom_a_later_run_has_disabled_again_stays_disabled(
        self, ask: Ask, provision: Provision, mi: MetricInsights, okta: Okta, before: object
    ) -> None:
        okta.change("ana", status="DEPROVISIONED")
        provision("--deprovision", "disable", "Finance")
        first = self.number(ask)
        mi.add_user("ana", enabled="Y")
        provision("--deprovision", "disable", "Finance")
        second = self.number(ask)
        undo = ask("undo", first, "--yes")
        assert (undo.code, mi.user("ana")["enabled"]) == (1, "N")
        assert f"'{login('ana')}' is disabled, but run {second}, a later one, was about that too" in undo.out
        assert ask("undo", second, "--yes").code == 0
        assert mi.user("ana")["enabled"] == "Y"

    def test_what_a_killed_run_may_not_have_done_is_left_to_people(
        self, ask: Ask, provision: Provision, mi: MetricInsights, okta: Okta, before: object, tmp_path: Path
    ) -> None:
        okta.change("ana", status="DEPROVISIONED")
        provision("--deprovision", "disable", "Finance")
        with sqlite3.connect(tmp_path / "store.db") as connection:
            connection.execute("UPDATE okta_mi_changes SET status = 'begun' WHERE kind = 'disable_user'")
        undo = ask("undo", self.number(ask), "--yes", "--json")
        assert undo.code == 1
        kinds = [finding["kind"] for finding in json.loads(undo.out)["findings"]]
        assert (kinds, mi.user("ana")["enabled"]) == (["not_known"], "N")

    def test_strangers_who_have_the_id_of_the_group_now_are_left_alone(
        self, ask: Ask, provision: Provision, mi: MetricInsights, before: object
    ) -> None:
        provision("--prune", "all", "Finance")
        state = mi.system.state
        (group_id,) = [key for key, each in state.groups.items() if each.name == "Finance"]
        state.update_group(group_id, name="Strangers")
        members = mi.members("Strangers")
        run = ask("undo", self.number(ask), "--yes")
        assert (run.code, mi.members("Strangers")) == (1, members)
        assert f"MI has no group 'Finance' with the id '{group_id}' any more; that id has 'Strangers' now" in run.out
        # What is not about the group was taken back.
        assert mi.user("bruno")["last_name"] == "Before"

    def test_a_default_group_that_has_another_name_now_is_told_without_a_traceback(
        self, ask: Ask, provision: Provision, mi: MetricInsights, before: object
    ) -> None:
        mi.leave(DEFAULT_GROUP, "bruno")
        provision("--force", "Finance")
        state = mi.system.state
        (group_id,) = [key for key, each in state.groups.items() if each.name == DEFAULT_GROUP]
        state.update_group(group_id, name="Everybody")
        run = ask("undo", self.number(ask), "--yes")
        assert run.code == 1
        assert f"'{login('bruno')}' cannot be taken out: MI has no group" in run.out
        assert "Traceback" not in said(run)
        assert login("bruno") in mi.members("Everybody")
        assert login("bruno") not in mi.members("Finance")

    @pytest.mark.parametrize("how", [["-n"], ["--sync-user-limit", "1"]])
    def test_a_run_that_has_written_nothing_needs_no_server_to_be_taken_back(
        self, okta_mi: Callable[..., Run], ask: Ask, provision: Provision, before: object, how: list[str]
    ) -> None:
        provision(*how, "Finance")
        number = self.number(ask)
        run = okta_mi("undo", number, "--yes", env={})
        assert (run.code, run.err) == (0, "")
        assert f"There is nothing to take back: run {number} has made no change." in run.out
        assert json.loads(okta_mi("undo", number, "--json", env={}).out)["changes"] == []

    def test_of_a_look_for_drift_and_of_an_empty_run_nothing_is_taken_back(
        self, ask: Ask, provision: Provision, before: object
    ) -> None:
        ask("plan", "Finance")
        assert "has made no change" in ask("undo", self.number(ask)).out
        provision("Finance")
        provision("Finance")
        assert "has made no change" in ask("undo", self.number(ask), "--yes").out

    def test_that_nothing_is_left_is_said_and_is_no_run(self, ask: Ask, provision: Provision, before: object) -> None:
        provision("Finance")
        run = self.number(ask)
        ask("undo", run, "--yes")
        undo = self.number(ask)
        for words in ([], ["--yes"]):
            again = ask("undo", run, *words)
            assert (again.code, f"Nothing of run {run} is left to take back." in again.out) == (0, True)
            assert "--yes" not in again.out
        assert self.number(ask) == undo

    def test_another_server_is_refused(
        self, okta_mi: Callable[..., Run], ask: Ask, provision: Provision, before: object
    ) -> None:
        provision("Finance")
        run = okta_mi("undo", self.number(ask), "--mi-host", "http://127.0.0.1:1", env={"MI_API_TOKEN": "x"})
        assert run.code == 2
        assert "wrote to http://127.0.0.1" in run.err


# ---------------------------------------------------------------------- managed, from the command line


def test_managed_removes_leavers_whom_a_sync_has_put_there(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: SourceGroup
) -> None:
    provision(*MANAGED, "Finance")
    mi.add_user("hans", "Finance")
    okta.leave("Finance", "ana")
    run = provision(*MANAGED, "Finance")
    assert run.changes == [("remove_member", login("ana"), "done")]
    assert run.report["counts"]["memberships"] == {"added": 0, "removed": 1}
    assert mi.members("Finance") == logins("bruno", "hans")


def test_a_login_that_changes_in_okta_stays_one_user_of_mi(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: SourceGroup
) -> None:
    provision("-a", "all", "Finance")
    okta.change("ana", login="anna@acme.example", email="anna@acme.example")
    run = provision("-a", "all", "Finance")
    assert run.code == 0, run.out
    assert len(mi.members("Finance")) == 2
    assert mi.user("ana")["email"] == "anna@acme.example"
    assert [finding["kind"] for finding in run.report["findings"]] == ["renamed"]


def test_lesson_18_a_change_of_mapping_waits_for_an_approval_of_exactly_that_plan(
    provision: Provision, mi: MetricInsights, okta: Okta, finance: SourceGroup
) -> None:
    provision("-a", "all", "Finance")
    okta.change("ana", nickName="annie")
    okta.change("bruno", nickName="bru")
    mi.forget_requests()
    run = provision("-a", "all", "--first-name-attr", "nickName", "Finance")
    assert run.code == 3
    assert "first_name_attr: firstName -> nickName" in run.out
    assert mi.writes() == []
    digest = run.report["plan_digest"][:12]
    assert digest in run.out
    wrong = provision("-a", "all", "--first-name-attr", "nickName", "--approve", "0" * 12, "Finance")
    assert wrong.code == 3
    right = provision("-a", "all", "--first-name-attr", "nickName", "--approve", digest, "Finance")
    assert right.code == 0, right.out
    assert mi.user("ana")["first_name"] == "annie"


def test_lesson_09_a_refused_plan_is_printed_and_kept_and_a_plan_or_dry_run_names_its_digest(
    ask: Ask, provision: Provision, mi: MetricInsights, finance: SourceGroup
) -> None:
    for number in range(12):
        mi.add_user(f"extra{number}")
    mi.add_group("Finance", *(f"extra{number}" for number in range(12)))
    refused = provision("-a", "all", "--prune", "all", "Finance")
    assert refused.code == 3
    assert f"would remove from group 'Finance': '{login('extra3')}'" in refused.out
    digest = refused.report["plan_digest"]
    (run,) = json.loads(ask("runs", "-f", "json").out)
    kept = json.loads(ask("history", "--run", str(run["run"]), "-f", "json").out)
    assert [row["status"] for row in kept] == ["planned"] * len(refused.changes)
    for command in (["provision", "-n"], ["plan"]):
        shown = ask(*command, "-a", "all", "--prune", "all", "Finance")
        assert f"without an approval of plan {digest[:12]}" in shown.out
    nothing = ask("undo", str(run["run"]), "--yes")
    assert nothing.code == 0
    assert len(mi.members("Finance")) == 12


def test_a_member_whom_somebody_has_added_by_hand_is_explained(
    ask: Ask, provision: Provision, mi: MetricInsights, finance: SourceGroup
) -> None:
    provision(*MANAGED, "Finance")
    mi.add_user("hans", "Finance")
    says = ask("explain", login("hans"), "--group", "Finance", "--prune", "managed").out
    assert "was not put into the group by a sync" in says


def test_several_groups_that_are_pruned_as_one_are_a_union(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("A", "ana", "bruno")
    okta.group("B", "carla")
    run = provision(*MANAGED, "--target-group", "BI", "A", "B")
    assert run.report["source"]["group"] == {"id": None, "name": "A + B"}
    assert [group["name"] for group in run.report["source"]["groups"]] == ["A", "B"]
    okta.join("B", login("ana"))
    okta.leave("A", "ana")
    okta.leave("A", "bruno")
    provision(*MANAGED, "--target-group", "BI", "A", "B")
    assert mi.members("BI") == logins("ana", "carla")
