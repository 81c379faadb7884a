"""Writes a plan: bounded concurrency, one outcome for each change, nobody's failure stops anybody else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from okta_mi_provider.sync.errors import Stopped, SyncError, TooManyFailures
from okta_mi_provider.sync.journal import Announcements, NoJournal
from okta_mi_provider.sync.model import TargetGroup, TargetUser
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan
from okta_mi_provider.sync.wakeful import taken_from

#: When more than this share of at least so many writes has failed, the rest is not tried: the server is in trouble,
#: or what is sent to it is.
BRAKE_SHARE, BRAKE_FROM = 0.4, 20
#: How many changes are announced at once.
_BATCH = 50


class Status(StrEnum):
    """What became of a change."""

    PLANNED = "planned"
    """Not tried."""
    BEGUN = "begun"
    """Announced, and perhaps sent; what became of it is not known."""
    DONE = "done"
    ALREADY = "already"
    """Somebody else had done it; a read has proved it."""
    FAILED = "failed"


class Written(NamedTuple):
    """What a writer has to say of a write that did not fail.

    Attributes:
        target_id: MI id of the user or group.
        already: It was so already; a read has proved it.
        joined: The user has become a member of the target group by this write.
        left: The user was taken out of the target group by this write.
        unlike: The user is there, but not in everything as it was to be.
    """

    target_id: str
    already: bool = False
    joined: bool = False
    left: bool = False
    unlike: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change.

    Attributes:
        passing: The failure may be gone when the change is tried again.
        target_id: MI id of the group or user, where the write went well.
        joined: The user has become a member of the group. Also somebody whom another sync created first can be
            made one by this.
        left: The user is no member of the group any more because of it.
        unlike: What is in MI is not in everything what the change says; known only to who has tried it.
    """

    change: Change
    status: Status
    error: str | None = None
    passing: bool = False
    target_id: str | None = None
    joined: bool = False
    left: bool = False
    unlike: bool = False


_Ended = tuple[Outcome, SyncError | None]
#: What came of a change; None if it was not begun.
_Attempt = Future[_Ended | None]


class TargetWriter(Protocol):
    """Whoever can write to MI. Every method is an *ensure*: what is so already is no failure.

    Every method may be called by several threads at once, and raises a `SyncError` when it failed.
    """

    def create_group(self, name: str, source_id: str | None) -> Written:
        """Makes sure that a group of this name exists, made for the Okta group of this id if that has its name."""

    def create_user(self, user: TargetUser, group: TargetGroup, default_group: TargetGroup | None) -> Written:
        """Makes sure that the user exists and is a member of both groups."""

    def update_user(self, user: TargetUser, before: TargetUser) -> Written:
        """Makes sure that the user's attributes are these; before are those that were read."""

    def add_member(self, user: TargetUser, group: TargetGroup) -> Written:
        """Makes sure that the user is a member of the group."""

    def remove_member(self, user: TargetUser, group: TargetGroup) -> Written:
        """Makes sure that the user is no member of the group."""

    def set_enabled(self, user: TargetUser, before: TargetUser) -> Written:
        """Makes sure that the user may sign in, or may not, as the user says; before is what was read."""


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
    settled: Collection[str] = (),
    journal: Announcements = _NOBODY,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Creates and updates the users of a plan, puts them into the group, and takes leavers out of it.

    Args:
        plan: What to write.
        group: The MI group, which exists.
        writer: Whom to tell.
        concurrency: Most writes in flight, at least 1.
        settled: Keys of changes that need not be tried again.
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

    users = (change for change in plan.changes if change.kind is not ChangeKind.CREATE_GROUP)
    todo = _Todo([change for change in users if change.key not in settled], journal)

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
        self.unsent: dict[str, Change] = {}
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
    failures = _Failures()
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


def raise_if_too_many_failed(tried: int, failed: int, passing: int) -> None:
    """For somebody who is about to begin where others, who write the same plan, have failed.

    Args:
        tried: How many writes they have tried.
        failed: How many of them failed.
        passing: How many of those for a reason that may pass.

    Raises:
        TooManyFailures: If the rest is not worth trying.
    """
    if _are_too_many(failed, tried):
        raise TooManyFailures(
            f"{failed} of {tried} writes of other parts of the plan failed, more than {BRAKE_SHARE:.0%}, so this part "
            "was not tried.",
            passing=passing > 0,
        )


def _are_too_many(failed: int, tried: int) -> bool:
    return tried >= BRAKE_FROM and failed > BRAKE_SHARE * tried


class _Failures:
    """Counts failures, and says when they are too many."""

    def __init__(self) -> None:
        self._number = 0
        self._may_pass = False
        self._last: SyncError | None = None

    def add(self, error: SyncError) -> None:
        """Counts one."""
        self._number += 1
        self._may_pass = self._may_pass or error.passing
        self._last = error

    def are_too_many(self, tried: int) -> bool:
        """Whether after so many writes the rest is not worth trying."""
        return _are_too_many(self._number, tried)

    def as_error(self, tried: int) -> TooManyFailures:
        """All of them as the reason why the rest was not tried."""
        error = TooManyFailures(
            f"{self._number} of {tried} writes failed, more than {BRAKE_SHARE:.0%}, so the rest was not tried. The "
            f"last reason: {self._last}",
            passing=self._may_pass,
        )
        # It may know when the server is worth asking again.
        error.__cause__ = self._last
        return error


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
