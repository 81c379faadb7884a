"""Control calls of the simulated Metric Insights server: what an administrator does by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from okta_mi_provider.simulators.mi_state import MIState
from okta_mi_provider.simulators.mi_system import MISystem


class UserFields(BaseModel):
    """Fields of a user; those not named stay as they are, or at their defaults for a new user."""

    model_config = ConfigDict(extra="forbid")

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    type: str | None = None
    enabled: str | None = None
    ldap: str | None = None
    system_admin: bool | None = None


class GroupFields(BaseModel):
    """Fields of a group; those not named stay as they are, or at their defaults for a new group."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    description: str | None = None
    all_access_group: str | None = None
    external_group_id: str | None = None


def mi_control_routes(system: MISystem) -> APIRouter:
    """Return the routes. Users are named by username or id, groups by name or id; no rule of the API applies."""
    router = APIRouter(prefix="/_sim", tags=["server"])
    state = system.state

    @router.put("/users/{username}")
    async def put_user(username: str, fields: UserFields) -> dict[str, Any]:
        """Add a user or change fields of the one there is."""
        given = fields.model_dump(exclude_none=True)
        known = state.users_named(username, ignore_case=False)
        if known:
            return asdict(state.update_user(known[0].id, **given))
        return asdict(state.add_user(username, **{"email": f"{username}@example.com", **given}))

    @router.delete("/users/{username}")
    async def delete_user(username: str) -> dict[str, int]:
        """Delete a user."""
        user_id = _user_id(state, username)
        state.delete_user(user_id)
        return {"id": user_id}

    @router.put("/groups/{name}")
    async def put_group(name: str, fields: GroupFields) -> dict[str, Any]:
        """Add a group or change fields, the name too, of the one there is."""
        given = fields.model_dump(exclude_none=True)
        known = [group for group in state.groups.values() if group.name == name]
        if known:
            return asdict(state.update_group(known[0].id, **given))
        return asdict(state.add_group(**{"name": name, **given}))

    @router.delete("/groups/{name}")
    async def delete_group(name: str) -> dict[str, int]:
        """Delete a group."""
        group_id = _group_id(state, name)
        state.delete_group(group_id)
        return {"id": group_id}

    @router.put("/groups/{name}/members/{username}")
    async def put_member(name: str, username: str) -> dict[str, Any]:
        """Put a user into a group."""
        return asdict(state.add_membership(_user_id(state, username), _group_id(state, name)))

    @router.delete("/groups/{name}/members/{username}")
    async def delete_member(name: str, username: str) -> dict[str, bool]:
        """Take a user out of a group."""
        found = state.memberships_of(user_id=_user_id(state, username), group_id=_group_id(state, name))
        for membership in found:
            state.delete_membership(membership.id)
        return {"changed": bool(found)}

    @router.post("/expire-tokens")
    async def expire_tokens() -> dict[str, int]:
        """End every session; the next call with its token is answered 412."""
        return {"expired": system.auth.expire_all()}

    @router.post("/expire-personal-token/{token}")
    async def expire_personal_token(token: str) -> dict[str, bool]:
        """End a personal token until the next reset."""
        return {"expired": system.auth.expire_personal_token(token)}

    @router.get("/outbox")
    async def read_outbox() -> dict[str, Any]:
        """Return the mails with credentials that were sent, oldest first."""
        return {"mails": [asdict(mail) for mail in state.outbox]}

    @router.delete("/outbox")
    async def clear_outbox() -> dict[str, Any]:
        """Forget the mails."""
        state.outbox.clear()
        return {"mails": []}

    return router


def _user_id(state: MIState, key: str) -> int:
    found = [user.id for user in state.users_named(key, ignore_case=False)]
    return _only(found or [user_id for user_id in state.users if str(user_id) == key], f"user {key!r}")


def _group_id(state: MIState, key: str) -> int:
    found = [group.id for group in state.groups.values() if group.name == key]
    return _only(found or [group_id for group_id in state.groups if str(group_id) == key], f"group {key!r}")


def _only(found: list[int], what: str) -> int:
    if not found:
        raise HTTPException(404, f"no {what}")
    return found[0]
