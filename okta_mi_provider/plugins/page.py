"""The pages as Airflow's plugins declare them. Only the API server that shows one pays for its imports."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from okta_mi_provider import addresses

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_NAME = "Okta sync"


class LateApp:
    """An ASGI application that is made when somebody asks it something: every part of Airflow loads its plugins."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await self._made()(scope, receive, send)

    def _made(self) -> ASGIApp:
        with self._lock:
            if self._app is None:
                from okta_mi_provider.page.app import create_page_app

                self._app = create_page_app()
            return self._app


def fastapi_apps() -> list[dict[str, Any]]:
    """The application, as Airflow mounts it."""
    return [{"app": LateApp(), "url_prefix": addresses.PREFIX, "name": _NAME}]


def external_views() -> list[dict[str, Any]]:
    """Where Airflow's UI shows a page: in the navigation, and in a tab of every DAG and of every run.

    Airflow cannot show a tab for some DAGs only; that of another DAG says that there is nothing to see.
    """
    at = f"{addresses.prefix()}{addresses.PREFIX}"
    icons = {"icon": f"{at}/static/icon.svg", "icon_dark_mode": f"{at}/static/icon-dark.svg"}
    return [
        {
            **icons,
            "name": _NAME,
            "href": f"{at}/",
            "url_route": "okta-sync",
            "destination": "nav",
            "nav_top_level": True,
        },
        {
            **icons,
            "name": _NAME,
            "href": f"{at}/dag?dag_id={{DAG_ID}}",
            "url_route": addresses.DAG_TAB,
            "destination": "dag",
        },
        {
            **icons,
            "name": _NAME,
            "href": f"{at}/dag-run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "url_route": addresses.RUN_TAB,
            "destination": "dag_run",
        },
    ]
