"""When Airflow tries a failed task again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from okta_mi_provider.version_compat import HAS_RETRY_POLICY

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Pause before the first retry, and before any.
_RETRY_DELAY, _MAX_RETRY_DELAY = timedelta(minutes=2), timedelta(minutes=20)


def retry_arguments(retries: int) -> dict[str, Any]:
    """What to give to each operator.

    Args:
        retries: How often to try again what may pass. What cannot pass is not tried again.
    """
    arguments: dict[str, Any] = {
        "retries": retries,
        "retry_delay": _RETRY_DELAY,
        "retry_exponential_backoff": True,
        "max_retry_delay": _MAX_RETRY_DELAY,
    }
    if HAS_RETRY_POLICY:
        arguments["retry_policy"] = SyncRetryPolicy()
    return arguments


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
            cause: BaseException | None = exception
            while cause is not None:
                wait_s = getattr(cause, "wait_s", None)
                if wait_s is not None:
                    return RetryDecision.retry(delay=timedelta(seconds=wait_s), reason="rate limit")
                cause = cause.__cause__
            return RetryDecision.default()
