"""The token endpoint of the simulated Okta org: ``private_key_jwt`` for service apps, with DPoP.

Sources: Okta's guides to OAuth for service apps and to DPoP, RFC 6749 and 7523. The descriptions of
the errors are those that Okta's help centre and the issues of its SDKs quote, as far as they do.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response

from okta_mi_provider.simulators.knobs import OktaKnobs
from okta_mi_provider.simulators.okta_apps import AppRegistry, ServiceApp
from okta_mi_provider.simulators.okta_dpop import NonceError, Nonces, ProofChecker, ProofError
from okta_mi_provider.simulators.okta_errors import OAuthError, okta_error
from okta_mi_provider.simulators.okta_jwt import JWTError, UsedIds, is_time, read_token

TOKEN_PATH = "/oauth2/v1/token"  # noqa: S105 - a path
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION_S = 3600
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token that was issued; `key` is the thumbprint of the key it is bound to."""

    client_id: str
    scopes: frozenset[str]
    expires_at: float
    key: str | None


class TokenEndpoint:
    """Issues access tokens to the apps of a registry and remembers them.

    Attributes:
        proofs: the checker of DPoP proofs, here and in the API.
        nonces: the nonces that proofs for this endpoint must carry.
    """

    def __init__(self, apps: AppRegistry) -> None:
        self.proofs = ProofChecker()
        self.nonces = Nonces()
        self._apps = apps
        self._used_assertions = UsedIds()
        self._tokens: dict[str, AccessToken] = {}

    def find(self, token: str) -> AccessToken | None:
        """Return what is known of an access token, expired or not."""
        return self._tokens.get(token)

    def expire_all(self) -> int:
        """End every access token; return how many there were."""
        ended = len(self._tokens)
        self._tokens.clear()
        return ended

    def reset(self) -> None:
        """Forget tokens, nonces, used assertions and used proofs."""
        self._tokens.clear()
        self.nonces.clear()
        self.proofs.clear()
        self._used_assertions.clear()

    def answer(self, request: Request, body: bytes, base_url: str, now: float, knobs: OktaKnobs) -> Response:
        """Answer POST /oauth2/v1/token.

        Args:
            request: the request; its body has been read.
            body: that body.
            base_url: the origin under which the client addressed the server.
            now: the server's time.
            knobs: the knobs as they are now.
        """
        try:
            form = _form(request, body)
            app = self._client(form, base_url + TOKEN_PATH, now)
            if app is None:  # Okta answers this one in the shape of its other API
                return okta_error(401, "invalid_client", "Invalid value for 'client_id' parameter.")
            key = self._proved_key(app, request, base_url, now, knobs)
            return _json(200, self._issue(app, _scopes(form, app, knobs), key, now, knobs))
        except OAuthError as error:
            return error.answer()

    def _client(self, form: Mapping[str, str], token_url: str, now: float) -> ServiceApp | None:
        """Return the app that signed the assertion, or None if no app has its client id.

        Raises:
            OAuthError: 401, the assertion is missing or refused. One that passes is used up.
        """
        if "client_assertion" not in form:
            raise _invalid_client("No client credentials found.")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise _invalid_client(f"The client_assertion_type must be '{ASSERTION_TYPE}'.")
        try:
            token = read_token(form["client_assertion"])
            app = self._apps.get(token.unverified_claims().get("iss"))
        except JWTError as error:
            raise _invalid_client("The client_assertion is not a valid JWT.") from error
        if app is None:
            return None
        key = app.key(token.header.get("kid"))
        if key is None:
            raise _invalid_client("The client_assertion JWT kid is invalid.")
        try:
            claims = token.claims(key)
        except JWTError as error:
            raise _invalid_client("The client_assertion signature is invalid.") from error
        self._check(claims, app, token_url, now)
        return app

    def _check(self, claims: Mapping[str, Any], app: ServiceApp, token_url: str, now: float) -> None:
        if claims.get("iss") != app.client_id or claims.get("sub") != app.client_id:
            raise _invalid_client("The issuer and subject of the client_assertion must be the client_id.")
        if claims.get("aud") not in (token_url, [token_url]):
            raise _invalid_client(
                "The audience claim for client_assertion must be the endpoint invoked for the request."
            )
        expires_at, issued_at = claims.get("exp"), claims.get("iat", now)
        if not is_time(expires_at) or not is_time(issued_at):
            raise _invalid_client("The client_assertion token has an invalid expiration or issue time.")
        if expires_at <= now:
            raise _invalid_client("The client_assertion token is expired.")
        if expires_at > now + LONGEST_ASSERTION_S:
            raise _invalid_client("The client_assertion token has an expiration too far into the future.")
        if issued_at > now + 1:  # the claim has whole seconds, perhaps rounded up
            raise _invalid_client("The client_assertion token was issued in the future.")
        token_id = claims.get("jti")
        if token_id is None:
            return
        if not isinstance(token_id, str) or not self._used_assertions.use(
            app.client_id, token_id, now=now, until=expires_at
        ):
            raise _invalid_client("The client_assertion token has a jti that has already been used.")

    def _proved_key(self, app: ServiceApp, request: Request, base_url: str, now: float, knobs: OktaKnobs) -> str | None:
        """Return the thumbprint of the key that is proved, or None for a plain token.

        Raises:
            OAuthError: 400, the proof is missing or refused, or lacks a nonce that works.
        """
        required = knobs.dpop_required if app.dpop_required is None else app.dpop_required
        if not required and "dpop" not in request.headers:
            return None
        try:
            proof = self.proofs.check(request, base_url, now)
            self.nonces.check(proof.nonce, now=now, rotation_s=knobs.dpop_nonce_rotation_s)
        except ProofError as error:
            raise OAuthError(400, "invalid_dpop_proof", str(error)) from error
        except NonceError as error:
            description = "Authorization server requires nonce in DPoP proof."
            raise OAuthError(400, "use_dpop_nonce", description, {"dpop-nonce": error.nonce}) from error
        return proof.key

    def _issue(
        self, app: ServiceApp, scopes: list[str], key: str | None, now: float, knobs: OktaKnobs
    ) -> dict[str, Any]:
        token = secrets.token_urlsafe(48)
        self._tokens[token] = AccessToken(app.client_id, frozenset(scopes), now + knobs.access_token_lifetime_s, key)
        return {
            "token_type": "Bearer" if key is None else "DPoP",
            "expires_in": int(knobs.access_token_lifetime_s),
            "access_token": token,
            "scope": " ".join(scopes),
        }


def _form(request: Request, body: bytes) -> dict[str, str]:
    """Return the form, whose grant type is the one that service apps have.

    Raises:
        OAuthError: 400, it is no such form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().casefold() != _FORM:
        raise OAuthError(400, "invalid_request", f"The Content-Type must be '{_FORM}'.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise OAuthError(400, "invalid_request", "The request body is not a form.") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthError(400, "invalid_request", "A parameter is repeated.")
    if "grant_type" not in form:
        raise OAuthError(400, "invalid_request", "The token request must contain a 'grant_type'.")
    if form["grant_type"] != "client_credentials":
        raise OAuthError(
            400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server."
        )
    return form


def _scopes(form: Mapping[str, str], app: ServiceApp, knobs: OktaKnobs) -> list[str]:
    wanted = list(dict.fromkeys(form.get("scope", "").split()))
    if not wanted:
        raise OAuthError(
            400,
            "invalid_scope",
            "The authorization server resource does not have any configured default scopes, 'scope' must be provided.",
        )
    granted = [scope for scope in wanted if scope in app.scopes]
    if len(granted) < len(wanted) and (knobs.ungranted_scope == "refused" or not granted):
        raise OAuthError(
            400, "invalid_scope", "One or more scopes are not configured for the authorization server resource."
        )
    return granted


def _invalid_client(description: str) -> OAuthError:
    return OAuthError(401, "invalid_client", description)


def _json(status: int, body: Mapping[str, Any]) -> Response:
    headers = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
    return Response(json.dumps(body), status, headers=headers, media_type="application/json")
