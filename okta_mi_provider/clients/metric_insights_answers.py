"""What an answer of Metric Insights means: the JSON that was asked for, or the error that it stands for.

Source: help.metricinsights.com, "User and group API", and the vendor's published tests.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any

import requests

from okta_mi_provider.clients.advice import SOMETHING_BETWEEN, about_mi_absence, about_mi_refusal, about_mi_trouble
from okta_mi_provider.clients.body import is_page, json_of, no_json, redirect_error
from okta_mi_provider.clients.errors import (
    ApiError,
    BadAnswer,
    Call,
    Deadlock,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    RightsMissing,
    SessionExpired,
    Unavailable,
)
from okta_mi_provider.clients.http import HttpSession
from okta_mi_provider.clients.metric_insights_dialect import MIDialect

_SESSION_EXPIRED = "session expired"
_DEADLOCK = (
    "MI's database is busy with other writes. Fewer at a time may help: max_concurrency of the connection, or "
    "--max-concurrency; 1 is the least."
)
_NO_USER_MANAGEMENT = "no user management access"
#: Pause after an answer that asks for one and does not say how long; what is added at random, so that no two threads
#: come back together; and the longest one that is believed. All in seconds.
_PAUSE_S, _SPREAD_S, _LONGEST_PAUSE_S = 1.0, 2.0, 86_400.0


class Overloaded(RateLimited, Unavailable):
    """MI is down and says for how long. Unlike with other rate limits, a write may have taken effect."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Tells answers from failures.

    Attributes:
        http: Where the answers come from.
        dialect: What is assumed where the documentation is silent.
        credentials: Where they are, for messages: "of ...", "in ...".
    """

    http: HttpSession
    dialect: MIDialect
    credentials: str

    def read(self, response: requests.Response, hidden: Sequence[str]) -> tuple[Call, Any]:
        """The request, for messages, and the JSON of its answer, None if that has no content.

        Args:
            response: The answer.
            hidden: What must not be shown of it.

        Raises:
            ApiError: If the request did not do what it was meant to.
        """
        call, answer = self.http.call(response), _json(response)
        if error := self._error(response, call, answer, hidden):
            raise error
        if response.status_code != 204 and answer is None:
            hint = SOMETHING_BETWEEN.format(base=self.http.base)
            raise Unavailable(call, f"the answer is {no_json(response)}", hint)
        return call, answer

    def _error(self, response: requests.Response, call: Call, answer: object, hidden: Sequence[str]) -> ApiError | None:
        status, said = response.status_code, _message(answer)
        message, text = self.http.words(said, *hidden), said.casefold()
        failed_inside = _failed_inside(answer)
        if self.dialect.is_worth_retrying(text):
            return Deadlock(call, message, _DEADLOCK)
        if _NO_USER_MANAGEMENT in text:
            return RightsMissing(
                call,
                message,
                "Tick 'Application Can Manage Users' for the application under Admin > System > External Applications.",
            )
        # Whatever the answer calls it, JSON is no page.
        looks_like_a_page = answer is None and is_page(response) and status < 500
        if status in {401, 412} or looks_like_a_page or (failed_inside and _SESSION_EXPIRED in text):
            return SessionExpired(call, message or ("it is a web page" if looks_like_a_page else ""))
        if pause := asked_pause(response, call, message):
            return pause
        if status >= 500:
            return Unavailable(call, message or self.http.words(response.reason or ""), about_mi_trouble(call))
        if status == 403:
            return Forbidden(
                call, message, f"The MI user behind the credentials {self.credentials} must be an administrator."
            )
        if status == 404:
            return NotFound(call, message, about_mi_absence(call, self.http.base))
        if status == 405:
            return BadAnswer(call, message, "This MI may be older than 7.0, or live under another path.")
        if self._is_success(call, status):
            return self._refused(response, call, message) if failed_inside else None
        return redirect_error(response, call) or self._refused(response, call, message or self._unexpected(status))

    def _refused(self, response: requests.Response, call: Call, message: str) -> Rejected:
        sent = _object(response.request.body)
        return Rejected(call, message, about_mi_refusal(call, message, self.dialect, sent))

    def _is_success(self, call: Call, status: int) -> bool:
        return 200 <= status <= 299 if call.method == "GET" else self.dialect.is_success(status)

    def _unexpected(self, status: int) -> str:
        return "ok_statuses of the connection does not count it as success" if 200 <= status <= 299 else ""


def asked_pause(response: requests.Response, call: Call, message: str = "") -> RateLimited | None:
    """The error for an answer that asks to come back later; None if it does not: 429, and 503 with Retry-After."""
    header = response.headers.get("Retry-After")
    if response.status_code == 429:
        return RateLimited(call, _retry_after_s(response, header or ""), message)
    if response.status_code == 503 and header:
        return Overloaded(call, _retry_after_s(response, header), message)
    return None


def _retry_after_s(response: requests.Response, text: str) -> float:
    """Seconds to wait: as the answer says, in seconds or by a date, else some; never the same for two threads."""
    if text.isascii() and text.isdigit():
        least = float(text)
    else:
        # Our clock may be wrong, and theirs too: only their difference counts.
        then, now = _epoch_s(text), _epoch_s(response.headers.get("Date", ""))
        least = _PAUSE_S if then is None or now is None else max(0.0, then - now)
    return min(least, _LONGEST_PAUSE_S) + _SPREAD_S * random.random()  # noqa: S311


def _epoch_s(text: str) -> float | None:
    try:
        parts = parsedate_tz(text)
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError):
        return None


def _object(text: object) -> Mapping[str, object]:
    """What was sent; empty if it was no JSON object."""
    found = json.loads(text) if isinstance(text, bytes) else None
    return found if isinstance(found, dict) else {}


def _json(response: requests.Response) -> Any:
    try:
        return json_of(response)
    except ValueError:
        return None


def _failed_inside(answer: object) -> bool:
    """Whether the body tells of a failure, whatever the status: by `status`, or as MI's pages do by `resultCode`."""
    if not isinstance(answer, dict):
        return False
    return str(answer.get("status", "")).upper() == "ERROR" or str(answer.get("resultCode") or 0) != "0"


def message_of(response: requests.Response) -> str:
    """What an answer says in words; empty if it has none."""
    return _message(_json(response))


def _message(answer: object) -> str:
    if not isinstance(answer, dict):
        return answer if isinstance(answer, str) else ""
    said = str(answer.get("message") or answer.get("error") or "")
    code = answer.get("resultCode")
    return said if code in {None, 0, "0"} else f"{said} (resultCode {code})".strip()
