"""Every option of `provision`: what it does to Metric Insights, and how the command ends."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from okta_mi_provider.simulators import credentials
from tests.integration.conftest import Provision
from tests.integration.world import DEFAULT_GROUP, ENVIRONMENT, MetricInsights, Okta, World, login, logins, without

CREATED_TYPES = [("regular", "regular"), ("administrator", "administrator"), ("power_user", "power")]


@pytest.fixture
def finance(okta: Okta) -> Okta:
    """An Okta org with the group Finance of two users."""
    okta.group("Finance", "ana", "bruno")
    return okta


def created(mi: MetricInsights, *names: str) -> bool:
    return set(logins(*names)) <= mi.users().keys()


# ---------------------------------------------------------------------- GROUP...


def test_a_group_and_its_users_are_created(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    run = provision("--auto-create", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == logins("ana", "bruno")
    assert mi.writes() == ["POST /api/user_group", "POST /api/user", "POST /api/user"]


def test_a_second_run_writes_nothing(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    provision("--auto-create", "all", "Finance")
    mi.forget_requests()
    run = provision("--auto-create", "all", "Finance")
    assert run.code == 0
    assert mi.writes() == []
    assert run.users == {"source": 2, "unchanged": 2}


def test_several_groups_are_synced_one_after_the_other(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    finance.group("Sales", "carla")
    run = provision("-a", "all", "Finance", "Sales")
    assert run.code == 0
    assert mi.members("Finance") == logins("ana", "bruno")
    assert mi.members("Sales") == logins("carla")


def test_mi_is_read_once_for_several_groups_also_while_they_are_written(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    finance.group("Sales", "carla")
    finance.group("Legal")
    finance.join("Sales", login("ana"))
    finance.join("Legal", login("ana"))
    finance.join("Legal", login("carla"))
    run = provision("-a", "all", "Finance", "Sales", "Legal")
    assert run.code == 0
    assert (mi.members("Finance"), mi.members("Sales")) == (logins("ana", "bruno"), logins("ana", "carla"))
    assert mi.members("Legal") == logins("ana", "carla")
    # Who was created for one group is known to the next, and nobody is created or looked for twice.
    assert mi.writes().count("POST /api/user") == 3
    assert mi.writes().count("POST /api/user_group_member") == 3
    assert [len(mi.requests("GET", path)) for path in ("/api/user", "/api/user_group")] == [1, 1]


def test_mi_is_read_again_for_the_next_group_after_a_write_that_failed(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    finance.group("Sales", "carla")
    finance.join("Sales", login("ana"))
    mi.fault("400", method="POST", route="users")
    run = provision("--max-concurrency", "1", "-a", "all", "Finance", "Sales")
    assert run.code == 1
    assert mi.members("Sales") == logins("ana", "carla")
    assert len(mi.requests("GET", "/api/user_group")) == 2


def test_groups_may_stand_between_options(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    finance.group("Sales", "carla")
    finance.group("Legal", "dora")
    run = provision("Finance", "-v", "Sales", "--auto-create", "all", "Legal", "-q")
    assert [report["source"]["group"]["name"] for report in run.reports] == ["Finance", "Sales", "Legal"]
    assert {"Finance", "Sales", "Legal"} <= mi.groups()


def test_a_group_named_twice_is_synced_once(provision: Provision, finance: Okta) -> None:
    assert provision("-a", "all", "Finance", "Finance").report["source"]["group"]["name"] == "Finance"


def test_a_user_of_two_groups_is_created_once_and_joins_both(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    finance.group("Sales")
    finance.join("Sales", login("ana"))
    run = provision("-a", "all", "Finance", "Sales")
    assert run.code == 0
    assert mi.groups_of("ana") == {"Finance", "Sales", DEFAULT_GROUP}
    assert [report["counts"]["users"]["created"] for report in run.reports] == [2, 0]
    assert mi.writes().count("POST /api/user") == 2


def test_a_group_may_be_given_by_its_id(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    group_id = okta.group("Finance", "ana")
    run = provision("-a", "all", group_id)
    assert run.report["source"]["group"] == {"id": group_id, "name": "Finance"}
    assert mi.members("Finance") == logins("ana")


@pytest.mark.parametrize("name", ['R&D "Skunk\\Works"', "Équipe 数据", "Night  Shift", "a/b?c=d#e", "100% O'Brien"])
def test_any_name_of_a_group_is_taken_as_it_is(provision: Provision, okta: Okta, mi: MetricInsights, name: str) -> None:
    okta.group(name, "ana")
    assert provision("-a", "all", name).code == 0
    assert mi.members(name) == logins("ana")


def test_a_group_name_may_begin_with_a_dash(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("-temp", "ana")
    assert provision("-a", "all", "--", "-temp").code == 0
    assert mi.members("-temp") == logins("ana")


@pytest.mark.parametrize("words", [[], [""], ["   "]])
def test_a_group_is_required(provision: Provision, world: World, words: list[str]) -> None:
    run = provision("-a", "all", "-v", *words)
    assert run.code == 2
    assert "group" in run.err
    assert world.requests_sent() == 0


# ---------------------------------------------------------------------- --okta-host, --okta-token


@pytest.mark.parametrize("flag", ["-H", "--okta-host"])
def test_okta_host_names_the_org(
    okta_mi: Provision, finance: Okta, world: World, mi: MetricInsights, flag: str
) -> None:
    options = without(world.options, "--okta-host")
    run = okta_mi("provision", flag, finance.url, *options, "-a", "all", "Finance", env=ENVIRONMENT)
    assert run.code == 0
    assert created(mi, "ana", "bruno")


def test_without_an_okta_host_the_command_does_not_start(okta_mi: Provision, finance: Okta, world: World) -> None:
    run = okta_mi("provision", *without(world.options, "--okta-host"), "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert "--okta-host" in run.err
    assert world.requests_sent() == 0


@pytest.mark.parametrize("flag", ["-P", "--okta-token"])
def test_okta_token_as_a_value(provision: Provision, finance: Okta, mi: MetricInsights, flag: str) -> None:
    env = {**ENVIRONMENT, "OKTA_API_TOKEN": "not-this-one"}
    run = provision(flag, credentials.OKTA_API_TOKEN, "-a", "all", "Finance", env=env)
    assert run.code == 0
    assert created(mi, "ana")


@pytest.mark.parametrize("flag", ["-P", "--okta-token"])
def test_okta_token_without_a_value_is_asked_for(
    provision: Provision, finance: Okta, mi: MetricInsights, flag: str
) -> None:
    env = {**ENVIRONMENT, "OKTA_API_TOKEN": "not-this-one"}
    run = provision("-a", "all", "Finance", flag, env=env, stdin=f"{credentials.OKTA_API_TOKEN}\n")
    assert run.code == 0
    assert created(mi, "ana")


def test_okta_token_from_the_environment(provision: Provision, finance: Okta) -> None:
    assert provision("-a", "all", "Finance").code == 0


def test_without_an_okta_token_the_command_does_not_start(provision: Provision, finance: Okta, world: World) -> None:
    run = provision("Finance", env={"MI_APPLICATION_KEY": credentials.MI_APPLICATION_KEY})
    assert run.code == 2
    assert "OKTA_API_TOKEN" in run.err
    assert world.requests_sent() == 0


def test_a_wrong_okta_token_is_bad_usage_and_never_shown(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    run = provision("-v", "-P", "00wrong-token", "-a", "all", "Finance")
    assert run.code == 2
    assert "--okta-token" in run.err
    assert "00wrong-token" not in run.out + run.err + str(run.document)
    assert mi.writes() == []


# ---------------------------------------------------------------------- --mi-..., secrets of Metric Insights


def test_a_personal_token_needs_no_application(
    okta_mi: Provision, finance: Okta, world: World, mi: MetricInsights
) -> None:
    options = without(world.options, "--mi-user", "--mi-application-id")
    env = {"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN, "MI_API_TOKEN": credentials.MI_API_TOKEN}
    run = okta_mi("provision", *options, "-a", "all", "Finance", env=env)
    assert run.code == 0
    assert created(mi, "ana", "bruno")
    assert mi.requests(path="/api/get_token") == []


def test_an_application_is_exchanged_for_one_session_token(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    provision("-a", "all", "Finance")
    assert [row["method"] for row in mi.requests(path="/api/get_token")] == ["POST"]


@pytest.mark.parametrize("missing", ["--mi-host", "--mi-user", "--mi-application-id"])
def test_each_option_of_metric_insights_is_needed(
    okta_mi: Provision, finance: Okta, world: World, missing: str
) -> None:
    run = okta_mi("provision", *without(world.options, missing), "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert missing in run.err
    assert world.requests_sent() == 0


def test_without_a_key_of_the_application_the_command_does_not_start(
    provision: Provision, finance: Okta, world: World
) -> None:
    run = provision("Finance", env={"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN})
    assert run.code == 2
    assert "MI_APPLICATION_KEY" in run.err
    assert world.requests_sent() == 0


@pytest.mark.parametrize("answer", ["401", "empty_list"])
def test_a_wrong_key_of_the_application_is_bad_usage(
    provision: Provision, finance: Okta, mi: MetricInsights, answer: str
) -> None:
    mi.knobs(wrong_credentials=answer)
    run = provision("-a", "all", "Finance", env={**ENVIRONMENT, "MI_APPLICATION_KEY": "wrong-key"})
    assert run.code == 2
    assert "MI_APPLICATION_KEY" in run.err
    assert "wrong-key" not in run.out + run.err + str(run.document)
    assert len(mi.requests(path="/api/get_token")) == 1


def test_an_application_that_must_not_manage_users_is_bad_usage(
    okta_mi: Provision, finance: Okta, world: World, mi: MetricInsights
) -> None:
    options = [*without(world.options, "--mi-application-id"), "--mi-application-id"]
    env = {**ENVIRONMENT, "MI_APPLICATION_KEY": credentials.MI_LIMITED_APPLICATION_KEY}
    run = okta_mi("provision", *options, credentials.MI_LIMITED_APPLICATION_ID, "-a", "all", "Finance", env=env)
    assert run.code == 2
    assert "Application Can Manage Users" in run.err
    assert mi.writes() == []


def test_a_token_of_somebody_who_is_no_administrator_is_bad_usage(
    okta_mi: Provision, finance: Okta, world: World, mi: MetricInsights
) -> None:
    options = without(world.options, "--mi-user", "--mi-application-id")
    env = {"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN, "MI_API_TOKEN": credentials.MI_VIEWER_API_TOKEN}
    run = okta_mi("provision", *options, "-a", "all", "Finance", env=env)
    assert run.code == 2
    assert "administrator" in run.err
    assert mi.writes() == []


# ---------------------------------------------------------------------- --verbose, --dry-run, summaries


def test_without_verbose_nothing_goes_to_stderr(provision: Provision, finance: Okta) -> None:
    assert provision("-a", "all", "Finance").err == ""


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_verbose_adds_diagnostics_on_stderr_only(provision: Provision, finance: Okta, flag: str) -> None:
    run = provision(flag, "-a", "all", "Finance")
    assert login("ana") in run.err
    assert login("ana") not in run.out


@pytest.mark.parametrize("flag", ["-n", "--dry-run"])
def test_a_dry_run_shows_the_plan_and_writes_nothing(
    provision: Provision, finance: Okta, mi: MetricInsights, flag: str
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


def test_a_dry_run_implies_verbose(provision: Provision, finance: Okta) -> None:
    assert login("ana") in provision("-n", "-a", "all", "Finance").err


def test_a_dry_run_plans_what_the_real_run_then_does(provision: Provision, finance: Okta) -> None:
    planned = provision("-n", "-a", "all", "Finance").report
    done = provision("-a", "all", "Finance").report
    assert planned["plan_digest"] == done["plan_digest"]
    assert planned["counts"] == done["counts"]


def test_a_dry_run_of_two_groups_counts_a_common_user_once(provision: Provision, finance: Okta) -> None:
    finance.group("Sales")
    finance.join("Sales", login("ana"))
    first, second = provision("-n", "-a", "all", "Finance", "Sales").reports
    assert first["counts"]["users"]["created"] == 2
    assert second["counts"]["users"]["created"] == 0
    assert second["counts"]["memberships"]["added"] == 1


def test_the_summary_has_numbers_but_no_users(provision: Provision, finance: Okta) -> None:
    out = provision("-a", "all", "Finance").out
    assert "'Finance'" in out
    assert "users created" in out
    assert login("ana") not in out


@pytest.mark.parametrize("flag", ["-q", "--no-summary"])
def test_no_summary_prints_nothing(provision: Provision, finance: Okta, mi: MetricInsights, flag: str) -> None:
    run = provision(flag, "-a", "all", "Finance")
    assert (run.code, run.out, run.err) == (0, "", "")
    assert created(mi, "ana")


def test_the_full_summary_names_every_user_and_group(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    mi.add_user("bruno", last_name="Old")
    out = provision("--full-summary", "-a", "all", "Finance").out
    assert "created group 'Finance'" in out
    assert f"created user '{login('ana')}'" in out
    assert f"updated user '{login('bruno')}': last_name 'Old' -> 'Doe'" in out


# ---------------------------------------------------------------------- --user-type


@pytest.mark.parametrize("flag", ["-t", "--user-type"])
@pytest.mark.parametrize(("word", "stored"), CREATED_TYPES)
def test_user_type_is_the_type_of_created_users(
    provision: Provision, finance: Okta, mi: MetricInsights, flag: str, word: str, stored: str
) -> None:
    run = provision(flag, word, "-a", "all", "Finance")
    assert mi.user("ana")["type"] == stored
    change = run.report["changes"][1]
    assert change["fields"]["type"] == [None, word]


def test_created_users_are_regular_by_default(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    provision("-a", "all", "Finance")
    assert mi.user("ana")["type"] == "regular"


def test_user_type_does_not_touch_existing_users(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    mi.add_user("ana")
    provision("-t", "power_user", "-a", "all", "Finance")
    assert mi.user("ana")["type"] == "regular"
    assert mi.user("bruno")["type"] == "power"


def test_an_unknown_user_type_is_bad_usage(provision: Provision, finance: Okta, world: World) -> None:
    run = provision("-t", "superuser", "Finance")
    assert run.code == 2
    assert all(word in run.err for word in ("superuser", "regular", "administrator", "power_user"))
    assert world.requests_sent() == 0


# ---------------------------------------------------------------------- --...-attr


def test_username_attr(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.user("ana", okta.group("Finance"), employeeNumber="E000042")
    provision("--username-attr", "employeeNumber", "-a", "all", "Finance")
    assert mi.members("Finance") == ["E000042"]


def test_email_attr(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.user("ana", okta.group("Finance"), secondEmail="ana@home.example")
    provision("--email-attr", "secondEmail", "-a", "all", "Finance")
    assert mi.user("ana")["email"] == "ana@home.example"


@pytest.mark.parametrize(("flag", "field"), [("--first-name-attr", "first_name"), ("--last-name-attr", "last_name")])
def test_name_attrs(provision: Provision, okta: Okta, mi: MetricInsights, flag: str, field: str) -> None:
    okta.user("ana", okta.group("Finance"), nickName="Annie")
    provision(flag, "nickName", "-a", "all", "Finance")
    names = {"first_name": "Ana", "last_name": "Doe", field: "Annie"}
    assert {key: mi.user("ana")[key] for key in names} == names


def test_the_default_attributes_are_okta_s_standard_ones(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.user("ana", okta.group("Finance"), email="ana.silva@acme.example", firstName="Ana", lastName="Silva")
    provision("-a", "all", "Finance")
    stored = mi.user("ana")
    assert (stored["email"], stored["first_name"], stored["last_name"]) == ("ana.silva@acme.example", "Ana", "Silva")


# ---------------------------------------------------------------------- --skip-default-group


def test_created_users_join_the_default_group(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    provision("-a", "all", "Finance")
    assert mi.groups_of("ana") == {"Finance", DEFAULT_GROUP}


def test_skip_default_group_keeps_created_users_out(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    provision("--skip-default-group", "-a", "all", "Finance")
    assert mi.groups_of("ana") == {"Finance"}
    assert mi.writes().count("POST /api/user") == 2


# ---------------------------------------------------------------------- --sync-user-limit


def test_more_users_than_the_limit_are_refused_before_any_write(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno", "carla")
    before = mi.content()
    run = provision("--sync-user-limit", "2", "-a", "all", "Finance")
    assert run.code == 3
    assert run.report["state"] == "refused"
    assert "3" in run.report["error"]
    assert "2" in run.report["error"]
    assert mi.writes() == []
    assert mi.content() == before


def test_as_many_users_as_the_limit_are_synced(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    assert provision("--sync-user-limit", "2", "-a", "all", "Finance").code == 0
    assert created(mi, "ana", "bruno")


def test_the_limit_counts_each_user_of_all_groups_once(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    finance.group("Sales", "carla")
    finance.join("Sales", login("ana"))
    assert provision("--sync-user-limit", "2", "-a", "all", "Finance", "Sales").code == 3
    assert mi.writes() == []
    assert provision("--sync-user-limit", "3", "-a", "all", "Finance", "Sales").code == 0


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_limit_that_is_no_number_of_users_is_bad_usage(
    provision: Provision, finance: Okta, world: World, number: str
) -> None:
    run = provision(f"--sync-user-limit={number}", "Finance")
    assert run.code == 2
    assert "--sync-user-limit" in run.err
    assert world.requests_sent() == 0


# ---------------------------------------------------------------------- --auto-create


def test_without_auto_create_a_missing_group_is_a_notice(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    before = mi.content()
    run = provision("Finance")
    assert run.code == 0
    assert run.report["state"] == "done"
    (finding,) = run.report["findings"]
    assert finding["class"] == "notice"
    assert "'Finance'" in finding["message"]
    assert mi.content() == before
    assert mi.writes() == []


def test_without_auto_create_users_of_an_existing_group_are_created_and_updated(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    mi.add_group("Finance")
    mi.add_user("bruno", last_name="Old")
    run = provision("Finance")
    assert run.code == 0
    assert mi.members("Finance") == logins("ana", "bruno")
    assert mi.user("bruno")["last_name"] == "Doe"


def test_auto_create_groups_creates_the_group_but_no_user(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    mi.add_user("bruno", last_name="Old")
    run = provision("--auto-create", "groups", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == logins("bruno")
    assert mi.user("bruno")["last_name"] == "Doe"
    assert login("ana") not in mi.users()
    assert run.users == {"source": 2, "updated": 1, "skipped": 1}


@pytest.mark.parametrize(
    "words",
    [
        ["-a", "all", "Finance"],
        ["-aall", "Finance"],
        ["--auto-create=all", "Finance"],
        ["--auto-create", "Finance"],
        ["-a", "Finance"],
        ["Finance", "-a"],
        ["Finance", "--auto-create"],
        ["-a", "-v", "Finance"],
        ["-va", "Finance"],
        ["-va", "all", "Finance"],
        ["Finance", "-va"],
    ],
    ids=" ".join,
)
def test_auto_create_all_in_every_spelling(
    provision: Provision, finance: Okta, mi: MetricInsights, words: list[str]
) -> None:
    run = provision(*words)
    assert run.code == 0
    assert mi.members("Finance") == logins("ana", "bruno")


def test_a_bare_auto_create_may_stand_before_the_first_of_several_groups(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    finance.group("Sales", "carla")
    run = provision("-a", "Finance", "Sales")
    assert [report["source"]["group"]["name"] for report in run.reports] == ["Finance", "Sales"]
    assert mi.members("Sales") == logins("carla")


def test_only_all_and_groups_are_values_of_auto_create(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("none", "ana")
    assert provision("-a", "none").code == 0
    assert mi.members("none") == logins("ana")


def test_a_wrong_value_behind_an_equals_sign_is_bad_usage(provision: Provision, finance: Okta, world: World) -> None:
    run = provision("--auto-create=users", "Finance")
    assert run.code == 2
    assert "users" in run.err
    assert world.requests_sent() == 0


# ---------------------------------------------------------------------- --force


def test_force_gives_existing_users_the_type_and_the_default_group(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    mi.add_user("ana")
    run = provision("--force", "-t", "power_user", "-a", "all", "Finance")
    assert mi.user("ana")["type"] == "power"
    assert mi.groups_of("ana") == {"Finance", DEFAULT_GROUP}
    assert ("update_user", login("ana"), "done") in run.changes


def test_force_leaves_nothing_to_do_for_the_second_run(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    mi.add_user("ana")
    words = ("--force", "-t", "power_user", "-a", "all", "Finance")
    provision(*words)
    mi.forget_requests()
    assert provision(*words).code == 0
    assert mi.writes() == []


def test_without_force_existing_users_stay_out_of_the_default_group(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    mi.add_user("ana")
    provision("-a", "all", "Finance")
    assert mi.groups_of("ana") == {"Finance"}


def test_force_respects_skip_default_group(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    mi.add_user("ana")
    provision("--force", "--skip-default-group", "-a", "all", "Finance")
    assert mi.groups_of("ana") == {"Finance"}


# ---------------------------------------------------------------------- --target-group


def test_target_group_takes_the_users_instead_of_a_group_of_the_same_name(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    run = provision("--target-group", "BI Readers", "-a", "all", "Finance")
    assert mi.members("BI Readers") == logins("ana", "bruno")
    assert "Finance" not in mi.groups()
    assert run.report["source"]["group"]["name"] == "Finance"
    assert run.report["target"]["group"]["name"] == "BI Readers"


def test_several_groups_into_one_target_group_are_a_union(
    provision: Provision, finance: Okta, mi: MetricInsights
) -> None:
    finance.group("Sales", "carla")
    finance.join("Sales", login("ana"))
    run = provision("--target-group", "BI Readers", "-a", "all", "Finance", "Sales")
    assert run.code == 0
    assert mi.members("BI Readers") == logins("ana", "bruno", "carla")
    assert mi.writes().count("POST /api/user_group") == 1


def test_the_default_group_may_be_the_target(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    mi.add_user("ana")
    run = provision("--force", "--target-group", DEFAULT_GROUP, "-a", "all", "Finance")
    assert run.code == 0
    assert set(logins("ana", "bruno")) <= set(mi.members(DEFAULT_GROUP))


# ---------------------------------------------------------------------- --max-concurrency


@pytest.mark.parametrize(
    ("options", "peak"), [([], 4), (["--max-concurrency", "1"], 1), (["--max-concurrency", "8"], 8)]
)
def test_max_concurrency_bounds_the_requests_in_flight_on_mi(
    provision: Provision, okta: Okta, mi: MetricInsights, options: list[str], peak: int
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 40)
    mi.knobs(latency_ms=25)
    assert provision(*options, "-a", "all", "Finance").users == {"source": 40, "created": 40}
    assert mi.stats()["peak_in_flight"] == peak


@pytest.mark.parametrize("number", ["0", "-1", "several"])
def test_max_concurrency_must_be_a_positive_number(
    provision: Provision, finance: Okta, world: World, number: str
) -> None:
    run = provision(f"--max-concurrency={number}", "Finance")
    assert run.code == 2
    assert "--max-concurrency" in run.err
    assert world.requests_sent() == 0


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


def test_the_report_of_several_groups_is_a_list(provision: Provision, finance: Okta) -> None:
    finance.group("Sales", "carla")
    assert len(provision("-a", "all", "Finance", "Sales").reports) == 2


def test_a_report_is_written_for_a_group_that_could_not_be_synced(provision: Provision, finance: Okta) -> None:
    first, second = provision("-a", "all", "Nobody", "Finance").reports
    assert first["state"] == "failed"
    assert "'Nobody'" in first["error"]
    assert first["plan_digest"] is None
    assert second["state"] == "done"


def test_a_place_that_cannot_be_written_is_found_out_before_the_sync(
    okta_mi: Provision, finance: Okta, world: World, tmp_path: Path
) -> None:
    report = tmp_path / "missing" / "report.json"
    run = okta_mi("provision", *world.options, "--report", str(report), "-a", "all", "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert world.requests_sent() == 0


# ---------------------------------------------------------------------- --allow-http


@pytest.mark.parametrize("side", ["--okta-host", "--mi-host"])
def test_plain_http_is_refused_but_for_loopback(okta_mi: Provision, finance: Okta, world: World, side: str) -> None:
    options = [*without(world.options, side), side, "http://server.invalid"]
    run = okta_mi("provision", *options, "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert "--allow-http" in run.err
    assert world.requests_sent() == 0


def test_allow_http_lets_plain_http_pass(
    okta_mi: Provision, finance: Okta, world: World, mi: MetricInsights, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more))
    options = [word.replace("127.0.0.1", "server.invalid") for word in world.options]
    run = okta_mi("provision", *options, "--allow-http", "-a", "all", "Finance", env=ENVIRONMENT)
    assert run.code == 0
    assert created(mi, "ana", "bruno")


def test_https_is_the_default(okta_mi: Provision, finance: Okta, world: World) -> None:
    options = [*without(world.options, "--okta-host"), "--okta-host", world.okta.url.removeprefix("http://")]
    run = okta_mi("provision", *options, "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert "does not speak https" in run.err
    assert world.okta.stats()["requests"] == 0


# ---------------------------------------------------------------------- several at once


@pytest.mark.parametrize("words", [["-vn"], ["-nq"], ["-nva"], ["-qvna", "all"]], ids=" ".join)
def test_short_options_may_be_clustered(
    provision: Provision, finance: Okta, mi: MetricInsights, words: list[str]
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


def test_exit_code_1_when_a_user_failed(provision: Provision, finance: Okta, mi: MetricInsights) -> None:
    mi.fault("403", method="POST", route="users")
    assert provision("-a", "all", "--max-concurrency", "1", "Finance").code == 1


def test_exit_code_1_when_a_conflict_remains(provision: Provision, okta: Okta) -> None:
    group = okta.group("Finance", "ana")
    okta.user("bruno", group, email=login("ana"))
    assert provision("-a", "all", "Finance").code == 1


def test_exit_code_1_when_there_is_no_such_group_in_okta(provision: Provision, finance: Okta) -> None:
    assert provision("-a", "all", "Nobody").code == 1


def test_an_unknown_option_is_bad_usage(provision: Provision, finance: Okta, world: World) -> None:
    run = provision("--purge", "all", "Finance")
    assert run.code == 2
    assert "--purge" in run.err
    assert world.requests_sent() == 0


def test_an_option_is_never_guessed_from_its_beginning(provision: Provision, finance: Okta, world: World) -> None:
    assert provision("--dry", "Finance").code == 2
    assert world.requests_sent() == 0


# ---------------------------------------------------------------------- a service app of Okta

SERVICE_APP = ["--okta-client-id", credentials.OKTA_CLIENT_ID, "--okta-private-key-id", credentials.OKTA_PRIVATE_KEY_ID]
KEYS = {"OKTA_PRIVATE_KEY": credentials.OKTA_PRIVATE_KEY, "MI_APPLICATION_KEY": credentials.MI_APPLICATION_KEY}


def test_a_service_app_reads_instead_of_a_token(provision: Provision, world: World) -> None:
    world.okta.group("Sales", "ana")
    run = provision(*SERVICE_APP, "--auto-create", "all", "Sales", env=KEYS)
    assert run.code == 0, run.err
    assert world.mi.members("Sales") == logins("ana")


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (SERVICE_APP, {**KEYS, "OKTA_PRIVATE_KEY": " "}, "set OKTA_PRIVATE_KEY"),
        (SERVICE_APP, {**KEYS, "OKTA_PRIVATE_KEY": "hunter2hunter2"}, "private key in OKTA_PRIVATE_KEY is neither PEM"),
        (SERVICE_APP, {**KEYS, "OKTA_PRIVATE_KEY": "/etc/okta.pem"}, "is the name of a file"),
        ([*SERVICE_APP, "--okta-token", "x"], KEYS, "--okta-client-id and --okta-token exclude each other"),
        (["--okta-client-id", " "], KEYS, "--okta-client-id is empty"),
        (["--okta-private-key-id", "k"], KEYS, "give --okta-client-id, too"),
        ([], KEYS, "for the service app whose key is in OKTA_PRIVATE_KEY, give --okta-client-id"),
    ],
)
def test_a_service_app_without_its_key_is_a_usage_error(
    provision: Provision, world: World, words: list[str], env: dict[str, str], said: str
) -> None:
    run = provision(*words, "Sales", env=env)
    assert run.code == 2
    assert said in run.err
    assert "hunter2" not in run.err
    assert world.requests_sent() == 0


def test_secrets_that_are_not_used_are_named(provision: Provision, world: World) -> None:
    world.okta.group("Sales", "ana")
    env = {**KEYS, "OKTA_API_TOKEN": "00-another", "MI_API_TOKEN": "mi-another"}
    run = provision(*SERVICE_APP, "--auto-create", "all", "Sales", env=env)
    assert run.code == 0, run.err
    assert "OKTA_API_TOKEN is not used: --okta-client-id names a service app." in run.err
    assert "MI_API_TOKEN is not used: --mi-application-id names an application." in run.err
    assert "another" not in run.err
