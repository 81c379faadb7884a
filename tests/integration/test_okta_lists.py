"""Reading Okta's lists to their end, and finding one group among many: where other clients have made mistakes."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from okta_mi_provider.clients.errors import (
    BadAnswer,
    GroupAmbiguous,
    GroupNotFound,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
)
from okta_mi_provider.sync.fetch import Attributes, GroupSelector
from okta_mi_provider.sync.model import SourceGroup
from tests.integration.canned import Answer, canned
from tests.integration.conftest import Provision
from tests.integration.reading import CANNED_GROUP, FINANCE, STANDARD, okta_client, page, user, usernames
from tests.integration.world import MetricInsights, Okta, World, logins

EXPIRED = Answer({"errorCode": "E0000031", "errorSummary": "Invalid search criteria."}, 400)


def pages_asked_for(okta: Okta) -> int:
    return len([row for row in okta.requests("GET") if row["path"].endswith("/users")])


# ---------------------------------------------------------------------- to the end


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"link_header": "one_line"},
        {"page_cap": 7},
        {"overlap_rows": 3},
        {"empty_page_at": 2},
        {"members_max_limit": 4},
        {"missing_headers": ["Date", "X-Rate-Limit-Limit"]},
    ],
    ids=str,
)
def test_every_page_is_read_and_nobody_is_twice(okta: Okta, fifty: SourceGroup, knobs: dict[str, Any]) -> None:
    okta.knobs(**knobs)
    members = okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert len({member.id for member in members}) == len(members) == 50


def test_a_long_list_says_how_far_it_is(
    okta: Okta, fifty: SourceGroup, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "okta_mi_provider"):
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
        assert not caplog.messages
        monkeypatch.setattr("okta_mi_provider.sync.progress.EVERY_S", 0.0)
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    said = [message.partition(" so far, ")[0] for message in caplog.messages]
    assert said == [f"Reading the members of Okta group 'Fifty': {number} members" for number in range(10, 60, 10)]


def test_a_user_on_two_pages_is_one_member() -> None:
    with canned(page("ana", after="1"), page("ana")) as server:
        assert usernames(okta_client(server.url), CANNED_GROUP) == ["ana"]
        assert len(server.seen) == 2


@pytest.mark.parametrize("share", [{"missing_headers": ["Link"]}, {"replaced_headers": {"Link": ""}}], ids=str)
def test_a_list_whose_link_header_has_got_lost_is_an_error_never_a_shorter_list(
    okta: Okta, fifty: SourceGroup, share: dict[str, Any]
) -> None:
    okta.knobs(**share)
    with pytest.raises(Unavailable, match="does not tell whether the list goes on"):
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert okta.stats()["requests"] <= 10, "bounded"


def test_a_link_header_that_is_garbled_once_is_asked_for_again(okta: Okta, fifty: SourceGroup) -> None:
    okta.fault("garbled_headers", route="list_members", after=2)
    assert len(okta_client(okta.url, page_size=10).members(fifty, STANDARD)) == 50
    assert okta.stats()["requests"] == 6


def test_a_short_list_needs_no_link_header() -> None:
    with canned(Answer([user("ana")])) as server:
        assert usernames(okta_client(server.url), CANNED_GROUP) == ["ana"]


def test_where_a_page_says_where_it_is_the_next_one_has_to(naps: list[float]) -> None:
    path = "/api/v1/groups/00g1/users"
    link = f'<{path}>; rel="self", <{path}?after=1>; rel="next"'
    answers = Answer([user("ana")], headers={"Link": link}), Answer([user("bruno")])
    with canned(*answers) as server, pytest.raises(Unavailable, match="does not tell whether the list goes on"):
        okta_client(server.url).members(CANNED_GROUP, STANDARD)


def test_a_server_that_links_only_what_follows_is_read_to_its_end() -> None:
    with canned(page("ana", after="1"), Answer([user("bruno")])) as server:
        assert usernames(okta_client(server.url), CANNED_GROUP) == ["ana", "bruno"]


@pytest.mark.parametrize(
    "knobs", [{"repeat_next": True}, {"endless_next": "same_rows"}, {"endless_next": "empty_pages"}], ids=str
)
def test_a_list_without_an_end_is_an_error(okta: Okta, fifty: SourceGroup, knobs: dict[str, Any]) -> None:
    okta.knobs(**knobs)
    with pytest.raises(BadAnswer, match="no end"):
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert okta.stats()["requests"] <= 10


def test_a_search_without_an_end_is_an_error(okta: Okta, finance: SourceGroup) -> None:
    okta.knobs(endless_next="empty_pages")
    with pytest.raises(BadAnswer, match="no end"):
        okta_client(okta.url).find_group(FINANCE)
    assert okta.stats()["requests"] <= 10


@pytest.mark.parametrize("body", [{"users": []}, [1], ["x"], None, [{"profile": {"login": "ana"}}]])
def test_a_list_of_another_form_is_an_error(body: Any) -> None:
    with canned(Answer(body)) as server, pytest.raises(BadAnswer):
        okta_client(server.url).members(CANNED_GROUP, STANDARD)


# ---------------------------------------------------------------------- next links


def test_a_next_link_on_a_foreign_host_is_followed_at_home_and_the_token_stays(okta: Okta, fifty: SourceGroup) -> None:
    with canned(Answer([])) as foreign:
        okta.knobs(next_host=foreign.url)
        assert len(okta_client(okta.url, page_size=10).members(fifty, STANDARD)) == 50
        assert foreign.seen == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/api/v1/users?after=x", "another path"),
        ("https://acme.okta.com/api/v1/groups?after=x", "another path"),
        ("https://[bad?after=x", "no address"),
    ],
)
def test_a_next_link_that_leads_elsewhere_is_an_error(url: str, said: str) -> None:
    with canned(Answer([], headers={"Link": f'<{url}>; rel="next"'})) as server:
        with pytest.raises(BadAnswer, match=said):
            okta_client(server.url).members(CANNED_GROUP, STANDARD)
        assert len(server.seen) == 1


# ---------------------------------------------------------------------- cursors and page sizes


def test_a_cursor_that_has_expired_begins_the_list_again() -> None:
    with canned(page("ana", "carla", after="x"), EXPIRED, page("ana", after="y"), page("bruno")) as server:
        assert usernames(okta_client(server.url), CANNED_GROUP) == ["ana", "bruno"], "carla has left meanwhile"


def test_a_cursor_that_expires_once_in_mid_list_costs_nobody(okta: Okta, fifty: SourceGroup) -> None:
    okta.fault("400_cursor", query="after=", after=2)
    assert len(okta_client(okta.url, page_size=10).members(fifty, STANDARD)) == 50
    assert okta.stats()["requests"] == 4 + 5


def test_cursors_that_always_expire_are_an_error(okta: Okta, fifty: SourceGroup) -> None:
    okta.knobs(cursor_pages=2)
    with pytest.raises(Rejected, match="Invalid cursor"):
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert okta.stats()["requests"] == 3 * 3, "begun anew twice"


@pytest.mark.parametrize("status", [500, 504])
def test_pages_that_are_too_much_for_okta_get_smaller(okta: Okta, fifty: SourceGroup, status: int) -> None:
    okta.knobs(fail_above_limit=12, fail_above_limit_status=status)
    assert len(okta_client(okta.url, page_size=40).members(fifty, STANDARD)) == 50
    limits = [request["query"].partition("limit=")[2] for request in okta.requests("GET")]
    assert limits == ["40", "20", "10", "10", "10", "10", "10"]


def test_pages_that_okta_does_not_get_done_in_time_get_smaller(slow_world: World) -> None:
    okta = slow_world.okta
    group = SourceGroup(okta.group("Fifty"), "Fifty")
    okta.crowd("Fifty", 50)
    okta.fault("hang", query=r"\blimit=(40|20)\b", count=None, seconds=2)
    assert len(okta_client(okta.url, page_size=40, timeout_s=0.2).members(group, STANDARD)) == 50
    limits = [request["query"].partition("limit=")[2] for request in okta.requests("GET")]
    assert limits[:3] == ["40", "20", "10"]


def test_the_size_of_a_page_is_as_said(okta: Okta, fifty: SourceGroup) -> None:
    for size, pages in ((1000, 1), (25, 2)):
        okta.forget_requests()
        okta_client(okta.url, page_size=size).members(fifty, STANDARD)
        assert pages_asked_for(okta) == pages


# ---------------------------------------------------------------------- members


ODD_USERS = [
    {"id": "00u1"},
    {"id": "00u2", "profile": None, "status": None},
    {"id": "00u3", "status": "ACTIVE", "profile": {"login": "a", "email": None, "firstName": None}, "lastLogin": None},
    {"id": "00u4", "status": "ACTIVE", "profile": {"login": "ana", "email": "ana@x.example", "x": {"y": [1]}}},
    {"id": "00u5", "status": "NEW", "type": 7, "credentials": {"provider": {}}, "profile": {"login": "é" * 300}},
]


def test_real_users_are_read_whatever_they_lack() -> None:
    with canned(Answer(ODD_USERS)) as server:
        members = okta_client(server.url).members(CANNED_GROUP, STANDARD)
    assert [member.id for member in members] == ["00u1", "00u2", "00u3", "00u4", "00u5"]
    assert [member.username for member in members] == ["", "", "a", "ana", "é" * 300]


@pytest.mark.parametrize(
    ("value", "text"),
    [("E-1", "E-1"), (" E-1 ", "E-1"), (42, "42"), (4.5, "4.5"), (True, ""), (["E-1"], ""), (None, ""), ({}, "")],
)
def test_any_attribute_of_a_profile_can_be_the_username(okta: Okta, value: Any, text: str) -> None:
    group = SourceGroup(okta.group("Finance"), "Finance")
    okta.user("ana", group.id, employeeNumber=value)
    (member,) = okta_client(okta.url).members(group, Attributes("employeeNumber", "email", "firstName", "lastName"))
    assert member.username == text


def test_nobody_but_the_group_and_its_members_is_asked_for(provision: Provision, okta: Okta) -> None:
    group_id = okta.group("Finance")
    okta.crowd("Finance", 30)
    okta.knobs(page_cap=10)
    assert provision("-a", "all", "Finance").code == 0
    assert [row["path"] for row in okta.requests()] == ["/api/v1/groups", *[f"/api/v1/groups/{group_id}/users"] * 3]


def test_members_whom_okta_shows_late_are_added_by_the_next_run(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    okta.knobs(member_lag_s=3600)
    okta.user("bruno", "Finance")
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == []
    okta.knobs(member_lag_s=0)
    assert provision("-a", "all", "Finance").users == {"source": 2, "created": 2}
    assert mi.members("Finance") == logins("ana", "bruno")


# ---------------------------------------------------------------------- finding the group


def test_a_group_that_the_search_does_not_know_yet_is_found_by_prefix(okta: Okta, finance: SourceGroup) -> None:
    okta.knobs(search_lag_s=3600)
    with pytest.raises(GroupNotFound):
        okta_client(okta.url).find_group(FINANCE)
    found = [{"id": finance.id, "type": "OKTA_GROUP", "profile": {"name": "Finance"}}]
    with canned(Answer([]), Answer(found)) as server:
        assert okta_client(server.url).find_group(FINANCE) == finance
        assert [path.partition("?")[2][:2] for _, path, _ in server.seen] == ["se", "q="]


def test_an_org_that_does_not_know_stats_is_asked_without(finance: SourceGroup) -> None:
    refused = Answer({"errorCode": "E0000001", "errorSummary": "Api validation failed: expand"}, 400)
    found = Answer([{"id": finance.id, "type": "OKTA_GROUP", "profile": {"name": "Finance"}}])
    with canned(refused, found) as server:
        assert okta_client(server.url).find_group(FINANCE) == finance


@pytest.fixture
def prefix_twins(okta: Okta) -> Okta:
    """More groups than a prefix query lists, all of whose names begin alike."""
    for number in range(305):
        okta.system.org.add_group(f"Finance {number:03}")
    return okta


def test_a_group_is_found_among_more_prefix_twins_than_okta_lists(prefix_twins: Okta) -> None:
    group_id = prefix_twins.system.org.add_group("Finance")
    assert okta_client(prefix_twins.url).find_group(FINANCE).id == group_id


def test_an_answer_that_may_be_cut_says_so(prefix_twins: Okta) -> None:
    with pytest.raises(GroupNotFound, match="at most 300 groups for a prefix; give the group's id"):
        okta_client(prefix_twins.url).find_group(FINANCE)
    with pytest.raises(GroupNotFound) as caught:
        okta_client(prefix_twins.url).find_group(GroupSelector(name="Finance 00"))
    assert "at most" not in str(caught.value)


def test_hundreds_of_twins_are_all_counted_and_some_are_named(okta: Okta) -> None:
    ids = sorted(okta.imported_group("Finance", f"0oa{number:017}") for number in range(350))
    with pytest.raises(GroupAmbiguous) as caught:
        okta_client(okta.url).find_group(FINANCE)
    message = str(caught.value)
    assert message.startswith("Okta has 350 groups named 'Finance': ")
    assert "; and 340 more. Give the id" in message
    assert all(group_id in message for group_id in ids[:10])
    assert len(message) < 2000
    assert okta_client(okta.url).find_group(GroupSelector(id=ids[300])).name == "Finance"


@pytest.mark.parametrize("fault", ["404", "404_plain"])
def test_a_group_that_is_deleted_during_the_run_is_an_error(okta: Okta, fifty: SourceGroup, fault: str) -> None:
    okta.fault(fault, route="list_members", after=2, count=None)
    with pytest.raises(NotFound, match="deleted"):
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)


def test_a_group_that_is_deleted_between_lookup_and_read_is_an_error(okta: Okta, finance: SourceGroup) -> None:
    client = okta_client(okta.url)
    found = client.find_group(FINANCE)
    okta.control("DELETE", "groups/Finance")
    with pytest.raises(NotFound, match=rf"{finance.id}/users .*E0000007.*deleted meanwhile"):
        client.members(found, STANDARD)


def test_one_refused_group_of_several_is_named_with_everything_that_okta_said(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    for name in ("Finance", "Sales", "Legal"):
        okta.group(name, f"{name.lower()}.ana")
    sales = next(group["id"] for group in okta.state()["groups"] if group["profile"]["name"] == "Sales")
    okta.fault("400_cursor", path=f"/{sales}/users", count=None)
    run = provision("-a", "all", "Finance", "Sales", "Legal")
    assert run.code == 1
    (error,) = [report["error"] for report in run.reports if report["error"]]
    for part in (f"400 to GET /api/v1/groups/{sales}/users", "request id", "E0000029", "Invalid cursor."):
        assert part in error
    assert error.startswith("Okta group 'Sales': ")
    assert error in run.err
    assert "E0000029" in run.out
    assert mi.members("Legal") == logins("legal.ana")


# ---------------------------------------------------------------------- odd headers


@pytest.mark.parametrize("odd", ["", "soon", "-1", "1e9", "9" * 40, "NaN"])
@pytest.mark.parametrize("name", ["X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Date"])
def test_odd_headers_neither_break_nor_stop_anything(
    okta: Okta, fifty: SourceGroup, naps: list[float], name: str, odd: str
) -> None:
    okta.knobs(replaced_headers={name: odd}, rate_limit=True, rate_limits={"groups": 9}, rate_window_s=86_400)
    okta.fault("429", route="list_members", after=1)
    assert len(okta_client(okta.url, page_size=10).members(fifty, STANDARD)) == 50
    assert all(0 < nap <= 120 for nap in naps)


def test_a_throttled_list_that_stays_so_is_a_passing_error(okta: Okta, fifty: SourceGroup) -> None:
    okta.knobs(rate_limit=True, rate_limits={"groups": 2}, rate_window_s=86_400)
    with pytest.raises(RateLimited) as caught:
        okta_client(okta.url, page_size=10).members(fifty, STANDARD)
    assert caught.value.passing
