"""Taking access away in Metric Insights: what is sent for it, and what is made of the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import BadAnswer, Forbidden, NotFound, Rejected, WriteInDryRun
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.metric_insights import DisablingOff, MetricInsightsClient, UpdatesOff
from okta_mi_provider.clients.metric_insights_auth import PersonalToken
from okta_mi_provider.clients.probes import ServerSurprise
from okta_mi_provider.clients.urls import metric_insights_url
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.writer import Written
from tests.integration.canned import Answer, Canned, canned
from tests.integration.mi_client import client

FINANCE = TargetGroup("5", "Finance")
ANA, BO = (TargetUser(key, name, f"{name}@x.example", "", "", "regular") for key, name in (("7", "ana"), ("8", "bo")))
DONE, GONE = Answer({"status": "OK"}), Answer({"message": "Not Found"}, 404)
LOST = Answer({}, 500)

LEFT = Written("7", left=True)
ALREADY = Written("7", already=True)


def members(*rows: tuple[int, int]) -> Answer:
    """Memberships of Finance, by their ids and those of the users; and one of another group."""
    listed = [{"id": key, "user": user, "group": 5} for key, user in rows]
    return Answer({"user_group_members": [*listed, {"id": 99, "user": 7, "group": 1}]})


def user(**fields: Any) -> Answer:
    """Ana as Metric Insights shows her."""
    row = {"id": 7, "username": "ana", "email": "ana@x.example", "type": "regular", "enabled": "Y"}
    return Answer({"user": {**row, "first_name": "", "last_name": "", **fields}})


def calls(server: Canned) -> list[str]:
    return [f"{method} {path.removeprefix('/api/')}" for method, path, _ in server.seen]


#: How both reads of memberships look.
OF_GROUP, OF_ANA = "GET user_group_member?group=5", "GET user_group_member?user=7"


def remove(key: int) -> str:
    return f"DELETE user_group_member/id/{key}"


# ---------------------------------------------------------------------- removals: what is sent


def test_members_are_removed_by_the_ids_of_their_memberships_which_are_read_once() -> None:
    with canned(members((31, 7), (32, 8)), DONE, members(), DONE) as server:
        writer = EnsuringWriter(client(server.url))
        assert writer.remove_member(ANA, FINANCE) == LEFT
        assert writer.remove_member(BO, FINANCE) == LEFT._replace(target_id="8")
        # Only the first one is looked at.
        assert calls(server) == [OF_GROUP, remove(31), OF_ANA, remove(32)]


def test_each_group_has_memberships_of_its_own() -> None:
    sales = [{"id": 41, "user": 7, "group": 6}]
    with canned(members((31, 7)), DONE, members(), Answer({"user_group_members": sales}), DONE) as server:
        writer = EnsuringWriter(client(server.url))
        writer.remove_member(ANA, FINANCE)
        writer.remove_member(ANA, TargetGroup("6", "Sales"))
        assert calls(server)[3:] == ["GET user_group_member?group=6", remove(41)]


def test_a_user_who_is_a_member_twice_is_removed_twice() -> None:
    with canned(members((31, 7), (32, 7)), DONE, DONE, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == LEFT
        assert calls(server) == [OF_GROUP, remove(31), remove(32), OF_ANA]


def test_a_membership_that_is_listed_twice_is_removed_once() -> None:
    with canned(members((31, 7), (31, 7)), DONE, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == LEFT
        assert calls(server) == [OF_GROUP, remove(31), OF_ANA]


def test_everybody_s_memberships_do_where_the_server_lists_no_others() -> None:
    with canned(members((31, 7)), DONE, members()) as server:
        assert EnsuringWriter(client(server.url, member_list="all")).remove_member(ANA, FINANCE) == LEFT
        assert calls(server) == ["GET user_group_member", remove(31), "GET user_group_member"]


def test_nobody_is_removed_who_is_no_member() -> None:
    with canned(members(), members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == ALREADY
        assert calls(server) == [OF_GROUP, OF_ANA]


def test_somebody_who_became_a_member_since_the_list_was_read_is_removed() -> None:
    with canned(members(), members((33, 7)), DONE, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == LEFT
        assert calls(server) == [OF_GROUP, OF_ANA, remove(33), OF_ANA]


def test_a_membership_without_an_id_cannot_be_removed() -> None:
    listed = Answer({"user_group_members": [{"user": 7, "group": 5}]})
    with canned(listed) as server:
        mi = client(server.url)
        assert mi.members(FINANCE) == {"7"}
        with pytest.raises(BadAnswer, match="without 'id'"):
            EnsuringWriter(mi).remove_member(ANA, FINANCE)
        assert {method for method, _, _ in server.seen} == {"GET"}


# ---------------------------------------------------------------------- removals: 404, refusals, surprises


def test_lesson_12_a_membership_that_is_not_found_is_success_if_a_read_proves_it() -> None:
    with canned(members((31, 7)), GONE, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == ALREADY
        assert calls(server) == [OF_GROUP, remove(31), OF_ANA]


def test_a_user_whom_the_server_does_not_know_any_more_is_looked_for_in_the_group() -> None:
    with canned(members((31, 7)), GONE, GONE, members((32, 8))) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == ALREADY
        assert calls(server) == [OF_GROUP, remove(31), OF_ANA, OF_GROUP]


def test_a_member_under_another_id_than_the_list_said_is_removed_by_that() -> None:
    with canned(members((31, 7)), GONE, members((77, 7)), DONE, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == LEFT
        assert calls(server) == [OF_GROUP, remove(31), OF_ANA, remove(77), OF_ANA]


def test_a_member_who_is_never_found_stays_one_and_the_error_stands() -> None:
    with canned(members((31, 7)), *[GONE, members((31, 7))] * 4) as server:
        with pytest.raises(NotFound):
            EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE)
        assert calls(server) == [OF_GROUP, *[remove(31), OF_ANA] * 4]


@pytest.mark.parametrize("markers", [(), ("already exists",)])
def test_a_refusal_to_remove_is_read_after_whatever_its_words(markers: tuple[str, ...]) -> None:
    refused = Answer({"message": "No such membership"}, 400)
    with canned(members((31, 7)), refused, members()) as server:
        writer = EnsuringWriter(client(server.url, duplicate_markers=markers))
        assert writer.remove_member(ANA, FINANCE) == ALREADY
    with canned(members((31, 7)), refused, members((31, 7))) as server, pytest.raises(Rejected):
        EnsuringWriter(client(server.url, duplicate_markers=markers)).remove_member(ANA, FINANCE)


def test_a_removal_whose_answer_was_lost_is_ours() -> None:
    with canned(members((31, 7)), LOST, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == LEFT
        assert calls(server) == [OF_GROUP, remove(31), OF_ANA]


def test_a_removal_that_takes_effect_late_is_ours_as_well() -> None:
    with canned(members((31, 7)), LOST, members((31, 7)), GONE, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == LEFT
        assert calls(server) == [OF_GROUP, remove(31), OF_ANA, remove(31), OF_ANA]


def test_the_second_of_two_memberships_is_removed_after_an_answer_was_lost() -> None:
    with canned(members((31, 7), (32, 7)), DONE, LOST, members((32, 7)), DONE, members()) as server:
        assert EnsuringWriter(client(server.url)).remove_member(ANA, FINANCE) == LEFT
        assert calls(server)[1:] == [remove(31), remove(32), OF_ANA, remove(32), OF_ANA]


def test_a_server_that_says_it_has_removed_and_has_not_surprises_once() -> None:
    with canned(members((31, 7), (32, 8)), DONE, members((31, 7))) as server:
        writer = EnsuringWriter(client(server.url))
        for each in (ANA, BO):
            with pytest.raises(ServerSurprise, match="after the first removal 'ana' still is a member of 'Finance'"):
                writer.remove_member(each, FINANCE)
        assert calls(server).count(remove(31)) == 1
        assert remove(32) not in calls(server)


# ---------------------------------------------------------------------- disabling: what is sent


OUT = replace(ANA, enabled=False)
IS_OUT = Written("7")


def test_a_user_is_disabled_with_all_attributes_or_the_one_that_differs() -> None:
    with canned(user(enabled="N")) as server:
        EnsuringWriter(client(server.url)).set_enabled(OUT, ANA)
        EnsuringWriter(client(server.url, user_update_body="changed")).set_enabled(OUT, ANA)
        whole, changed = [body for body in server.bodies if body]
    assert whole == {
        "username": "ana", "email": "ana@x.example", "first_name": "", "last_name": "", "type": "regular",
        "enabled": "N",
    }  # fmt: skip
    assert changed == {"enabled": "N"}


def test_a_disabled_user_is_enabled_again() -> None:
    with canned(user()) as server:
        assert EnsuringWriter(client(server.url, user_update_body="changed")).set_enabled(ANA, OUT) == IS_OUT
        assert server.bodies == [{"enabled": "Y"}, None]


def test_only_the_first_who_is_disabled_is_looked_at() -> None:
    with canned(user(enabled="N"), user(enabled="N"), Answer({})) as server:
        writer = EnsuringWriter(client(server.url))
        writer.set_enabled(OUT, ANA)
        assert writer.set_enabled(replace(BO, enabled=False), BO) == Written("8")
        assert calls(server) == ["PUT user/id/7", "GET user/id/7", "PUT user/id/8"]


def test_a_server_that_repeats_what_it_was_sent_and_does_nothing_is_not_believed() -> None:
    with canned(user(enabled="N"), user(enabled="Y")) as server:
        writer = EnsuringWriter(client(server.url))
        for each in (ANA, BO):
            with pytest.raises(ServerSurprise, match="the first user to be disabled, 'ana', has not become so"):
                writer.set_enabled(replace(each, enabled=False), each)
        assert calls(server) == ["PUT user/id/7", "GET user/id/7"]


def test_a_server_that_empties_what_it_was_not_sent_surprises() -> None:
    with canned(Answer({}), user(enabled="N", email="")) as server:
        writer = EnsuringWriter(client(server.url, user_update_body="changed"))
        with pytest.raises(ServerSurprise, match="'ana', is not as it was sent"):
            writer.set_enabled(OUT, ANA)


def test_what_cannot_be_disabled_by_choice_sends_nothing() -> None:
    with canned(Answer({})) as server:
        with pytest.raises(
            DisablingOff, match=r"'ana' should be disabled.*'disable_method' of the connection is 'off'"
        ):
            EnsuringWriter(client(server.url, disable_method="off")).set_enabled(OUT, ANA)
        with pytest.raises(DisablingOff, match="should be enabled"):
            EnsuringWriter(client(server.url, disable_method="off")).set_enabled(ANA, OUT)
        with pytest.raises(UpdatesOff):
            EnsuringWriter(client(server.url, user_update_body="off")).set_enabled(OUT, ANA)
        assert server.seen == []


def test_whoever_is_not_there_any_more_cannot_sign_in() -> None:
    with canned(GONE, GONE, Answer({"users": []})) as server:
        assert EnsuringWriter(client(server.url)).set_enabled(OUT, ANA) == ALREADY
        assert calls(server) == ["PUT user/id/7", "GET user/id/7", "GET user"]
    with canned(GONE, GONE, Answer({"users": []})) as server, pytest.raises(NotFound):
        EnsuringWriter(client(server.url)).set_enabled(ANA, OUT)


def test_a_server_without_such_an_address_disables_nobody() -> None:
    everybody = Answer({"users": [user().body["user"]]})
    with canned(GONE, GONE, everybody) as server, pytest.raises(NotFound):
        EnsuringWriter(client(server.url)).set_enabled(OUT, ANA)


@pytest.mark.parametrize("one_user", [GONE, user(id=9, username="bo"), Answer({"users": []})])
def test_the_first_is_found_among_all_where_the_server_does_not_show_one_user(one_user: Answer) -> None:
    everybody = Answer({"users": [user(enabled="N").body["user"]]})
    with canned(Answer({}), one_user, everybody) as server:
        assert EnsuringWriter(client(server.url)).set_enabled(OUT, ANA) == IS_OUT
        assert calls(server) == ["PUT user/id/7", "GET user/id/7", "GET user"]


@pytest.mark.parametrize(("now", "written"), [("N", IS_OUT), ("Y", None)])
def test_a_disabling_whose_answer_was_lost_is_looked_for(now: str, written: Written | None) -> None:
    with canned(LOST, user(enabled=now), user(enabled="N")) as server:
        assert EnsuringWriter(client(server.url)).set_enabled(OUT, ANA) == IS_OUT
        assert calls(server).count("PUT user/id/7") == (1 if written else 2)


def test_a_refusal_for_one_user_is_an_error_of_its_own() -> None:
    refused = Answer({"message": "You do not have permission to edit a System Admin"}, 403)
    with canned(refused) as server:
        with pytest.raises(Forbidden) as caught:
            EnsuringWriter(client(server.url)).set_enabled(OUT, ANA)
        assert not caught.value.fatal
        assert calls(server) == ["PUT user/id/7"]


# ---------------------------------------------------------------------- dry runs


def test_a_dry_run_removes_and_disables_nobody() -> None:
    with canned(members((31, 7))) as server:
        token = PersonalToken("t", credentials="test")
        mi = MetricInsightsClient(
            metric_insights_url(server.url), token, credentials="test", transport=Transport(read_only=True)
        )
        for write in (
            lambda: EnsuringWriter(mi).remove_member(ANA, FINANCE),
            lambda: EnsuringWriter(mi).set_enabled(OUT, ANA),
        ):
            with pytest.raises(WriteInDryRun):
                write()
        assert {method for method, _, _ in server.seen} == {"GET"}
