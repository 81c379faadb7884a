"""Writes a plan: bounded concurrency, one outcome for each change, nobody's failure stops anybody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue

from okta_mi_provider.sync.brake import Failures
from okta_mi_provider.sync.errors import Stopped, SyncError
from okta_mi_provider.sync.journal import Announcements, NoJournal
from okta_mi_provider.sync.model import TargetGroup
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKey, ChangeKind, Plan
from okta_mi_provider.sync.wakeful import taken_from
from okta_mi_provider.sync.writer import TargetWriter, Written

#: How many changes are announced at once.
_BATCH = 50


_Ended = tuple[Outcome, SyncError | None]
#: What came of a change; None if it was not begun.
_Attempt = Future[_Ended | None]


#: Whom nothing is announced to.
_NOBODY = NoJournal()


def apply(
    plan: Plan,
    writer: TargetWriter,
    concurrency: int,
    *,
    journal: Announcements = _NOBODY,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Writes a whole plan: the group, then the users. Yields an outcome for each change that was tried.

    Args:
        plan: What to write.
        writer: Whom to tell.
        concurrency: Most writes in flight, at least 1.
        journal: As for `upsert_users`.
        stopped: As for `upsert_users`.

    Raises:
        SyncError: After the outcomes, when the rest of the plan cannot succeed or was not worth trying.
    """
    group = plan.target_group
    for outcome in create_groups(plan, writer, journal=journal, stopped=stopped):
        yield outcome
        group = TargetGroup(outcome.target_id or "", group.name)
    yield from upsert_users(plan, group, writer, concurrency, journal=journal, stopped=stopped)


def create_groups(
    plan: Plan,
    writer: TargetWriter,
    *,
    journal: Announcements = _NOBODY,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Creates the MI group if the plan says so. Arguments as for `upsert_users`.

    Raises:
        SyncError: After the outcome, when it failed: without the group nothing else can be done.
    """
    # A group of another name is the target of a setting, and perhaps of several groups of Okta.
    source_id = next((group.id for group in plan.source_groups if group.name == plan.target_group.name), None)
    for change in plan.changes:
        if change.kind is ChangeKind.CREATE_GROUP and not stopped():
            journal.begin([change])
            outcome, error = _attempt(change, lambda change: writer.create_group(change.group, source_id))
            yield outcome
            if error:
                raise error


def upsert_users(
    plan: Plan,
    group: TargetGroup,
    writer: TargetWriter,
    concurrency: int,
    *,
    journal: Announcements = _NOBODY,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Creates and updates the users of a plan, puts them into the group, and takes leavers out of it.

    Args:
        plan: What to write.
        group: The MI group, which exists.
        writer: Whom to tell.
        concurrency: Most writes in flight, at least 1.
        journal: Is told of changes before they are sent, some at a time, and at the end of those that were not sent
            after all. Those that another try has settled, as it says, are not sent. What it raises ends the whole.
        stopped: Asked before each write; once it says yes, what is in flight is finished and no more is begun.

    Raises:
        SyncError: After the outcomes of what was in flight, when the rest cannot succeed or was not worth trying.
    """
    groups = {each.name: each for each in (plan.default_group, group) if each}

    def write(change: Change) -> Written:
        user = change.after
        assert user is not None, "only a change of a user gets here"  # noqa: S101
        if change.kind is ChangeKind.CREATE_USER:
            return writer.create_user(user, group, plan.default_group)
        if change.kind is ChangeKind.UPDATE_USER:
            assert change.before is not None, "an update begins with what was read"  # noqa: S101
            return writer.update_user(user, change.before)
        if change.kind in {ChangeKind.DISABLE_USER, ChangeKind.ENABLE_USER}:
            assert change.before is not None, "so does this"  # noqa: S101
            return writer.set_enabled(user, change.before)
        if change.kind is ChangeKind.REMOVE_MEMBER:
            return writer.remove_member(user, groups[change.group])
        return writer.add_member(user, groups[change.group])

    todo = _Todo([change for change in plan.changes if change.kind is not ChangeKind.CREATE_GROUP], journal)

    def send(change: Change) -> Written:
        del todo.unsent[change.key]
        return write(change)

    try:
        yield from _in_flight(todo, send, concurrency, stopped)
    finally:
        # However it has ended, nothing is in flight any more.
        if todo.unsent:
            journal.withdraw(list(todo.unsent.values()))


class _Todo:
    """Changes, each batch of them after it was announced.

    Attributes:
        total: How many there are to send, as far as that is known.
        unsent: Those that were announced and not sent yet, by their keys.
    """

    def __init__(self, changes: Sequence[Change], journal: Announcements) -> None:
        self.total = len(changes)
        self.unsent: dict[ChangeKey, Change] = {}
        self._changes = changes
        self._journal = journal

    def __iter__(self) -> Iterator[Change]:
        for start in range(0, len(self._changes), _BATCH):
            batch = self._changes[start : start + _BATCH]
            settled = self._journal.begin(batch)
            left = [change for change in batch if change.key not in settled]
            self.total -= len(batch) - len(left)
            self.unsent.update((change.key, change) for change in left)
            yield from left


def _in_flight(
    todo: _Todo,
    write: Callable[[Change], Written],
    concurrency: int,
    stopped: Callable[[], bool],
) -> Iterator[Outcome]:
    changes, tried = iter(todo), 0
    failures = Failures()
    # Why the rest is not tried: it cannot succeed, or too much has failed.
    fatal: SyncError | None = None
    braking = False
    running: set[_Attempt] = set()
    ended: SimpleQueue[_Attempt] = SimpleQueue()
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="mi-write") as pool:
        while True:
            if not fatal and not braking and not stopped():
                # Twice as many as are in flight, so that no thread waits for this one.
                for change in islice(changes, 2 * concurrency - len(running)):
                    attempt = pool.submit(_unless_stopped, stopped, change, write)
                    running.add(attempt)
                    attempt.add_done_callback(ended.put)
            if not running:
                break
            running.remove(attempt := taken_from(ended))
            if attempt.cancelled() or (result := attempt.result()) is None:
                continue
            outcome, error = result
            tried += 1
            if error and not isinstance(error, Stopped):
                failures.add(error)
            if error and error.fatal:
                fatal = error
            elif not stopped():
                braking = braking or failures.are_too_many(tried)
            yield outcome
            if fatal or braking or stopped():
                for each in running:
                    each.cancel()
    if fatal:
        raise fatal
    if braking and tried < todo.total:
        # Those in flight have ended meanwhile, and are counted too.
        raise failures.as_error(tried)


def _unless_stopped(stopped: Callable[[], bool], change: Change, write: Callable[[Change], Written]) -> _Ended | None:
    """A write may have waited for its thread while somebody wanted to stop."""
    return None if stopped() else _attempt(change, write)


def _attempt(change: Change, write: Callable[[Change], Written]) -> _Ended:
    try:
        written = write(change)
    except SyncError as error:
        return Outcome(change, Status.FAILED, str(error), error.passing), error
    status = Status.ALREADY if written.already else Status.DONE
    outcome = Outcome(
        change,
        status,
        target_id=written.target_id,
        joined=written.joined,
        left=written.left,
        unlike=written.unlike,
    )
    return outcome, None
