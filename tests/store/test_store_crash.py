"""What the next run makes of one that was killed."""

from __future__ import annotations

import pytest

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.store import Beginning, History, RunKey
from okta_mi_provider.store.runs import INTERRUPTED
from okta_mi_provider.store.settle import NOT_DONE
from okta_mi_provider.sync.fetch import GroupSelector
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.outcome import Status
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.run import Sides, provision
from tests.store.fakes import HOST, ORG, Sync
from tests.store.kept import an_hour_passes, ledger, links, statuses
from tests.unit.worlds import DEFAULT_GROUP


class TestCrash:
    """A process dies at a write. The next sync finds out what became of it."""

    def test_what_has_begun_after_mi_was_read_is_found_out_by_who_reads_it_later(self, sync: Sync) -> None:
        """A long command knows nothing of it: who was created would be nobody's making, and stay for ever."""
        sync.okta.join("Legal", "cy")
        sync.mi.add_group("Sales")
        settings = SyncSettings.from_mapping({"auto_create": "all"})
        command = provision(
            Sides(sync.okta, sync.mi, sync.mi, 1),
            [[GroupSelector(name="Legal")], [GroupSelector(name="Sales")]],
            settings,
            journal_of=lambda name: sync.journal(
                RunKey.of_command(name), Beginning(settings, "eve", ORG, HOST, target_group=name, shared=True)
            ),
        )
        next(command)
        assert sync.crash(at=1, after=True)
        for _ in command:
            pass
        assert statuses(sync, 2)["ana"] is Status.BEGUN
        assert "ana" not in ledger(sync)

        sync.run()
        assert statuses(sync, 2)["ana"] is Status.DONE
        assert "ana" in ledger(sync)

    def test_what_was_done_is_told_of_the_run_that_has_done_it(self, sync: Sync) -> None:
        assert sync.crash(at=2, after=True)
        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.BEGUN, "bob": Status.BEGUN}
        an_hour_passes(sync.store)

        sync.run()

        _, ana, bob = History(sync.store).changes_of_run(1)
        assert (ana.status, ana.joined, ana.user_id) == (Status.DONE, True, sync.mi.id_of("ana"))
        assert (bob.status, bob.error, bob.passing) == (Status.FAILED, NOT_DONE, True)
        # Whether Ana has come into the Default Group as well was not known.
        assert statuses(sync, 2) == {"bob": Status.DONE, "ana": Status.ALREADY}
        row = ledger(sync)["ana"]
        assert (row.run, row.dag_id, row.source_id, row.source_group_id) == (1, "cli:Sales", "00u-ana", "00g-Sales")
        assert links(sync) == {"00u-ana": "ana", "00u-bob": "bob"}
        first = History(sync.store).run(1)
        assert first is not None
        assert (first.state, first.error, first.complete) == (State.FAILED, INTERRUPTED, False)
        assert first.ended_at is not None

    @pytest.mark.parametrize("after", [True, False])
    def test_a_group_that_was_created_is_told_of_the_run_that_has_created_it(self, sync: Sync, after: bool) -> None:
        assert sync.crash(at=1, after=after)

        sync.run()

        created, ana, _ = History(sync.store).changes_of_run(1)
        assert ana.status is Status.PLANNED
        expected = (Status.DONE, sync.mi.group_id("Sales")) if after else (Status.FAILED, "")
        assert (created.status, created.group.id) == expected

    def test_lesson_16_a_member_whom_a_crashed_run_has_made_is_ours_and_leaves_with_okta(self, sync: Sync) -> None:
        assert sync.crash(at=3, after=True)
        sync.okta.leave("Sales", "bob")

        sync.run(prune="managed")

        assert sync.mi.names_in("Sales") == {"ana"}

    def test_a_member_who_is_made_when_the_next_run_has_read_mi_is_ours_and_leaves_with_okta(self, sync: Sync) -> None:
        """A request can be on its way for longer than the process that has sent it lives."""
        assert sync.crash(at=3, after=False)
        sync.okta.leave("Sales", "bob")
        sync.run(prune="managed")
        assert statuses(sync, 1)["bob"] is Status.BEGUN
        sync.mi.add_user("bob", "Sales")

        sync.run(prune="managed")

        assert sync.mi.names_in("Sales") == {"ana"}
        assert statuses(sync, 1)["bob"] is Status.DONE

    def test_a_member_who_is_made_between_the_reading_and_the_write_of_the_next_run_is_ours(
        self, sync: Sync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert sync.crash(at=2, after=False)
        members = sync.mi.members

        def read_too_early(group: TargetGroup) -> frozenset[str]:
            found = members(group)
            if group.name == "Sales":
                sync.mi.add_user("ana", "Sales")
            return found

        with monkeypatch.context() as patched:
            patched.setattr(sync.mi, "members", read_too_early)
            sync.run()
        assert statuses(sync, 2)["ana"] is Status.ALREADY
        assert "ana" not in ledger(sync)

        sync.run()

        assert statuses(sync, 1)["ana"] is Status.DONE
        assert ledger(sync)["ana"].run == 1

    def test_what_a_later_run_has_done_is_told_of_that_one(self, sync: Sync) -> None:
        assert sync.crash(at=2, after=False)
        sync.run()
        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.BEGUN, "bob": Status.BEGUN}

        sync.run()

        _, ana, bob = History(sync.store).changes_of_run(1)
        assert ana.status is bob.status is Status.FAILED
        assert "a later run has done it" in str(ana.error)
        assert {row.run for row in ledger(sync).values()} == {2}

    def test_what_is_not_there_after_minutes_was_not_done(self, sync: Sync) -> None:
        assert sync.crash(at=2, after=False)
        an_hour_passes(sync.store)

        sync.run()

        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.FAILED, "bob": Status.FAILED}

    def test_a_user_who_was_created_but_is_no_member_yet_is_created_by_us(self, sync: Sync) -> None:
        assert sync.crash(at=2, after=True)
        sync.mi.take_out("ana", "Sales")

        sync.run()

        _, ana, _ = History(sync.store).changes_of_run(1)
        assert (ana.status, ana.joined) == (Status.DONE, False)
        again = {each.username: each for each in History(sync.store).changes_of_run(2)}["ana"]
        assert (again.kind, again.joined) == (ChangeKind.ADD_MEMBER, True)

    @pytest.mark.parametrize("skips", [False, True])
    def test_a_user_who_was_created_but_is_not_in_the_default_group_gets_there_once(
        self, sync: Sync, skips: bool
    ) -> None:
        assert sync.crash(at=2, after=True, skip_default_group=skips)
        sync.mi.memberships[DEFAULT_GROUP.id].clear()

        # What only looks has no consequences.
        sync.run(dry_run=True)
        sync.run(max_creates=0)
        sync.run()
        inside = set() if skips else {"ana"}
        assert sync.mi.names_in(DEFAULT_GROUP.name) == {"bob", *inside}
        sync.mi.take_out("bob", DEFAULT_GROUP.name)
        sync.mi.memberships[DEFAULT_GROUP.id].clear()
        assert sync.run().report.changes == ()

    def test_a_user_whose_creation_has_failed_and_who_is_there_gets_into_the_default_group(self, sync: Sync) -> None:
        sync.mi.failing = {"ana"}
        sync.run()
        sync.mi.failing = set()
        sync.mi.add_user("ana")
        sync.run()
        assert sync.mi.names_in(DEFAULT_GROUP.name) == {"ana", "bob"}

    def test_somebody_else_of_that_name_does_not(self, sync: Sync) -> None:
        sync.mi.failing = {"ana"}
        sync.run()
        sync.mi.failing = set()
        sync.mi.add_user("ana", email="other@example.com")
        sync.run()
        assert sync.mi.names_in(DEFAULT_GROUP.name) == {"bob"}

    def test_a_member_of_a_crashed_run_who_was_taken_out_and_put_in_by_hand_is_not_ours(self, sync: Sync) -> None:
        sync.okta.join("Sales", *(f"user{number:03}" for number in range(60)))
        assert sync.crash(at=62, after=True)
        assert "bob" in ledger(sync)
        sync.okta.leave("Sales", "bob")
        sync.mi.take_out("bob", "Sales")
        sync.run(prune="managed")
        sync.mi.put_in("bob", "Sales")

        sync.run(prune="managed")

        assert "bob" in sync.mi.names_in("Sales")

    def test_a_removal_that_was_done_is_ours(self, sync: Sync) -> None:
        sync.run(prune="managed")
        sync.okta.leave("Sales", "bob")
        assert sync.crash(at=1, after=True, prune="managed")
        assert "bob" in ledger(sync)

        sync.run(prune="managed")

        (removed,) = History(sync.store).changes_of_run(2)
        assert (removed.status, removed.left) == (Status.DONE, True)
        assert set(ledger(sync)) == {"ana"}

    def test_a_user_who_was_disabled_is_remembered_as_disabled_by_us(self, sync: Sync) -> None:
        sync.run()
        sync.okta.join("Sales", "bob", status="DEPROVISIONED")
        assert sync.crash(at=1, after=True, deprovision="disable")

        sync.run(deprovision="disable")

        assert statuses(sync, 2) == {"bob": Status.DONE}

    def test_a_dry_run_settles_nothing(self, sync: Sync) -> None:
        """It would take what it has planned itself for what MI has."""
        assert sync.crash(at=2, after=True)

        sync.run(dry_run=True)

        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.BEGUN, "bob": Status.BEGUN}

    def test_what_another_group_is_about_is_left_to_its_own_sync(self, sync: Sync) -> None:
        sync.okta.join("Marketing", "ana")
        assert sync.crash(at=2, after=True)

        sync.run("Marketing")

        assert statuses(sync, 1) == {None: Status.DONE, "ana": Status.BEGUN, "bob": Status.BEGUN}

    def test_outcomes_are_noted_while_they_come_in(self, sync: Sync) -> None:
        sync.okta.join("Sales", *(f"user{number:03}" for number in range(100)))
        assert sync.crash(at=90, after=True)

        done = sum(status is Status.DONE for status in statuses(sync, 1).values())
        assert 90 - 20 - 1 <= done <= 90
        sync.run()
        assert len(sync.mi.names_in("Sales")) == len(ledger(sync)) == 102
