"""Every switch of the dialect against servers that need it."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any

import pytest

from okta_mi_provider.clients import metric_insights_pages
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import ApiError, BadAnswer, Deadlock, Rejected
from okta_mi_provider.clients.metric_insights import UpdatesOff
from okta_mi_provider.clients.metric_insights_http import MetricInsightsHttp
from okta_mi_provider.store import Store
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from tests.integration.canned import Answer, canned
from tests.integration.mi_client import client, sync, sync_all
from tests.integration.world import DEFAULT_GROUP, World, login, logins

FINANCE, DEFAULT = TargetGroup("5", "Finance"), TargetGroup("1", DEFAULT_GROUP)
ANA = TargetUser("", "ana", "ana@x.example", "Ana", "Silva", "regular")
BRUNO = TargetUser("", "bruno", "bruno@x.example", "Bruno", "Dias", "regular")
BEFORE = TargetUser("7", "ana", "ana@x.example", "Ana", "Old", "regular")
AFTER = TargetUser("7", "ana", "ana@x.example", "Ana", "Silva", "regular")
ROW = {
    "id": 7,
    "username": "ana",
    "email": "ana@x.example",
    "first_name": "Ana",
    "last_name": "Silva",
    "type": "regular",
}
MADE = Answer({"user": {"id": 7}}, 201)
REFUSED = Answer({"status": "ERROR", "message": "Username is in use"}, 400)
NOBODY = Answer({"users": []})
MEMBER = Answer({"user_group_members": [{"id": 1, "user": 7, "group": 5}]})
JOINED = Answer({"user_group_member": {"id": 1}}, 201)


# ---------------------------------------------------------------------- what is sent


def test_an_update_sends_everything_or_what_differs() -> None:
    with canned(Answer({"user": ROW})) as server:
        client(server.url).update_user(AFTER, BEFORE)
        client(server.url, user_update_body="changed").update_user(AFTER, BEFORE)
        whole, changed = server.bodies
    assert changed == {"last_name": "Silva"}
    assert set(whole) == {"username", "first_name", "last_name", "email", "type", "enabled"}


def test_without_updates_who_needs_one_is_told_and_the_others_are_synced(world: World) -> None:
    world.okta.group("Finance", "ana", "bruno")
    world.mi.add_user("ana", last_name="Old")
    world.mi.knobs(user_update_body="off")
    result = sync(world, user_update_body="off")
    (failure,) = result.report.failures
    assert failure.change.user == login("ana")
    assert "'user_update_body' of the connection is 'off'" in (failure.error or "")
    assert world.mi.members("Finance") == logins("ana", "bruno")
    assert not [write for write in world.mi.writes() if write.startswith("PUT")]


def test_updates_that_are_off_send_nothing() -> None:
    with canned(Answer({})) as server:
        with pytest.raises(UpdatesOff):
            EnsuringWriter(client(server.url, user_update_body="off")).update_user(AFTER, BEFORE)
        assert server.seen == []


def test_changes_alone_are_right_where_updates_are_partial(world: World) -> None:
    world.okta.group("Finance", "ana", "bruno")
    world.mi.add_user("ana", last_name="Old")
    world.mi.add_user("bruno", first_name="Old", enabled="N")
    assert sync(world, user_update_body="changed").report.failures == ()
    assert (world.mi.user("ana")["last_name"], world.mi.user("bruno")["first_name"]) == ("Doe", "Bruno")
    assert world.mi.user("bruno")["enabled"] == "N"


@pytest.mark.parametrize(("mode", "expected"), [("random", 32), ("blank", 0), ("omit", None)])
def test_the_password_of_a_created_user(mode: str, expected: int | None) -> None:
    with canned(MADE) as server:
        client(server.url, password_mode=mode).create_user(ANA, group_id="5", default_group=False)
        (body,) = server.bodies
    assert (len(body["password"]) if "password" in body else None) == expected


def test_extra_fields_are_sent_with_a_created_user_only() -> None:
    with canned(MADE) as server:
        mi = client(server.url, extra_user_create_fields={"notify_user": "N", "auth": "SSO"})
        mi.create_user(ANA, group_id="5", default_group=False)
        mi.update_user(AFTER, BEFORE)
        created, updated = server.bodies
    assert (created["notify_user"], created["auth"], created["username"]) == ("N", "SSO", "ana")
    assert not {"notify_user", "auth"} & set(updated)


@pytest.mark.parametrize(("send", "target"), [(True, None), (True, "Money"), (False, None)])
def test_a_created_group_carries_the_id_of_the_okta_group_of_its_name(
    world: World, send: bool, target: str | None
) -> None:
    group_id = world.okta.group("Finance", "ana")
    result = sync(world, settings={"target_group": target} if target else None, send_external_group_id=send)
    assert result.cause is None
    found = {group["name"]: group["external_group_id"] for group in world.mi.state()["groups"]}
    assert found[target or "Finance"] == (group_id if send and not target else None)


# ---------------------------------------------------------------------- what an answer means


def test_only_the_statuses_that_are_named_are_success() -> None:
    with canned(Answer({"user_group": {"id": 5}}, 200)) as server:
        assert client(server.url, ok_statuses=(200,)).create_group("Finance") == "5"
        with pytest.raises(Rejected, match="ok_statuses"):
            client(server.url, ok_statuses=(201,)).create_group("Finance")
        assert client(server.url, ok_statuses=(201,)).host == server.url


def test_a_status_that_is_named_is_success_though_it_points_elsewhere() -> None:
    with canned(Answer({"user_group": {"id": 5}}, 303, {"Location": "/api/user_group/id/5"})) as server:
        assert client(server.url, ok_statuses=(303,)).create_group("Finance") == "5"
        with pytest.raises(BadAnswer):
            client(server.url).create_group("Finance")


def test_reads_succeed_whatever_writes_do() -> None:
    with canned(NOBODY) as server:
        assert client(server.url, ok_statuses=(201,)).users() == ()


@pytest.mark.parametrize(
    ("markers", "reads"), [((), 2), (("IN USE",), 2), (("no such", "in use"), 2), (("already exists",), 0)]
)
def test_a_refusal_is_read_after_if_its_words_may_mean_that_it_is_there(markers: tuple[str, ...], reads: int) -> None:
    with canned(REFUSED, Answer({"users": [ROW]}), MEMBER) as server:
        writer = EnsuringWriter(client(server.url, duplicate_markers=markers))
        if reads:
            written = writer.create_user(ANA, FINANCE, None)
            assert (written.target_id, written.already, written.joined) == ("7", True, False)
        else:
            with pytest.raises(Rejected):
                writer.create_user(ANA, FINANCE, None)
        assert len(server.seen) == 1 + reads


def test_a_refusal_after_a_lost_answer_is_read_after_whatever_its_words() -> None:
    with canned(Answer({}, 500), NOBODY, REFUSED, Answer({"users": [ROW]}), MEMBER) as server:
        written = EnsuringWriter(client(server.url, duplicate_markers=("already",))).create_user(ANA, FINANCE, None)
    assert (written.already, written.joined) == (False, True)


def test_other_words_than_a_deadlock_s_can_be_worth_another_try() -> None:
    busy = Answer({"message": "Lock wait timeout EXCEEDED; try restarting"}, 400)
    with canned(busy, busy, MADE) as server:
        mi = client(server.url, retry_markers=("lock wait timeout exceeded",))
        assert mi.create_user(ANA, group_id="5", default_group=False) == "7"
        assert len(server.seen) == 3
    with canned(busy, MADE) as server, pytest.raises(Rejected):
        client(server.url).create_user(ANA, group_id="5", default_group=False)


def test_without_markers_a_deadlock_is_a_failure_as_any_other() -> None:
    with canned(Answer({"message": "Deadlock found when trying to get lock"}, 400)) as server:
        with pytest.raises(Rejected):
            client(server.url, retry_markers=()).create_group("x")
        assert len(server.seen) == 1
        with pytest.raises(Deadlock):
            client(server.url).create_group("x")


# ---------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("answer", "listed"),
    [
        (Answer({"users": [ROW]}), False),
        (Answer({"user": {**ROW, "username": "ANA"}}), False),
        (Answer({"users": [{**ROW, "id": 9, "username": "anabel"}]}), True),
        (NOBODY, True),
        (Answer({"message": "Not Found"}, 404), True),
    ],
)
def test_a_user_is_asked_for_by_name_and_the_answer_is_compared(answer: Answer, listed: bool) -> None:
    """Whoever is not found like that is looked for in the list: which keys a server filters by is not known."""
    with canned(REFUSED, answer, *([Answer({"users": [ROW]})] if listed else []), MEMBER) as server:
        written = EnsuringWriter(client(server.url, user_lookup="query")).create_user(ANA, FINANCE, None)
        assert written.target_id == "7"
        paths = [path for _, path, _ in server.seen]
    assert paths[1] == "/api/user?username=ana"
    assert ("/api/user" in paths) is listed


def page(*ids: int, **more: int) -> Answer:
    return Answer({"users": [{"id": each, "username": f"u{each}"} for each in ids], **more})


@pytest.mark.parametrize(
    ("pages", "offsets"),
    [
        ([page(1, 2, total=3), page(3, total=3), page(total=3)], [0, 2, 3]),
        ([page(1, 2), page(2, 3), page(3)], [0, 2, 3]),
        ([page(1, 2, 3)], [0, 3]),
        ([page(1, 2, 3, total=3), page(total=0)], [0, 3]),
        # What is announced is about the part.
        ([page(1, 2, total=2), page(3, total=1), page(total=0)], [0, 2, 3]),
    ],
)
def test_a_list_in_parts_is_read_to_its_end(pages: list[Answer], offsets: list[int]) -> None:
    with canned(*pages) as server:
        users = client(server.url, list_paging="offset").users()
        assert [path for _, path, _ in server.seen] == [f"/api/user?limit=1000&offset={each}" for each in offsets]
    assert [user.username for user in users] == ["u1", "u2", "u3"]


def test_a_list_in_parts_that_ends_early_is_an_error() -> None:
    parts = (page(1, 2, total=9), page(3, total=9), page(total=9))
    with canned(*parts) as server, pytest.raises(BadAnswer, match="3 of 9 users"):
        client(server.url, list_paging="offset").users()


def test_a_list_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_insights_pages, "_MOST_PAGES", 5)
    with canned(*(page(number) for number in range(1, 9))) as server:
        with pytest.raises(BadAnswer, match="no end"):
            client(server.url, list_paging="offset").users()
        assert len(server.seen) == 5


def test_parts_are_asked_for_beside_the_selector() -> None:
    with canned(MEMBER) as server:
        assert client(server.url, list_paging="offset").members(FINANCE) == {"7"}
        assert server.seen[0][1] == "/api/user_group_member?group=5&limit=1000&offset=0"


def test_all_memberships_are_sorted_out_here() -> None:
    rows = [{"id": 1, "user": 7, "group": 5}, {"id": 2, "user": 8, "group": 1}, {"id": 3, "user": 8, "group": 5}]
    with canned(Answer({"user_group_members": rows})) as server:
        mi = client(server.url, member_list="all")
        assert (mi.members(FINANCE), mi.groups_of("8")) == ({"7", "8"}, {"1", "5"})
        assert {path for _, path, _ in server.seen} == {"/api/user_group_member"}


# ---------------------------------------------------------------------- groups of created users


@pytest.mark.parametrize("method", ["adaptive", "indicator", "membership"])
@pytest.mark.parametrize("understood", ["added", "either", "ignored"])
@pytest.mark.parametrize("in_group", ["honoured", "ignored"])
@pytest.mark.parametrize("skip", [False, True])
def test_created_users_get_into_their_groups_in_every_way_on_every_server(
    world: World, method: str, understood: str, in_group: str, skip: bool
) -> None:
    world.okta.group("Finance", "ana", "bruno", "carla")
    world.mi.knobs(default_group_method=understood, in_group_method=in_group)
    result = sync(world, settings={"skip_default_group": skip}, default_group_method=method)
    assert (result.cause, result.report.failures) == (None, ())
    assert world.mi.members("Finance") == logins("ana", "bruno", "carla")
    if not skip:
        assert set(world.mi.members(DEFAULT_GROUP)) >= set(logins("ana", "bruno", "carla"))
    elif understood != "ignored":
        assert not set(world.mi.members(DEFAULT_GROUP)) & set(logins("ana", "bruno", "carla"))


@pytest.mark.parametrize("method", ["adaptive", "indicator", "membership"])
@pytest.mark.parametrize("understood", ["added", "either", "ignored"])
@pytest.mark.parametrize("in_group", ["honoured", "ignored"])
def test_what_a_create_leaves_out_is_known_for_every_group_of_a_run(
    world: World, method: str, understood: str, in_group: str
) -> None:
    world.okta.group("Finance", "ana", "bruno")
    world.okta.group("Sales", "carla", "dora")
    world.mi.knobs(default_group_method=understood, in_group_method=in_group)
    for result in sync_all(world, "Finance", "Sales", default_group_method=method):
        assert (result.cause, result.report.failures) == (None, ())
    assert world.mi.members("Finance") == logins("ana", "bruno")
    assert world.mi.members("Sales") == logins("carla", "dora")
    assert set(world.mi.members(DEFAULT_GROUP)) >= set(logins("ana", "bruno", "carla", "dora"))


def test_the_group_comes_after_the_default_group_so_that_the_next_run_sees_a_gap() -> None:
    nowhere = Answer({"user_group_members": []})
    with canned(MADE, nowhere, JOINED) as server:
        EnsuringWriter(client(server.url)).create_user(ANA, FINANCE, DEFAULT)
        assert [body["group"] for body in server.bodies[2:]] == [1, 5]


def asked_for(*answers: Answer) -> list[tuple[str, str]]:
    """What the creates of Ana and then Bruno ask for, between answers that end with Bruno's."""
    in_default = Answer({"user_group_members": [{"id": 1, "user": 8, "group": 1}]})
    with canned(*answers, Answer({"user": {"id": 8}}, 201), in_default, JOINED) as server:
        writer = EnsuringWriter(client(server.url))
        for user in (ANA, BRUNO):
            writer.create_user(user, FINANCE, DEFAULT)
        creates = [body for body in server.bodies if body and "username" in body]
    return [(body["in_group_id"], body["default_group_ind"]) for body in creates]


def test_both_groups_are_asked_for_only_once_where_one_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert asked_for(MADE, MEMBER, JOINED) == [("5", "Y"), ("", "Y")]
    assert "Set 'default_group_method' of the connection to 'indicator'" in caplog.text


def test_both_groups_are_asked_for_only_once_where_nobody_can_tell_what_came_of_it() -> None:
    silent = Answer({}, 500)
    assert asked_for(MADE, *[silent] * 4, JOINED, JOINED) == [("5", "Y"), ("", "Y")]
    assert asked_for(silent, Answer({"users": [{**ROW, "username": "ana"}]}), MEMBER, JOINED) == [("5", "Y"), ("", "Y")]


def test_a_refusal_says_nothing_about_groups() -> None:
    refused = Answer({"message": "email is not valid"}, 400)
    both = Answer({"user_group_members": [{"id": each, "user": 7, "group": each} for each in (1, 5)]})
    with canned(refused, NOBODY, MADE, both) as server:
        writer = EnsuringWriter(client(server.url))
        with pytest.raises(Rejected):
            writer.create_user(BRUNO, FINANCE, DEFAULT)
        writer.create_user(ANA, FINANCE, DEFAULT)
        assert [body["in_group_id"] for body in server.bodies if body] == ["5", "5"]


def test_a_user_whose_groups_nobody_can_tell_is_put_into_both() -> None:
    with canned(MADE, *[Answer({}, 500)] * 4, JOINED) as server:
        written = EnsuringWriter(client(server.url)).create_user(ANA, FINANCE, DEFAULT)
        assert [body["group"] for body in server.bodies if body and "group" in body] == [1, 5]
    assert (written.target_id, written.joined) == ("7", True)


class Death(BaseException):
    """The end of the process, as far as the sync can tell: nothing more is sent."""


@pytest.mark.parametrize("understood", ["added", "either", "ignored"])
@pytest.mark.parametrize("in_group", ["honoured", "ignored"])
@pytest.mark.parametrize("method", ["adaptive", "indicator"])
@pytest.mark.parametrize("last", range(1, 8))
def test_whoever_a_run_has_created_before_it_died_gets_into_both_groups(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    in_group: str,
    understood: str,
    last: int,
) -> None:
    """Also the first, whom a server takes into the group only because both are asked for, once: the store knows."""
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    world.okta.group("Finance", "ana", "bruno", "carla")
    world.mi.knobs(default_group_method=understood, in_group_method=in_group)
    send, writes = MetricInsightsHttp.send, itertools.count(1)

    def dying(http: MetricInsightsHttp, verb: str, *place: Any, **more: Any) -> Any:
        place_of_write = next(writes) if verb != "GET" else 0
        if dead or place_of_write > last:
            raise Death
        answer = send(http, verb, *place, **more)
        if place_of_write == last:
            dead.append(place_of_write)
            raise Death
        return answer

    dead: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(MetricInsightsHttp, "send", dying)
        with contextlib.suppress(Death):
            sync(world, store=store, default_group_method=method)
    result = sync(world, store=store, default_group_method=method)
    store.close()

    assert (result.cause, result.report.failures) == (None, ())
    assert world.mi.members("Finance") == logins("ana", "bruno", "carla")
    assert set(logins("ana", "bruno", "carla")) <= set(world.mi.members(DEFAULT_GROUP))


def test_a_server_that_tells_of_no_user_s_groups_is_asked_for_the_members_of_the_groups() -> None:
    refused, member = Answer({"message": "group is required"}, 400), Answer(MEMBER.body)
    with canned(MADE, refused, member) as server:
        written = EnsuringWriter(client(server.url)).create_user(ANA, FINANCE, None)
        assert [path.partition("?")[2] for _, path, _ in server.seen[1:]] == ["user=7", "group=5"]
    assert written.joined


@pytest.mark.parametrize(
    ("method", "group_id", "indicator"), [("adaptive", "5", "Y"), ("indicator", "", "Y"), ("membership", "", "N")]
)
def test_what_each_way_sends(method: str, group_id: str, indicator: str) -> None:
    with canned(MADE, MEMBER) as server:
        EnsuringWriter(client(server.url, default_group_method=method)).create_user(ANA, FINANCE, DEFAULT)
        body = server.bodies[0]
    assert (body["in_group_id"], body["default_group_ind"]) == (group_id, indicator)


def test_a_server_that_wants_the_group_as_a_number_gets_it_from_then_on() -> None:
    strict = Answer({"message": "in_group_id must be an integer"}, 400)
    with canned(strict, MADE, MEMBER, Answer({"user": {"id": 8}}, 201)) as server:
        writer = EnsuringWriter(client(server.url))
        assert writer.create_user(ANA, FINANCE, None).target_id == "7"
        assert writer.create_user(TargetUser("", "b", "b@x", "", "", "regular"), FINANCE, None).target_id == "8"
        sent = [body["in_group_id"] for body in server.bodies if body]
    assert sent == ["5", 5, 5]


def test_a_group_that_is_refused_in_both_forms_is_refused() -> None:
    with canned(Answer({"message": "in_group_id does not exist"}, 400)) as server:
        with pytest.raises(ApiError):
            EnsuringWriter(client(server.url, duplicate_markers=("exists already",))).create_user(ANA, FINANCE, None)
        assert [body["in_group_id"] for body in server.bodies] == ["5", 5]


# ---------------------------------------------------------------------- usernames


@pytest.mark.parametrize("folded", [True, False])
def test_usernames_that_differ_in_case_are_two_users_where_mi_says_so(world: World, folded: bool) -> None:
    world.okta.group("Finance")
    world.okta.user("ANA@acme.example", "Finance", email="other@acme.example")
    world.mi.add_user("ana")
    world.mi.knobs(username_casefold=folded)
    result = sync(world, username_casefold=folded)
    assert (result.cause, result.report.failures) == (None, ())
    assert world.mi.members("Finance") == ["ana@acme.example" if folded else "ANA@acme.example"]
    world.mi.forget_requests()
    assert sync(world, username_casefold=folded).report.changes == ()
    assert world.mi.writes() == []


def test_where_case_counts_a_refused_create_does_not_adopt_somebody_else() -> None:
    other = Answer({"users": [{**ROW, "username": "ANA"}]})
    for folded in (True, False):
        with canned(REFUSED, other, MEMBER) as server:
            writer = EnsuringWriter(client(server.url, username_casefold=folded))
            if folded:
                assert writer.create_user(ANA, FINANCE, None).already
            else:
                with pytest.raises(Rejected):
                    writer.create_user(ANA, FINANCE, None)
