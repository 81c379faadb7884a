"""A service app of Okta: access tokens for assertions that it has signed, bound to a key if the app demands it.

Source: developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/ (private_key_jwt) and
.../guides/dpop/main/ (DPoP, RFC 9449).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from enum import StrEnum

import requests
from requests.auth import AuthBase

from okta_mi_provider.clients.advice import OKTA_TROUBLE
from okta_mi_provider.clients.body import json_body, json_of, redirect_error
from okta_mi_provider.clients.credentials import Credentials, HeaderAuth, secret
from okta_mi_provider.clients.errors import ApiError, AuthError, BadAnswer, RateLimited, RightsMissing, Unavailable
from okta_mi_provider.clients.http import HttpSession
from okta_mi_provider.clients.okta_keys import ProofKey, SigningKey
from okta_mi_provider.clients.rate_limit import server_time, wait_after_429
from okta_mi_provider.sync.text import quoted

#: Enough to find groups and list their members.
DEFAULT_SCOPES = ("okta.groups.read",)

_TOKEN_PATH = "/oauth2/v1/token"  # noqa: S105
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Life of an assertion, in seconds. It is used at once.
_ASSERTION_LIVES_S = 300
#: How many seconds before its end an access token is replaced, and how long it lives if Okta does not say.
_RENEW_BEFORE_S, _TOKEN_LIVES_S = 120.0, 3600.0
#: What a refusal can teach: that DPoP is demanded, the nonce, what time it is.
_MOST_LESSONS = 3
#: From so many seconds on, it is our clock that makes a fresh assertion look wrong.
_WORTH_CORRECTING_S = 30.0


class DPoP(StrEnum):
    """Whether access tokens are bound to a key."""

    AUTO = "auto"
    """If the app demands it."""
    ALWAYS = "always"
    NEVER = "never"


class ServiceApp:
    """An app of Okta that acts for itself, with the scopes and the role that an administrator gave it.

    An access token is kept until shortly before it ends. A failure that may pass is left to whoever retries the request
    that the token is for. Not for several threads at once.

    Args:
        client_id: Of the app.
        key: Its private key.
        scopes: What to ask for.
        dpop: Whether tokens are bound to a key made here.
        credentials: Where they are, for messages: "of ...", "in ...".
    """

    dies_unused = False

    def __init__(
        self,
        client_id: str,
        key: SigningKey,
        *,
        credentials: str,
        scopes: Sequence[str] = DEFAULT_SCOPES,
        dpop: DPoP = DPoP.AUTO,
    ) -> None:
        self._client_id, self._key, self._scopes, self._credentials = client_id, key, tuple(scopes), credentials
        self._may_prove = dpop is not DPoP.NEVER
        self._proof_key = ProofKey() if dpop is DPoP.ALWAYS else None
        self._nonce: str | None = None
        self._clock_is_behind_s = 0.0
        self._current: Credentials | None = None
        self._renew_at = 0.0

    @property
    def described(self) -> str:
        """Which app it is, and where its key is."""
        return f"the service app {quoted(self._client_id)} with the private key {self._credentials}"

    @property
    def if_refused(self) -> str:
        """Names what has to agree between the connection and the app."""
        key_id = self._key.key_id
        key = f"private_key_id {quoted(key_id)}" if key_id else "no private_key_id"
        what = "Compare client id and public keys" if key_id else "Set the key's id (kid), and compare all with what is"
        return f"Okta does not accept {self.described} ({key}). {what} under Applications > Applications > General."

    @property
    def if_not_allowed(self) -> str:
        """Names the two things that an app needs."""
        return (
            f"The service app {quoted(self._client_id)} needs the scope {DEFAULT_SCOPES[0]} under Okta API Scopes and "
            "an admin role under Admin roles, such as Read-only Administrator."
        )

    def about_scope(self, scope: str) -> str:
        """Tells a scope that was not asked for from one that was not granted."""
        if scope in self._scopes:
            return f"The scope {scope} is missing. {self.if_not_allowed}"
        asked = quoted(" ".join(self._scopes))
        return f"The scope {scope} is missing: it was not asked for. Add it to 'scopes' of the connection, now {asked}."

    @property
    def _if_scopes_refused(self) -> str:
        """Okta does not say which of several it is."""
        app, scopes = f"the service app {quoted(self._client_id)}", [quoted(scope) for scope in self._scopes]
        if len(scopes) == 1:
            return f"Grant {app} the scope {scopes[0]} under Okta API Scopes."
        return (
            f"At least one of the scopes {', '.join(scopes)} is not granted to {app}. Grant it under Okta API Scopes, "
            f"or take it out of 'scopes' of the connection: a sync needs {', '.join(DEFAULT_SCOPES)} only."
        )

    def auth(self, http: HttpSession) -> Credentials:
        """The access token of now.

        Raises:
            AuthError: If Okta does not give one for this key.
            RightsMissing: If the app has not been granted a scope, or DPoP is demanded and switched off.
            SyncError: If Okta could not be asked.
        """
        if self._current is None or time.monotonic() >= self._renew_at:
            self._current = self._exchange(http)
        return self._current

    def renew(self, http: HttpSession, refused: Credentials, answer: requests.Response) -> bool:
        """Takes up the nonce that Okta wants to see, or gets a new access token."""
        nonce = answer.headers.get("DPoP-Nonce")
        if nonce and "use_dpop_nonce" in answer.headers.get("WWW-Authenticate", "") and isinstance(refused, _Bound):
            refused.nonce = nonce
            return True
        self._current = self._exchange(http)
        return True

    def _exchange(self, http: HttpSession) -> Credentials:
        """Gets an access token; asks again when Okta says what it misses."""
        answer = self._ask(http)
        for _ in range(_MOST_LESSONS):
            if answer.status_code == 200 or not self._learn(answer):
                break
            answer = self._ask(http)
        if error := self._error(http, answer):
            raise error
        return self._token(http, answer)

    def _ask(self, http: HttpSession) -> requests.Response:
        now = self._now()
        assertion = self._key.sign(
            {
                "iss": self._client_id,
                "sub": self._client_id,
                "aud": f"{http.base}{_TOKEN_PATH}",
                "iat": int(now),
                "exp": int(now) + _ASSERTION_LIVES_S,
                # Okta takes an assertion once only, also when it refuses it.
                "jti": uuid.uuid4().hex,
            }
        )
        http.hide(assertion)
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(self._scopes),
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        proof = _Proof(self._proof_key, self._nonce, now) if self._proof_key else None
        return http.send("POST", _TOKEN_PATH, form=form, auth=proof, is_login=True)

    def _learn(self, answer: requests.Response) -> bool:
        """Whether a refusal has told something with which another try makes sense."""
        code, _ = _oauth_error(answer)
        nonce = answer.headers.get("DPoP-Nonce")
        if code == "use_dpop_nonce" and nonce and nonce != self._nonce and self._may_prove:
            self._proof_key, self._nonce = self._proof_key or ProofKey(), nonce
            return True
        if code == "invalid_dpop_proof" and self._proof_key is None and self._may_prove:
            self._proof_key = ProofKey()
            return True
        theirs = server_time(answer.headers)
        if code in {"invalid_client", "invalid_dpop_proof"} and theirs is not None:
            behind_s = theirs - time.time()
            if abs(behind_s - self._clock_is_behind_s) > _WORTH_CORRECTING_S:
                self._clock_is_behind_s = behind_s
                return True
        return False

    def _error(self, http: HttpSession, answer: requests.Response) -> ApiError | None:
        call, status = http.call(answer), answer.status_code
        code, description = _oauth_error(answer)
        detail = http.words(f"{code}: {description}" if description else code)
        if status == 200:
            return None
        if status == 429:
            return RateLimited(call, wait_after_429(answer.headers), detail)
        if status >= 500:
            return Unavailable(call, detail or http.words(answer.reason or ""), OKTA_TROUBLE)
        if redirect := redirect_error(answer, call):
            return redirect
        if status == 404:
            return BadAnswer(call, detail, f"Is {http.base} an Okta org?")
        if code == "invalid_scope":
            return RightsMissing(call, detail, self._if_scopes_refused)
        if code in {"invalid_dpop_proof", "use_dpop_nonce"} and not self._may_prove:
            return RightsMissing(call, detail, "The app demands DPoP: set 'dpop' of the connection to auto.")
        return AuthError(call, detail, self.if_refused)

    def _token(self, http: HttpSession, answer: requests.Response) -> Credentials:
        call = http.call(answer)
        body = json_body(answer, call, http.base)
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str):
            raise AuthError(call, "there is no access token in it", self.if_refused)
        token = secret(token, "The access token that Okta gave")
        http.hide(token)
        lives_s = _seconds(body.get("expires_in"))
        self._renew_at = time.monotonic() + max(lives_s - _RENEW_BEFORE_S, lives_s / 2)
        kind = str(body.get("token_type", "Bearer")).casefold()
        if kind == "dpop":
            if self._proof_key is None:
                raise BadAnswer(call, "it is a token for DPoP, which was not asked for")
            return _Bound(token, self._proof_key, self._now)
        return HeaderAuth("Authorization", token, "Bearer")

    def _now(self) -> float:
        """Seconds since 1970, by Okta's clock as far as it is known."""
        return time.time() + self._clock_is_behind_s


class _Proof(AuthBase):
    """Shows that a token request comes from whoever has the key."""

    def __init__(self, key: ProofKey, nonce: str | None, now: float) -> None:
        self._key, self._nonce, self._now = key, nonce, now

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["DPoP"] = self._key.proof(
            request.method or "", request.url or "", now=self._now, nonce=self._nonce
        )
        return request


class _Bound(Credentials):
    """An access token that is worth something only with the proof of its key, made anew for each request."""

    def __init__(self, token: str, key: ProofKey, clock: Callable[[], float]) -> None:
        self.secret, self._key, self._clock = token, key, clock
        #: What Okta wants to see in the next proof; today it wants nothing.
        self.nonce: str | None = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"DPoP {self.secret}"
        request.headers["DPoP"] = self._key.proof(
            request.method or "", request.url or "", now=self._clock(), nonce=self.nonce, token=self.secret
        )
        return request


def _oauth_error(answer: requests.Response) -> tuple[str, str]:
    """Code and description of a refusal, in either of Okta's two shapes; both empty if it has none."""
    try:
        body = json_of(answer)
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    code = body.get("error") or body.get("errorCode") or ""
    return str(code), str(body.get("error_description") or body.get("errorSummary") or "")


def _seconds(value: object) -> float:
    """Life of a token, as Okta tells it."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 100 * _TOKEN_LIVES_S
    return float(value) if usable and isinstance(value, int | float) else _TOKEN_LIVES_S
