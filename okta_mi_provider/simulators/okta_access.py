"""Who may call the simulated Okta org: API tokens, access tokens, scopes, proofs of possession.

Sources: Okta's API reference (authentication, error codes), RFC 6750 and 9449; the forms of
``WWW-Authenticate`` are those recorded in okta/okta-sdk-golang#145 and okta/okta-sdk-nodejs#453.
"""

from __future__ import annotations

import secrets
from typing import Literal

from fastapi import Request

from okta_mi_provider.simulators.knobs import OktaKnobs
from okta_mi_provider.simulators.okta_dpop import NonceError, Nonces, ProofError
from okta_mi_provider.simulators.okta_errors import OAuthError, OktaError
from okta_mi_provider.simulators.okta_jwt import ALGORITHMS
from okta_mi_provider.simulators.okta_oauth import AccessToken, TokenEndpoint

Caller = Literal["api_token", "service_app"]

_SCHEMES = ("SSWS", "Bearer", "DPoP")


class Access:
    """Checks the ``Authorization`` header of API calls.

    Attributes:
        nonces: the nonces of the API, which asks for them by knob only.
    """

    def __init__(self, api_token: str, endpoint: TokenEndpoint) -> None:
        self.nonces = Nonces()
        self._api_token = api_token
        self._endpoint = endpoint

    def check(self, request: Request, scope: str, base_url: str, now: float, knobs: OktaKnobs) -> Caller:
        """Return who calls; an access token must have `scope`, or the one that also allows changes.

        The token may follow its scheme with or without a space: Okta's SDK leaves the space out.

        Raises:
            OktaError: 401 E0000011, or 403 E0000006 if the scope is missing.
            OAuthError: 401, a nonce is asked for.
        """
        header = request.headers.get("authorization", "")
        scheme = next((name for name in _SCHEMES if header[: len(name)].casefold() == name.casefold()), "")
        token = header[len(scheme) :].strip()
        if scheme == "SSWS":
            if secrets.compare_digest(token.encode(), self._api_token.encode()):
                return "api_token"
            raise _invalid_token()
        if not scheme:
            raise _invalid_token()
        self._check_access_token(scheme, token, request, _Challenge(request, scope, base_url), now, knobs)
        return "service_app"

    def reset(self) -> None:
        """Forget the nonces of the API; the endpoint has the rest."""
        self.nonces.clear()

    def _check_access_token(
        self, scheme: str, token: str, request: Request, challenge: _Challenge, now: float, knobs: OktaKnobs
    ) -> None:
        known = self._endpoint.find(token)
        if known is None or known.expires_at <= now:
            expired = "expired" if known is not None else "invalid"
            raise challenge.refusal(scheme, "invalid_token", f"The access token is {expired}.")
        if (scheme == "DPoP") != (known.key is not None):
            other = "DPoP" if known.key is not None else "Bearer"
            raise challenge.refusal(other, "invalid_token", f"The access token must be sent by the scheme {other}.")
        if known.key is not None:
            self._check_proof(known, token, request, challenge, now, knobs)
        if not {challenge.scope, challenge.scope.replace(".read", ".manage")} & known.scopes:
            description = "The access token provided does not contain the required scopes."
            raise OktaError(
                403,
                "E0000006",
                "You do not have permission to perform the requested action",
                headers={"WWW-Authenticate": challenge.text(scheme, "insufficient_scope", description)},
            )

    def _check_proof(
        self,
        known: AccessToken,
        token: str,
        request: Request,
        challenge: _Challenge,
        now: float,
        knobs: OktaKnobs,
    ) -> None:
        try:
            proof = self._endpoint.proofs.check(request, challenge.base_url, now, token)
            if proof.key != known.key:
                raise ProofError("The DPoP proof JWT was not signed by the key that the access token is bound to.")
            if knobs.dpop_api_nonce:
                self.nonces.check(proof.nonce, now=now, rotation_s=knobs.dpop_nonce_rotation_s)
        except ProofError as error:
            raise challenge.refusal("DPoP", "invalid_dpop_proof", str(error)) from error
        except NonceError as error:
            description = "Resource server requires nonce in DPoP proof."
            headers = {
                "WWW-Authenticate": challenge.text("DPoP", "use_dpop_nonce", description),
                "DPoP-Nonce": error.nonce,
            }
            raise OAuthError(401, "use_dpop_nonce", description, headers) from error


class _Challenge:
    """The ``WWW-Authenticate`` of one request."""

    def __init__(self, request: Request, scope: str, base_url: str) -> None:
        self.scope = scope
        self.base_url = base_url
        self._resource = request.scope.get("raw_path", b"").decode("ascii", "replace").replace('"', "%22")

    def text(self, scheme: str, error: str, description: str) -> str:
        """Return the value of the header."""
        algorithms = f'algs="{" ".join(ALGORITHMS)}", ' if scheme == "DPoP" else ""
        return (
            f'{scheme} {algorithms}authorization_uri="{self.base_url}/oauth2/v1/authorize", realm="{self.base_url}", '
            f'scope="{self.scope}", error="{error}", error_description="{description}", resource="{self._resource}"'
        )

    def refusal(self, scheme: str, error: str, description: str) -> OktaError:
        """Return the 401 that carries the header."""
        return _invalid_token({"WWW-Authenticate": self.text(scheme, error, description)})


def _invalid_token(headers: dict[str, str] | None = None) -> OktaError:
    return OktaError(401, "E0000011", "Invalid token provided", headers=headers)
