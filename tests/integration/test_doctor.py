"""`okta-mi doctor`: looks, changes nothing, and says what is wrong and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from okta_mi_provider.clients.metric_insights_dialect import switches
from okta_mi_provider.doctor.mapping import examine_mapping
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.model import TargetUser
from tests.integration.reading import okta_client
from tests.integration.world import ENVIRONMENT, Run, World, login

Examine = Callable[..., "Examined"]


class Examined:
    """What the doctor said, by section and subject."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.code = run.code
        self.rows: list[dict[str, str]] = json.loads(run.out)

    def of(self, subject: str, section: str = "") -> list[tuple[str, str]]:
        """Verdict and sentence of every row about a subject."""
        return [
            (row["verdict"], row["said"])
            for row in self.rows
            if row["subject"].partition(" = ")[0] == subject and section in row["section"]
        ]

    def verdict(self, subject: str, section: str = "") -> str:
        """The verdict of the only row about a subject."""
        ((verdict, _),) = self.of(subject, section)
        return verdict

    def said(self, subject: str, section: str = "") -> str:
        return " ".join(said for _, said in self.of(subject, section))

    @property
    def wrong(self) -> list[str]:
        return [row["said"] for row in self.rows if row["verdict"] == "wrong"]


@pytest.fixture
def doctor(okta_mi: Callable[..., Run], world: World) -> Examine:
    """Examines both servers, by default with good credentials."""

    def run(*words: str, env: dict[str, str] | None = None) -> Examined:
        return Examined(okta_mi("doctor", *world.options, "--json", *words, env=env or ENVIRONMENT))

    return run


@pytest.fixture
def sales(world: World) -> World:
    """A group of Okta with somebody whom MI has, too."""
    world.okta.group("Sales", "ana")
    world.mi.add_user("ana")
    world.mi.add_user("bruno")
    return world


def test_two_healthy_servers(doctor: Examine, sales: World) -> None:
    seen = doctor("Sales")

    assert seen.code == 0
    assert seen.wrong == []
    assert "is the Okta org" in seen.said("org")
    assert [verdict for verdict, _ in seen.of("credentials")] == ["fine", "fine"]
    assert seen.said("credentials", "Okta") == "Okta accepts the API token in OKTA_API_TOKEN."
    application = f"'{credentials.MI_APPLICATION_ID}' for the user '{credentials.MI_USER}'"
    assert f"accepts the application {application} with the key in MI_APPLICATION_KEY." in seen.said("credentials")
    assert [verdict for verdict, _ in seen.of("clock")] == ["fine", "fine"]
    assert "requests are left in this minute" in seen.said("rate limit")
    assert "30 days without use" in seen.said("token")
    assert "May read groups" in seen.said("rights", "Okta")
    assert "May read members" in seen.said("rights", "Metric")
    assert seen.said("username", "Sample") == f"'{login('ana')}', from profile.login."
    assert f"'{login('ana')}' (id" in seen.said("in MI")
    assert seen.said("status") == "ACTIVE, which is synced."
    assert {"okta-mi-provider", "python", "requests"} <= {row["subject"] for row in seen.rows}


def test_the_doctor_never_writes(doctor: Examine, sales: World) -> None:
    doctor("Sales")

    assert sales.mi.writes() == sales.okta.writes() == []
    methods = {row["method"] for row in sales.mi.requests() if row["path"].rstrip("/") != "/api/get_token"}
    assert methods == {"GET"}


def test_text_is_for_people(okta_mi: Callable[..., Run], sales: World) -> None:
    run = okta_mi("doctor", *sales.options, "Sales", env=ENVIRONMENT)

    assert run.code == 0
    assert "\nOkta\n  ok     org: " in run.out
    assert "\nSample user\n  ok     username: " in run.out
    assert run.out.endswith("\nNothing to be mended.\n")
    assert max(map(len, run.out.splitlines())) <= 110
    for secret in (credentials.OKTA_API_TOKEN, credentials.MI_APPLICATION_KEY):
        assert secret not in run.out + run.err


def test_every_assumption_is_looked_at(doctor: Examine, sales: World) -> None:
    seen = doctor()

    subjects = [row["subject"].partition(" = ")[0] for row in seen.rows if "Assumptions" in row["section"]]
    assert subjects[: len(switches())] == list(switches())


# ---------------------------------------------------------------------- Okta


@pytest.mark.parametrize("token", ["wrong-token", "00-another"])
def test_a_refused_token(doctor: Examine, sales: World, token: str) -> None:
    seen = doctor("Sales", env={**ENVIRONMENT, "OKTA_API_TOKEN": token})

    assert seen.code == 1
    (said,) = seen.wrong
    assert "Security > API > Tokens" in said
    assert token not in seen.run.out
    assert seen.verdict("credentials", "Metric") == "fine"
    assert not seen.of("username", "Sample")


def test_a_missing_right_and_a_missing_scope(doctor: Examine, sales: World) -> None:
    sales.okta.fault("403_scope", route="list_groups", count=None)

    seen = doctor()
    assert "The scope okta.groups.read is missing" in seen.wrong[0]
    assert seen.verdict("rights", "Okta") == "wrong"


def test_an_app_without_a_role_sees_nothing(doctor: Examine, sales: World) -> None:
    sales.okta.knobs(missing_admin_role="empty")
    words = ["--okta-client-id", credentials.OKTA_CLIENT_ID, "--okta-private-key-id", credentials.OKTA_PRIVATE_KEY_ID]
    seen = doctor(*words, env={**ENVIRONMENT, "OKTA_PRIVATE_KEY": credentials.OKTA_PRIVATE_KEY})

    assert seen.code == 1
    assert "shows no group at all to the service app" in seen.said("rights", "Okta")
    assert "admin role" in seen.wrong[0]


def test_whose_token_it_is_and_that_it_sees_every_group(
    doctor: Examine, sales: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = sales.okta.system.org
    monkeypatch.setattr(org, "owner_id", org.user_by_id_or_login(login("ana"))["id"])
    org.add_group("Everyone", group_type="BUILT_IN")
    seen = doctor("Sales")

    assert f"An API token of '{login('ana')}'" in seen.said("token")
    assert "Sees built-in groups (1 group), so probably all groups" in seen.said("rights", "Okta")


def test_a_token_of_somebody_who_does_not_see_every_group(doctor: Examine, sales: World) -> None:
    assert "perhaps not every group" in doctor().said("rights", "Okta")


def test_a_service_app_has_no_token_that_dies(doctor: Examine, sales: World) -> None:
    words = ["--okta-client-id", credentials.OKTA_CLIENT_ID, "--okta-private-key-id", credentials.OKTA_PRIVATE_KEY_ID]
    seen = doctor(*words, env={**ENVIRONMENT, "OKTA_PRIVATE_KEY": credentials.OKTA_PRIVATE_KEY})

    assert seen.code == 0, seen.wrong
    assert seen.verdict("token") == "fine"


@pytest.mark.parametrize(("seconds", "order"), [(600, "ahead of"), (-600, "behind")])
def test_a_clock_that_is_wrong(doctor: Examine, sales: World, seconds: int, order: str) -> None:
    sales.okta.knobs(clock_skew_s=seconds)
    sales.mi.knobs(clock_skew_s=seconds)

    for verdict, said in doctor().of("clock"):
        assert verdict == "note"
        assert order in said
        assert any(f"{number} s" in said for number in range(598, 603))


def test_a_limit_that_others_use_up(doctor: Examine, sales: World) -> None:
    sales.okta.knobs(rate_limit=True, others_use={"groups": 300}, rate_limits={"groups": 500})

    ((verdict, said),) = doctor().of("rate limit")
    assert verdict == "note"
    assert "of 500 requests are left" in said


def test_servers_without_their_headers(doctor: Examine, sales: World) -> None:
    missing = ["Date", "X-Rate-Limit-Limit"]
    sales.okta.knobs(missing_headers=missing)
    sales.mi.knobs(missing_headers=missing)
    seen = doctor()

    assert [verdict for verdict, _ in seen.of("clock")] == ["unknown", "unknown"]
    assert seen.verdict("rate limit") == "unknown"
    assert seen.code == 0


def test_what_is_no_okta_org(doctor: Examine, sales: World) -> None:
    sales.okta.fault("404", route="organization")
    assert doctor().verdict("org") == "note"


# ---------------------------------------------------------------------- Metric Insights


def test_an_application_that_may_not_manage_users(doctor: Examine, sales: World) -> None:
    words = ["--mi-application-id", credentials.MI_LIMITED_APPLICATION_ID]
    env = {**ENVIRONMENT, "MI_APPLICATION_KEY": credentials.MI_LIMITED_APPLICATION_KEY}
    seen = doctor(*words, env=env)

    assert seen.code == 1
    (said,) = seen.wrong
    assert "Application Can Manage Users" in said
    assert seen.verdict("credentials", "Okta") == "fine"


def test_a_wrong_key_of_mi(doctor: Examine, sales: World) -> None:
    seen = doctor("Sales", env={**ENVIRONMENT, "MI_APPLICATION_KEY": "wrong-key"})

    assert seen.code == 1
    assert "Compare them with Admin" in seen.wrong[0]
    assert "wrong-key" not in seen.run.out
    assert seen.said("username", "Sample"), "Okta is examined all the same"
    assert not seen.of("in MI")


def test_an_application_s_key_where_a_personal_token_belongs(okta_mi: Callable[..., Run], sales: World) -> None:
    env = {"OKTA_API_TOKEN": credentials.OKTA_API_TOKEN, "MI_API_TOKEN": credentials.MI_APPLICATION_KEY}
    seen = Examined(okta_mi("doctor", *sales.options[:4], "--json", env=env))

    (said,) = seen.wrong
    assert "or this is an application's key" in said
    assert credentials.MI_APPLICATION_KEY not in seen.run.out


@pytest.mark.parametrize(
    ("knobs", "switch", "verdict", "said"),
    [
        ({}, "member_list", "fine", "only of one group"),
        ({"member_list": "all"}, "member_list", "fine", "all would work too"),
        ({}, "user_lookup", "fine", "takes no notice of ?username="),
        ({"user_lookup": "query"}, "user_lookup", "fine", "query would work too"),
        ({}, "list_paging", "fine", "Lists come whole"),
        ({"paging_params": True}, "list_paging", "note", "offset would work too"),
        ({}, "default_group_id", "fine", "named 'Default Group'"),
        ({}, "user_update_body", "unknown", "looks at the first user that it updates"),
        ({}, "disable_method", "unknown", "looks at the first user that it disables"),
        ({}, "username_casefold", "unknown", "No two usernames"),
        ({"id_type": "integer", "user_item_envelope": "users"}, "one user by id", "fine", "as that user"),
        ({}, "groups of one user", "fine", "Are told"),
    ],
)
def test_which_assumptions_hold(
    doctor: Examine, sales: World, knobs: dict[str, Any], switch: str, verdict: str, said: str
) -> None:
    sales.mi.knobs(**knobs)
    ((found, sentence),) = doctor().of(switch)

    assert found == verdict
    assert said in sentence


def test_a_list_that_comes_in_parts(doctor: Examine, sales: World) -> None:
    sales.mi.knobs(list_paging=2)
    seen = doctor()

    assert seen.code == 1
    assert "a part is not enough" in seen.wrong[0]


def test_usernames_that_differ_only_in_case(doctor: Examine, sales: World) -> None:
    sales.mi.knobs(username_casefold=False)
    sales.mi.add_user("ANA@acme.example", email="other@acme.example")
    seen = doctor()

    assert seen.verdict("username_casefold") == "note"
    assert "differ only in case" in seen.said("users")


# ---------------------------------------------------------------------- the sample


def test_nobody_needs_to_name_a_group(doctor: Examine, sales: World) -> None:
    assert doctor().verdict("username", "Sample") == "fine"


def test_a_group_that_is_not_there(doctor: Examine, sales: World) -> None:
    seen = doctor("sales")

    assert seen.code == 1
    assert "There is 'Sales': capitals and blanks count" in seen.wrong[0]


def test_a_group_with_nobody_in_it(doctor: Examine, sales: World) -> None:
    sales.okta.group("Empty")
    assert "has no member" in doctor("Empty").said("member")


def test_an_attribute_that_is_missing_and_what_there_is(doctor: Examine, sales: World) -> None:
    sales.okta.group("Odd")
    sales.okta.user("carla", "Odd", biLogin="", nickname="c")
    seen = doctor("Odd", "--username-attr", "biLogin", "--first-name-attr", "nix")

    assert seen.code == 1
    (said,) = seen.wrong
    assert "username_attr" in said
    assert "nickname" in said
    assert seen.verdict("first name", "Sample") == "note"


def test_a_member_whom_a_sync_would_skip_or_not_find(doctor: Examine, sales: World) -> None:
    sales.okta.group("Gone")
    sales.okta.user("dora", "Gone", status="SUSPENDED")
    seen = doctor("Gone")

    assert "not synced" in seen.said("status")
    assert "auto_create: all would create" in seen.said("in MI")


def test_a_sample_that_is_a_conflict(doctor: Examine, sales: World) -> None:
    sales.okta.group("Twins")
    sales.okta.user("ana.two", "Twins", email=login("bruno"))

    assert "A conflict" in doctor("Twins").said("in MI")


@pytest.mark.parametrize(("fold", "said"), [(True, "'ANA@acme.example' (id 7"), (False, "Nobody;")])
def test_a_sample_is_matched_as_the_connection_says(sales: World, fold: bool, said: str) -> None:
    users = [TargetUser("7", "ANA@acme.example", "other@acme.example", "Ana", "Doe", "regular")]
    seen = examine_mapping(okta_client(sales.okta.url), "Sales", users, SyncSettings(), fold_usernames=fold)
    (found,) = [each.said for each in seen if each.subject == "in MI"]
    assert found.startswith(said)


def test_hostile_names_stay_on_one_line(okta_mi: Callable[..., Run], world: World) -> None:
    world.okta.group("Odd")
    world.okta.user("eve", "Odd", firstName="x\n\x1b[31m<script>\u202e", lastName="=1+1")
    run = okta_mi("doctor", *world.options, "Odd", env=ENVIRONMENT)

    assert "\x1b" not in run.out
    assert "\u202e" not in run.out
    assert "first name: 'x" in run.out


# ---------------------------------------------------------------------- wrong usage


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["One", "Two"], "one group at most"),
        (["--match-by", "shoe-size"], "match_by"),
        (["--nonsense"], "unknown arguments"),
        (["--max-concurrency", "0"], "must be at least 1"),
    ],
)
def test_wrong_usage(okta_mi: Callable[..., Run], world: World, words: list[str], said: str) -> None:
    run = okta_mi("doctor", *world.options, *words, env=ENVIRONMENT)

    assert run.code == 2
    assert said in run.err
    assert run.out == ""
    assert world.requests_sent() == 0


def test_servers_that_are_not_there(okta_mi: Callable[..., Run], world: World) -> None:
    words = ["--okta-host", "http://127.0.0.1:9", "--mi-host", "http://127.0.0.1:9", "--json"]
    run = okta_mi("doctor", *words, "--mi-user", "a", "--mi-application-id", "b", env=ENVIRONMENT)
    seen = Examined(run)

    assert seen.code == 1
    assert len(seen.wrong) == 2
    assert all("right address" in said for said in seen.wrong)


def test_what_the_org_does_not_say_is_told_in_few_words(doctor: Examine, sales: World) -> None:
    sales.okta.fault("503", count=None)
    seen = doctor()

    assert seen.said("org").startswith("Does not say which org it is (Okta answered 503 to GET ")
    assert "status.okta.com" not in seen.said("org")
    assert "status.okta.com" in seen.said("connection", "Okta")
