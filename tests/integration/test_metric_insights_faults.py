"""The client while Metric Insights is in trouble. No test really waits: `naps` has what was wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from urllib3.connection import HTTPConnection

from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import BadAnswer, Rejected
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_auth import Application, PersonalToken
from okta_mi_provider.clients.urls import metric_insights_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.model import SourceGroup, TargetGroup
from tests.integration.canned import Answer, canned
from tests.integration.conftest import AtWrite, Provision
from tests.integration.mi_client import ANA, ROW, client
from tests.integration.world import DEFAULT_GROUP, DOUBTFUL, PASSING, MetricInsights, Okta, World, login, logins


def mi_client(url: str, *, timeout_s: float = 30.0) -> MetricInsightsClient:
    login = Application(
        credentials.MI_APPLICATION_ID, credentials.MI_APPLICATION_KEY, credentials.MI_USER, credentials="test"
    )
    transport = Transport(timeout_s=timeout_s)
    return MetricInsightsClient(metric_insights_url(url), login, credentials="test", transport=transport)


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


@pytest.mark.parametrize("knobs", [{"in_group_method": "ignored"}, {"default_group_method": "ignored"}])
def test_who_was_created_and_then_refused_a_group_once_counts_as_created(
    provision: Provision, okta: Okta, finance: SourceGroup, mi: MetricInsights, knobs: dict[str, str]
) -> None:
    mi.knobs(**knobs)
    mi.fault("400", method="POST", route="members")
    run = provision("--max-concurrency", "1", "--prune", "managed", "-a", "all", "Finance")
    assert run.code == 0, run.err
    assert mi.faults_fired() == 1
    assert run.users == {"source": 2, "created": 2}
    assert [status for kind, _, status in run.changes if kind == "create_user"] == ["done", "done"]
    assert mi.members("Finance") == logins("ana", "bruno")
    assert set(logins("ana", "bruno")) <= set(mi.members(DEFAULT_GROUP))

    okta.user("carla", "Finance")
    for name in ("ana", "bruno"):
        okta.leave("Finance", name)
    provision("--prune", "managed", "--max-removals", "100%", "-a", "all", "Finance")
    assert mi.members("Finance") == logins("carla")


def test_a_throttled_mi_is_waited_for_as_it_asks(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, naps: list[float]
) -> None:
    mi.fault("429", method="POST", route="users", seconds=17)
    assert provision("--max-concurrency", "1", "-a", "all", "Finance").code == 0
    (nap,) = naps
    assert 17 <= nap < 20


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


def test_who_was_found_after_a_lost_answer_is_to_the_next_group_as_mi_has_them(
    provision: Provision, finance: SourceGroup, okta: Okta, mi: MetricInsights, at_write: AtWrite
) -> None:
    okta.group("Sales")
    okta.join("Sales", login("ana"))
    mi.fault("500", method="POST", route="users", count=1)
    at_write(1, lambda: mi.add_user("ana", type="administrator", enabled="N"))
    run = provision("--max-concurrency", "1", "-a", "all", "Finance", "Sales")
    assert run.code == 0
    assert mi.members("Sales") == logins("ana")
    assert [each["user"] for each in run.reports[1]["findings"] if each["kind"] == "disabled_in_mi"] == [login("ana")]


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


@pytest.mark.parametrize(("fault", "words"), [("status_error", "could not be processed"), ("result_code", "Error")])
@pytest.mark.parametrize(("method", "route"), [("POST", "users"), ("PUT", "user"), ("POST", "members")])
def test_an_error_inside_a_200_is_an_error(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, fault: str, words: str, method: str, route: str
) -> None:
    mi.add_group("Finance")
    if route == "user":
        mi.add_user("bruno", "Finance", last_name="Old")
    elif route == "members":
        mi.add_user("bruno")
    mi.fault(fault, method=method, route=route)
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 1
    assert run.users["failed"] == 1
    (failed,) = [change for change in run.report["changes"] if change["status"] == "failed"]
    assert words in failed["error"]
    assert provision("-a", "all", "Finance").code == 0


@pytest.mark.parametrize("body", [{}, [], {"status": "OK"}, {"user_group_members": []}])
def test_a_membership_that_the_answer_does_not_show_is_looked_for(body: Any) -> None:
    member = {"user_group_members": [{"id": 1, "user": 7, "group": 5}]}
    with canned(Answer(body), Answer(member)) as server:
        written = EnsuringWriter(client(server.url)).add_member(ANA, TargetGroup("5", "Finance"))
        assert [method for method, _, _ in server.seen] == ["POST", "GET"]
    assert (written.already, written.joined) == (False, True)


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


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_application_that_may_not_manage_users_is_one_error_that_says_where_to_allow_it(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, method: str
) -> None:
    mi.fault("401_application", method=method, route="users", count=None)
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 2
    assert "Tick 'Application Can Manage Users'" in run.err
    # No request is tried again; the second user's may have begun before the first one's answer was read.
    assert len(mi.requests(method, "/api/user")) <= {"GET": 1, "POST": 2}[method]
    assert len(mi.requests("POST", "/api/get_token")) == 1


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


def test_when_mi_is_in_trouble_the_rest_is_not_tried(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 200)
    mi.fault("503", method="POST", route="users", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.report["state"] == "failed"
    assert sum(status == "planned" for _, _, status in run.changes) > 150
    mi.heal()
    assert provision("-a", "all", "Finance").users == {"source": 200, "created": 200}


def test_users_whom_mi_refuses_keep_nobody_else_out(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 50)
    mi.fault("400", method="POST", route="users", count=8)
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 50, "created": 42, "failed": 8}
    assert run.report["error"] is None


def test_when_mi_refuses_too_many_the_rest_is_not_tried(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 100)
    mi.fault("400", method="POST", route="users", after=10, count=None)
    run = provision("--max-concurrency", "1", "-a", "all", "Finance")
    assert run.code == 1
    assert run.users["created"] == 10
    assert sum(status == "planned" for _, _, status in run.changes) > 70
    assert "writes failed, more than 40%, so the rest was not tried. The last reason: " in run.report["error"]
    mi.heal()
    assert provision("-a", "all", "Finance").users == {"source": 100, "created": 90, "unchanged": 10}


@pytest.mark.parametrize("fault", ["reset_after", "truncated"])
def test_a_lost_answer_to_a_group_or_an_update_adds_no_membership_to_the_count(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, fault: str
) -> None:
    mi.fault(fault, method="POST", route="groups")
    assert provision("-a", "all", "Finance").report["counts"]["memberships"]["added"] == 2
    mi.fault(fault, method="PUT", route="user")
    mi.add_user("ana", last_name="Old")
    run = provision("Finance")
    assert run.users == {"source": 2, "updated": 1, "unchanged": 1}
    assert run.report["counts"]["memberships"]["added"] == 0


@pytest.mark.parametrize("in_group", ["honoured", "ignored"])
def test_a_created_user_whose_groups_nobody_can_tell_has_failed_and_the_next_run_completes(
    provision: Provision, finance: SourceGroup, mi: MetricInsights, in_group: str
) -> None:
    mi.add_group("Finance")
    mi.knobs(in_group_method=in_group)
    mi.fault("500", method="GET", route="members", after=1, count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 2, "failed": 2}
    mi.heal()
    assert provision("-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana", "bruno")
    assert mi.groups_of("ana") == {"Finance", DEFAULT_GROUP}
    assert len(mi.users()) == len(mi.state()["users"])


def test_a_created_user_who_could_not_be_looked_at_once_is_looked_at_again(
    provision: Provision, finance: SourceGroup, mi: MetricInsights
) -> None:
    mi.add_group("Finance")
    mi.knobs(in_group_method="ignored")
    # Each read is tried four times.
    mi.fault("500", method="GET", route="members", after=1, count=4)
    run = provision("-a", "all", "Finance")
    assert run.users == {"source": 2, "created": 2}
    assert mi.members("Finance") == logins("ana", "bruno")


def test_an_update_that_surprises_stops_updates_only(
    provision: Provision, okta: Okta, finance: SourceGroup, mi: MetricInsights
) -> None:
    for name in ("u1", "u2", "u3"):
        okta.user(name, finance.id)
        mi.add_user(name, last_name="Old")
    mi.fault("empty", method="PUT", route="user", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.users == {"source": 5, "created": 2, "failed": 3}


def test_a_secret_that_a_server_repeats_is_not_shown(finance: SourceGroup) -> None:
    body = {"message": "no such token simulated-personal-token"}
    login = PersonalToken(credentials.MI_API_TOKEN, credentials="test")
    with canned(Answer(body, 400)) as server, pytest.raises(Rejected) as caught:
        MetricInsightsClient(metric_insights_url(server.url), login, credentials="test").users()
    assert "simulated-personal-token" not in str(caught.value)
    assert "no such token ***" in str(caught.value)


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


@pytest.mark.parametrize(
    "body", [{"users": [ROW]}, {"user": ROW}, {"user": [ROW]}, {"users": ROW}, [ROW]], ids=json.dumps
)
def test_users_in_every_envelope(body: Any) -> None:
    with canned(Answer(body)) as server:
        assert client(server.url).users() == (ANA,)


@pytest.mark.parametrize("group_id", [57, "57"])
def test_members_in_every_envelope(group_id: Any) -> None:
    row = {"id": 1, "user": 7, "group": group_id}
    for body in ({"user_group_members": [row]}, {"user_group_member": row}, [row]):
        with canned(Answer(body)) as server:
            assert client(server.url).members(TargetGroup("57", "Finance")) == {"7"}


def test_memberships_of_other_groups_are_left_out() -> None:
    rows = [{"id": 1, "user": 7, "group": 57}, {"id": 2, "user": 8, "group": 58}]
    with canned(Answer({"user_group_members": rows})) as server:
        assert client(server.url).members(TargetGroup("57", "Finance")) == {"7"}


def test_an_empty_list_is_nobody() -> None:
    with canned(Answer([])) as server:
        assert client(server.url).users() == ()


@pytest.mark.parametrize(
    "body", [{}, {"rows": []}, 5, "x", {"users": ["x"]}, {"users": [{"username": "x"}]}, {"users": None}]
)
def test_an_answer_without_users_is_an_error(body: Any) -> None:
    with canned(Answer(body)) as server, pytest.raises(BadAnswer):
        client(server.url).users()


def test_a_redirect_of_mi_is_not_followed_and_the_token_stays() -> None:
    with canned(Answer([])) as elsewhere:
        with canned(Answer({}, 307, {"Location": f"{elsewhere.url}/api/user"})) as server, pytest.raises(BadAnswer):
            client(server.url).users()
        assert elsewhere.seen == []


def test_cookies_are_not_sent_back() -> None:
    with canned(Answer({"users": []}, headers={"Set-Cookie": "session=of-somebody"})) as server:
        reader = client(server.url)
        reader.users()
        reader.users()
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
