"""Small worlds for the tests of the sync: makers of both sides, and hypothesis strategies for any of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from okta_mi_provider.settings import OKTA_STATUSES, SyncSettings
from okta_mi_provider.sync.limits import fingerprint
from okta_mi_provider.sync.memory import LastSync, Link, Memory, recollect
from okta_mi_provider.sync.model import Source, SourceGroup, SourceUser, Target, TargetGroup, TargetUser
from okta_mi_provider.sync.snapshot import Snapshot

SALES = SourceGroup("00gSALES", "Sales")
DEFAULT_GROUP = TargetGroup("1", "Default Group")
MI_SALES = TargetGroup("5", "Sales")


def okta_user(name: str, **changes: str) -> SourceUser:
    values = {
        "id": f"00u-{name}",
        "status": "ACTIVE",
        "username": name,
        "email": f"{name}@example.com",
        "first_name": name.title(),
        "last_name": "Doe",
    }
    return SourceUser(**{**values, **changes})


def mi_user(name: str, user_id: str = "", **changes: object) -> TargetUser:
    values = {
        "id": user_id or f"id-{name}",
        "username": name,
        "email": f"{name}@example.com",
        "first_name": name.title(),
        "last_name": "Doe",
        "type": "regular",
    }
    return TargetUser(**{**values, **changes})  # type: ignore[arg-type]


def snapshot(
    source: list[SourceUser],
    target: list[TargetUser] = [],  # noqa: B006
    *,
    members: set[str] | None = None,
    group: TargetGroup | None = MI_SALES,
    default_members: set[str] = set(),  # noqa: B006
    memory: Memory | None = None,
) -> Snapshot:
    """Okta's group Sales, and an MI with or without a group of that name."""
    groups = (DEFAULT_GROUP, *([group] if group else []))
    of_groups = {DEFAULT_GROUP.id: frozenset(default_members)}
    if group:
        of_groups[group.id] = frozenset(members or ())
    mi = Target("https://mi.example.org", tuple(target), groups, of_groups, DEFAULT_GROUP)
    return Snapshot(Source("https://acme.okta.com", (SALES,), tuple(source)), mi, memory or Memory())


def settings(**values: object) -> SyncSettings:
    return SyncSettings.from_mapping(values)


# Few names, so that they collide; spelt so that case folding is not lower(): ß folds to ss, İ to two characters.
_NAMES = st.sampled_from(["ana", "ANA", "bob", "straße", "STRASSE", "İpek", "cy", ""])
_EMAILS = st.sampled_from(["a@x.org", "A@X.ORG", "b@x.org", "c@x.org", "d@x.org", ""])
_TEXTS = st.sampled_from(["", "Ana", "O'Brien", "李", "x,y\n"])


def okta_users() -> st.SearchStrategy[list[SourceUser]]:
    user = st.builds(
        SourceUser,
        id=st.uuids().map(str),
        status=st.sampled_from([*OKTA_STATUSES, "ACTIVE", "ACTIVE", "NEW_ONE", ""]),
        username=_NAMES,
        email=_EMAILS,
        first_name=_TEXTS,
        last_name=_TEXTS,
    )
    return st.lists(user, max_size=8, unique_by=lambda each: each.id)


def mi_users() -> st.SearchStrategy[list[TargetUser]]:
    user = st.builds(
        TargetUser,
        id=st.integers(2, 999).map(str),
        username=_NAMES.filter(bool),
        email=_EMAILS,
        first_name=_TEXTS,
        last_name=_TEXTS,
        type=st.sampled_from(["regular", "power_user", "administrator", "odd"]),
        enabled=st.booleans(),
    )
    return st.lists(user, max_size=8, unique_by=lambda each: each.id)


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    target = draw(mi_users())
    ids = st.sets(st.sampled_from([user.id for user in target])) if target else st.just(set())
    source = draw(okta_users())
    world = snapshot(
        source,
        target,
        group=draw(st.sampled_from([MI_SALES, None])),
        members=draw(ids),
        default_members=draw(ids),
    )
    acts_for = draw(st.none() | _NAMES.filter(bool))
    target_side = replace(world.target, username_casefold=draw(st.booleans()), acts_for=acts_for)
    world = replace(world, target=target_side)
    return replace(world, memory=draw(memories(world)))


def memories(world: Snapshot) -> st.SearchStrategy[Memory]:
    """What may be remembered in a world: true and untrue things of people who are there, and of others."""
    source_ids = [user.id for user in world.source.users]
    known = st.sampled_from([*source_ids, "00u-gone"])
    person = st.sampled_from([*world.target.users, mi_user("gone")])
    links = st.builds(lambda who, user: Link(who, user.id, user.username), known, person)
    last = st.builds(
        lambda number, mapping: LastSync(fingerprint(mapping, world.source.groups, "Sales"), number),
        st.integers(0, 30),
        any_settings(),
    )
    return st.builds(
        lambda links, made, disabled, last: recollect(
            world.source,
            world.target,
            world.target.group_named("Sales"),
            links=links,
            made=made,
            disabled=disabled,
            last=last,
        ),
        # As the store keeps them: one for each of both sides.
        links=st.lists(links, max_size=6, unique_by=(lambda each: each.source_id, lambda each: each.user_id)),
        made=st.lists(links, max_size=6, unique_by=lambda each: each.user_id),
        disabled=st.lists(links, max_size=3),
        last=st.none() | last,
    )


def any_settings() -> st.SearchStrategy[SyncSettings]:
    return st.builds(
        SyncSettings,
        auto_create=st.sampled_from(["none", "groups", "all"]),
        user_type=st.sampled_from(["regular", "administrator", "power_user"]),
        force=st.booleans(),
        skip_default_group=st.booleans(),
        match_by=st.sampled_from([("username",), ("username", "email")]),
        protect_administrators=st.booleans(),
        target_group=st.sampled_from([None, "Sales", "Default Group", "Other"]),
        prune=st.sampled_from(["off", "managed", "all"]),
        deprovision=st.sampled_from(["keep", "disable"]),
        max_removals=st.sampled_from(["100%", 0, 2, "20%"]),
        mode=st.sampled_from(["sync", "drift"]),
    )
