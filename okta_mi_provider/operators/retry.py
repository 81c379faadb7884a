"""When Airflow tries a failed task again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowException, AirflowRescheduleException

from okta_mi_provider.version_compat import HAS_RETRY_POLICY

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

#: Pause before the first retry, and before any.
_RETRY_DELAY, _MAX_RETRY_DELAY = timedelta(minutes=2), timedelta(minutes=20)
#: How often one try is rescheduled, where Airflow has no retry policy: that costs no retry, so nothing else ends it.
_MOST_RESCHEDULES = 24


def retry_arguments(retries: int) -> dict[str, Any]:
    """What to give to each operator.

    Args:
        retries: How often to try again what may pass. What cannot pass is not tried again.
    """
    return {
        "retries": retries,
        "retry_delay": _RETRY_DELAY,
        "retry_exponential_backoff": True,
        "max_retry_delay": _MAX_RETRY_DELAY,
        **retry_policy(),
    }


def retry_policy() -> dict[str, Any]:
    """The part of it that heeds rate limits; empty where Airflow has no retry policies."""
    return {"retry_policy": SyncRetryPolicy()} if HAS_RETRY_POLICY else {}


def try_again(message: str, cause: BaseException | None, context: Context) -> NoReturn:
    """Ends a task so that Airflow tries it again, and not before a rate limit ends that has stopped it.

    Raises:
        AirflowException: From the cause, in which the retry policy finds how long to wait.
        AirflowRescheduleException: Where there are no retry policies (3.2).
    """
    wait_s = _asked_wait_s(cause)
    if wait_s is not None and not HAS_RETRY_POLICY and context.get("task_reschedule_count", 0) < _MOST_RESCHEDULES:
        log.warning("%s", message)
        at = datetime.now(UTC) + timedelta(seconds=wait_s)
        raise AirflowRescheduleException(at) from cause  # type: ignore[no-untyped-call]
    raise AirflowException(message) from cause


def _asked_wait_s(error: BaseException | None) -> float | None:
    """The seconds that a rate limit asks for which is among the causes of a failure."""
    while error is not None:
        wait_s: float | None = getattr(error, "wait_s", None)
        if wait_s is not None:
            return wait_s
        error = error.__cause__
    return None


if HAS_RETRY_POLICY:
    from airflow.sdk import RetryDecision, RetryPolicy

    class SyncRetryPolicy(RetryPolicy):
        """Waits as long as the rate limit asks for that has stopped a task; otherwise as the task says."""

        def evaluate(
            self,
            exception: BaseException,
            try_number: int,  # noqa: ARG002
            max_tries: int,  # noqa: ARG002
            context: Context | None = None,  # noqa: ARG002
        ) -> RetryDecision:
            """Looks for a rate limit among the causes of the failure."""
            wait_s = _asked_wait_s(exception)
            if wait_s is None:
                return RetryDecision.default()
            return RetryDecision.retry(delay=timedelta(seconds=wait_s), reason="rate limit")
