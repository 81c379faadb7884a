"""Control calls of the simulated Okta org about OAuth: service apps, access tokens, nonces."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.okta_apps import ServiceApp
from okta_mi_provider.simulators.okta_control import refusals
from okta_mi_provider.simulators.okta_jwt import public_key
from okta_mi_provider.simulators.okta_system import OktaSystem


class PublicKeyFields(BaseModel):
    """A key of a service app: a PEM (of a private key, the public part counts) or a public JWK."""

    model_config = ConfigDict(extra="forbid")

    kid: str = Field(min_length=1)
    pem: str | None = None
    jwk: dict[str, Any] | None = None


class NewServiceApp(BaseModel):
    """A service app to register, or to replace."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(min_length=1)
    keys: list[PublicKeyFields] = Field(min_length=1)
    scopes: list[str] = list(credentials.OKTA_SCOPES)
    dpop_required: bool | None = None


def oauth_control_routes(system: OktaSystem) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["oauth"])  # joins the routes of okta_control, under their prefix

    @router.post("/service-apps", status_code=201)
    async def register_service_app(app: NewServiceApp) -> dict[str, Any]:
        """Register an app for OAuth, with its public keys and the scopes granted to it."""
        with refusals():
            keys = {key.kid: public_key(key.pem or key.jwk or "") for key in app.keys}
            if len(keys) < len(app.keys):
                raise ValueError("each key needs a kid of its own")
            system.apps.register(ServiceApp(app.client_id, keys, frozenset(app.scopes), app.dpop_required))
            return {"client_id": app.client_id, "kids": sorted(keys), "scopes": sorted(app.scopes)}

    @router.post("/expire-access-tokens")
    async def expire_access_tokens() -> dict[str, int]:
        """End every access token; the next call with one is answered 401."""
        return {"expired": system.endpoint.expire_all()}

    @router.post("/rotate-dpop-nonces")
    async def rotate_dpop_nonces() -> dict[str, str]:
        """Make every DPoP nonce stale; the next proof is asked for a new one."""
        system.endpoint.nonces.clear()
        system.access.nonces.clear()
        return {"status": "rotated"}

    return router
