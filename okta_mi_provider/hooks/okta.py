"""An Airflow connection of type `okta` as a client."""

from __future__ import annotations

from typing import Final

from airflow.sdk import BaseHook

from okta_mi_provider.clients.okta import PAGE_SIZE, OktaClient, ssws
from okta_mi_provider.clients.urls import okta_url
from okta_mi_provider.hooks.fields import Fields
from okta_mi_provider.sync.errors import SyncError

#: Keys of the connection's extra.
EXTRAS: Final = ("page_size", "timeout", "max_wait", "verify", "allow_http")


class OktaHook(BaseHook):
    """Reads groups and users of an Okta org.

    Args:
        okta_conn_id: Id of a connection of type `okta`: host is the org's URL, password an API token.
    """

    conn_name_attr = "okta_conn_id"
    default_conn_name = "okta_default"
    conn_type = "okta"
    hook_name = "Okta"

    def __init__(self, okta_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.okta_conn_id = okta_conn_id

    def client(self, *, read_only: bool = True) -> OktaClient:
        """A client as the connection says. Nothing is sent yet.

        Args:
            read_only: Refuse every request that could change something. A sync never changes Okta.

        Raises:
            ConfigurationError: If the connection is missing, or cannot work as it is written.
        """
        fields = Fields.of(self.okta_conn_id, EXTRAS)
        base = okta_url(fields.host, allow_http=fields.flag("allow_http", default=False))
        return OktaClient(
            base,
            ssws(fields.password, fields.whereabouts),
            credentials=fields.whereabouts,
            transport=fields.transport(read_only=read_only, max_wait_s=fields.whole("max_wait", 120, 1, 3600)),
            page_size=fields.whole("page_size", PAGE_SIZE, 1, 1000),
        )

    def get_conn(self) -> OktaClient:
        """The same as `client`, as Airflow's hooks call it."""
        return self.client()

    def test_connection(self) -> tuple[bool, str]:
        """For the Test button: whether a sync could read the org, and what to do if not."""
        try:
            return True, self.client(read_only=True).check()
        except SyncError as error:
            return False, str(error)
