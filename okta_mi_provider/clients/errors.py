"""Everything that Okta or MI can answer instead of what was asked for, as one small family.

Each error knows the system, method, path, status and request id. None of them ever carries a token, a
password or a whole body.
"""

from __future__ import annotations

from dataclasses import dataclass

from okta_mi_provider.sync.errors import SyncError


class ConfigurationError(SyncError):
    """A connection that cannot work as it is written, found before any request."""

    fatal = True


class ConnectionMissing(ConfigurationError):
    """An Airflow connection that does not exist, as far as whoever was asked knows."""


class WriteInDryRun(SyncError):
    """A dry run tried to write. The request was not sent."""

    fatal = True


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as far as an error may tell about it.

    Attributes:
        system: "Okta" or "Metric Insights".
        path: Without host and query.
        status: None if there was no answer, or not a whole one.
        broke_off: There was the beginning of an answer.
        request_id: Under which the system's operator finds the request.
    """

    system: str
    method: str
    path: str
    status: int | None = None
    request_id: str | None = None
    broke_off: bool = False

    def __str__(self) -> str:
        asked = f"{self.method} {self.path}"
        if self.broke_off:
            return f"{self.system} began to answer {asked}, and the answer broke off"
        if self.status is None:
            return f"{self.system} did not answer {asked}"
        ticket = f" (request id {self.request_id})" if self.request_id else ""
        return f"{self.system} answered {self.status} to {asked}{ticket}"


class ApiError(SyncError):
    """A request that did not do what it was meant to.

    Args:
        call: Which request.
        detail: The system's own words, shortened and without secrets.
        hint: What to do next.
    """

    def __init__(self, call: Call, detail: str = "", hint: str = "") -> None:
        self.call, self.detail, self.hint = call, detail, hint
        said = f": {detail.rstrip('.')}" if detail else ""
        super().__init__(f"{call}{said}. {hint}".rstrip())


class AuthError(ApiError):
    """The credentials are not accepted."""

    fatal = True


class Forbidden(ApiError):
    """The credentials are accepted, but do not allow this."""


class RightsMissing(Forbidden):
    """The credentials lack a right without which nothing can be done at all."""

    fatal = True


class NotFound(ApiError):
    """What was asked for does not exist."""


class GroupNotFound(SyncError):
    """Okta has no such group, or does not show it to these credentials."""


class GroupAmbiguous(SyncError):
    """Okta has several groups of one name."""


class Rejected(ApiError):
    """The system understood the request and refuses it: a bad field, a duplicate."""


class BadAnswer(ApiError):
    """An answer that does not have the documented form, or is not complete."""


class SessionExpired(ApiError):
    """The session token is dead; a new one may do."""

    fatal = True


class Unavailable(ApiError):
    """No answer, or a failure of the system itself. Whether a write took effect is not known."""

    passing = True


class Deadlock(ApiError):
    """MI's database gave up on the write because of another one. It had no effect."""

    passing = True


class RateLimited(ApiError):
    """Too many requests. The request had no effect.

    Args:
        call: Which request.
        wait_s: Seconds after which it is worth trying again; None if the answer does not tell.
        detail: The system's own words.
        hint: What to do next.
    """

    passing = True

    def __init__(self, call: Call, wait_s: float | None, detail: str = "", hint: str = "") -> None:
        later = "" if wait_s is None else f" It may be asked again in {wait_s:.0f} s."
        super().__init__(call, detail, f"{hint}{later}".strip())
        self.wait_s = wait_s

    def too_long(self, most_s: float, option: str) -> RateLimited:
        """The same, for who does not wait so long.

        Args:
            most_s: How long a request waits at most, in seconds.
            option: What can be set to wait longer; "" if nothing can.
        """
        longer = f" ({option} of the connection)" if option else ""
        beyond = (
            f"That is longer than the {most_s:g} s that one request waits{longer}: run it again then, as Airflow does."
        )
        self.args = (f"{self} {beyond}",)
        return self
