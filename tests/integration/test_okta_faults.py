"""The client while Okta is in trouble. No test really waits: `naps` has what was wanted."""

from __future__ import annotations

from typing import Any

import pytest

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
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.okta_auth import ApiToken
from okta_mi_provider.clients.urls import okta_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup
from tests.integration.canned import Answer, canned
from tests.integration.world import PASSING, Okta, World, logins

STANDARD = Attributes("login", "email", "firstName", "lastName")
FINANCE = GroupSelector(name="Finance")


def okta_client(url: str, *, page_size: int = 200, max_wait_s: float = 120.0, timeout_s: float = 30.0) -> OktaClient:
    login = ApiToken(credentials.OKTA_API_TOKEN, credentials="in the test")
    transport = Transport(max_wait_s=max_wait_s, timeout_s=timeout_s)
    return OktaClient(okta_url(url), login, transport=transport, page_size=page_size)


def usernames(client: OktaClient, group: SourceGroup) -> list[str]:
    return sorted(user.username for user in client.members(group, STANDARD))


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


def test_a_wait_longer_than_allowed_is_left_to_the_caller(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("429", route="list_members", seconds=3600)
    with pytest.raises(RateLimited, match=r"may be asked again in 36\d\d s") as caught:
        okta_client(okta.url, max_wait_s=90).members(finance, STANDARD)
    assert naps == []
    assert caught.value.passing
    assert caught.value.wait_s == pytest.approx(3601, abs=5)
    assert okta.stats()["requests"] == 1


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


@pytest.mark.parametrize("body", [{"users": []}, [1], ["x"], None, [{"profile": {"login": "ana"}}]])
def test_a_list_of_another_form_is_an_error(body: Any) -> None:
    with canned(Answer(body)) as server, pytest.raises(BadAnswer):
        okta_client(server.url).members(SourceGroup("00g1", "Finance"), STANDARD)


def test_a_user_without_a_profile_is_one_without_a_name() -> None:
    rows = [{"id": "00u1", "status": "ACTIVE", "profile": None}, {"id": "00u2", "status": "ACTIVE"}]
    with canned(Answer(rows)) as server:
        assert usernames(okta_client(server.url), SourceGroup("00g1", "Finance")) == ["", ""]


def test_a_list_whose_cursors_are_always_new_has_an_end() -> None:
    row = {"id": "00u1", "status": "ACTIVE", "profile": {"login": "ana", "email": "ana@x.example"}}
    path = "/api/v1/groups/00g1/users"
    pages = [Answer([row], headers={"Link": f'<{path}?after={number}>; rel="next"'}) for number in range(50)]
    with canned(*pages) as server, pytest.raises(BadAnswer):
        okta_client(server.url).members(SourceGroup("00g1", "Finance"), STANDARD)
    assert len(server.seen) < 10


def test_an_org_that_does_not_know_stats_is_asked_without(finance: SourceGroup) -> None:
    refused = Answer({"errorCode": "E0000001", "errorSummary": "Api validation failed: expand"}, 400)
    found = Answer([{"id": finance.id, "type": "OKTA_GROUP", "profile": {"name": "Finance"}}])
    with canned(refused, found) as server:
        assert okta_client(server.url).find_group(FINANCE) == finance


def test_a_group_that_the_search_does_not_know_yet_is_found_by_prefix(okta: Okta, finance: SourceGroup) -> None:
    okta.knobs(search_lag_s=3600)
    with pytest.raises(GroupNotFound):
        okta_client(okta.url).find_group(FINANCE)
    found = [{"id": finance.id, "type": "OKTA_GROUP", "profile": {"name": "Finance"}}]
    with canned(Answer([]), Answer(found)) as server:
        assert okta_client(server.url).find_group(FINANCE) == finance
        assert [path.partition("?")[2][:2] for _, path, _ in server.seen] == ["se", "q="]
