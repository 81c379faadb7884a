"""Every option of one sync: its meaning, default, allowed values and spelling, defined once.

The groups file, the command line and Airflow's run form are all generated from the fields of
`SyncSettings`; nothing else in the package knows an option's default or its allowed values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

from okta_mi_provider.contradictions import contradictions
from okta_mi_provider.kinds import Amount, Choice, Choices, Count, Flag, Kind, Text
from okta_mi_provider.settings_error import Problem, SettingsError, unknown_key

#: Statuses that an Okta user can have, as the API spells them.
OKTA_STATUSES = (
    "ACTIVE", "DEPROVISIONED", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED", "SUSPENDED",
)  # fmt: skip

#: Statuses of people who shall have access. A lapsed password or a locked account is a matter of
#: signing in, not of belonging to the group.
MEMBER_STATUSES = ("ACTIVE", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED")


@dataclass(frozen=True, slots=True)
class Option:
    """How one option is spelt and explained, everywhere.

    Attributes:
        title: A few words, the label in Airflow's run form.
        help: A sentence for the form, the command's help and the generated reference.
        kind: What values are allowed.
        flags: Spellings on the command line.
        bare: The value that a flag stands for when it is given without one.
        flag_values: For an option that is set by several flags: what each of them stands for.
        in_form: Whether Airflow's run form offers it.
        per_run: It is about a single run, and cannot stand in the groups file.
        off_help: For an option that is on by default: what turning it off does.
    """

    title: str
    help: str
    kind: Kind
    flags: tuple[str, ...] = ()
    bare: str | None = None
    flag_values: Mapping[str, str] | None = None
    in_form: bool = False
    per_run: bool = False
    off_help: str = ""


def _option(default: Any, kind: Kind, title: str, help: str, *flags: str, **more: Any) -> Any:  # noqa: A002
    return field(default=default, metadata={"option": Option(title, help, kind, flags, **more)})


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """Every option of one sync. Immutable and valid once made by `from_mapping`.

    Source of names, meanings and defaults: the vendor's `mi-okta-usersync provision`.
    """

    dry_run: bool = _option(
        False,
        Flag(),
        "Dry run",
        "Shows what would be written, and writes nothing.",
        "--dry-run",
        "-n",
        in_form=True,
    )
    auto_create: str = _option(
        "none",
        Choice(("none", "groups", "all")),
        "Create what is missing",
        "none: sync only into a group that exists in MI, and create users in it; groups: also create a missing "
        "group, but no users; all: create missing groups and users.",
        "--auto-create",
        "-a",
        bare="all",
        in_form=True,
    )
    user_type: str = _option(
        "regular",
        Choice(("regular", "administrator", "power_user")),
        "Type of created users",
        "Type of the users that are created. With force also given to existing users; administrators stay what "
        "they are while they are protected.",
        "--user-type",
        "-t",
        in_form=True,
    )
    force: bool = _option(
        False,
        Flag(),
        "Force: also change existing users",
        "Also gives existing users the user type, and adds them to the Default Group. With the type regular, power "
        "users lose theirs.",
        "--force",
        in_form=True,
    )
    sync_user_limit: int = _option(
        10_000,
        Count(1, 100_000_000),
        "Most users to sync",
        "With more users to sync it is refused before the first write. On the command line: all named groups together.",
        "--sync-user-limit",
        in_form=True,
    )
    summary: str = _option(
        "counts",
        Choice(("none", "counts", "full")),
        "Summary",
        "none: no summary at the end; counts: numbers, conflicts and failures; full: every affected user and group.",
        flag_values={"--no-summary": "none", "-q": "none", "--full-summary": "full"},
        in_form=True,
    )
    target_group: str | None = _option(
        None,
        Text(),
        "MI group",
        "Sync into this MI group instead of the one named like the Okta group.",
        "--target-group",
    )
    map_attr_to_group: str | None = _option(
        None,
        Text(),
        "Attribute that names the MI group",
        "Puts each user into the MI group that this Okta profile attribute of the user names, instead of one MI group "
        "for all; into several, if the attribute is a list. Who has no value is put into none.",
        "--map-attr-to-group",
    )
    skip_default_group: bool = _option(
        False,
        Flag(),
        "Skip the Default Group",
        "Do not put synced users into MI's Default Group.",
        "--skip-default-group",
    )
    username_attr: str = _option(
        "login", Text(), "Username attribute", "Okta profile attribute for the username.", "--username-attr"
    )
    first_name_attr: str = _option(
        "firstName",
        Text(),
        "First name attribute",
        "Okta profile attribute for the first name.",
        "--first-name-attr",
    )
    last_name_attr: str = _option(
        "lastName",
        Text(),
        "Last name attribute",
        "Okta profile attribute for the last name.",
        "--last-name-attr",
    )
    email_attr: str = _option(
        "email", Text(), "E-mail attribute", "Okta profile attribute for the e-mail address.", "--email-attr"
    )
    statuses: tuple[str, ...] = _option(
        MEMBER_STATUSES,
        Choices(OKTA_STATUSES),
        "Okta statuses that count",
        "Members of the Okta group with another status are skipped and reported.",
        "--statuses",
    )
    match_by: tuple[str, ...] = _option(
        ("username",),
        Choices(("username", "email")),
        "Match users by",
        "How a user of Okta is found in MI: by username, ignoring case, and then by an e-mail that only one user has.",
        "--match-by",
    )
    protect_administrators: bool = _option(
        True,
        Flag(),
        "Protect administrators",
        "An administrator of MI is never demoted, disabled or removed by a sync.",
        "--protect-administrators",
        off_help="Let a sync demote (with force), disable and remove administrators of MI.",
    )
    prune: str = _option(
        "off",
        Choice(("off", "managed", "all")),
        "Leavers",
        "off: nobody is removed from the MI group, as with the vendor's script; managed: those are removed whom a sync "
        "has put there and who have left the Okta group, and people added by hand stay; all: everybody is removed "
        "who is not in the Okta group. Never from the Default Group.",
        "--prune",
    )
    deprovision: str = _option(
        "keep",
        Choice(("keep", "disable")),
        "Deactivated users",
        "What happens in MI to members who are deactivated in Okta. keep: nothing; disable: their account is disabled, "
        "never deleted.",
        "--deprovision",
    )
    max_removals: int | str | None = _option(
        "20%",
        Amount(),
        "Most removals",
        "A plan that removes or disables more users is not written unless a person approves it. A number, or a "
        "percentage of the members of the MI group, which counts from 10 members on. 100%: no limit.",
        "--max-removals",
    )
    max_creates: int | str | None = _option(
        None, Amount(), "Most created users", "The same for users that are created.", "--max-creates"
    )
    max_updates: int | str | None = _option(
        None, Amount(), "Most changed users", "The same for users whose attributes are changed.", "--max-updates"
    )
    approve: str = _option(
        "never",
        Choice(("never", "unusual", "always")),
        "Approval",
        "Whether Airflow asks a person before anything is written. never: nobody is asked, and a plan over a limit, or "
        "the first one after a change of what is synced, fails; unusual: such a plan waits for a person, and so does "
        "every plan of a run that was triggered with other settings; always: every plan with changes does.",
    )
    incremental: bool = _option(
        False,
        Flag(),
        "Incremental",
        "In a DAG: the members of an Okta group are read again only if Okta says that somebody has joined or left, and "
        "at least daily. Changes that Okta does not tell of, as of profiles, are found by the daily reading.",
    )
    mode: str = _option(
        "sync",
        Choice(("sync", "drift")),
        "Mode",
        "sync: brings MI in line with Okta; drift: only reads, and fails when MI differs from Okta or "
        "something was done in MI by hand.",
        in_form=True,
    )
    only_user: str | None = _option(
        None,
        Text(),
        "Only this user",
        "Syncs a single user, named by login, e-mail address or Okta id, and leaves everybody else alone.",
        "--only-user",
        in_form=True,
        per_run=True,
    )
    approve_plan: str | None = _option(
        None,
        Text(),
        "Approved plan",
        "Digest, or at least its first 12 digits, of a plan that was refused: if the plan is still the same, it is "
        "written although it is unusual. Only where nobody is asked (approve: never).",
        "--approve",
        in_form=True,
        per_run=True,
    )

    @property
    def only_looks(self) -> bool:
        """Whether nothing may be written."""
        return self.dry_run or self.mode == "drift"

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> SyncSettings:
        """Checks a mapping, as read from YAML, JSON or the command line.

        Keys that are not given, or are null while the default is null, get their default.

        Raises:
            SettingsError: With every unknown key and every value that is not allowed.
        """
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        known = defaults()
        for key, value in mapping.items():
            if key not in known:
                problems.append(unknown_key(key, known))
            elif value is not None or known[key] is not None:
                try:
                    values[key] = options()[key].kind.parse(value)
                except ValueError as error:
                    problems.append(Problem(key, str(error)))
        problems += contradictions(values)
        if problems:
            raise SettingsError(problems)
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """The settings as plain JSON types; `from_mapping` takes it back."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


@cache
def options() -> Mapping[str, Option]:
    """Every option by its name, in the order in which people should read them."""
    return {each.name: each.metadata["option"] for each in fields(SyncSettings)}


@cache
def lasting() -> Mapping[str, Option]:
    """Every option that can hold for more than one run."""
    return {name: option for name, option in options().items() if not option.per_run}


@cache
def defaults() -> Mapping[str, Any]:
    """The default of every option by its name."""
    return {each.name: each.default for each in fields(SyncSettings) if each.default is not MISSING}
