"""What `provision` tells: diagnostics, summaries, reports and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from okta_mi_provider.sync.model import SourceGroup
from tests.integration.conftest import Provision
from tests.integration.world import ENVIRONMENT, MetricInsights, Okta, World, login

# ---------------------------------------------------------------------- --verbose, --dry-run, summaries


def test_without_verbose_nothing_goes_to_stderr(provision: Provision, finance: SourceGroup) -> None:
    assert provision("-a", "all", "Finance").err == ""


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_verbose_adds_diagnostics_on_stderr_only(provision: Provision, finance: SourceGroup, flag: str) -> None:
    run = provision(flag, "-a", "all", "Finance")
    assert login("ana") in run.err
    assert login("ana") not in run.out


@pytest.mark.parametrize("flag", ["-n", "--dry-run"])
def test_a_dry_run_shows_the_plan_and_writes_nothing(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, flag: str
) -> None:
    before = mi.content()
    run = provision(flag, "-a", "all", "Finance")
    assert run.code == 0
    assert mi.content() == before
    assert mi.writes() == []
    assert run.report["dry_run"] is True
    assert run.changes == [
        ("create_group", None, "planned"),
        ("create_user", login("ana"), "planned"),
        ("create_user", login("bruno"), "planned"),
    ]
    assert run.users == {"source": 2, "created": 2}


def test_a_dry_run_implies_verbose(provision: Provision, finance: SourceGroup) -> None:
    assert login("ana") in provision("-n", "-a", "all", "Finance").err


def test_a_dry_run_plans_what_the_real_run_then_does(provision: Provision, finance: SourceGroup) -> None:
    planned = provision("-n", "-a", "all", "Finance").report
    done = provision("-a", "all", "Finance").report
    assert planned["plan_digest"] == done["plan_digest"]
    assert planned["counts"] == done["counts"]


def test_a_dry_run_of_two_groups_counts_a_common_user_once(
    provision: Provision, finance: SourceGroup, okta: Okta
) -> None:
    okta.group("Sales")
    okta.join("Sales", login("ana"))
    first, second = provision("-n", "-a", "all", "Finance", "Sales").reports
    assert first["counts"]["users"]["created"] == 2
    assert second["counts"]["users"]["created"] == 0
    assert second["counts"]["memberships"]["added"] == 1


def test_the_summary_has_numbers_but_no_users(provision: Provision, finance: SourceGroup) -> None:
    out = provision("-a", "all", "Finance").out
    assert "'Finance'" in out
    assert "users created" in out
    assert login("ana") not in out


def test_without_a_summary_it_is_still_told_why_the_exit_code_is_not_0(
    provision: Provision, finance: SourceGroup, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Sales", "carla")
    mi.add_user("x", email=login("ana"))
    mi.add_user("y", email=login("carla"))
    run = provision("-q", "-a", "all", "Finance", "Sales", "Nobody")
    assert (run.code, run.out) == (1, "")
    finance_line, sales_line, nobody_line = run.err.splitlines()
    assert f"Conflict: Okta group 'Finance': The e-mail address '{login('ana')}'" in finance_line
    assert "rename the MI user" in finance_line
    assert f"Conflict: Okta group 'Sales': The e-mail address '{login('carla')}'" in sales_line
    assert "'Nobody'" in nobody_line


def test_twins_are_one_line_on_stderr(provision: Provision, okta: Okta) -> None:
    group = okta.group("Finance", "ana")
    okta.user("bruno", group, email=login("ana"))
    run = provision("-q", "-a", "all", "Finance")
    assert len(run.report["findings"]) == 2
    (line,) = run.err.splitlines()
    assert "2 users of the Okta group have the" in line


def test_many_conflicts_do_not_flood_stderr(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance")
    for number, name in enumerate(okta.crowd("Finance", 13)):
        mi.add_user(f"x{number}", email=name)
    run = provision("-q", "-a", "all", "Finance")
    assert run.users["conflicts"] == 13
    *named, rest = run.err.splitlines()
    assert [line.partition("The e-mail address '")[2].partition("'")[0] for line in named] == [
        f"user{number:04d}@acme.example" for number in range(10)
    ]
    assert "3 more conflicts of Okta group 'Finance'; --full-summary or --report FILE names them" in rest


@pytest.mark.parametrize("flag", ["-q", "--no-summary"])
def test_no_summary_prints_nothing(provision: Provision, finance: SourceGroup, mi: MetricInsights, flag: str) -> None:
    run = provision(flag, "-a", "all", "Finance")
    assert (run.code, run.out, run.err) == (0, "", "")
    assert mi.has("ana")


def test_the_full_summary_names_every_user_and_group(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.add_user("bruno", last_name="Old")
    out = provision("--full-summary", "-a", "all", "Finance").out
    assert "created group 'Finance'" in out
    assert f"created user '{login('ana')}'" in out
    assert f"updated user '{login('bruno')}': last_name 'Old' -> 'Doe'" in out


# ---------------------------------------------------------------------- --report


def test_the_report_of_one_group_is_an_object_that_tells_everything(
    provision: Provision, okta: Okta, world: World
) -> None:
    group_id = okta.group("Finance", "ana")
    report = provision("-a", "all", "Finance").report
    digest = report.pop("plan_digest")
    assert len(digest) == 64
    assert report == {
        "schema": 1,
        "source": {"org": world.okta.url, "group": {"id": group_id, "name": "Finance"}},
        "target": {"host": world.mi.url, "group": {"id": "5", "name": "Finance"}},
        "dry_run": False,
        "state": "done",
        "counts": {
            "users": {
                "source": 1, "created": 1, "updated": 0, "unchanged": 0, "skipped": 0, "conflicts": 0, "failed": 0,
                "disabled": 0,
            },
            "groups": {"created": 1},
            "memberships": {"added": 1, "removed": 0},
        },
        "changes": [
            {
                "kind": "create_group", "user": None, "group": "Finance", "fields": {}, "status": "done", "error": None,
            },
            {
                "kind": "create_user",
                "user": login("ana"),
                "group": "Finance",
                "fields": {
                    "email": [None, login("ana")],
                    "first_name": [None, "Ana"],
                    "last_name": [None, "Doe"],
                    "type": [None, "regular"],
                },
                "status": "done",
                "error": None,
            },
        ],
        "findings": [],
        "error": None,
    }  # fmt: skip


def test_the_report_of_several_groups_is_a_list(provision: Provision, finance: SourceGroup, okta: Okta) -> None:
    okta.group("Sales", "carla")
    assert len(provision("-a", "all", "Finance", "Sales").reports) == 2


def test_a_report_is_written_for_a_group_that_could_not_be_synced(provision: Provision, finance: SourceGroup) -> None:
    first, second = provision("-a", "all", "Nobody", "Finance").reports
    assert first["state"] == "failed"
    assert "'Nobody'" in first["error"]
    assert first["plan_digest"] is None
    assert second["state"] == "done"


def test_a_place_that_cannot_be_written_is_found_out_before_the_sync(
    okta_mi: Provision, finance: SourceGroup, world: World, tmp_path: Path
) -> None:
    report = tmp_path / "missing" / "report.json"
    run = okta_mi("provision", *world.options, "--report", str(report), "-a", "all", "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert world.requests_sent() == 0


# ---------------------------------------------------------------------- several at once


@pytest.mark.parametrize("words", [["-vn"], ["-nq"], ["-nva"], ["-qvna", "all"]], ids=" ".join)
def test_short_options_may_be_clustered(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, words: list[str]
) -> None:
    run = provision(*words, "Finance")
    assert run.code == 0
    assert run.report["dry_run"] is True
    assert (run.out == "") == ("q" in words[0])
    assert mi.writes() == []


def test_both_sides_are_read_at_the_same_time(okta_mi: Provision, slow_world: World) -> None:
    slow_world.okta.group("Finance", "ana")
    slow_world.okta.fault("hang", route="list_groups", seconds=0.5)
    assert okta_mi("provision", *slow_world.options, "-a", "all", "Finance", env=ENVIRONMENT).code == 0
    begin_of_members = slow_world.okta.requests()[-1]["time"]
    assert [row["time"] < begin_of_members for row in slow_world.mi.requests("GET", "/api/user")] == [True]


# ---------------------------------------------------------------------- exit codes


def test_exit_code_1_when_a_user_failed(provision: Provision, finance: SourceGroup, mi: MetricInsights) -> None:
    mi.fault("403", method="POST", route="users")
    assert provision("-a", "all", "--max-concurrency", "1", "Finance").code == 1


def test_exit_code_1_when_a_conflict_remains(provision: Provision, okta: Okta) -> None:
    group = okta.group("Finance", "ana")
    okta.user("bruno", group, email=login("ana"))
    assert provision("-a", "all", "Finance").code == 1


def test_exit_code_1_when_there_is_no_such_group_in_okta(provision: Provision, finance: SourceGroup) -> None:
    assert provision("-a", "all", "Nobody").code == 1


def test_an_unknown_option_is_bad_usage(provision: Provision, finance: SourceGroup, world: World) -> None:
    run = provision("--purge", "all", "Finance")
    assert run.code == 2
    assert "--purge" in run.err
    assert world.requests_sent() == 0


def test_an_option_is_never_guessed_from_its_beginning(
    provision: Provision, finance: SourceGroup, world: World
) -> None:
    assert provision("--dry", "Finance").code == 2
    assert world.requests_sent() == 0
