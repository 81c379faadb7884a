"""The service apps that are registered in a simulated Okta org, with their public keys and scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.okta_jwt import PublicKey, public_key


@dataclass(frozen=True, slots=True)
class ServiceApp:
    """An app that gets tokens by ``private_key_jwt``.

    Attributes:
        keys: public keys by ``kid``.
        scopes: what is granted to it.
        dpop_required: whether it must prove possession of a key; none: as the knob says.
    """

    client_id: str
    keys: Mapping[str, PublicKey]
    scopes: frozenset[str]
    dpop_required: bool | None = None

    def key(self, key_id: object) -> PublicKey | None:
        """Return the key that an assertion names. Only an app with a single key may leave the name out.

        Source: okta/okta-sdk-java#504, okta/okta-sdk-python#289.
        """
        if key_id is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(key_id) if isinstance(key_id, str) else None


def published_app() -> ServiceApp:
    """Return the app whose keys are in :mod:`~okta_mi_provider.simulators.credentials`."""
    keys = {
        credentials.OKTA_PRIVATE_KEY_ID: public_key(credentials.OKTA_PRIVATE_KEY),
        credentials.OKTA_EC_PRIVATE_KEY_ID: public_key(credentials.OKTA_EC_PRIVATE_KEY),
    }
    return ServiceApp(credentials.OKTA_CLIENT_ID, keys, frozenset(credentials.OKTA_SCOPES))


@dataclass(slots=True)
class AppRegistry:
    """All service apps of the org, by client id."""

    first: tuple[ServiceApp, ...]
    _apps: dict[str, ServiceApp] = field(init=False)

    def __post_init__(self) -> None:
        self.restore()

    def restore(self) -> None:
        """Bring back the apps of the start."""
        self._apps = {app.client_id: app for app in self.first}

    def register(self, app: ServiceApp) -> None:
        """Add an app or replace the one with its client id."""
        self._apps[app.client_id] = app

    def get(self, client_id: object) -> ServiceApp | None:
        """Return the app of this client id, or None."""
        return self._apps.get(client_id) if isinstance(client_id, str) else None
