"""`history`, `runs` and `undo`: from the outside, between the two servers."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from okta_mi_provider.sync.model import SourceGroup
from tests.integration.conftest import MANAGED, Ask, Provision
from tests.integration.world import DEFAULT_GROUP, MetricInsights, Okta, Run, login, logins


def said(run: Run) -> str:
    return run.out + run.err


def state(mi: MetricInsights) -> object:
    """What people see of MI: its users, and who is in which group."""
    return mi.users(), {group: mi.members(group) for group in mi.groups()}


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
