"""The pages as an application that Airflow's API server mounts."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from okta_mi_provider.page import downloads, routes
from okta_mi_provider.page.desk import NotThere, Trouble
from okta_mi_provider.page.render import address, page

_STATIC = Path(__file__).parent / "static"
#: Nothing from elsewhere, nothing written into the page itself, in no frame but Airflow's own, no form to elsewhere.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
_NOT_THERE = "There is nothing of this name or number, or it belongs to a DAG that you may not read."


def create_page_app() -> FastAPI:
    """The application. Every route that shows data asks Airflow who is there; only style and script are open."""
    app = FastAPI(title="Okta sync", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.include_router(routes.router)
    app.include_router(downloads.router)
    app.add_exception_handler(NotThere, _not_there)
    app.add_exception_handler(RequestValidationError, _not_there)
    app.add_exception_handler(Trouble, _trouble)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_middleware(_Careful)
    return app


def _not_there(request: Request, _: Exception) -> Response:
    return page(request, "message.html", status=404, title="Not found", message=_NOT_THERE)


def _trouble(request: Request, error: Exception) -> Response:
    return page(request, "message.html", status=503, title="The store cannot be read", message=str(error))


def _refused(request: Request, error: Exception) -> Response:
    """Whoever is not logged in is sent to where one does that, as Airflow's own pages do, and back again."""
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 - it is registered for nothing else
    if error.status_code not in {401, 403}:
        return (
            _not_there(request, error)
            if error.status_code == 404
            else PlainTextResponse(error.detail, error.status_code)
        )
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse("Not authenticated", status_code=401)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    airflow = address(request).rpartition("/")[0]
    return RedirectResponse(f"{airflow}/api/v2/auth/login?{urlencode({'next': asked})}", status_code=303)


class _Careful:
    """Adds to every answer what a browser is to keep from it. What is about people is kept in no cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        style = scope["path"].startswith(f"{scope.get('root_path', '')}/static/")
        cache = "public, max-age=3600" if style else "no-store"

        async def careful(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                added = {**_HEADERS, "cache-control": cache}
                kept = [pair for pair in message["headers"] if pair[0].decode().lower() not in added]
                message["headers"] = [*kept, *((name.encode(), value.encode()) for name, value in added.items())]
            await send(message)

        await self._app(scope, receive, careful)
