"""An Airflow connection of type `okta` as a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.okta import PAGE_SIZE, OktaClient
from okta_mi_provider.clients.okta_auth import ApiToken
from okta_mi_provider.clients.rate_limit import Share
from okta_mi_provider.clients.urls import okta_console_url, okta_url
from okta_mi_provider.hooks.fields import Fields
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.text import quoted
from okta_mi_provider.sync.traffic import Traffic

if TYPE_CHECKING:
    from okta_mi_provider.clients.okta_auth import OktaLogin

#: Keys of the connection's extra.
EXTRAS: Final = (
    "auth_mode",
    "client_id",
    "private_key",
    "private_key_id",
    "scopes",
    "dpop",
    "page_size",
    "rate_limit_share",
    "max_wait",
    "admin_url",
    "timeout",
    "verify",
    "allow_http",
)


class OktaHook(BaseHook):
    """Reads groups and users of an Okta org.

    Args:
        okta_conn_id: Id of a connection of type `okta`: host is the org's URL, password an API token, or, with
            `auth_mode` `private_key_jwt`, the extra names a service app and its private key.
    """

    conn_name_attr = "okta_conn_id"
    default_conn_name = "okta_default"
    conn_type = "okta"
    hook_name = "Okta"

    def __init__(self, okta_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.okta_conn_id = okta_conn_id

    def client(
        self,
        *,
        read_only: bool = True,
        sharers: int = 1,
        pauses: Pauses | None = None,
        traffic: Traffic | None = None,
    ) -> OktaClient:
        """A client as the connection says. Nothing is sent yet.

        Args:
            read_only: Refuse every request that could change something. A sync never changes Okta.
            sharers: How many clients like this one may read the org at the same time.
            pauses: Where to wait, if that can be ended.
            traffic: Counts requests, if anybody wants to know.

        Raises:
            ConfigurationError: If the connection is missing, or cannot work as it is written.
        """
        fields = Fields.of(self.okta_conn_id, EXTRAS)
        allow_http = fields.flag("allow_http", default=False)
        console = fields.text("admin_url")
        return OktaClient(
            okta_url(fields.host, allow_http=allow_http),
            _login(fields),
            transport=fields.transport(
                read_only=read_only,
                pauses=pauses,
                traffic=traffic,
                max_wait_s=fields.whole("max_wait", 120, 1, 3600),
            ),
            share=Share(fields.whole("rate_limit_share", Share().kept_percent, 0, 90), sharers),
            page_size=fields.whole("page_size", PAGE_SIZE, 1, 1000),
            console=okta_console_url(console, allow_http=allow_http) if console else None,
            remarks=fields.remarks,
        )

    def get_conn(self) -> OktaClient:
        """The same as `client`, as Airflow's hooks call it."""
        return self.client()

    def test_connection(self) -> tuple[bool, str]:
        """For the Test button: whether a sync could read the org, and what to do if not."""
        try:
            client = self.client(read_only=True)
            return True, " ".join([client.check(), *client.remarks])
        except SyncError as error:
            return False, str(error)


def _login(fields: Fields) -> OktaLogin:
    chosen = fields.choice("auth_mode", "", ("ssws", "private_key_jwt"))
    client_id, private_key = fields.text("client_id"), fields.secret("private_key")
    if chosen != "private_key_jwt":
        # A form stores "ssws" by itself; with a token in the password it is believed.
        if (client_id or private_key) and not (chosen and fields.password):
            raise ConfigurationError(
                f"{fields.name} has a service app ('client_id', 'private_key') in its extra, but its 'auth_mode' is "
                f"{quoted(chosen) if chosen else 'missing'}. Set it to 'private_key_jwt' for the app, or to 'ssws' for "
                "an API token in the password."
            )
        if "PRIVATE KEY" in (fields.password or ""):
            raise ConfigurationError(
                f"The password of {fields.name} is a private key, not an API token. For a service app, leave it empty, "
                "and set 'auth_mode' to 'private_key_jwt', 'client_id' and 'private_key' in the extra."
            )
        return ApiToken(fields.password, credentials=fields.whereabouts)
    # Signing needs a library that takes its time to load.
    from okta_mi_provider.clients.okta_keys import SigningKey  # noqa: PLC0415
    from okta_mi_provider.clients.okta_oauth import DEFAULT_SCOPES, DPoP, ServiceApp  # noqa: PLC0415

    if client_id is None:
        raise ConfigurationError(
            f"Extra 'client_id' of {fields.name} is missing: the client id of the service app, under Applications > "
            "Applications."
        )
    if private_key is None:
        raise ConfigurationError(
            f"Extra 'private_key' of {fields.name} is missing: the private key of the service app, in PEM or as JWK."
            + (" The password is not looked at." if fields.password else "")
        )
    where = f"in the extra of {fields.name}"
    key = SigningKey.parse(private_key, key_id=fields.text("private_key_id"), what=f"The private key {where}")
    dpop = fields.choice("dpop", DPoP.AUTO, tuple(DPoP))
    return ServiceApp(client_id, key, credentials=where, scopes=fields.texts("scopes", DEFAULT_SCOPES), dpop=DPoP(dpop))
