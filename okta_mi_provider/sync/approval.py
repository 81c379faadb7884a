"""Whether a person has to look at a plan before it is written, whether one did, and for how long that holds. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from okta_mi_provider.settings import SyncSettings, options
from okta_mi_provider.sync.errors import PlanRefused, PlanStale, PlanUnusual, SyncError
from okta_mi_provider.sync.plan import SHORT_DIGEST, Plan
from okta_mi_provider.sync.report import Approval
from okta_mi_provider.sync.text import plural

#: What a person can have answered; see `Approval`.
ASKED, APPROVED, REJECTED, TIMED_OUT = "asked", "approved", "rejected", "timed out"
#: How long a plan may be written after Okta was read, or a person has approved it. Longer than any run with all its
#: retries, and short enough that nobody gets an access for what Okta has said last week.
VALID_FOR = timedelta(hours=24)
#: For so long what was read of MI is taken for what it is. A run that writes takes as long without looking up again. An
#: update sends all that was read of a user: who was disabled by hand since would be enabled by it.
MI_VALID_FOR = timedelta(minutes=30)
#: The values of `approve`, the stricter ones later.
_STRICTER = ("never", "unusual", "always")
#: How to have a plan approved where a task asks, and where nothing can ask.
_IN_A_DAG = "Trigger a new run of the DAG, or clear the task that asks and all after it."
BY_ITS_DAG = "Only a DAG can ask a person, and --approve does not stand for the answer: trigger the DAG of this entry."


def departures(settings: SyncSettings, of_dag: SyncSettings) -> dict[str, object]:
    """What whoever triggered a run has chosen that the DAG does not say, as far as it matters for what is written.

    Args:
        settings: Those of the run.
        of_dag: Those that hold without a form.
    """
    names = [name for name, option in options().items() if option.in_form and name != "summary"]
    return {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(of_dag, name)}


def as_triggered(settings: SyncSettings, of_dag: SyncSettings) -> SyncSettings:
    """The settings of a run, which is unusual as a whole if it was triggered with other ones than its DAG has.

    Otherwise whoever may trigger it could have everybody synced as an administrator, or the leavers one by one, without
    a plan that is unusual by itself.

    Args:
        settings: Those of the run.
        of_dag: Those that hold without a form.
    """
    if settings.approve == "unusual" and departures(settings, of_dag):
        return replace(settings, approve="always")
    return settings


def stricter(approve: str, other: str) -> str:
    """That one of two values of `approve` with which people are asked more often."""
    return max(approve, other, key=_STRICTER.index)


def needs_approval(plan: Plan, settings: SyncSettings) -> bool:
    """Whether a person has to be asked before a plan is written."""
    if settings.approve == "never" or settings.only_looks or not plan.changes:
        return False
    return settings.approve == "always" or bool(plan.unusual)


def is_let_through(plan: Plan, settings: SyncSettings) -> bool:
    """Whether a plan is written only because whoever began the run has named its digest."""
    return settings.approve == "never" and bool(plan.unusual) and plan.is_approved_by(settings.approve_plan)


def raise_if_nobody_is_asked(plan: Plan, settings: SyncSettings) -> None:
    """Lets a plan go on that is safe, or about which a person is going to be asked.

    Raises:
        PlanRefused: If it is never written, whoever approves it.
        PlanUnusual: If it waits for an approval, and nobody is asked for one.
    """
    if settings.only_looks:
        return
    plan.raise_if_refused()
    if not needs_approval(plan, settings):
        plan.raise_if_unsafe(approved=settings.approve_plan)


def raise_if_not_approved(
    plan: Plan, settings: SyncSettings, approval: Approval | None, *, advice: str = _IN_A_DAG
) -> None:
    """Lets a plan be written that is safe, or that has been approved: where people are asked, by a person who was.

    Args:
        plan: What would be written.
        settings: With `approve`, and the digest that whoever began the run has approved.
        approval: What the person said who was asked, if one was.
        advice: How to have it approved, where a person is to be asked and was not.

    Raises:
        PlanRefused: If it is never written, whoever approves it; or the person did not want it.
        PlanUnusual: If nobody has approved it.
    """
    if settings.only_looks:
        return
    plan.raise_if_refused()
    if unwanted := refusal(approval):
        raise PlanRefused(unwanted)
    approved = approval is not None and approval.answer == APPROVED and plan.is_approved_by(approval.digest)
    if approved:
        return
    if needs_approval(plan, settings):
        which = "Every plan needs" if settings.approve == "always" else " ".join((*plan.unusual, "Such a plan needs"))
        raise PlanUnusual(
            f"{which} an approval here (approve: {settings.approve}), and nobody has approved plan "
            f"{plan.digest[:SHORT_DIGEST]}. Nothing was written. {advice}"
        )
    plan.raise_if_unsafe(approved=settings.approve_plan)


def raise_if_stale(plan: Plan, now: Plan, *, approved: bool, advice: str) -> None:
    """Refuses a plan that is not what would be planned now: that one was looked at, and no other.

    Args:
        plan: What would be written.
        now: What MI, read again, makes of the same snapshot of Okta.
        approved: Whether a person has approved it.
        advice: What to do instead.

    Raises:
        PlanStale: With what differs, in numbers.
    """
    if now.digest == plan.digest:
        return
    before, after = set(map(repr, plan.changes)), set(map(repr, now.changes))
    differences = [
        f"{plural(len(before - after), 'change')} of it {'is' if len(before - after) == 1 else 'are'} not wanted any "
        "more"
        if before - after
        else "",
        f"{plural(len(after - before), 'other change')} would be made" if after - before else "",
    ]
    told = ", and ".join(filter(None, differences)) or "its changes are the same, but not what else was found"
    raise PlanStale(
        f"MI has changed since plan {plan.digest[:SHORT_DIGEST]} was made{', which was approved' if approved else ''}. "
        f"What would be written now is plan {now.digest[:SHORT_DIGEST]}: {told}. So it is not written. {advice}"
    )


def raise_if_too_old(plan: Plan, *, read_at: datetime, approval: Approval | None, now: datetime, advice: str) -> None:
    """Keeps a plan from being written, or finished, when Okta has had time to say something else.

    Args:
        plan: What would be written.
        read_at: When Okta was read, or a little before.
        approval: What a person has said of it, if one was asked: who approves it, knows how old it is.
        now: The time.
        advice: What to do instead.

    Raises:
        SyncError: If the time is over.
    """
    since = read_at
    if approval and approval.answer == APPROVED and approval.at:
        since = max(since, datetime.fromisoformat(approval.at))
    # The clock of the worker that has read Okta may be ahead: that makes nothing younger.
    if abs(now - since) > VALID_FOR:
        raise SyncError(
            f"Plan {plan.digest[:SHORT_DIGEST]} comes from what Okta said at {read_at:%Y-%m-%d %H:%M} UTC, and may be "
            f"written for {VALID_FOR // timedelta(hours=1)} hours. What is left of it is not written. {advice}"
        )


def refusal(approval: Approval | None) -> str | None:
    """Why nothing is written, where a person did not want it or did not answer; None in every other case."""
    if approval is None or approval.answer == APPROVED:
        return None
    plan = f"plan {approval.digest[:SHORT_DIGEST]}"
    if approval.answer == REJECTED:
        return f"{approval.by or 'Somebody'} has rejected {plan}. Nothing was written."
    if approval.answer == TIMED_OUT:
        return f"Nobody has answered in time whether {plan} shall be written. Nothing was written. Trigger a new run."
    return None
