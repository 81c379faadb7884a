"""Other people's software, where it does the same work: side by side in the same run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import parse_qs, urlsplit

from okta_mi_provider.clients.links import next_link
from okta_mi_provider.simulators import credentials
from tests.benchmarks.crowd import group_name
from tests.benchmarks.measuring import median, weigh
from tests.benchmarks.page import Findings, table
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Servers

_MEMBERS, _TIMES = 10_000, 3
_PAGE = 200
_DIFF_USERS = 100_000
#: Without it the SDK speaks to nobody by http.
_HTTP_ALLOWED = "OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"


def measure(scale: Scale) -> Findings:
    """What others need for the same."""
    text = "\n\n".join([_reading(scale.users(_MEMBERS)), _differing(scale.users(_DIFF_USERS))])
    return Findings("Others", text)


def _reading(members: int) -> str:
    with Servers(size=members, synced=False) as servers:
        rows = []
        for reader in READERS:
            costs = []
            for _ in range(_TIMES):
                servers.forget()
                command = [sys.executable, "-m", "tests.benchmarks.others", "read", reader, servers.okta, str(members)]
                costs.append(weigh(command, {_HTTP_ALLOWED: "true"}))
            cost, asked = median(costs), servers.totals(servers.okta)["requests"]
            rows.append([
                reader, f"{cost.wall_s:.2f} s", f"{cost.cpu_s:.2f} s", f"{cost.over_bare_mb:.0f} MB", asked,
            ])  # fmt: skip
    head = ["", "wall clock", "CPU", "memory", "requests"]
    return (
        f"**Reading {members:,} members of an Okta group**, {_PAGE} at a time, in a process that does nothing else; "
        f"the middle of {_TIMES}. The SDK is Okta's own, version {version('okta')}.\n\n{table(head, rows)}"
    )


def _differing(users: int) -> str:
    head = (
        f"**Comparing {users:,} users with {users:,}** who are the same, in memory. `g2g-scim-sync` syncs Google "
        "Workspace into GitHub Enterprise by SCIM. It can be pointed neither at Okta nor at Metric Insights: where it "
        "reads is Google's API client, and where it writes is SCIM, of which the simulators speak nothing. So only "
        "its comparison, `SyncEngine._calculate_user_diffs`, does the same work: who is new, who has changed, who is "
        "gone. Ours also finds twins, taken addresses, memberships and administrators.\n\n"
    )
    try:
        theirs = version("g2g-scim-sync")
    except PackageNotFoundError:
        python = ".".join(map(str, sys.version_info[:2]))
        return head + (
            "It is not installed here: the dependency group `bench` has it for Python 3.12 and newer, which it "
            f"demands; this is {python}."
        )
    seconds = {
        name: _diff_s(key, users) for key, name in (("ours", "okta-mi-provider"), ("g2g", f"g2g-scim-sync {theirs}"))
    }
    found = table(["", "CPU, the least of 3"], [[name, f"{cpu_s:.2f} s"] for name, cpu_s in seconds.items()])
    unasked = "" if sys.version_info >= (3, 12) else "\n\nIt demands Python 3.12; here it was installed all the same."
    return head + found + unasked


def _diff_s(whose: str, users: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.others", "diff", whose, str(users)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# ---------------------------------------------------------------- in processes of their own


def _read_with_ours(url: str) -> int:
    from okta_mi_provider.clients.okta import OktaClient
    from okta_mi_provider.clients.okta_auth import ApiToken
    from okta_mi_provider.clients.urls import okta_url
    from okta_mi_provider.sync.fetch import Attributes, GroupSelector

    client = OktaClient(okta_url(url), ApiToken(credentials.OKTA_API_TOKEN, credentials="of the benchmark"))
    group = client.find_group(GroupSelector(name=group_name(0)))
    return len(client.members(group, Attributes("login", "email", "firstName", "lastName")))


def _read_with_sdk(url: str) -> int:
    from okta.client import Client

    async def read() -> int:
        configuration = {"orgUrl": url, "token": credentials.OKTA_API_TOKEN, "cache": {"enabled": False}}
        async with Client(configuration) as client:
            (group,), _, error = await client.list_groups(q=group_name(0))
            assert error is None, error
            found, more = 0, {}
            while True:
                members, response, error = await client.list_group_users(group.id, limit=_PAGE, **more)
                assert error is None, error
                found += len(members)
                following = next_link(response.headers.get("Link", ""))
                if following is None:
                    return found
                more = {"after": parse_qs(urlsplit(following).query)["after"][0]}

    return asyncio.run(read())


def _diff_of_ours(users: int) -> float:
    from okta_mi_provider.settings import SyncSettings
    from okta_mi_provider.sync.diff import diff
    from tests.benchmarks.diffing import snapshot

    values, settings = snapshot(users, 0), SyncSettings.from_mapping({"auto_create": "all", "sync_user_limit": 10**8})
    return _least(lambda: diff(values, settings))


def _diff_of_g2g(users: int) -> float:
    from g2g_scim_sync.config import GitHubConfig, SyncConfig
    from g2g_scim_sync.models import GoogleUser
    from g2g_scim_sync.sync_engine import SyncEngine

    from tests.benchmarks.diffing import people

    github = GitHubConfig(hostname="acme.ghe.com", scim_token="unused", enterprise_account="acme")
    engine = SyncEngine(None, None, SyncConfig(), github)
    source, _ = people(users, changed_every=0)
    google = [
        GoogleUser.model_construct(
            id=each.id,
            primary_email=each.email,
            given_name=each.first_name,
            family_name=each.last_name,
            full_name=f"{each.first_name} {each.last_name}",
            suspended=False,
        )
        for each in source
    ]
    existing = [engine._google_user_to_scim(each) for each in google]
    return _least(lambda: asyncio.run(engine._calculate_user_diffs(google, existing)))


def _least(call: Callable[[], object]) -> float:
    """CPU time of the fastest of three calls, in seconds."""
    found = []
    for _ in range(3):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


READERS: Mapping[str, Callable[[str], int]] = {"okta-mi-provider": _read_with_ours, "okta SDK": _read_with_sdk}
DIFFS: Mapping[str, Callable[[int], float]] = {"ours": _diff_of_ours, "g2g": _diff_of_g2g}


def main() -> None:
    """Reads and says nothing; or compares, and prints the seconds of CPU time."""
    what, whose, *arguments = sys.argv[1:]
    if what == "read":
        url, members = arguments
        found = READERS[whose](url)
        assert found == int(members), found
    else:
        print(DIFFS[whose](int(arguments[0])))


if __name__ == "__main__":
    main()
