"""What people read when a server does not do what it was asked for: what happened, to whom, and what to do next."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from okta_mi_provider.clients.errors import ApiError, RateLimited
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_auth import PersonalToken
from okta_mi_provider.clients.metric_insights_dialect import MIDialect
from okta_mi_provider.clients.urls import metric_insights_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.model import SourceGroup, TargetUser
from tests.integration.canned import Answer, canned
from tests.integration.conftest import Provision
from tests.integration.reading import FINANCE, STANDARD, okta_client
from tests.integration.world import MetricInsights, Okta, World, logins

ANA = TargetUser("", "ana", "ana@x.example", "Ana", "Doe", "regular")


def mi_client(url: str, **dialect: Any) -> MetricInsightsClient:
    login = PersonalToken(credentials.MI_API_TOKEN, credentials="in the test")
    return MetricInsightsClient(
        metric_insights_url(url), login, credentials="in the test", dialect=MIDialect(**dialect)
    )


# ---------------------------------------------------------------------- Okta


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("500", "see status.okta.com"),
        ("503", "see status.okta.com"),
        ("400", "Okta explains E0000001 at developer.okta.com/docs/reference/error-codes/"),
        ("403_session", "make a new one under Security > API > Tokens"),
        ("404_plain", "an Okta org?"),
        ("login_page", "the answer is a web page. A proxy, a sign-on page"),
        ("empty", "the answer is empty. A proxy, a sign-on page"),
        ("cut_json", "the answer is not JSON, or not all of it. A proxy, a sign-on page"),
        ("truncated", "Okta began to answer GET /api/v1/groups, and the answer broke off"),
        ("429_concurrency", "are under way at the same time (its concurrency limit)"),
    ],
)
def test_every_failure_of_okta_says_what_to_do_next(okta: Okta, finance: SourceGroup, fault: str, advice: str) -> None:
    okta.fault(fault, route="list_groups", count=None)
    with pytest.raises(SyncError) as caught:
        okta_client(okta.url).find_group(FINANCE)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("knobs", "advice"),
    [
        ({"repeat_next": True}, "That is a fault of Okta's that mostly passes: run it again"),
        ({"endless_next": "same_rows"}, "That is a fault of Okta's that mostly passes: run it again"),
        ({"endless_next": "empty_pages"}, "That is a fault of Okta's that mostly passes: run it again"),
        ({"cursor_pages": 1}, "expired each of the 3 times that it was begun"),
    ],
)
def test_a_list_of_okta_that_has_no_end_says_what_to_do_next(
    okta: Okta, fifty: SourceGroup, knobs: dict[str, Any], advice: str
) -> None:
    okta.knobs(**knobs)
    with pytest.raises(ApiError) as caught:
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert advice in str(caught.value)


def test_a_wait_that_is_too_long_says_how_long_is_waited_and_where_that_is_set(
    okta: Okta, finance: SourceGroup, naps: list[float]
) -> None:
    okta.fault("429", route="list_groups", seconds=600)
    with pytest.raises(RateLimited) as caught:
        okta_client(okta.url, max_wait_s=90).find_group(FINANCE)
    assert "longer than the 90 s that one request waits (max_wait of the connection): run it again then" in str(
        caught.value
    )
    assert caught.value.wait_s == pytest.approx(601, abs=5)
    assert naps == []


def test_the_group_that_could_not_be_read_is_named(provision: Provision, world: World) -> None:
    for name in ("Finance", "Sales"):
        world.okta.group(name, f"{name.lower()}.ana")
    sales = next(each["id"] for each in world.okta.state()["groups"] if each["profile"]["name"] == "Sales")
    world.okta.fault("503", path=f"/{sales}/users", count=None)
    run = provision("--no-summary", "-a", "all", "Finance", "Sales")
    assert [report["state"] for report in run.reports] == ["done", "failed"]
    assert run.reports[1]["error"].startswith("Okta group 'Sales': Okta answered 503 to GET ")
    assert "ERROR   Okta group 'Sales': Okta answered 503" in run.err


def test_a_failure_that_is_about_no_group_is_told_with_each(provision: Provision, world: World) -> None:
    for name in ("Finance", "Sales"):
        world.okta.group(name, f"{name.lower()}.ana")
    world.mi.fault("500", route="users", method="GET", count=None)
    run = provision("-a", "all", "Finance", "Sales")
    assert "ERROR   Okta group 'Finance': Metric Insights answered 500" in run.err
    assert "ERROR   Okta group 'Sales': Metric Insights answered 500" in run.err


def test_a_user_who_failed_is_told_with_the_group(provision: Provision, world: World) -> None:
    world.okta.group("Finance", "ana")
    world.mi.fault("400", route="users", method="POST", count=None)
    run = provision("-a", "all", "Finance")
    assert "Failed: 'ana@acme.example' for 'Finance': Metric Insights answered 400 to POST /api/user/" in run.err


# ---------------------------------------------------------------------- Metric Insights


@pytest.mark.parametrize("there", ["FINANCE Café", "Finance  Cafe"])
def test_a_group_that_mi_holds_for_another_one_is_told_with_that_name(
    provision: Provision, world: World, there: str
) -> None:
    world.okta.group("Finance Café", "ana")
    world.mi.add_group(there)
    world.mi.fault("400", route="groups", method="POST", count=None)
    run = provision("-a", "all", "Finance Café")
    assert run.code == 1
    assert f"MI has '{there}', and may hold the two names for one" in run.report["error"]
    assert "target_group" in run.report["error"]
    assert "user's attributes" not in run.err


def test_a_group_that_mi_refuses_for_whatever_reason_is_not_taken_for_a_user(
    provision: Provision, world: World
) -> None:
    world.okta.group("Finance", "ana")
    world.mi.add_group("Sales")
    world.mi.fault("400", route="groups", method="POST", count=None)
    run = provision("-a", "all", "Finance")
    assert "Create the group in MI by hand; the next run goes on with it." in run.report["error"]
    assert "user's attributes" not in run.err


def test_what_is_said_of_such_a_group_can_be_done(provision: Provision, world: World) -> None:
    world.okta.group("Finance", "ana")
    world.mi.add_group("FINANCE")
    assert "MI has 'FINANCE'" in provision("-a", "all", "Finance").report["error"]
    assert provision("-a", "all", "--target-group", "FINANCE", "Finance").code == 0
    assert world.mi.members("FINANCE") == logins("ana")


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("400", "docs/compatibility.md has what can be set otherwise"),
        ("404", "the address of Metric Insights, with the path in front of /api?"),
        ("500", "If it stays, ask its administrator"),
        ("502", "If it stays, ask its administrator"),
        ("503", "If it stays, ask its administrator"),
        ("maintenance", "If it stays, ask its administrator"),
        ("empty", "the answer is empty. A proxy, a sign-on page"),
        ("cut_json", "the answer is not JSON, or not all of it. A proxy, a sign-on page"),
        ("truncated", "Metric Insights began to answer GET /api/user, and the answer broke off"),
        ("status_error", "docs/compatibility.md has what can be set otherwise"),
        ("result_code", "Error (resultCode 1). This MI does not take the request in this form"),
        ("deadlock", "max_concurrency of the connection, or --max-concurrency; 1 is the least"),
    ],
)
def test_every_failure_of_metric_insights_says_what_to_do_next(mi: MetricInsights, fault: str, advice: str) -> None:
    mi.fault(fault, route="users", method="GET", count=None)
    with pytest.raises(SyncError) as caught:
        mi_client(mi.url).users()
    assert advice in str(caught.value)


def test_a_login_that_fails_says_what_to_do_next(provision: Provision, world: World) -> None:
    world.okta.group("Finance", "ana")
    world.mi.fault("503", route="get_token", count=None)
    run = provision("-a", "all", "Finance")
    assert "Service Unavailable. MI has trouble of its own. If it stays, ask its administrator" in run.err


def test_a_pause_of_mi_that_is_too_long_names_no_option_that_is_not_there(mi: MetricInsights) -> None:
    mi.fault("429", route="users", seconds=600)
    with pytest.raises(RateLimited, match=r"longer than the 120 s that one request waits: run it again then"):
        mi_client(mi.url).users()


def test_a_list_in_parts_names_the_switch(mi: MetricInsights) -> None:
    mi.knobs(list_paging=5)
    with pytest.raises(ApiError, match="Set 'list_paging' of the connection to 'offset'"):
        mi_client(mi.url).users()


def test_a_switch_that_does_not_help_is_named_too(mi: MetricInsights) -> None:
    """A server that cuts its lists and takes no notice of where the next part shall begin."""
    row = {"id": 1, "username": "ana"}
    with (
        canned(Answer({"users": [row], "total": 2})) as server,
        pytest.raises(ApiError, match=r"'list_paging' of the connection is 'offset', but this server takes no notice"),
    ):
        mi_client(server.url, list_paging="offset").users()


@pytest.mark.parametrize(
    ("dialect", "refusal", "advice"),
    [
        ({"user_update_body": "changed"}, "username is required", "'merged' sends all"),
        ({}, "bad e-mail", "correct them in Okta or in MI; the next run tries again"),
        ({}, "", "MI gives no reason; its log may"),
    ],
)
def test_an_update_that_is_refused_names_the_switch(dialect: dict[str, Any], refusal: str, advice: str) -> None:
    after = TargetUser("7", "ana", "new@x.example", "Ana", "Doe", "regular")
    before = replace(after, email="old@x.example")
    with canned(Answer({"message": refusal}, 400)) as server, pytest.raises(ApiError) as caught:
        mi_client(server.url, **dialect).update_user(after, before)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("dialect", "refusal", "advice"),
    [
        (
            {"extra_user_create_fields": {"x": 1}},
            "unknown field",
            "is x, from 'extra_user_create_fields'",
        ),
        ({"password_mode": "omit"}, "A password is required", "'password_mode' of the connection is 'omit'"),
        ({}, "A password is required", "correct them in Okta or in MI"),
    ],
)
def test_a_create_that_is_refused_names_the_switch(dialect: dict[str, Any], refusal: str, advice: str) -> None:
    with canned(Answer({"message": refusal}, 400)) as server, pytest.raises(ApiError) as caught:
        mi_client(server.url, **dialect).create_user(ANA, group_id="5", default_group=True)
    assert advice in str(caught.value)


def test_a_group_that_is_refused_names_the_switch() -> None:
    with canned(Answer({"message": "unknown field"}, 400)) as server, pytest.raises(ApiError) as caught:
        mi_client(server.url, send_external_group_id=True).create_group("Finance", "00g1")
    assert "'send_external_group_id' of the connection is true" in str(caught.value)


def test_what_was_deleted_meanwhile_is_said_to_be() -> None:
    with canned(Answer({"message": "Not Found"}, 404)) as server, pytest.raises(ApiError) as caught:
        mi_client(server.url).user("7")
    assert "deleted meanwhile; the next run reads everything again" in str(caught.value)


# ---------------------------------------------------------------------- the Default Group


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ({}, r"^Connected to .*may read its \d+ users and \d+ groups\.$"),
        ({"default_group_name": "Renamed"}, r"\d+ groups\.$"),
        ({"default_group_id": "999"}, r"\d+ groups\.$"),
        (
            {"default_group_id": "2"},
            r"'2' is 'Executives', and new users join that one; but there is a group 'Default Group', with the id '1'",
        ),
    ],
)
def test_the_test_of_a_connection_says_when_the_default_group_may_be_another(
    mi: MetricInsights, dialect: dict[str, Any], said: str
) -> None:
    assert re.search(said, mi_client(mi.url, **dialect).check())


def test_the_test_of_a_connection_fails_where_a_sync_would(mi: MetricInsights) -> None:
    nowhere = {"default_group_id": "999", "default_group_name": "Nobody's"}
    with pytest.raises(SyncError, match="has no group with the id '999' or the name 'Nobody's'"):
        mi_client(mi.url, **nowhere).check()


def test_a_sync_warns_when_the_default_group_may_be_another(
    mi: MetricInsights, caplog: pytest.LogCaptureFixture
) -> None:
    client = mi_client(mi.url, default_group_id="2")
    assert client.default_group(client.groups()).name == "Executives"
    assert "there is a group 'Default Group', with the id '1'" in caplog.text
