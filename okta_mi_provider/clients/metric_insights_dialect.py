"""Everything about Metric Insights that its documentation leaves open: one switch for each unknown, all of them here.

The connection's extra, its form and `docs/compatibility.md` are checked against, or made from, the fields of
`MIDialect`; nothing else in the package knows a switch's default or its allowed values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from okta_mi_provider.clients.metric_insights_kinds import Id, Members, PagePath, Seconds, Statuses, SwitchKind, Texts
from okta_mi_provider.kinds import Choice, Flag, Text

#: What the body of a create says by itself, so that nobody else may say it.
CREATE_FIELDS = frozenset(
    {
        "username", "email", "first_name", "last_name", "type", "enabled", "password", "copy_from_user_id",
        "in_group_id", "user_preference_template", "default_group_ind",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Switch:
    """How one unknown is set.

    Attributes:
        default: What is assumed.
        kind: What else can be.
        help: A sentence about what it decides.
        title: Its label in the connection's form; "" if only the extra has it.
    """

    default: Any
    kind: SwitchKind
    help: str
    title: str = ""


def _switch(default: Any, kind: SwitchKind, help: str, title: str = "") -> Any:  # noqa: A002
    if isinstance(default, dict):
        return field(default_factory=lambda: default, metadata={"switch": Switch(default, kind, help, title)})
    return field(default=default, metadata={"switch": Switch(default, kind, help, title)})


@dataclass(frozen=True, slots=True, kw_only=True)
class MIDialect:
    """What is assumed where the documentation is silent. Valid once every value has gone through its switch."""

    default_group_id: str = _switch(
        "1", Id(), "Id of the group of MI that new users are put into.", "Id of the Default Group"
    )
    default_group_name: str = _switch(
        "Default Group", Text(), "Its name, for when no group has that id.", "Name of the Default Group"
    )
    default_group_method: str = _switch(
        "adaptive",
        Choice(("adaptive", "indicator", "membership")),
        "How created users get into their groups. adaptive: the create takes both along, unless the first user of a "
        "run shows that it does not; indicator: it takes the Default Group along, the other is added; membership: it "
        "takes none along, both are added.",
    )
    user_update_body: str = _switch(
        "merged",
        Choice(("merged", "changed", "off")),
        "What an update of a user sends. merged: all attributes; changed: those that differ; off: there are no "
        "updates, and a user who needs one fails.",
    )
    disable_method: str = _switch(
        "put_enabled",
        Choice(("put_enabled", "off")),
        "How a user is disabled, and enabled again. put_enabled: by an update of enabled; off: not at all, and a user "
        "who should be disabled fails.",
    )
    user_lookup: str = _switch(
        "list",
        Choice(("list", "query")),
        "How one user is looked up by name. list: in the list of all; query: with ?username=, and in the list if that "
        "does not find anybody.",
    )
    username_casefold: bool = _switch(True, Flag(), "Whether usernames that differ only in case are one user.")
    list_paging: str = _switch(
        "none",
        Choice(("none", "offset")),
        "Whether lists come in parts. none: a list is whole, or an error; offset: it is asked for with ?limit= and "
        "?offset= until nothing new comes.",
    )
    member_list: str = _switch(
        "per_group",
        Choice(("per_group", "all")),
        "How memberships are read. per_group: those of one group or user; all: everybody's, every time.",
    )
    ok_statuses: tuple[int, ...] = _switch(
        (), Statuses(), "HTTP statuses that mean that a write succeeded. Empty: any from 200 to 299."
    )
    duplicate_markers: tuple[str, ...] = _switch(
        (),
        Texts(),
        "Words by which a refusal may mean that the thing is there already, in any case. Empty: every refusal may, and "
        "what MI has is read.",
    )
    retry_markers: tuple[str, ...] = _switch(
        ("Deadlock found when trying to get lock",),
        Texts(),
        "Words of an answer, in any case and at any status, after which the same request is worth sending again.",
    )
    password_mode: str = _switch(
        "random",
        Choice(("random", "blank", "omit")),
        "The password of a created user. random: a strong one that nobody keeps; blank: an empty one; omit: none.",
    )
    extra_user_create_fields: Mapping[str, Any] = _switch(
        {}, Members(CREATE_FIELDS), "What else to send when a user is created, such as what keeps MI from mailing."
    )
    send_external_group_id: bool = _switch(
        False, Flag(), "Whether a created group carries the id of the Okta group of its name as external_group_id."
    )
    group_page: str = _switch(
        "/editor/group/{id}",
        PagePath(),
        "Path of the page on which an administrator of MI sees a group, with {id} for its id: the tasks link to it. "
        "off: they do not.",
    )
    proactive_refresh_s: float | None = _switch(
        None, Seconds(1, 86_400), "Age in seconds at which a session token is renewed before MI lets it die."
    )
    min_interval_s: float = _switch(
        0.0,
        Seconds(0, 60),
        "Least time between the starts of two requests to MI, in seconds.",
        "Least time between requests (seconds)",
    )

    def may_be_there(self, refusal: str) -> bool:
        """Whether a refusal can mean that the thing is there already."""
        return not self.duplicate_markers or _contains(refusal, self.duplicate_markers)

    def is_worth_retrying(self, words: str) -> bool:
        """Whether an answer with these words had no effect and may be another one next time."""
        return _contains(words, self.retry_markers)

    def is_success(self, status: int) -> bool:
        """Whether the answer to a write with this status says that it was done."""
        return status in self.ok_statuses if self.ok_statuses else 200 <= status <= 299

    def name_key(self, username: str) -> str:
        """What two usernames of one user have in common."""
        return username.casefold() if self.username_casefold else username


@cache
def switches() -> dict[str, Switch]:
    """Every switch by the name of its field, which is its key in the connection's extra."""
    return {each.name: each.metadata["switch"] for each in fields(MIDialect)}


def _contains(words: str, markers: tuple[str, ...]) -> bool:
    text = words.casefold()
    return any(marker.casefold() in text for marker in markers)
