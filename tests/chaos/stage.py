"""Both simulators in this process, alive for all runs: a world is put in, trouble is armed, writes are noted."""

from __future__ import annotations

import select
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.faults import FaultRule
from okta_mi_provider.simulators.metric_insights import create_metric_insights_app
from okta_mi_provider.simulators.mi_state import Application, MIState
from okta_mi_provider.simulators.okta import create_okta_app
from okta_mi_provider.simulators.okta_oauth import AccessToken
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.server import serve
from tests.chaos.tap import Tap
from tests.chaos.trouble import Trouble
from tests.chaos.world import World

#: Longest that requests which hang are waited for, in seconds.
_DRAIN_S = 20


class Stage:
    """The two servers.

    Attributes:
        tap: What came in at MI, and the secrets that went over the wire.
        okta_secrets: Access tokens that Okta gave out, by the token.
        group_ids: Okta's ids of the groups that are synced, in their order.
    """

    def __init__(self, stack: ExitStack) -> None:
        okta_app, mi_app = create_okta_app(OktaOrg()), create_metric_insights_app(_empty_server())
        self.okta, self.mi = okta_app.state.system, mi_app.state.system
        self.tap = Tap(mi_app)
        self.okta_secrets: dict[str, str] = {}
        self.okta.endpoint._tokens = _RememberingTokens(self.okta_secrets)
        self.okta_url = stack.enter_context(serve(okta_app))
        self.mi_url = stack.enter_context(serve(self.tap))
        self._trap = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.group_ids: list[str] = []
        self._world: World | None = None

    def install(self, world: World) -> None:
        """Puts a world in, in place of what there was. Nothing may be in flight."""
        self._world = world
        self.okta.reset()
        self.mi.reset()
        self.tap.reset()
        self.okta_secrets.clear()
        self.group_ids = self._install_okta(world)
        self._install_mi(world)
        self.was_trapped()
        self.heal()

    def arm(self, trouble: Trouble, seed: int) -> None:
        """Lets things go wrong."""
        self.okta.faults.add(FaultRule(**rule) for rule in trouble.okta_faults)
        self.mi.faults.add(FaultRule(**rule) for rule in trouble.mi_faults)
        knobs = dict(trouble.okta_knobs)
        if knobs.get("next_host") == "trap":
            knobs["next_host"] = f"http://127.0.0.1:{self._trap.getsockname()[1]}"
        self.okta.turn_knobs(knobs)
        self.mi.turn_knobs(dict(trouble.mi_knobs))
        self.tap.arm(trouble.kill, trouble.echo, seed)

    def heal(self) -> Counter[str]:
        """Both servers behave again as their world says. Returns how often each fault has fired."""
        fired: Counter[str] = Counter()
        for name, system in (("Okta", self.okta), ("MI", self.mi)):
            for rule in system.faults.export()["rules"]:
                fired[f"{name} {rule['fault']}"] += rule["fired"]
            system.faults.clear()
        fired["MI echo"] += self.tap.echoed
        self.tap.arm(None, 0, 0)
        assert self._world is not None
        for system, knobs in ((self.okta, self._world.okta_knobs), (self.mi, self._world.mi_knobs)):
            system.turn_knobs({**type(system.knobs)().model_dump(), **knobs})
        # The budgets of a minute that is over.
        self.okta.limiter.clear()
        self.mi._recent.clear()
        return +fired

    def drain(self) -> None:
        """Waits until nothing is in flight; what a client sent before it died may still have to be read."""
        calm, until = 0, time.monotonic() + _DRAIN_S
        while calm < 3:
            in_flight = sum(system.traffic.totals()["in_flight"] for system in (self.okta, self.mi))
            calm = 0 if in_flight else calm + 1
            if time.monotonic() > until:
                raise RuntimeError("a simulator does not come to an end with its requests")
            time.sleep(0.005)

    def mi_state(self) -> dict[str, Any]:
        """Users, groups and memberships of MI."""
        state: dict[str, Any] = self.mi.export()
        return state

    def requests(self) -> list[str]:
        """What came in at both servers since the world was put in, for people."""
        lines = []
        for name, system in (("Okta", self.okta), ("MI  ", self.mi)):
            for row in system.traffic.log():
                query = f"?{row['query']}" if row["query"] else ""
                fault = f"  <- {row['fault']}" if row["fault"] else ""
                lines.append(f"{row['time'][11:]} {name} {row['method']} {row['path']}{query} {row['status']}{fault}")
        return sorted(lines)

    def was_trapped(self) -> bool:
        """Whether anybody has followed a link to the host that is not Okta's, since this was asked last."""
        caught = False
        while select.select([self._trap], [], [], 0)[0]:
            self._trap.accept()[0].close()
            caught = True
        return caught

    def _install_okta(self, world: World) -> list[str]:
        org = self.okta.org
        ids = [org.add_group(name) for name in world.groups]
        for place in world.twins:
            org.add_group(world.groups[place], group_type="APP_GROUP", source={"id": "0oa1"})
        for name in world.decoys:
            org.add_group(name)
        for person in world.people:
            user_id = org.add_user(person.profile)
            # As the org has it: also a status that the specification does not know.
            org.users[user_id] = {**org.users[user_id], "status": person.status}
            for place in person.groups:
                org.add_member(ids[place], user_id)
        return ids

    def _install_mi(self, world: World) -> None:
        state = self.mi.state
        ids = {name: state.add_group(name).id for name in world.mi_groups}
        for account in world.accounts:
            fields = {name: getattr(account, name) for name in account.__slots__ if name != "groups"}
            user = state.add_user(**fields)
            for name in account.groups:
                state.add_membership(user.id, ids[name])


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Starts both servers."""
    with ExitStack() as stack:
        yield Stage(stack)


def known_secrets() -> Mapping[str, str]:
    """What every run begins with, by the secret. Of a private key each line is one."""
    lines = credentials.OKTA_EC_PRIVATE_KEY.splitlines()[1:-1]
    return {
        credentials.OKTA_API_TOKEN: "Okta token",
        credentials.MI_APPLICATION_KEY: "application key",
        credentials.MI_API_TOKEN: "personal token",
        **dict.fromkeys(lines, "private key"),
    }


class _RememberingTokens(dict[str, AccessToken]):
    """The access tokens of the simulated Okta, which notes all that were ever given out."""

    def __init__(self, given: dict[str, str]) -> None:
        super().__init__()
        self._given = given

    def __setitem__(self, token: str, known: AccessToken) -> None:
        self._given[token] = "access token"
        super().__setitem__(token, known)


def _empty_server() -> MIState:
    """Metric Insights with credentials, and nobody yet whom they belong to."""
    state = MIState()
    state.applications[credentials.MI_APPLICATION_ID] = Application(
        credentials.MI_APPLICATION_ID, credentials.MI_APPLICATION_KEY
    )
    state.personal_tokens = {credentials.MI_API_TOKEN: credentials.MI_USER}
    return state
