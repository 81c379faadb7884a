"""The decisions where the vendor is silent, over HTTP: what a run refuses, repeats, and says of itself.

Numbers are those of the second part of the specification. Removal limits (10) are not in here, nor is
backfill (14), which only Airflow has.
"""

from __future__ import annotations

from tests.integration.conftest import Provision
from tests.integration.statuses import MEMBERS, OTHERS, name_of
from tests.integration.world import DEFAULT_GROUP, MetricInsights, Okta, login, logins

# ---------------------------------------------------------------------- 7, the limit


def test_decision_07_skipped_users_do_not_count(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.user("bruno", okta.group("Finance", "ana"), status="SUSPENDED")
    assert provision("--sync-user-limit", "1", "-a", "all", "Finance").code == 0
    assert mi.members("Finance") == logins("ana")


def test_decision_07_the_message_has_both_numbers(provision: Provision, okta: Okta) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 23)
    message = provision("--sync-user-limit", "17", "-a", "all", "Finance").report["error"]
    assert "23" in message
    assert "17" in message


def test_decision_07_by_default_10_000_users_may_be_synced(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 10_001)
    before = mi.content()
    run = provision("-n", "-a", "all", "Finance")
    assert run.code == 3
    assert "10,001" in run.report["error"]
    assert "10,000" in run.report["error"]
    assert mi.content() == before


# ---------------------------------------------------------------------- 8, an empty source


def test_decision_08_an_empty_group_is_created_and_reported(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance")
    run = provision("-a", "all", "Finance")
    assert run.code == 0
    assert mi.members("Finance") == []
    assert mi.writes() == ["POST /api/user_group"]
    assert [finding["class"] for finding in run.report["findings"]] == ["notice"]
    assert "no members" in run.out


def test_decision_08_a_group_without_a_user_to_sync_is_reported(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.user("ana", okta.group("Finance"), status="SUSPENDED")
    mi.add_group("Finance")
    mi.add_user("hand", "Finance")
    run = provision("Finance")
    assert run.code == 0
    assert mi.writes() == []
    assert mi.members("Finance") == logins("hand")
    assert "no user to sync" in run.out


# ---------------------------------------------------------------------- 12, idempotent


def test_decision_12_a_second_run_over_everything_writes_nothing(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    group = okta.group("Finance")
    for number, (given, family) in enumerate(
        [
            ("Seán", "O'Brien"),
            ("  Spacey ", "Mc  Space"),
            ("李", "小龍"),
            ('Anne "Annie"', "<b>Oakley</b>"),
            (None, None),
        ]
    ):
        okta.user(f"user{number}", group, firstName=given, lastName=family)
    for status in (*MEMBERS, *OTHERS):
        okta.user(name_of(status), group, status=status)
    assert provision("-a", "all", "Finance").code == 0
    mi.forget_requests()
    before = mi.content()
    run = provision("-a", "all", "Finance")
    assert run.users == {"source": 13, "unchanged": 11, "skipped": 2}
    assert mi.writes() == []
    assert mi.content() == before


def test_decision_12_only_what_has_changed_is_written(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana", "bruno", "carla")
    provision("-a", "all", "Finance")
    okta.user("dora", "Finance")
    okta.change("bruno", lastName="Costa")
    mi.leave("Finance", "carla")
    mi.forget_requests()
    run = provision("-a", "all", "Finance")
    assert sorted(kind for kind, _, _ in run.changes) == ["add_member", "create_user", "update_user"]
    assert len(mi.writes()) == 3
    assert mi.members("Finance") == logins("ana", "bruno", "carla", "dora")


# ---------------------------------------------------------------------- 13, an honest result


def test_decision_13_the_others_are_done_when_one_user_fails(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno", "carla")
    okta.change("bruno", lastName="x" * 101)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    assert run.report["state"] == "failed"
    assert mi.members("Finance") == logins("ana", "carla")
    (failed,) = [change for change in run.report["changes"] if change["status"] == "failed"]
    assert failed["user"] == login("bruno")
    assert "100 characters" in failed["error"]
    assert run.users == {"source": 3, "created": 2, "failed": 1}
    assert login("bruno") in run.out
    assert "100 characters" in run.out


def test_decision_13_a_failed_user_is_taken_again_by_the_next_run(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana", "bruno")
    okta.change("bruno", lastName="x" * 101)
    provision("-a", "all", "Finance")
    okta.change("bruno", lastName="Costa")
    assert provision("-a", "all", "Finance").users == {"source": 2, "created": 1, "unchanged": 1}
    assert mi.members("Finance") == logins("ana", "bruno")


def test_decision_13_one_group_that_fails_leaves_the_others_alone(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("Finance", "ana")
    run = provision("-a", "all", "Nobody", "Finance")
    assert run.code == 1
    assert mi.members("Finance") == logins("ana")
    assert "'Nobody'" in run.out


def test_decision_13_a_dry_run_cannot_write(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana", "bruno")
    mi.add_user("bruno", last_name="Old")
    provision("-n", "--force", "-t", "administrator", "-a", "all", "Finance")
    methods = {(row["method"], row["path"]) for row in mi.requests() if row["method"] != "GET"}
    assert methods <= {("POST", "/api/get_token")}
    assert DEFAULT_GROUP in mi.groups()
