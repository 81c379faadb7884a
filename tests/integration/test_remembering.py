"""What earlier syncs have left in the store decides: who is removed, who is who, and what has to be approved."""

from __future__ import annotations

import json

from okta_mi_provider.sync.model import SourceGroup
from tests.integration.conftest import MANAGED, Ask, Provision
from tests.integration.world import MetricInsights, Okta, login, logins


def test_managed_removes_leavers_whom_a_sync_has_put_there(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: SourceGroup
) -> None:
    provision(*MANAGED, "Finance")
    mi.add_user("hans", "Finance")
    okta.leave("Finance", "ana")
    run = provision(*MANAGED, "Finance")
    assert run.changes == [("remove_member", login("ana"), "done")]
    assert run.report["counts"]["memberships"] == {"added": 0, "removed": 1}
    assert mi.members("Finance") == logins("bruno", "hans")


def test_a_login_that_changes_in_okta_stays_one_user_of_mi(
    provision: Provision, okta: Okta, mi: MetricInsights, finance: SourceGroup
) -> None:
    provision("-a", "all", "Finance")
    okta.change("ana", login="anna@acme.example", email="anna@acme.example")
    run = provision("-a", "all", "Finance")
    assert run.code == 0, run.out
    assert len(mi.members("Finance")) == 2
    assert mi.user("ana")["email"] == "anna@acme.example"
    assert [finding["kind"] for finding in run.report["findings"]] == ["renamed"]


def test_lesson_18_a_change_of_mapping_waits_for_an_approval_of_exactly_that_plan(
    provision: Provision, mi: MetricInsights, okta: Okta, finance: SourceGroup
) -> None:
    provision("-a", "all", "Finance")
    okta.change("ana", nickName="annie")
    okta.change("bruno", nickName="bru")
    mi.forget_requests()
    run = provision("-a", "all", "--first-name-attr", "nickName", "Finance")
    assert run.code == 3
    assert "first_name_attr: firstName -> nickName" in run.out
    assert mi.writes() == []
    digest = run.report["plan_digest"][:12]
    assert digest in run.out
    wrong = provision("-a", "all", "--first-name-attr", "nickName", "--approve", "0" * 12, "Finance")
    assert wrong.code == 3
    right = provision("-a", "all", "--first-name-attr", "nickName", "--approve", digest, "Finance")
    assert right.code == 0, right.out
    assert mi.user("ana")["first_name"] == "annie"


def test_lesson_09_a_refused_plan_is_printed_and_kept_and_a_plan_or_dry_run_names_its_digest(
    ask: Ask, provision: Provision, mi: MetricInsights, finance: SourceGroup
) -> None:
    for number in range(12):
        mi.add_user(f"extra{number}")
    mi.add_group("Finance", *(f"extra{number}" for number in range(12)))
    refused = provision("-a", "all", "--prune", "all", "Finance")
    assert refused.code == 3
    assert f"would remove from group 'Finance': '{login('extra3')}'" in refused.out
    digest = refused.report["plan_digest"]
    (run,) = json.loads(ask("runs", "-f", "json").out)
    kept = json.loads(ask("history", "--run", str(run["run"]), "-f", "json").out)
    assert [row["status"] for row in kept] == ["planned"] * len(refused.changes)
    for command in (["provision", "-n"], ["plan"]):
        shown = ask(*command, "-a", "all", "--prune", "all", "Finance")
        assert f"without an approval of plan {digest[:12]}" in shown.out
    nothing = ask("undo", str(run["run"]), "--yes")
    assert nothing.code == 0
    assert len(mi.members("Finance")) == 12


def test_a_member_whom_somebody_has_added_by_hand_is_explained(
    ask: Ask, provision: Provision, mi: MetricInsights, finance: SourceGroup
) -> None:
    provision(*MANAGED, "Finance")
    mi.add_user("hans", "Finance")
    says = ask("explain", login("hans"), "--group", "Finance", "--prune", "managed").out
    assert "was not put into the group by a sync" in says


def test_several_groups_that_are_pruned_as_one_are_a_union(
    provision: Provision, okta: Okta, mi: MetricInsights
) -> None:
    okta.group("A", "ana", "bruno")
    okta.group("B", "carla")
    run = provision(*MANAGED, "--target-group", "BI", "A", "B")
    assert run.report["source"]["group"] == {"id": None, "name": "A + B"}
    assert [group["name"] for group in run.report["source"]["groups"]] == ["A", "B"]
    okta.join("B", login("ana"))
    okta.leave("A", "ana")
    okta.leave("A", "bruno")
    provision(*MANAGED, "--target-group", "BI", "A", "B")
    assert mi.members("BI") == logins("ana", "carla")
