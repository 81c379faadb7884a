"""The answers of the simulated Metric Insights server as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from fastapi.responses import Response

from okta_mi_provider.simulators.knobs import MIKnobs
from okta_mi_provider.simulators.mi_pages import Window
from okta_mi_provider.simulators.mi_state import Membership, MIGroup, MIUser


class MIRenderer:
    """Turns users, groups and memberships into answers; users are made into JSON once and kept."""

    def __init__(self) -> None:
        self._user_json: dict[tuple[int, bool], tuple[MIUser, bytes]] = {}

    def user(self, user: MIUser, knobs: MIKnobs) -> Response:
        """Return one user that was read or changed."""
        text = self._user(user, as_text=knobs.id_type != "integer")
        return _answer(b'{"users":[%b]}' % text if knobs.user_item_envelope == "users" else b'{"user":%b}' % text)

    def created_user(self, user: MIUser, knobs: MIKnobs) -> Response:
        """Return a user that was just created."""
        text = self._user(user, as_text=knobs.id_type == "string")
        return _answer(b'{"user":%b}' % text, knobs.ok_statuses["POST"])

    def users(self, users: Iterable[MIUser], window: Window, knobs: MIKnobs) -> Response:
        """Return a list of users."""
        as_text = knobs.id_type != "integer"
        return _list("users", [self._user(user, as_text=as_text) for user in users], window, knobs)

    def group(self, group: MIGroup, knobs: MIKnobs) -> Response:
        """Return one group that was read or changed."""
        return _answer(b'{"user_group":%b}' % _group(group, as_text=knobs.id_type != "integer"))

    def created_group(self, group: MIGroup, knobs: MIKnobs) -> Response:
        """Return a group that was just created."""
        text = _group(group, as_text=knobs.id_type == "string")
        return _answer(b'{"user_group":%b}' % text, knobs.ok_statuses["POST"])

    def groups(self, groups: Iterable[MIGroup], window: Window, knobs: MIKnobs) -> Response:
        """Return a list of groups."""
        as_text = knobs.id_type != "integer"
        return _list("user_groups", [_group(group, as_text=as_text) for group in groups], window, knobs)

    def created_membership(self, membership: Membership, knobs: MIKnobs) -> Response:
        """Return a membership that was just created."""
        text = _membership(membership, as_text=knobs.id_type == "string")
        return _answer(b'{"user_group_member":%b}' % text, knobs.ok_statuses["POST"])

    def memberships(self, memberships: Iterable[Membership], window: Window, knobs: MIKnobs) -> Response:
        """Return a list of memberships."""
        as_text = knobs.id_type != "integer"
        return _list("user_group_members", [_membership(row, as_text=as_text) for row in memberships], window, knobs)

    def _user(self, user: MIUser, *, as_text: bool) -> bytes:
        known = self._user_json.get((user.id, as_text))
        if known is not None and known[0] is user:
            return known[1]
        document = {
            "id": _id(user.id, as_text=as_text),
            "username": user.username,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "type": user.type,
            "email": user.email,
            "enabled": user.enabled,
            "ldap": user.ldap,
        }
        text = json.dumps(document, ensure_ascii=False).encode()
        self._user_json[user.id, as_text] = (user, text)
        return text


def done(knobs: MIKnobs) -> Response:
    """Return the answer to a delete."""
    return _answer(b'{"status":"OK"}', knobs.ok_statuses["DELETE"])


def _group(group: MIGroup, *, as_text: bool) -> bytes:
    document = {
        "id": _id(group.id, as_text=as_text),
        "name": group.name,
        "description": group.description,
        "all_access_group": group.all_access_group,
        "ldap_organizational_unit": group.ldap_organizational_unit,
        "external_group_id": group.external_group_id,
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _membership(row: Membership, *, as_text: bool) -> bytes:
    form = b'{"id":"%d","user":"%d","group":"%d"}' if as_text else b'{"id":%d,"user":%d,"group":%d}'
    return form % (row.id, row.user, row.group)


def _id(number: int, *, as_text: bool) -> str | int:
    return str(number) if as_text else number


def _list(name: str, rows: Sequence[bytes], window: Window, knobs: MIKnobs) -> Response:
    total = b',"total":%d' % len(rows) if window.announced else b""
    rows = window.cut(rows)
    if not rows and knobs.empty_list == "bare":
        return _answer(b"[]")
    form = b'{"%b":%b%b}' if len(rows) == 1 and knobs.single_row == "object" else b'{"%b":[%b]%b}'
    return _answer(form % (name.encode(), b",".join(rows), total))


def _answer(body: bytes, status: int = 200) -> Response:
    return Response(b"" if status == 204 else body, status_code=status, media_type="application/json")
