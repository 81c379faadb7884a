"""`plan`, `explain`, and `provision` of a groups file: from the outside, between the two servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Ask, Provision
from tests.integration.world import ENVIRONMENT, MetricInsights, Okta, Run, World, login, logins


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
