"""Answers of the simulated Metric Insights server that are not success."""

from __future__ import annotations

import json
import math

from fastapi.responses import Response

from okta_mi_provider.simulators.faults import (
    FaultRule,
    bad_gateway,
    empty_answer,
    login_page,
    maintenance_page,
    redirect,
)
from okta_mi_provider.simulators.system import AnswerFault

NO_USER_MANAGEMENT = "External Application has no User Management Access"
DEADLOCK = "SQLSTATE[40001]: Deadlock found when trying to get lock; try restarting transaction"


class MIError(Exception):
    """A request that is answered with an error: HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message = status, message

    def answer(self) -> Response:
        """Return the error as Metric Insights words it."""
        return mi_error(self.status, self.message)


def mi_error(status: int, message: str) -> Response:
    """Return an error body in the common shape."""
    body = json.dumps({"status": "ERROR", "message": message}, ensure_ascii=False)
    return Response(body, status_code=status, media_type="application/json")


def reworded(answer: Response, key: str | None) -> Response:
    """Return an error answer with its text under `key` instead of ``message``, or without it."""
    if key == "message" or answer.media_type != "application/json":
        return answer
    body = json.loads(bytes(answer.body) or b"null")
    if isinstance(body, dict) and "message" in body:
        text = body.pop("message")
        answer.body = json.dumps(body if key is None else {**body, key: text}).encode()
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer


def wrong_method(*, allow: str | None = None) -> Response:
    """Return a 405; only a URL without any route gets an ``Allow`` header."""
    answer = mi_error(405, "Method Not Allowed")
    if allow is not None:
        answer.headers["Allow"] = allow
    return answer


def throttled(seconds: float) -> Response:
    """Return a 429 that names the wait in ``Retry-After``."""
    answer = mi_error(429, "Too Many Requests")
    answer.headers["Retry-After"] = str(math.ceil(seconds))
    return answer


def _fixed(status: int, message: str) -> AnswerFault:
    return lambda _rule: mi_error(status, message)


def _throttled_by_rule(rule: FaultRule) -> Response:
    return throttled(1 if rule.seconds is None else rule.seconds)


FAULT_ANSWERS: dict[str, AnswerFault] = {
    "400": _fixed(400, "Bad Request"),
    "401": _fixed(401, "Unauthorized"),
    "401_application": _fixed(401, NO_USER_MANAGEMENT),
    "403": _fixed(403, "You do not have permission to perform this action"),
    "404": _fixed(404, "Not Found"),
    "405": lambda _rule: wrong_method(),
    "412": _fixed(412, "Session expired"),
    "429": _throttled_by_rule,
    "500": _fixed(500, "Internal Server Error"),
    "502": lambda _rule: bad_gateway(),
    "503": _fixed(503, "Service Unavailable"),
    "504": _fixed(504, "Gateway Timeout"),
    "deadlock": _fixed(500, DEADLOCK),
    "empty": lambda _rule: empty_answer(),
    "login_page": lambda _rule: login_page(),
    "maintenance": lambda _rule: maintenance_page(),
    "redirect": redirect,
    "result_code": lambda _rule: Response(b'{"resultCode":1,"message":"Error"}', media_type="application/json"),
    "status_error": _fixed(200, "The request could not be processed"),
    "status_expired": _fixed(200, "Session expired"),
}
"""The faults of the Metric Insights server that are answers, by name; `deadlock` has its status by knob."""
