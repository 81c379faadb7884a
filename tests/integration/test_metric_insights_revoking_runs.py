"""Syncs that take access away in Metric Insights: while the server is in trouble, and where it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.conftest import Provision
from tests.integration.mi_client import sync
from tests.integration.world import DEFAULT_GROUP, DOUBTFUL, MetricInsights, Okta, Run, World, login, logins

# ---------------------------------------------------------------------- in trouble


@pytest.fixture
def leavers(okta: Okta, mi: MetricInsights) -> Iterator[None]:
    """Finance of Okta has ana; that of MI carla besides. Dora is in neither, and deactivated in Okta."""
    group = okta.group("Finance", "ana")
    okta.user("dora", group, status="DEPROVISIONED")
    for name in ("ana", "carla", "dora"):
        mi.add_user(name)
    mi.add_group("Finance", "ana", "carla")
    yield
    assert mi.members("Finance") == logins("ana")
    assert mi.user("dora")["enabled"] == "N"


#: Removes carla, and disables dora.
REVOKE = ("--prune", "all", "--deprovision", "disable", "Finance")
#: Method and route of the write of each.
EACH_WRITE = [("DELETE", "member"), ("PUT", "user")]


@pytest.fixture
def revoke_meanwhile(provision: Provision, mi: MetricInsights, leavers: None) -> Callable[..., Run]:
    """Takes access away while the server fails one write, with success all the same."""

    def revoke(fault: str, **where: Any) -> Run:
        mi.fault(fault, **where)
        run = provision(*REVOKE)
        assert run.code == 0, run.err
        assert mi.faults_fired() == 1
        return run

    return revoke


@pytest.mark.parametrize(("fault", "has_effect"), DOUBTFUL)
@pytest.mark.parametrize(("method", "route"), EACH_WRITE)
def test_a_write_that_is_in_doubt_is_done_exactly_once(
    provision: Provision,
    mi: MetricInsights,
    revoke_meanwhile: Callable[..., Run],
    fault: str,
    has_effect: bool,
    method: str,
    route: str,
) -> None:
    run = revoke_meanwhile(fault, method=method, route=route, after_effect=has_effect)
    assert run.changes == [("remove_member", login("carla"), "done"), ("disable_user", login("dora"), "done")]
    assert run.report["counts"]["memberships"] == {"added": 0, "removed": 1}
    assert run.users["disabled"] == 1
    mi.forget_requests()
    assert provision(*REVOKE).changes == []
    assert mi.writes() == []


@pytest.mark.parametrize("fault", ["412", "401", "login_page", "status_expired"])
@pytest.mark.parametrize("has_effect", [False, True])
@pytest.mark.parametrize(("method", "route"), EACH_WRITE)
def test_a_write_whose_session_died_is_ours_whether_or_not_it_was_done(
    mi: MetricInsights, revoke_meanwhile: Callable[..., Run], fault: str, has_effect: bool, method: str, route: str
) -> None:
    run = revoke_meanwhile(fault, method=method, route=route, after_effect=has_effect)
    assert {status for _, _, status in run.changes} == {"done"}
    assert run.report["counts"]["memberships"]["removed"] == 1
    assert len(mi.requests("POST", "/api/get_token")) == 2


@pytest.mark.usefixtures("leavers")
@pytest.mark.parametrize("knobs", [{"ok_statuses": {"DELETE": 204, "PUT": 204}}, {"id_type": "integer"}])
@pytest.mark.parametrize("more", [{}, {"member_list": "all"}, {"user_update_body": "replace"}])
def test_access_is_taken_away_in_every_dialect(
    provision: Provision, mi: MetricInsights, knobs: dict[str, Any], more: dict[str, Any]
) -> None:
    mi.knobs(**knobs, **more)
    assert provision(*REVOKE).code == 0


@pytest.fixture
def crowd(okta: Okta, mi: MetricInsights) -> list[str]:
    """A thousand members of Finance in MI whom Okta does not have, and one whom it has."""
    okta.group("Finance", "ana")
    mi.add_group("Finance")
    mi.add_user("ana", "Finance")
    return mi.crowd("Finance", 1000)


#: Removes all of them.
CLEAR = ("--prune", "all", "--max-removals", "1000", "Finance")


def test_a_thousand_removals_are_a_thousand_requests(
    provision: Provision, mi: MetricInsights, crowd: list[str]
) -> None:
    run = provision(*CLEAR)
    assert run.code == 0, run.err
    assert run.report["counts"]["memberships"]["removed"] == 1000
    assert mi.members("Finance") == logins("ana")
    assert len(mi.requests("DELETE")) == 1000
    # Those of the group, to plan and to know the ids; and those of the first one who was removed.
    assert len(mi.requests("GET", "/api/user_group_member")) == 3
    assert len(mi.users()) == len(mi.state()["users"])


def test_a_thousand_removals_outlive_everything_that_can_happen_to_them(
    provision: Provision, mi: MetricInsights, crowd: list[str]
) -> None:
    mi.knobs(session_requests=190)
    troubles: list[tuple[str, dict[str, Any]]] = [
        ("deadlock", {"count": 3}), ("500", {"count": 2}), ("503", {"after_effect": True}), ("429", {"seconds": 1}),
        ("reset_before", {"count": 2}), ("reset_after", {"count": 2}), ("truncated", {}), ("empty", {"count": 2}),
        ("412", {"after_effect": True}), ("404", {"after_effect": True}), ("404", {}), ("login_page", {}),
    ]  # fmt: skip
    for place, (fault, more) in enumerate(troubles):
        mi.fault(fault, method="DELETE", route="member", after=60 * (place + 1), **more)
    run = provision(*CLEAR)
    assert run.code == 0, run.err
    assert mi.faults_fired() == sum(more.get("count", 1) for _, more in troubles)
    assert mi.members("Finance") == logins("ana")
    # One was answered 404 although it was done: whoever did it, it was not for us to say that we did.
    statuses = [status for _, _, status in run.changes]
    assert (statuses.count("done"), statuses.count("already")) == (999, 1)
    assert run.report["counts"]["memberships"]["removed"] == 999
    assert len(mi.requests("POST", "/api/get_token")) >= 6


@pytest.mark.parametrize("refusal", ["deadlock", "429", "503"])
def test_a_server_that_bears_few_removals_at_once_gets_them_all(
    provision: Provision, okta: Okta, mi: MetricInsights, refusal: str
) -> None:
    okta.group("Finance", "ana")
    mi.add_group("Finance")
    mi.crowd("Finance", 120)
    mi.knobs(max_in_flight=2, over_in_flight=refusal, latency_ms=2)
    run = provision("--max-concurrency", "8", "-a", "all", *CLEAR)
    assert run.code == 0, run.err
    assert mi.members("Finance") == logins("ana")
    assert any(row["status"] != 200 for row in mi.requests("DELETE")), "it was too much at first"


def test_credentials_that_die_in_the_middle_stop_the_run_and_the_next_one_goes_on(
    provision: Provision, mi: MetricInsights, crowd: list[str]
) -> None:
    mi.fault("412", method="DELETE", after=400, count=None)
    run = provision(*CLEAR)
    assert run.code == 2
    assert len(mi.requests("DELETE")) < 450
    assert {status for _, _, status in run.changes} == {"done", "failed", "planned"}
    mi.heal()
    assert provision(*CLEAR).code == 0
    assert mi.members("Finance") == logins("ana")


def test_a_server_that_dies_in_the_middle_of_the_removals_is_given_up_and_the_next_run_goes_on(
    provision: Provision, mi: MetricInsights, crowd: list[str]
) -> None:
    mi.fault("reset_before", method="DELETE", after=30, count=None)
    run = provision(*CLEAR)
    assert run.code == 1
    assert "so the rest was not tried" in run.report["error"]
    assert sum(status == "planned" for _, _, status in run.changes) > 900
    mi.heal()
    assert provision(*CLEAR).code == 0
    assert mi.members("Finance") == logins("ana")


# ---------------------------------------------------------------------- what does not pass


def test_a_member_who_must_not_be_removed_fails_alone(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    for name in ("ana", "bo", "carla", "dora"):
        mi.add_user(name)
    mi.add_group("Finance", "ana", "bo", "carla", "dora")
    mi.fault("403", method="DELETE", after=1)
    run = provision("--max-concurrency", "1", "--prune", "all", "Finance")
    assert run.code == 1
    assert run.changes == [
        ("remove_member", login("bo"), "done"),
        ("remove_member", login("carla"), "failed"),
        ("remove_member", login("dora"), "done"),
    ]
    assert mi.members("Finance") == logins("ana", "carla")


@pytest.fixture
def deactivated(okta: Okta, mi: MetricInsights) -> list[str]:
    """Five users of Finance who are deactivated in Okta, and ana who is not."""
    names = ["bo", "carla", "dora", "emil", "fritz"]
    group = okta.group("Finance", "ana")
    for name in names:
        okta.user(name, group, status="DEPROVISIONED")
        mi.add_user(name)
    mi.add_user("ana")
    mi.add_group("Finance", "ana", *names)
    return names


def test_a_system_admin_who_must_not_be_disabled_fails_alone(
    provision: Provision, okta: Okta, mi: MetricInsights, deactivated: list[str]
) -> None:
    okta.user("boss", "Finance", status="DEPROVISIONED")
    mi.add_user("boss", type="administrator", system_admin=True)
    run = provision("--deprovision", "disable", "--no-protect-administrators", "Finance")
    assert run.code == 1
    assert [user for _, user, status in run.changes if status == "failed"] == [login("boss")]
    assert run.users["disabled"] == 5
    assert mi.user("boss")["enabled"] == "Y"
    (failed,) = [change for change in run.report["changes"] if change["status"] == "failed"]
    assert "System Admin" in failed["error"]


def test_an_mi_that_ignores_enabled_is_noticed_with_the_first_user_and_no_other_is_sent(
    provision: Provision, mi: MetricInsights, deactivated: list[str]
) -> None:
    mi.knobs(disable_method="ignored")
    run = provision("--deprovision", "disable", "Finance")
    assert run.code == 1
    assert mi.writes() == [f"PUT /api/user/id/{mi.user('bo')['id']}"]
    assert {status for _, _, status in run.changes} == {"failed"}
    assert all("has not become so" in change["error"] for change in run.report["changes"])
    assert "users" in run.report["counts"]
    assert (run.users["failed"], run.report["counts"]["users"]["disabled"]) == (5, 0)


def test_whom_an_mi_cannot_disable_keeps_no_leaver_in(
    provision: Provision, mi: MetricInsights, deactivated: list[str]
) -> None:
    mi.knobs(disable_method="ignored")
    mi.add_user("hand")
    mi.join("Finance", "hand")
    run = provision("--prune", "all", "--deprovision", "disable", "Finance")
    assert run.code == 1
    assert run.report["counts"]["memberships"]["removed"] == 1
    assert login("hand") not in mi.members("Finance")


def test_without_disabling_who_should_be_is_told_and_the_others_are_synced(world: World) -> None:
    group = world.okta.group("Finance", "ana")
    world.okta.user("bo", group, status="DEPROVISIONED")
    for name in ("bo", "hand"):
        world.mi.add_user(name)
    world.mi.add_group("Finance", "bo", "hand")
    result = sync(world, settings={"prune": "all", "deprovision": "disable"}, disable_method="off")
    (failure,) = result.report.failures
    assert failure.change.user == login("bo")
    assert "'disable_method' of the connection is 'off'" in (failure.error or "")
    assert world.mi.members("Finance") == logins("ana", "bo")
    assert world.mi.groups_of("hand") == set()
    assert world.mi.groups_of("ana") == {"Finance", DEFAULT_GROUP}
    assert not [write for write in world.mi.writes() if write.startswith("PUT")]
