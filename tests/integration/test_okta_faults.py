"""The client while Okta is in trouble. No test really waits: `naps` has what was wanted."""

from __future__ import annotations

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
from okta_mi_provider.clients.rate_limit import Share
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.model import SourceGroup
from tests.integration.canned import Answer, canned
from tests.integration.reading import CANNED_GROUP, FINANCE, STANDARD, okta_client, usernames
from tests.integration.world import PASSING, Okta, World, logins

# ---------------------------------------------------------------------- what passes


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


def test_okta_s_waits_grow(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("500", route="list_members", count=4)
    okta_client(okta.url).members(finance, STANDARD)
    assert len(naps) == 4
    assert all(0 < nap <= 20 for nap in naps)
    assert naps[-1] > naps[0]


def test_an_okta_that_is_silent_for_too_long_is_asked_again(slow_world: World) -> None:
    okta = slow_world.okta
    okta.group("Finance", "ana")
    okta.fault("hang", route="list_groups", seconds=10)
    client = okta_client(okta.url, timeout_s=1)
    assert client.find_group(FINANCE).name == "Finance"
    assert okta.stats()["requests"] == 2


# ---------------------------------------------------------------------- rate limits


@pytest.mark.parametrize("skew_s", [0, 7200, -7200])
def test_okta_s_429_is_waited_for_until_the_reset_by_okta_s_clock(
    okta: Okta, finance: SourceGroup, naps: list[float], skew_s: int
) -> None:
    okta.knobs(clock_skew_s=skew_s)
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
        assert okta_client(server.url).members(CANNED_GROUP, STANDARD) == ()
    assert len(naps) == 1
    assert 0 < naps[0] <= 120


def test_a_429_that_does_not_end_is_a_passing_error(okta: Okta, finance: SourceGroup, naps: list[float]) -> None:
    okta.fault("429", route="list_members", seconds=1, count=None)
    with pytest.raises(RateLimited) as caught:
        okta_client(okta.url).members(finance, STANDARD)
    assert caught.value.passing
    assert len(naps) <= 10


@pytest.mark.parametrize(
    ("share", "pauses_s"),
    [
        (Share(0), []),
        # Five of ten are ours. While more than half of these are left nobody waits; then two are left for a minute.
        (Share(50), [30, 60]),
        (Share(50, sharers=4), [60, 60]),
    ],
)
def test_requests_are_spread_so_that_others_find_their_share(
    okta: Okta, fifty: SourceGroup, naps: list[float], share: Share, pauses_s: list[float]
) -> None:
    okta.knobs(rate_limit=True, rate_limits={"groups": 10}, rate_window_s=86_400)
    assert len(okta_client(okta.url, page_size=10, share=share).members(fifty, STANDARD)) == 50
    assert {row["status"] for row in okta.requests()} == {200}
    assert naps == pytest.approx(pauses_s, abs=5)


def test_other_budgets_of_okta_are_no_reason_to_wait(okta: Okta, fifty: SourceGroup, naps: list[float]) -> None:
    okta.knobs(rate_limit=True, rate_limits={"group": 1, "user": 1}, rate_window_s=86_400)
    client = okta_client(okta.url)
    client.http.get(f"/api/v1/users/{okta.user('ana')}")
    client.find_group(GroupSelector(id=fifty.id))
    assert len(client.members(fifty, STANDARD)) == 50
    assert naps == []


# ---------------------------------------------------------------------- what does not pass


@pytest.mark.parametrize("fault", ["401", "401_authentication", "403_session"])
def test_okta_s_401_is_one_request_and_no_retry(
    okta: Okta, finance: SourceGroup, naps: list[float], fault: str
) -> None:
    okta.fault(fault, count=None)
    with pytest.raises(AuthError, match="30 days without use"):
        okta_client(okta.url).find_group(FINANCE)
    assert okta.stats()["requests"] == 1
    assert naps == []


@pytest.mark.parametrize("fault", ["401_no_permission", "403"])
def test_a_missing_right_is_no_bad_token(okta: Okta, finance: SourceGroup, fault: str) -> None:
    okta.fault(fault, count=None)
    with pytest.raises(RightsMissing, match="Read-only Administrator"):
        okta_client(okta.url).find_group(FINANCE)
    assert okta.stats()["requests"] == 1


@pytest.mark.parametrize("fault", ["403_scope", "403_scope_no_body"])
def test_a_missing_scope_is_named(okta: Okta, finance: SourceGroup, fault: str) -> None:
    okta.fault(fault)
    with pytest.raises(RightsMissing, match=r"okta\.groups\.read"):
        okta_client(okta.url).find_group(FINANCE)


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


def test_a_server_that_has_no_groups_is_no_okta_org(okta: Okta) -> None:
    okta.fault("404_plain", count=None)
    with pytest.raises(NotFound, match=f"Is {okta.url} an Okta org"):
        okta_client(okta.url).find_group(FINANCE)


def test_a_login_page_instead_of_okta_is_an_error(okta: Okta, finance: SourceGroup) -> None:
    okta.fault("login_page", count=None)
    with pytest.raises(
        Unavailable, match=f"the answer is a web page.*a browser on this machine is shown at {okta.url}"
    ):
        okta_client(okta.url).find_group(FINANCE)


def test_a_redirect_of_okta_is_not_followed_and_the_token_stays() -> None:
    with canned(Answer([])) as elsewhere:
        moved = Answer({}, 302, {"Location": f"{elsewhere.url}/api/v1/groups"})
        with canned(moved) as server, pytest.raises(BadAnswer, match="another address"):
            okta_client(server.url).find_group(FINANCE)
        assert elsewhere.seen == []
