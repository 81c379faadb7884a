"""Whether a person has to look at a plan before it is written, and whether one did. Pure."""

from __future__ import annotations

from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.sync.errors import PlanStale, PlanUnusual
from okta_mi_provider.sync.plan import SHORT_DIGEST, Plan
from okta_mi_provider.sync.report import Approval
from okta_mi_provider.sync.text import plural

#: What a person can have answered; see `Approval`.
ASKED, APPROVED, REJECTED, TIMED_OUT = "asked", "approved", "rejected", "timed out"


def needs_approval(plan: Plan, settings: SyncSettings) -> bool:
    """Whether a person has to be asked before a plan is written."""
    if settings.approve == "never" or settings.only_looks or not plan.changes:
        return False
    if plan.is_approved_by(settings.approve_plan):
        return False
    return settings.approve == "always" or bool(plan.unusual)


def raise_if_nobody_is_asked(plan: Plan, settings: SyncSettings) -> None:
    """Lets a plan go on that is safe, or about which a person is going to be asked.

    Raises:
        PlanRefused: If it is never written, whoever approves it.
        PlanUnusual: If it waits for an approval, and nobody is asked for one.
    """
    if not settings.only_looks and (plan.refusals or not needs_approval(plan, settings)):
        plan.raise_if_unsafe(approved=settings.approve_plan)


def raise_if_not_approved(plan: Plan, settings: SyncSettings, approval: Approval | None) -> None:
    """Lets a plan be written that is safe, or that a person has approved.

    Args:
        plan: What would be written.
        settings: With `approve`, and the digest that whoever began the run has approved.
        approval: What the person said who was asked, if one was.

    Raises:
        PlanRefused: If it is never written, whoever approves it.
        PlanUnusual: If nobody has approved it.
    """
    if settings.only_looks:
        return
    answered = approval is not None and approval.answer == APPROVED
    approved = approval.digest if approval and answered else settings.approve_plan
    plan.raise_if_unsafe(approved=approved)
    if needs_approval(plan, settings) and not plan.is_approved_by(approved):
        raise PlanUnusual(
            f"Every plan needs an approval here (approve: {settings.approve}), and nobody has approved plan "
            f"{plan.digest[:SHORT_DIGEST]}. Nothing was written. Trigger a new run, or clear the task that asks and "
            "all after it."
        )


def raise_if_stale(approved: Plan, now: Plan) -> None:
    """Refuses a plan that is not what would be planned now: a person has approved that one, and no other.

    Args:
        approved: What the person has seen.
        now: What MI, read again, makes of the same snapshot of Okta.

    Raises:
        PlanStale: With what differs, in numbers.
    """
    if now.digest == approved.digest:
        return
    before, after = set(map(repr, approved.changes)), set(map(repr, now.changes))
    differences = [
        f"{plural(len(before - after), 'change')} of it {'is' if len(before - after) == 1 else 'are'} not wanted any "
        "more"
        if before - after
        else "",
        f"{plural(len(after - before), 'other change')} would be made" if after - before else "",
    ]
    told = ", and ".join(filter(None, differences)) or "its changes are the same, but not what else was found"
    raise PlanStale(
        f"MI has changed since plan {approved.digest[:SHORT_DIGEST]} was made, which was approved. What would be "
        f"written now is plan {now.digest[:SHORT_DIGEST]}: {told}. Nothing was written. Trigger a new run, and look at "
        "its plan."
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
