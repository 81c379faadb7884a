"""Answers of the simulated Okta org that are not success."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence

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

CONCURRENCY_RESET_S = 120
"""How far ahead the reset header of a concurrency 429 points: real, and useless."""

_INSUFFICIENT_SCOPE = (
    'Bearer authorization_uri="http://rs.example.com/oauth2/v1/authorize", realm="http://rs.example.com", '
    'scope="okta.groups.read", error="insufficient_scope", error_description="The access token provided does '
    'not contain the required scopes.", resource="/api/v1/groups"'
)


class OktaError(Exception):
    """A request that is answered with an error: HTTP status, error code, summary, causes, headers."""

    def __init__(
        self,
        status: int,
        code: str,
        summary: str,
        causes: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code} {summary}")
        self.status, self.code, self.summary, self.causes = status, code, summary, causes
        self._headers = headers or {}

    def answer(self) -> Response:
        """Return the error as Okta words it."""
        answer = okta_error(self.status, self.code, self.summary, self.causes)
        answer.headers.update(self._headers)
        return answer


class OAuthError(Exception):
    """A request that is answered with an error of OAuth (RFC 6749): HTTP status, error, description, headers."""

    def __init__(self, status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {error}: {description}")
        self._status, self._headers = status, headers or {}
        self._body = {"error": error, "error_description": description}

    def answer(self) -> Response:
        """Return the error in the shape of OAuth."""
        body = json.dumps(self._body)
        return Response(body, self._status, headers=dict(self._headers), media_type="application/json")


def okta_error(status: int, code: str, summary: str, causes: Sequence[str] = ()) -> Response:
    """Return an error in Okta's shape, with a fresh ``errorId``."""
    body = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": "oae" + secrets.token_urlsafe(16),
        "errorCauses": [{"errorSummary": cause} for cause in causes],
    }
    return Response(json.dumps(body), status_code=status, media_type="application/json")


def not_found(resource: str) -> OktaError:
    """Return the error about `resource`, worded ``<id> (UserGroup)`` or ``<id> (User)``."""
    return OktaError(404, "E0000007", f"Not found: Resource not found: {resource}")


def invalid_search(cause: str) -> OktaError:
    """Return the error about a search, filter or sort that cannot be understood."""
    return OktaError(400, "E0000031", "Invalid search criteria.", [cause])


def bad_cursor(code: str) -> OktaError:
    """Return the error about a cursor that has expired or is none of the list's."""
    summary = "Invalid paging request." if code == "E0000029" else "Invalid search criteria."
    return OktaError(400, code, summary, ["Invalid cursor."])


def rate_limited(now: float, *, concurrency: bool = False, reset_s: float | None = None) -> Response:
    """Return a 429. With `reset_s` it carries its own rate-limit headers, else those of its bucket.

    `now` is the time of the server, which its headers must agree with.
    """
    answer = okta_error(429, "E0000047", "API call exceeded rate limit due to too many requests.")
    if concurrency:
        answer.headers["X-Rate-Limit-Limit"] = "0"
        reset_s = CONCURRENCY_RESET_S
    elif reset_s is not None:
        answer.headers["X-Rate-Limit-Limit"] = "500"
    if reset_s is not None:
        answer.headers["X-Rate-Limit-Remaining"] = "0"
        answer.headers["X-Rate-Limit-Reset"] = str(int(now + reset_s))
    return answer


def _fixed(status: int, code: str, summary: str) -> AnswerFault:
    return lambda _rule: okta_error(status, code, summary)


def _forbidden_by_scope(_rule: FaultRule) -> Response:
    answer = okta_error(403, "E0000006", "You do not have permission to perform the requested action")
    answer.headers["WWW-Authenticate"] = _INSUFFICIENT_SCOPE
    return answer


def _plain_not_found(_rule: FaultRule) -> Response:
    return Response(b'{"status":404,"message":"Resource not found"}', 404, media_type="application/json")


def _scope_without_body(rule: FaultRule) -> Response:
    """A missing scope as okta/okta-sdk-golang#145 recorded it: the header says it all."""
    answer = _forbidden_by_scope(rule)
    return Response(b"", 403, headers={"WWW-Authenticate": answer.headers["WWW-Authenticate"]})


def _oauth(status: int, error: str, description: str) -> AnswerFault:
    return lambda _rule: OAuthError(status, error, description).answer()


_ANSWERS: dict[str, AnswerFault] = {
    "400": _fixed(400, "E0000001", "Api validation failed: limit"),
    "400_cursor": lambda _rule: bad_cursor("E0000029").answer(),
    "401": _fixed(401, "E0000011", "Invalid token provided"),
    "401_authentication": _fixed(401, "E0000004", "Authentication failed"),
    "401_no_permission": _fixed(401, "E0000015", "You do not have permission to access the feature you are requesting"),
    "403": _fixed(403, "E0000006", "You do not have permission to perform the requested action"),
    "403_scope": _forbidden_by_scope,
    "403_scope_no_body": _scope_without_body,
    "403_session": _fixed(403, "E0000005", "Invalid session"),
    "404": _fixed(404, "E0000007", "Not found: Resource not found: 00g0000000000000005d7 (UserGroup)"),
    "404_plain": _plain_not_found,
    "405": _fixed(405, "E0000022", "The endpoint does not support the provided HTTP method"),
    "500": _fixed(500, "E0000009", "Internal Server Error"),
    "502": lambda _rule: bad_gateway(),
    "503": _fixed(503, "E0000010", "Service is in read only mode"),
    "504": _fixed(504, "E0000009", "Internal Server Error"),
    "empty": lambda _rule: empty_answer(),
    "invalid_client": _oauth(401, "invalid_client", "The client_assertion signature is invalid."),
    "invalid_scope": _oauth(
        400, "invalid_scope", "One or more scopes are not configured for the authorization server resource."
    ),
    "login_page": lambda _rule: login_page(),
    "maintenance": lambda _rule: maintenance_page(),
    "redirect": redirect,
}


def fault_answers(now: Callable[[], float]) -> dict[str, AnswerFault]:
    """Return the faults of the Okta server that are answers, by name; `now` is the time of the server."""
    return {
        **_ANSWERS,
        "429": lambda rule: rate_limited(now(), reset_s=1 if rule.seconds is None else rule.seconds),
        "429_concurrency": lambda _rule: rate_limited(now(), concurrency=True),
    }
