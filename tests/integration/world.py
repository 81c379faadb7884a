"""Both simulators as a test sees them: what administrators do there, what is there, what was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.mi_system import MISystem
from okta_mi_provider.simulators.okta_system import OktaSystem

DOMAIN = "acme.example"

#: Everything the seeded Metric Insights server has before a test adds to it.
DEFAULT_GROUP = "Default Group"

COUNT_KEYS = {
    "users": {"source", "created", "updated", "unchanged", "skipped", "conflicts", "failed", "disabled"},
    "groups": {"created"},
    "memberships": {"added", "removed"},
}


class Simulator:
    """One simulated server and its control API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._session.request(method, f"{self.url}/_sim/{path}", json=body, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def reset(self) -> None:
        self.control("POST", "reset")

    def knobs(self, **changes: Any) -> None:
        self.control("PUT", "knobs", changes)

    def fault(self, fault: str, **rule: Any) -> None:
        self.control("POST", "faults", {"fault": fault, **rule})

    def heal(self) -> None:
        self.control("DELETE", "faults")

    def faults_fired(self) -> int:
        return sum(rule["fired"] for rule in self.control("GET", "faults")["rules"])

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.control("GET", "state")
        return state

    def stats(self) -> dict[str, Any]:
        totals: dict[str, Any] = self.control("GET", "stats")
        return totals

    def requests(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """The request log, oldest first."""
        rows = self.control("GET", "requests")["requests"]
        return [
            row
            for row in rows
            if method in {None, row["method"]} and (path is None or row["path"].rstrip("/") == path.rstrip("/"))
        ]

    def writes(self) -> list[str]:
        """Requests that could have changed something, as "METHOD path", oldest first."""
        return [f"{row['method']} {row['path'].rstrip('/')}" for row in self.requests() if row["write"]]

    def forget_requests(self) -> None:
        self.control("DELETE", "requests")


class Okta(Simulator):
    """The simulated Okta org. Empty but for what a test puts in."""

    def __init__(self, url: str, system: OktaSystem) -> None:
        super().__init__(url)
        self.system = system

    def group(self, name: str, *members: str, kind: str = "OKTA_GROUP") -> str:
        """Adds a group with new, active users; returns its id. Members are given as in `login`."""
        group_id: str = self.control("POST", "groups", {"name": name, "type": kind})["id"]
        for member in members:
            self.user(member, group_id)
        return group_id

    def user(self, name: str, *groups: str, status: str = "ACTIVE", **profile: Any) -> str:
        """Adds a user with sensible attributes to groups; returns the id."""
        given = name.partition("@")[0].partition(".")[0]
        standard = {"login": login(name), "email": login(name), "firstName": given.title(), "lastName": "Doe"}
        body = {"profile": {**standard, **profile}, "status": status}
        user_id: str = self.control("POST", "users", body)["id"]
        for group in groups:
            self.join(group, user_id)
        return user_id

    def crowd(self, group: str, size: int, *, start: int = 0) -> list[str]:
        """Adds many users `user0000@...` to a group at once; returns their logins."""
        names = [f"user{number:04d}@{DOMAIN}" for number in range(start, start + size)]
        org = self.system.org
        group_id = next(key for key, each in org.groups.items() if each["profile"]["name"] == group)
        user_ids = [
            org.add_user({"login": name, "email": name, "firstName": "User", "lastName": name[4:8]}) for name in names
        ]
        org.fill_group(group_id, [*org.member_ids(group_id), *user_ids])
        return names

    def imported_group(self, name: str, application: str) -> str:
        """Adds a group that an application has imported; returns its id."""
        return self.system.org.add_group(name, group_type="APP_GROUP", source={"id": application})

    def join(self, group: str, user: str) -> None:
        self.control("PUT", f"groups/{_part(group)}/members/{_part(user)}")

    def leave(self, group: str, user: str) -> None:
        self.control("DELETE", f"groups/{_part(group)}/members/{_part(login(user))}")

    def change(self, name: str, *, status: Any = None, **profile: Any) -> None:
        self.control("PUT", f"users/{_part(login(name))}", {"status": status, "profile": profile})

    def force_status(self, name: str, status: str) -> None:
        """A status that Okta's specification does not have."""
        org = self.system.org
        user = org.user_by_id_or_login(login(name))
        org.users[user["id"]] = {**user, "status": status}


class MetricInsights(Simulator):
    """The simulated Metric Insights server: an administrator, the Default Group, some people made by hand."""

    def __init__(self, url: str, system: MISystem) -> None:
        super().__init__(url)
        self.system = system

    def add_user(self, name: str, *groups: str, **fields: Any) -> None:
        """Adds a user who is as `Okta.user` makes them, but for `fields`."""
        given = name.partition("@")[0].partition(".")[0]
        standard = {"email": login(name), "first_name": given.title(), "last_name": "Doe"}
        self.control("PUT", f"users/{_part(login(name))}", {**standard, **fields})
        for group in groups:
            self.join(group, name)

    def add_group(self, name: str, *members: str) -> None:
        self.control("PUT", f"groups/{_part(name)}", {})
        for member in members:
            self.join(name, member)

    def crowd(self, group: str, size: int) -> list[str]:
        """Adds many users `leaver0000@...` to a group at once; returns their usernames."""
        state = self.system.state
        group_id = next(key for key, each in state.groups.items() if each.name == group)
        names = [f"leaver{number:04d}@{DOMAIN}" for number in range(size)]
        for name in names:
            user = state.add_user(name, name, first_name="Leaver", last_name=name[6:10])
            state.add_membership(user.id, group_id)
        return names

    def join(self, group: str, user: str) -> None:
        self.control("PUT", f"groups/{_part(group)}/members/{_part(login(user))}")

    def leave(self, group: str, user: str) -> None:
        self.control("DELETE", f"groups/{_part(group)}/members/{_part(login(user))}")

    def delete_user(self, user: str) -> None:
        self.control("DELETE", f"users/{_part(login(user))}")

    def expire_sessions(self) -> None:
        self.control("POST", "expire-tokens")

    def has(self, *names: str) -> bool:
        """Whether there are all of these users."""
        return set(logins(*names)) <= self.users().keys()

    def users(self) -> dict[str, dict[str, Any]]:
        """Every user by username; two of one name fail the test."""
        rows = self.state()["users"]
        by_name = {row["username"]: row for row in rows}
        assert len(by_name) == len(rows), "two users have one username"
        return by_name

    def user(self, name: str) -> dict[str, Any]:
        return self.users()[login(name)]

    def groups(self) -> set[str]:
        return {group["name"] for group in self.state()["groups"]}

    def members(self, group: str) -> list[str]:
        """Usernames in a group, sorted, each as often as it is in there."""
        (found,) = [each for each in self.state()["groups"] if each["name"] == group]
        return sorted(found["members"])

    def groups_of(self, name: str) -> set[str]:
        return {group["name"] for group in self.state()["groups"] if login(name) in group["members"]}

    def content(self) -> dict[str, Any]:
        """Users, groups and memberships, to compare before and after."""
        return {key: value for key, value in self.state().items() if key in {"users", "groups", "memberships"}}


@dataclass(frozen=True, slots=True)
class World:
    """Both servers, and how to reach them from the command line."""

    okta: Okta
    mi: MetricInsights

    @property
    def options(self) -> list[str]:
        return [
            "--okta-host", self.okta.url,
            "--mi-host", self.mi.url,
            "--mi-user", credentials.MI_USER,
            "--mi-application-id", credentials.MI_APPLICATION_ID,
        ]  # fmt: skip

    def requests_sent(self) -> int:
        return int(self.okta.stats()["requests"]) + int(self.mi.stats()["requests"])


ENVIRONMENT = {
    "OKTA_API_TOKEN": credentials.OKTA_API_TOKEN,
    "MI_APPLICATION_KEY": credentials.MI_APPLICATION_KEY,
}


@dataclass(frozen=True, slots=True)
class Run:
    """What a command did: exit code, output, and the JSON document that it wrote."""

    code: int
    out: str
    err: str
    document: Any = None

    @property
    def report(self) -> dict[str, Any]:
        """The report of the only group."""
        assert isinstance(self.document, dict), f"exit code {self.code}, no single report: {self.err}"
        return self.document

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The reports of several groups."""
        assert isinstance(self.document, list), f"exit code {self.code}, no list of reports: {self.err}"
        return self.document

    @property
    def users(self) -> dict[str, int]:
        """The counts of users that are not 0."""
        return {name: number for name, number in self.report["counts"]["users"].items() if number}

    @property
    def changes(self) -> list[tuple[str, str | None, str]]:
        """Kind, user and status of each change."""
        return [(each["kind"], each["user"], each["status"]) for each in self.report["changes"]]

    def findings(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.report["findings"] if each["kind"] == kind]


def login(name: str) -> str:
    """The login of a test user: `ana` is `ana@acme.example`; a name with an @ or a capital is one already."""
    return name if "@" in name or name != name.lower() else f"{name}@{DOMAIN}"


def logins(*names: str) -> list[str]:
    return sorted(map(login, names))


#: Keys of a report that are there only where they have something to say.
SPECIAL_KEYS = {"mode", "unusual", "approval"}


def assert_exact_keys(report: dict[str, Any]) -> None:
    """The report has the keys that the contract names, at every level, and no other."""
    assert set(report) - SPECIAL_KEYS == {
        "schema", "source", "target", "dry_run", "state", "plan_digest", "counts", "changes", "findings", "error",
    }  # fmt: skip
    assert all(report[key] for key in SPECIAL_KEYS & set(report))
    assert report["schema"] == 1
    several = report["source"].get("groups", [])
    assert set(report["source"]) == {"org", "group"} | ({"groups"} if len(several) > 1 else set())
    assert set(report["target"]) == {"host", "group"}
    assert all(set(group) == {"id", "name"} for group in several)
    assert set(report["source"]["group"]) == set(report["target"]["group"]) == {"id", "name"}
    assert report["state"] in {"done", "failed", "refused"}
    assert {part: set(numbers) for part, numbers in report["counts"].items()} == COUNT_KEYS
    for change in report["changes"]:
        assert set(change) == {"kind", "user", "group", "fields", "status", "error"}
        assert change["kind"] in {
            "create_group", "create_user", "update_user", "add_member", "remove_member", "disable_user",
        }  # fmt: skip
        assert change["status"] in {"planned", "done", "already", "failed"}
        assert all(len(pair) == 2 for pair in change["fields"].values())
    for finding in report["findings"]:
        assert set(finding) == {"class", "kind", "user", "message"}
        assert finding["class"] in {"conflict", "notice"}


def read_document(text: str) -> Any:
    """A JSON document, in which every report has the exact keys."""
    document = json.loads(text)
    for report in document if isinstance(document, list) else [document]:
        assert_exact_keys(report)
    return document


def without(options: Sequence[str], *flags: str) -> list[str]:
    """Command-line options without some of them and their values."""
    pairs: Iterable[tuple[str, str]] = zip(options[::2], options[1::2], strict=True)
    return [word for flag, value in pairs if flag not in flags for word in (flag, value)]


def _part(name: str) -> str:
    return quote(name, safe="")


#: Trouble that passes, of a kind that either system can have.
PASSING = [
    "500", "502", "503", "504", "maintenance", "reset_before", "reset_after", "truncated", "cut_json", "empty",
]  # fmt: skip
#: Trouble with a write: the fault, and whether the write has taken effect all the same.
DOUBTFUL = [
    *(
        (fault, after)
        for fault in PASSING
        if not fault.startswith(("reset", "trunc", "cut"))
        for after in (False, True)
    ),
    ("reset_before", False),
    ("reset_after", True),
    ("truncated", True),
    ("cut_json", True),
    ("deadlock", False),
    ("429", False),
]
