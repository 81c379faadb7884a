"""Control calls of the simulated Okta org that play the administrator: change groups and users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException
from pydantic import BaseModel, ConfigDict

from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.okta_system import OktaSystem
from okta_mi_provider.simulators.okta_values import UnknownIdError, check_status


class NewUser(BaseModel):
    """A user to add."""

    model_config = ConfigDict(extra="forbid")

    profile: dict[str, Any]
    status: str = "ACTIVE"


class UserChange(BaseModel):
    """What to change about a user; profile attributes that are not named stay."""

    model_config = ConfigDict(extra="forbid")

    status: str | None = None
    profile: dict[str, Any] | None = None


class NewGroup(BaseModel):
    """A group to add."""

    model_config = ConfigDict(extra="forbid")

    name: str
    description: str | None = ""
    type: str = "OKTA_GROUP"


def okta_control_routes(system: OktaSystem) -> APIRouter:
    """Return the routes. Groups and users are named by id, groups also by a name only one has, users by login."""
    router = APIRouter(prefix="/_sim", tags=["org"])
    org = system.org

    @router.post("/users", status_code=201)
    async def add_user(user: NewUser) -> dict[str, str]:
        """Add a user."""
        with refusals():
            return {"id": org.add_user(user.profile, status=user.status)}

    @router.put("/users/{user}")
    async def change_user(user: str, change: UserChange) -> dict[str, Any]:
        """Change status or profile of a user."""
        with refusals():
            user_id = org.user_by_id_or_login(user)["id"]
            if change.status is not None:
                check_status(change.status)
            if change.profile is not None:
                org.update_profile(user_id, change.profile)
            if change.status is not None:
                org.set_status(user_id, change.status)
            return {"id": user_id, "status": org.users[user_id]["status"], "profile": org.users[user_id]["profile"]}

    @router.delete("/users/{user}")
    async def delete_user(user: str) -> dict[str, str]:
        """Delete a user and all memberships."""
        with refusals():
            user_id = org.user_by_id_or_login(user)["id"]
            org.delete_user(user_id)
            return {"id": user_id}

    @router.post("/groups", status_code=201)
    async def add_group(group: NewGroup) -> dict[str, str]:
        """Add an empty group."""
        with refusals():
            return {"id": org.add_group(group.name, description=group.description, group_type=group.type)}

    @router.put("/groups/{group}")
    async def rename_group(group: str, name: Annotated[str, Body(embed=True)]) -> dict[str, str]:
        """Give a group another name."""
        with refusals():
            group_id = _group_id(org, group)
            org.rename_group(group_id, name)
            return {"id": group_id}

    @router.delete("/groups/{group}")
    async def delete_group(group: str) -> dict[str, str]:
        """Delete a group."""
        with refusals():
            group_id = _group_id(org, group)
            org.delete_group(group_id)
            return {"id": group_id}

    @router.put("/groups/{group}/members/{user}")
    async def add_member(group: str, user: str) -> dict[str, bool]:
        """Put a user into a group."""
        with refusals():
            return {"changed": org.add_member(_group_id(org, group), org.user_by_id_or_login(user)["id"])}

    @router.delete("/groups/{group}/members/{user}")
    async def remove_member(group: str, user: str) -> dict[str, bool]:
        """Take a user out of a group."""
        with refusals():
            return {"changed": org.remove_member(_group_id(org, group), org.user_by_id_or_login(user)["id"])}

    return router


def _group_id(org: OktaOrg, key: str) -> str:
    if key in org.groups:
        return key
    found = [group_id for group_id, group in org.groups.items() if group["profile"]["name"] == key]
    if not found:
        raise UnknownIdError(f"{key} (UserGroup)")
    if len(found) > 1:
        raise ValueError(f"{len(found)} groups are called {key!r}; name the id: {', '.join(sorted(found))}")
    return found[0]


@contextmanager
def refusals() -> Iterator[None]:
    """Answer what the block raises: 404 for an unknown id, 422 for a value that is not allowed."""
    try:
        yield
    except UnknownIdError as error:
        raise HTTPException(404, f"not found: {error}") from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
