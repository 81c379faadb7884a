"""One user's way through a sync, told step by step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.explain import explain
from okta_mi_provider.sync.memory import Link, Memory
from okta_mi_provider.sync.snapshot import Snapshot
from tests.unit.worlds import any_settings, mi_user, okta_user, settings, snapshot, worlds

ANA = mi_user("ana")


def said(world: Snapshot, who: str, **values: object) -> dict[str, str]:
    steps = explain(world, settings(**values), who).steps
    assert [step.name for step in steps] == ["import", "scope", "match", "plan"]
    return {step.name: "\n".join(step.lines) for step in steps}


def test_a_member_who_is_as_he_shall_be() -> None:
    says = said(snapshot([okta_user("ana")], [ANA], members={ANA.id}), "ANA")
    assert "Member of Okta group 'Sales' of https://acme.okta.com: 00u-ana, status ACTIVE." in says["import"]
    assert "E-mail address: 'ana@example.com' (Okta attribute 'email')" in says["import"]
    assert "type regular, a member of 'Sales'" in says["import"]
    assert "'ana' is synced: ACTIVE is one of" in says["scope"]
    assert "'ana' is 'ana' (MI id id-ana, 'ana@example.com'), by the username." in says["match"]
    assert says["plan"] == "Nothing would be written."


def test_somebody_new_and_somebody_changed() -> None:
    says = said(snapshot([okta_user("ana")]), "ana@example.com", auto_create="all")
    assert "nobody in MI yet (looked for by link, username)" in says["match"]
    assert "would create user 'ana'" in says["plan"]
    world = snapshot([okta_user("ana", last_name="Other")], [ANA], members={ANA.id})
    assert "last_name 'Doe' -> 'Other'" in said(world, "ana")["plan"]


def test_somebody_whose_status_or_profile_keeps_him_out() -> None:
    world = snapshot([okta_user("ana", status="SUSPENDED"), okta_user("bob", email="")])
    assert "is SUSPENDED in Okta and is not synced" in said(world, "ana")["scope"]
    assert "no e-mail address" in said(world, "bob")["scope"]
    assert said(world, "bob")["match"] == "Not looked for in MI."


def test_a_conflict_names_both_sides() -> None:
    world = snapshot([okta_user("ana"), okta_user("bob", email="ana@example.com")], [ANA])
    says = said(world, "bob")
    assert "2 users of the Okta group have the e-mail address 'ana@example.com'" in says["match"]
    assert "Nothing would be written." in says["plan"]


def test_why_nothing_is_written_where_nobody_is_removed_and_where_the_group_is_missing() -> None:
    leo = mi_user("leo")
    world = snapshot([okta_user("ana")], [ANA, leo], members={ANA.id, leo.id})
    stays = "'leo' is not in the Okta group, and stays a member all the same: prune is off."
    assert stays in said(world, "leo")["plan"]
    missing = snapshot([okta_user("ana")], group=None)
    assert "MI has no group 'Sales'" in said(missing, "ana")["plan"]
    assert "auto_create 'groups' or 'all'" in said(missing, "ana")["plan"]


def test_a_leaver_is_told_why() -> None:
    leo = mi_user("leo")
    memory = Memory(made=(Link("00u-leo", leo.id, "leo"),))
    world = snapshot([okta_user("ana")], [ANA, leo], members={ANA.id, leo.id}, memory=memory)
    says = said(world, "leo", prune="managed", max_removals=0)
    assert "Not among the 1 members" in says["import"]
    assert "would remove from group 'Sales': 'leo'" in says["plan"]
    assert "A sync of the whole group is held up" in says["plan"]


def test_nobody_of_that_name() -> None:
    told = explain(snapshot([okta_user("ana")], [ANA]), settings(), "zoe")
    assert not told.is_known
    assert told.plan.conflicts == 0
    assert "No user of that name" in "\n".join(told.steps[0].lines)


@given(worlds(), any_settings(), st.sampled_from(["ana", "bob", "a@x.org", "nobody"]))
def test_an_explanation_says_what_a_sync_of_that_user_would_do(world: Snapshot, chosen: SyncSettings, who: str) -> None:
    told = explain(world, chosen, who)
    assert set(told.plan.changes) <= set(diff(world, chosen).changes)
    assert all(step.lines for step in told.steps)
    assert all(line.isprintable() for step in told.steps for line in step.lines)
