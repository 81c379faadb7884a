"""The clients while Okta and Metric Insights are in trouble. No test really waits: `naps` has what was wanted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from urllib3.connection import HTTPConnection

from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import (
    AuthError,
    BadAnswer,
    GroupNotFound,
    NotFound,
    RateLimited,
    Rejected,
    RightsMissing,
    Unavailable,
)
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_auth import Application, PersonalToken
from okta_mi_provider.clients.okta import OktaClient, ssws
from okta_mi_provider.clients.urls import metric_insights_url, okta_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup, TargetGroup, TargetUser
from tests.integration.canned import Answer, canned
from tests.integration.conftest import Provision
from tests.integration.world import DEFAULT_GROUP, MetricInsights, Okta, World, login, logins

#: Does something right before the given write of users is sent.
AtWrite = Callable[[int, Callable[[], None]], None]

STANDARD = Attributes("login", "email", "firstName", "lastName")
FINANCE = GroupSelector(name="Finance")

#: A user as Metric Insights answers it, and as we understand it.
ROW = {
    "id": 7, "username": "ana", "first_name": "Ana", "last_name": "Silva", "type": "power", "email": "ana@x.example",
    "enabled": "Y",
}  # fmt: skip
ANA = TargetUser("7", "ana", "ana@x.example", "Ana", "Silva", "power_user")

#: Trouble that passes, of a kind that either system can have.
PASSING = ["500", "502", "503", "504", "reset_before", "reset_after", "truncated", "empty"]


def okta_client(url: str, *, page_size: int = 200, max_wait_s: float = 120.0, timeout_s: float = 30.0) -> OktaClient:
    auth = ssws(credentials.OKTA_API_TOKEN, "test")
    transport = Transport(max_wait_s=max_wait_s, timeout_s=timeout_s)
    return OktaClient(okta_url(url), auth, credentials="test", transport=transport, page_size=page_size)


def mi_client(url: str, *, timeout_s: float = 30.0) -> MetricInsightsClient:
    login = Application(
        credentials.MI_APPLICATION_ID, credentials.MI_APPLICATION_KEY, credentials.MI_USER, credentials="test"
    )
    transport = Transport(timeout_s=timeout_s)
    return MetricInsightsClient(metric_insights_url(url), login, credentials="test", transport=transport)


def usernames(client: OktaClient, group: SourceGroup) -> list[str]:
    return sorted(user.username for user in client.members(group, STANDARD))


@pytest.fixture
def finance(okta: Okta) -> SourceGroup:
    """The group Finance of Okta, with two users."""
    return SourceGroup(okta.group("Finance", "ana", "bruno"), "Finance")


@pytest.fixture
def fifty(okta: Okta) -> SourceGroup:
    """A group of Okta with fifty users, which comes in five pages."""
    group = SourceGroup(okta.group("Fifty"), "Fifty")
    okta.crowd("Fifty", 50)
    return group


# ---------------------------------------------------------------------- Okta: what passes


@pytest.mark.parametrize("route", ["list_groups", "list_members"])
@pytest.mark.parametrize("fault", PASSING)
def test_okta_is_asked_again_after_passing_trouble(okta: Okta, finance: SourceGroup, fault: str, route: str) -> None:
    okta.fault(fault, route=route, count=2)
    client = okta_client(okta.url)
    assert usernames(client, client.find_group(FINANCE)) == logins("ana", "bruno")
    assert okta.stats()["requests"] == 4


def test_okta_s_trouble_on_a_later_page_does_not_begin_the_list_again(okta: Okta, fifty: SourceGroup) -> None:
    okta.fault("503", route="list_members", after=2)
    assert len(okta_client(okta.url, page_size=10).members(fifty, STANDARD)) == 50
    assert okta.stats()["requests"] == 6


@pytest.mark.parametrize("fault", PASSING)
def test_okta_s_trouble_that_does_not_pass_is_an_error_never_a_shorter_list(
    okta: Okta, fifty: SourceGroup, fault: str
) -> None:
    okta.fault(fault, route="list_members", after=2, count=None)
    with pytest.raises(Unavailable) as caught:
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert caught.value.passing
    assert f"/api/v1/groups/{fifty.id}/users" in str(caught.value)
    assert okta.stats()["requests"] <= 10, "bounded"


def test_pages_that_are_too_much_for_okta_get_smaller(okta: Okta, fifty: SourceGroup) -> None:
    okta.knobs(fail_above_limit=12)
    assert len(okta_client(okta.url, page_size=40).members(fifty, STANDARD)) == 50
    limits = [request["query"].partition("limit=")[2] for request in okta.requests("GET")]
    assert limits == ["40", "20", "10", "10", "10", "10", "10"]


def test_a_cursor_that_has_expired_begins_the_list_again() -> None:
    def page(*names: str, after: str = "") -> Answer:
        path = f"/api/v1/groups/00g1/users?after={after}&limit=200"
        headers = {"Link": f'<https://acme.okta.com{path}>; rel="next"'} if after else {}
        rows = [{"id": name, "status": "ACTIVE", "profile": {"login": name, "email": name}} for name in names]
        return Answer(rows, headers=headers)

    expired = Answer({"errorCode": "E0000031", "errorSummary": "Invalid search criteria."}, 400)
    group = SourceGroup("00g1", "Finance")
    with canned(page("ana", after="x"), expired, page("ana", after="y"), page("bruno")) as server:
        assert usernames(okta_client(server.url), group) == ["ana", "bruno"]
    with canned(page("ana", after="x"), *[expired, page("ana", after="x")] * 2, expired) as server:
        with pytest.raises(Rejected):
            okta_client(server.url).members(group, STANDARD)
        assert len(server.seen) == 6, "bounded"


def test_okta_s_waits_grow(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("500", route="list_members", count=4)
    okta_client(okta.url).members(finance, STANDARD)
    assert len(naps) == 4
    assert all(0 < nap <= 20 for nap in naps)
    assert naps[-1] > naps[0]


def test_an_okta_that_is_silent_for_too_long_is_asked_again(slow_world: World) -> None:
    okta = slow_world.okta
    okta.group("Finance", "ana")
    okta.fault("hang", route="list_groups", seconds=2)
    client = okta_client(okta.url, timeout_s=0.2)
    assert client.find_group(FINANCE).name == "Finance"
    assert okta.stats()["requests"] == 2


# ---------------------------------------------------------------------- Okta: rate limits


def test_okta_s_429_is_waited_for_until_the_reset(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("429", route="list_members", seconds=20)
    assert usernames(okta_client(okta.url), finance) == logins("ana", "bruno")
    assert len(naps) == 1
    assert 18 <= naps[0] <= 24


def test_several_429_in_a_row_are_normal(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("429", route="list_members", seconds=10, count=4)
    assert usernames(okta_client(okta.url), finance) == logins("ana", "bruno")
    assert len(naps) == 4


def test_no_wait_is_longer_than_allowed(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("429", route="list_members", seconds=3600)
    okta_client(okta.url, max_wait_s=90).members(finance, STANDARD)
    assert naps == [90]


def test_a_reset_in_the_past_is_waited_for_shortly(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("429", route="list_members", seconds=0)
    okta_client(okta.url).members(finance, STANDARD)
    assert 1 <= naps[0] <= 3


def test_a_429_for_concurrency_is_retried_within_seconds_whatever_its_reset_says(
    okta: Okta, finance: SourceGroup, naps: list[float]
) -> None:
    okta.fault("429_concurrency", route="list_members", count=2)
    assert usernames(okta_client(okta.url), finance) == logins("ana", "bruno")
    assert len(naps) == 2
    assert all(1 <= nap <= 2 for nap in naps)


@pytest.mark.parametrize("missing", [["Date"], ["X-Rate-Limit-Reset"], ["X-Rate-Limit-Limit", "Date"]])
def test_a_429_without_its_headers_is_waited_for_all_the_same(
    okta: Okta, finance: SourceGroup, naps: list[float], missing: list[str]
) -> None:
    okta.knobs(missing_headers=missing)
    okta.fault("429", route="list_members", seconds=60)
    assert usernames(okta_client(okta.url), finance) == logins("ana", "bruno")
    assert 0 < naps[0] <= 120


@pytest.mark.parametrize("reset", ["soon", "", "-1", "9" * 40, "1.5e9"])
def test_a_429_with_a_garbled_reset_is_waited_for_all_the_same(naps: list[float], reset: str) -> None:
    headers = {"X-Rate-Limit-Limit": "500", "X-Rate-Limit-Reset": reset}
    with canned(Answer({"errorCode": "E0000047"}, 429, headers), Answer([])) as server:
        assert okta_client(server.url).members(SourceGroup("00g1", "Finance"), STANDARD) == ()
    assert len(naps) == 1
    assert 0 < naps[0] <= 120


def test_a_429_that_does_not_end_is_a_passing_error(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("429", route="list_members", seconds=1, count=None)
    with pytest.raises(RateLimited) as caught:
        okta_client(okta.url).members(finance, STANDARD)
    assert caught.value.passing
    assert len(naps) <= 10


# ---------------------------------------------------------------------- Okta: what does not pass


@pytest.mark.parametrize("fault", ["401", "401_authentication"])
def test_okta_s_401_is_one_request_and_no_retry(
    okta: Okta, finance: SourceGroup, naps: list[float], fault: str
) -> None:
    okta.fault(fault, count=None)
    with pytest.raises(AuthError, match="30 days without use"):
        okta_client(okta.url).find_group(FINANCE)
    assert okta.stats()["requests"] == 1
    assert naps == []


@pytest.mark.parametrize("fault", ["401_no_permission", "403", "403_session"])
def test_a_missing_right_is_no_bad_token(okta: Okta, finance: SourceGroup, fault: str) -> None:
    okta.fault(fault, count=None)
    with pytest.raises(RightsMissing, match="Read-only Administrator"):
        okta_client(okta.url).find_group(FINANCE)
    assert okta.stats()["requests"] == 1


def test_a_missing_scope_is_named(okta: Okta, finance: SourceGroup) -> None:
    okta.fault("403_scope")
    with pytest.raises(RightsMissing, match=r"okta\.groups\.read"):
        okta_client(okta.url).find_group(FINANCE)


@pytest.mark.parametrize("fault", ["404", "404_plain"])
def test_a_group_that_is_deleted_during_the_run_is_an_error(okta: Okta, fifty: SourceGroup, fault: str) -> None:
    okta.fault(fault, route="list_members", after=2, count=None)
    with pytest.raises(NotFound, match="deleted"):
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)


def test_an_unknown_id_of_a_group_is_an_error_naming_it(okta: Okta, finance: SourceGroup) -> None:
    with pytest.raises(GroupNotFound, match="00g00000000000000000"):
        okta_client(okta.url).find_group(GroupSelector(id="00g00000000000000000"))


def test_an_error_tells_code_and_request_id_but_not_the_token(okta: Okta, finance: SourceGroup) -> None:
    okta.fault("400", count=None)
    with pytest.raises(Rejected) as caught:
        okta_client(okta.url).find_group(FINANCE)
    message = str(caught.value)
    assert "E0000001" in message
    assert "request id" in message
    assert credentials.OKTA_API_TOKEN not in message


def test_a_login_page_instead_of_okta_is_an_error(okta: Okta, finance: SourceGroup) -> None:
    okta.fault("login_page", count=None)
    with pytest.raises(Unavailable, match="not JSON"):
        okta_client(okta.url).find_group(FINANCE)


def test_a_redirect_of_okta_is_not_followed_and_the_token_stays() -> None:
    with canned(Answer([])) as elsewhere:
        moved = Answer({}, 302, {"Location": f"{elsewhere.url}/api/v1/groups"})
        with canned(moved) as server, pytest.raises(BadAnswer, match="another address"):
            okta_client(server.url).find_group(FINANCE)
        assert elsewhere.seen == []


# ---------------------------------------------------------------------- Okta: paging


def test_five_pages_are_one_list(okta: Okta, fifty: SourceGroup) -> None:
    members = okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert len({user.id for user in members}) == len(members) == 50
    assert okta.stats()["requests"] == 5


def test_links_on_one_header_line_are_followed(okta: Okta, fifty: SourceGroup) -> None:
    okta.knobs(link_header="one_line")
    assert len(okta_client(okta.url, page_size=10).members(fifty, STANDARD)) == 50


def test_a_next_link_on_a_foreign_host_is_followed_at_home_and_the_token_stays(okta: Okta, fifty: SourceGroup) -> None:
    with canned(Answer([])) as foreign:
        okta.knobs(next_host=foreign.url)
        assert len(okta_client(okta.url, page_size=10).members(fifty, STANDARD)) == 50
        assert foreign.seen == []


def test_a_next_link_on_another_path_is_an_error() -> None:
    with canned(Answer([], headers={"Link": '</api/v1/users?after=x>; rel="next"'})) as server:
        with pytest.raises(BadAnswer, match="another path"):
            okta_client(server.url).members(SourceGroup("00g1", "Finance"), STANDARD)
        assert len(server.seen) == 1


def test_a_next_link_that_repeats_is_an_error_and_ends(okta: Okta, fifty: SourceGroup) -> None:
    okta.knobs(repeat_next=True)
    with pytest.raises(BadAnswer, match="no end"):
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert okta.stats()["requests"] <= 3


def test_a_user_on_two_pages_is_one_member() -> None:
    row = {"id": "00u1", "status": "ACTIVE", "profile": {"login": "ana", "email": "ana@x.example"}}
    path = "/api/v1/groups/00g1/users"
    first = Answer([row], headers={"Link": f'<{path}?after=1>; rel="next"'})
    with canned(first, Answer([row])) as server:
        assert usernames(okta_client(server.url), SourceGroup("00g1", "Finance")) == ["ana"]
        assert len(server.seen) == 2


@pytest.mark.parametrize("body", [{"users": []}, [1], ["x"], None, [{"id": "00u1"}], [{"profile": {"login": "ana"}}]])
def test_a_list_of_another_form_is_an_error(body: Any) -> None:
    with canned(Answer(body)) as server, pytest.raises(BadAnswer):
        okta_client(server.url).members(SourceGroup("00g1", "Finance"), STANDARD)


def test_a_group_that_the_search_does_not_know_yet_is_found_by_prefix(okta: Okta, finance: SourceGroup) -> None:
    okta.knobs(search_lag_s=3600)
    with pytest.raises(GroupNotFound):
        okta_client(okta.url).find_group(FINANCE)
    found = [{"id": finance.id, "type": "OKTA_GROUP", "profile": {"name": "Finance"}}]
    with canned(Answer([]), Answer(found)) as server:
        assert okta_client(server.url).find_group(FINANCE) == finance
        assert [path.partition("?")[2][:2] for _, path, _ in server.seen] == ["se", "q="]


# ---------------------------------------------------------------------- Metric Insights: what passes


@pytest.mark.parametrize("route", ["get_token", "users", "groups", "members"])
@pytest.mark.parametrize("fault", PASSING)
def test_reads_of_mi_are_tried_again(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, fault: str, route: str
) -> None:
    mi.add_group("Finance")
    mi.fault(fault, route=route, method=None if route == "get_token" else "GET", count=2)
    run = provision("Finance")
    assert run.code == 0, run.err
    assert mi.members("Finance") == logins("ana", "bruno")


#: Trouble with a write: the fault, and whether the write has taken effect all the same.
DOUBTFUL = [
    *((fault, after) for fault in PASSING if not fault.startswith(("reset", "trunc")) for after in (False, True)),
    ("reset_before", False),
    ("reset_after", True),
    ("truncated", True),
    ("deadlock", False),
    ("429", False),
]


@pytest.mark.parametrize(("fault", "has_effect"), DOUBTFUL)
@pytest.mark.parametrize(
    ("method", "route"), [("POST", "groups"), ("POST", "users"), ("PUT", "user"), ("POST", "members")]
)
def test_a_write_that_is_in_doubt_is_done_exactly_once(
    provision: Provision,
    okta: Okta,
    finance: SourceGroup,
    mi: MetricInsights,
    fault: str,
    has_effect: bool,
    method: str,
    route: str,
) -> None:
    mi.add_user("carla", last_name="Old")
    okta.user("carla", finance.id)
    mi.fault(fault, method=method, route=route, after_effect=has_effect)
    run = provision("-a", "all", "Finance")
    assert run.code == 0, run.err
    assert mi.faults_fired() == 1
    assert mi.members("Finance") == logins("ana", "bruno", "carla")
    assert mi.user("carla")["last_name"] == "Doe"
    assert {status for _, _, status in run.changes} == {"done"}
    mi.forget_requests()
    assert provision("-a", "all", "Finance").users == {"source": 3, "unchanged": 3}
    assert mi.writes() == []


def test_an_empty_answer_is_not_believed_after_the_first_update_either(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.add_user("ana", last_name="Old")
    mi.add_user("bruno", last_name="Old")
    mi.fault("empty", method="PUT", route="user", after=1)
    assert provision("--max-concurrency", "1", "-a", "all", "Finance").code == 0
    assert (mi.user("ana")["last_name"], mi.user("bruno")["last_name"]) == ("Doe", "Doe")


def test_an_mi_that_is_silent_for_too_long_has_created_the_user_once(slow_world: World) -> None:
    mi = slow_world.mi
    mi.add_group("Finance")
    client = mi_client(mi.url, timeout_s=0.2)
    (group,) = [each for each in client.groups() if each.name == "Finance"]
    mi.fault("hang_after", method="POST", route="users", seconds=2)
    written = EnsuringWriter(client).create_user(ANA, group, None)
    assert not written.already, "what was found after a lost answer is ours"
    assert mi.members("Finance") == ["ana"]
    assert mi.writes() == ["POST /api/user"]


def test_a_deadlock_is_tried_again_three_times(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, naps: list[float]
) -> None:
    mi.fault("deadlock", method="POST", route="users", count=3)
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 0
    assert len(naps) == 3
    assert mi.writes().count("POST /api/user") == 5


@pytest.mark.parametrize("status", [200, 400, 409, 500])
def test_a_deadlock_is_known_by_its_text_at_any_status(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, status: int
) -> None:
    mi.knobs(deadlock_status=status)
    mi.fault("deadlock", method="POST", route="users")
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana", "bruno")


def test_a_deadlock_that_stays_fails_that_user_only(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.fault("deadlock", method="POST", route="users", count=4)
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 2, "created": 1, "failed": 1}
    assert mi.writes().count("POST /api/user") == 5


def test_a_throttled_mi_is_waited_for_as_it_asks(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, naps: list[float]
) -> None:
    mi.fault("429", method="POST", route="users", seconds=17)
    assert provision("--max-concurrency", "1", "-a", "all", "Finance").code == 0
    assert naps == [17]


# ---------------------------------------------------------------------- Metric Insights: sessions


@pytest.mark.parametrize("fault", ["412", "401", "login_page", "status_expired"])
@pytest.mark.parametrize(("method", "route"), [("GET", "users"), ("POST", "users"), ("POST", "groups")])
def test_a_dead_session_is_renewed_once_and_the_request_replayed(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, fault: str, method: str, route: str
) -> None:
    mi.fault(fault, method=method, route=route)
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana", "bruno")
    assert len(mi.requests("POST", "/api/get_token")) == 2


def test_a_session_that_ends_during_the_writes_is_renewed_once_for_all_threads(
    provision: Provision, okta: Okta, mi: MetricInsights, at_write: AtWrite
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 40)
    at_write(20, mi.expire_sessions)
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert run.users == {"source": 40, "created": 40}
    assert len(mi.requests("POST", "/api/get_token")) == 2
    assert any(row["status"] == 412 for row in mi.requests())


def test_a_session_that_is_refused_at_once_again_is_an_error(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.fault("412", route="users", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 2
    assert len(mi.requests("POST", "/api/get_token")) == 2
    assert mi.writes() == []


def test_a_login_page_for_ever_is_an_error_about_credentials(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.fault("login_page", path="/api/user", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 2
    assert "MI_APPLICATION_KEY" in run.err
    assert mi.writes() == []


def test_credentials_that_die_during_the_writes_stop_the_run(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 60)
    mi.fault("412", method="POST", route="users", after=10, count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 2
    assert len(mi.requests("POST", "/api/user")) < 30
    assert run.report["state"] == "failed"
    assert {status for _, _, status in run.changes} == {"done", "failed", "planned"}
    mi.heal()
    assert provision("-a", "all", "Finance").code == 0
    assert len(mi.members("Finance")) == 60


# ---------------------------------------------------------------------- Metric Insights: what does not pass


def test_an_error_inside_a_200_is_an_error(provision: Provision, finance: SourceGroup, mi: MetricInsights) -> None:
    mi.fault("status_error", method="POST", route="users")
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 2, "created": 1, "failed": 1}
    assert "could not be processed" in run.out


def test_an_error_inside_a_200_of_a_read_ends_the_run_before_any_write(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.fault("status_error", method="GET", route="users", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert mi.writes() == []


@pytest.mark.parametrize("route", ["users", "groups", "members"])
def test_a_list_that_announces_more_than_it_has_is_an_error(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, route: str
) -> None:
    for name in ("dora", "emil", "fritz"):
        mi.add_user(name)
    mi.add_group("Finance", "dora", "emil", "fritz")
    mi.knobs(list_paging={"users": 5, "groups": 2, "members": 2}[route])
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert mi.writes() == []


def test_a_user_who_must_not_be_changed_fails_alone(
    provision: Provision, okta: Okta, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.add_user("carla", type="administrator", system_admin=True, last_name="Old")
    okta.user("carla", finance.id)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 3, "created": 2, "failed": 1}
    assert mi.user("carla")["last_name"] == "Old"


def test_a_group_that_cannot_be_created_ends_the_run_without_users(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.add_group("FINANCE")
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert mi.writes() == ["POST /api/user_group"]
    assert [status for _, _, status in run.changes] == ["failed", "planned", "planned"]


def test_when_everything_fails_the_rest_is_not_tried(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 200)
    mi.fault("400", method="POST", route="users", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.report["state"] == "failed"
    assert mi.writes().count("POST /api/user") < 40
    assert sum(status == "planned" for _, _, status in run.changes) > 150


def test_a_server_that_dies_during_the_run_fails_it_and_the_next_run_completes(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    names = okta.crowd("Finance", 100)
    mi.fault("reset_before", path="/api/user", after=30, count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    mi.heal()
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == names
    assert len(mi.users()) == len(mi.state()["users"])


def test_an_update_that_this_server_does_not_know_is_reported(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.knobs(user_update_body="off")
    mi.add_user("ana", last_name="Old")
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert mi.members("Finance") == logins("ana", "bruno")
    (failed,) = [change for change in run.report["changes"] if change["status"] == "failed"]
    assert (failed["kind"], failed["user"]) == ("update_user", login("ana"))


# ---------------------------------------------------------------------- Metric Insights: dialects


@pytest.mark.parametrize(
    "knobs",
    [
        {"id_type": "integer"},
        {"id_type": "mixed"},
        {"user_item_envelope": "users"},
        {"ok_statuses": {"POST": 200, "PUT": 200, "DELETE": 200}},
        {"ok_statuses": {"POST": 201, "PUT": 204, "DELETE": 204}},
        {"user_update_body": "replace"},
        {"default_group_method": "either"},
        {"default_group_method": "ignored"},
        {"in_group_method": "ignored"},
        {"username_casefold": False, "group_name_casefold": False},
        {"unique_email": False},
        {"password_mode": "optional"},
        {"extra_user_create_fields": "rejected"},
        {"expires_in_answer": False},
        {"mail_on_create": False},
        {"member_list": "all"},
        {"user_lookup": "query"},
    ],
    ids=lambda knobs: ",".join(f"{name}={value}" for name, value in knobs.items()),
)
def test_a_sync_ends_the_same_in_every_dialect(
    provision: Provision, okta: Okta, finance: SourceGroup, mi: MetricInsights, knobs: dict[str, Any]
) -> None:
    mi.knobs(**knobs)
    mi.add_user("carla", last_name="Old", type="power", enabled="N")
    okta.user("carla", finance.id)
    run = provision("-a", "all", "Finance")
    assert run.code == 0, run.err
    assert mi.members("Finance") == logins("ana", "bruno", "carla")
    assert mi.groups_of("ana") == {"Finance", DEFAULT_GROUP}
    carla = mi.user("carla")
    assert (carla["last_name"], carla["type"], carla["enabled"]) == ("Doe", "power", "N")
    mi.forget_requests()
    assert provision("-a", "all", "Finance").code == 0
    assert mi.writes() == []


def test_a_default_group_with_another_id_is_found_by_its_name(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    renew_default_group(mi)
    assert provision("-a", "all", "Finance").code == 0
    assert mi.groups_of("ana") == {"Finance", DEFAULT_GROUP}


def test_without_a_default_group_nothing_is_written_unless_it_is_skipped(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.control("DELETE", f"groups/{DEFAULT_GROUP}")
    run = provision("-a", "all", "Finance")
    assert run.code == 2
    assert "skip_default_group" in run.err
    assert mi.writes() == []
    assert provision("--skip-default-group", "-a", "all", "Finance").code == 0


def renew_default_group(mi: MetricInsights) -> None:
    mi.control("DELETE", f"groups/{DEFAULT_GROUP}")
    mi.add_group(DEFAULT_GROUP)
    (group,) = [each for each in mi.state()["groups"] if each["name"] == DEFAULT_GROUP]
    mi.knobs(default_group_id=group["id"])


def bearer(url: str) -> MetricInsightsClient:
    """A client with a personal token, for a canned server."""
    return MetricInsightsClient(metric_insights_url(url), PersonalToken("t", credentials="test"), credentials="test")


@pytest.mark.parametrize(
    "body", [{"users": [ROW]}, {"user": ROW}, {"user": [ROW]}, {"users": ROW}, [ROW]], ids=json.dumps
)
def test_users_in_every_envelope(body: Any) -> None:
    with canned(Answer(body)) as server:
        assert bearer(server.url).users() == (ANA,)


@pytest.mark.parametrize("group_id", [57, "57"])
def test_members_in_every_envelope(group_id: Any) -> None:
    row = {"id": 1, "user": 7, "group": group_id}
    for body in ({"user_group_members": [row]}, {"user_group_member": row}, [row]):
        with canned(Answer(body)) as server:
            assert bearer(server.url).members(TargetGroup("57", "Finance")) == {"7"}


def test_memberships_of_other_groups_are_left_out() -> None:
    rows = [{"id": 1, "user": 7, "group": 57}, {"id": 2, "user": 8, "group": 58}]
    with canned(Answer({"user_group_members": rows})) as server:
        assert bearer(server.url).members(TargetGroup("57", "Finance")) == {"7"}


def test_an_empty_list_is_nobody() -> None:
    with canned(Answer([])) as server:
        assert bearer(server.url).users() == ()


@pytest.mark.parametrize(
    "body", [{}, {"rows": []}, 5, "x", {"users": ["x"]}, {"users": [{"username": "x"}]}, {"users": None}]
)
def test_an_answer_without_users_is_an_error(body: Any) -> None:
    with canned(Answer(body)) as server, pytest.raises(BadAnswer):
        bearer(server.url).users()


def test_a_redirect_of_mi_is_not_followed_and_the_token_stays() -> None:
    with canned(Answer([])) as elsewhere:
        with canned(Answer({}, 307, {"Location": f"{elsewhere.url}/api/user"})) as server, pytest.raises(BadAnswer):
            bearer(server.url).users()
        assert elsewhere.seen == []


def test_cookies_are_not_sent_back() -> None:
    with canned(Answer({"users": []}, headers={"Set-Cookie": "session=of-somebody"})) as server:
        client = bearer(server.url)
        client.users()
        client.users()
        assert not any("Cookie" in headers for _, _, headers in server.seen)


def test_one_connection_serves_many_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    connect = HTTPConnection.connect

    def spy(connection: HTTPConnection) -> None:
        opened.append(connection)
        connect(connection)

    monkeypatch.setattr(HTTPConnection, "connect", spy)
    client = mi_client(world.mi.url)
    for _ in range(5):
        client.users()
    assert len(opened) == 1


@pytest.fixture
def at_write(monkeypatch: pytest.MonkeyPatch) -> AtWrite:
    """Does something right before the given write of users is sent."""

    def install(number: int, act: Callable[[], None]) -> None:
        send = requests.Session.send
        writes: list[str] = []

        def spy(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
            if request.method == "POST" and "/api/user/" in (request.url or ""):
                writes.append(request.url or "")
                if len(writes) == number:
                    act()
            return send(session, request, **more)

        monkeypatch.setattr(requests.Session, "send", spy)

    return install
