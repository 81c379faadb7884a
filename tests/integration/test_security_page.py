"""docs/security.md: the tables of requests are what the servers are asked, by everything that the package does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from okta_mi_provider.simulators import credentials
from tests.integration.reading import okta_client
from tests.integration.world import DEFAULT_GROUP, ENVIRONMENT, Run, Simulator, World, login

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
#: What a path names: ids of Okta begin with 00, those of MI are numbers. A lookup may end with a slash.
ID = re.compile(r"(?<=/groups/)00\w+|(?<=/id/)\d+")


def told(system: str) -> set[str]:
    """The requests of one system, as the page tells them."""
    section = PAGE.partition(f"### {system}\n")[2].partition("\n#")[0]
    return set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", section, re.MULTILINE))


def asked(server: Simulator) -> set[str]:
    """The requests that a server was sent."""
    return {f"{row['method']} {ID.sub('{id}', row['path']).rstrip('/')}" for row in server.requests()}


def test_the_tables_have_every_request_and_no_other(world: World, okta_mi: Callable[..., Run]) -> None:
    okta, mi = world.okta, world.mi
    sales = okta.group("Sales", "ana", "bruno")
    mi.add_user("carla", DEFAULT_GROUP)
    okta.join("Sales", okta.user("carla", lastName="Changed"))
    service_app = [
        *("--okta-host", okta.url, "--okta-client-id", credentials.OKTA_CLIENT_ID),
        *("--okta-private-key-id", credentials.OKTA_PRIVATE_KEY_ID, *world.options[2:]),
    ]
    keys = {
        "OKTA_PRIVATE_KEY": credentials.OKTA_PRIVATE_KEY,
        "MI_APPLICATION_KEY": credentials.MI_APPLICATION_KEY,
    }
    to_mi = world.options[2:]

    def run(command: str, *words: str, app: bool = False, code: int = 0) -> None:
        options = {True: service_app, False: world.options}[app] if command != "undo" else to_mi
        done = okta_mi(command, *options, *words, env=keys if app else ENVIRONMENT)
        assert done.code == code, done.err

    run("doctor", "Sales")
    run("plan", "Sales", code=1, app=True)
    run("provision", "--auto-create", "all", "--prune", "managed", "Sales")
    okta.leave("Sales", "bruno")
    okta.change("ana", status="DEPROVISIONED")
    run("provision", "--prune", "managed", "--deprovision", "disable", "--max-removals", "100%", sales)
    assert mi.user("ana")["enabled"] == "N"
    run("undo", "3", "--yes")
    assert (mi.user("ana")["enabled"], mi.groups_of("bruno")) == ("Y", {DEFAULT_GROUP, "Sales"})
    run("explain", login("ana"), "--group", "Sales")
    okta_client(okta.url).changed_groups(datetime.now(UTC) - timedelta(days=1))

    assert asked(okta) == told("Okta")
    assert asked(mi) == told("Metric Insights")
