"""The part of the control API (``/_sim/``) that both servers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.routing import Route

from okta_mi_provider.simulators.faults import FaultRule, UnknownFaultError
from okta_mi_provider.simulators.middleware import TrafficMiddleware
from okta_mi_provider.simulators.system import SimulatedSystem


def simulator_app(system: SimulatedSystem, title: str, routes: Sequence[Route], control: APIRouter) -> FastAPI:
    """Return an application that serves `routes` under the traffic rules of `system`, and the control API.

    `control` is the part of the control API that only this system has.
    """
    app = FastAPI(
        title=title,
        routes=[*routes],  # before those of the control API: they are the ones that must be found fast
        docs_url=None,
        openapi_url="/_sim/openapi.json",
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.system = system
    app.add_middleware(TrafficMiddleware, system=system)
    app.include_router(_common_routes(system))
    app.include_router(control)
    return app


def _common_routes(system: SimulatedSystem) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["control"])

    @router.get("/state")
    async def read_state() -> JSONResponse:
        """Return the whole state."""
        return JSONResponse(system.export())

    @router.post("/reset")
    async def reset() -> dict[str, str]:
        """Bring back state and knobs as they were at the start; forget faults and traffic."""
        system.reset()
        return {"status": "reset"}

    @router.get("/knobs")
    async def read_knobs() -> dict[str, Any]:
        """Return all knobs."""
        return system.knobs.model_dump(mode="json")

    @router.put("/knobs")
    async def turn_knobs(changes: dict[str, Any]) -> dict[str, Any]:
        """Change the knobs that are named; return all."""
        try:
            system.turn_knobs(changes)
        except ValidationError as error:
            raise HTTPException(422, error.errors(include_url=False, include_context=False)) from error
        return system.knobs.model_dump(mode="json")

    @router.get("/faults")
    async def read_faults() -> dict[str, Any]:
        """Return the rules with their counters, and the names of faults and routes."""
        return system.faults.export()

    @router.post("/faults", status_code=201)
    async def add_faults(rules: Annotated[FaultRule | list[FaultRule], Body()]) -> dict[str, Any]:
        """Add one rule or several; return all."""
        try:
            system.faults.add(rules if isinstance(rules, list) else [rules])
        except UnknownFaultError as error:
            raise HTTPException(422, str(error)) from error
        return system.faults.export()

    @router.delete("/faults")
    async def clear_faults() -> dict[str, Any]:
        """Forget all rules."""
        system.faults.clear()
        return system.faults.export()

    @router.get("/requests")
    async def read_requests() -> JSONResponse:
        """Return the request log, oldest first."""
        return JSONResponse({"requests": system.traffic.log()})

    @router.delete("/requests")
    async def clear_requests() -> dict[str, Any]:
        """Forget the request log and set the totals to zero."""
        system.traffic.clear()
        return system.traffic.totals()

    @router.get("/stats")
    async def read_stats() -> dict[str, Any]:
        """Return the totals of the traffic."""
        return system.traffic.totals()

    return router
