"""Options of `provision` that say who is synced, and how: what each does to Metric Insights."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Provision
from tests.integration.world import DEFAULT_GROUP, MetricInsights, Okta, World, login, logins

CREATED_TYPES = [("regular", "regular"), ("administrator", "administrator"), ("power_user", "power")]


@pytest.fixture
def finance(okta: Okta) -> Okta:
    """An Okta org with the group Finance of two users."""
    okta.group("Finance", "ana", "bruno")
    return okta


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
    assert mi.has("ana", "bruno")


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
    okta.crowd("Finance", 24)
    mi.knobs(latency_ms=100)
    assert provision(*options, "-a", "all", "Finance").users == {"source": 24, "created": 24}
    assert mi.stats()["peak_in_flight"] == peak


@pytest.mark.parametrize("number", ["0", "-1", "several"])
def test_max_concurrency_must_be_a_positive_number(
    provision: Provision, finance: Okta, world: World, number: str
) -> None:
    run = provision(f"--max-concurrency={number}", "Finance")
    assert run.code == 2
    assert "--max-concurrency" in run.err
    assert world.requests_sent() == 0
