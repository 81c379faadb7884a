"""Ways to break the product on purpose, each of which the invariants must notice: see `test_invariants.py`."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from okta_mi_provider.clients import okta as okta_module
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_http import MetricInsightsHttp
from okta_mi_provider.clients.okta import OktaClient
from okta_mi_provider.clients.probes import CreateProbe
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync import run as run_module
from okta_mi_provider.sync.diff import diff
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.plan import Change, ChangeKind
from okta_mi_provider.sync.writer import Written

Around = Callable[..., Any]


def _around(owner: Any, name: str, make: Callable[[Around], Around]) -> Any:
    return patch.object(owner, name, make(getattr(owner, name)))


def _duplicate(create: Around) -> Around:
    def twice(self: Any, user: Any, **more: Any) -> Any:
        create(self, replace(user, username=user.username.swapcase()), **more)
        return create(self, user, **more)

    return twice


def _drop(add: Around) -> Around:
    def dropping(self: Any, user_id: str, group_id: str) -> None:
        add(self, user_id, group_id)
        # The first membership there is: somebody else's.
        self._http.send("DELETE", "/api/user_group_member/id/1")

    return dropping


def _lie(create: Around) -> Around:
    return lambda self, user, group, default_group: Written("99", joined=True)


def _spare(remove: Around) -> Around:
    return lambda self, user, group: Written(user.id, left=True)


def _leave_on(switch: Around) -> Around:
    return lambda self, user, before: Written(user.id)


def _overreach(remove: Around) -> Around:
    def removing(self: Any, membership_id: str) -> None:
        remove(self, membership_id)
        # The first membership there is: somebody else's.
        self._http.send("DELETE", "/api/user_group_member/id/1")

    return removing


def _empty_group(remove: Around) -> Around:
    def emptying(self: Any, membership_id: str) -> None:
        lists = {each.id: self.lists.memberships_in(each) for each in self.groups()}
        group_id = next(key for key, ids in lists.items() if membership_id in sum(ids.values(), ()))
        self._http.send("DELETE", "/api/user_group_member", query=f"group={group_id}")

    return emptying


def _disable_another(switch: Around) -> Around:
    def disabling(self: Any, user: Any, before: Any) -> None:
        somebody = next(each for each in self.users() if each.username == "dan@acme.example")
        self.update_user(replace(somebody, enabled=False), somebody)
        switch(self, user, before)

    return disabling


def _meddle(create: Around) -> Around:
    def meddling(self: Any, user: Any, **more: Any) -> Any:
        somebody = self.users()[0]
        self.update_user(replace(somebody, first_name="Meddled"), somebody)
        return create(self, user, **more)

    return meddling


def _log_token(method: Around) -> Around:
    def logging_it(self: Any, *arguments: Any) -> Any:
        logging.getLogger("some.library").debug("sending %s", credentials.OKTA_API_TOKEN)
        return method(self, *arguments)

    return logging_it


def _log_password(send: Around) -> Around:
    def logging_it(self: Any, *arguments: Any, body: Any = None, **more: Any) -> Any:
        logging.getLogger("some.library").debug("sending %s", body)
        return send(self, *arguments, body=body, **more)

    return logging_it


def _half(members: Around) -> Around:
    def halved(self: Any, *arguments: Any) -> Any:
        everybody = members(self, *arguments)
        return everybody[: len(everybody) // 2]

    return halved


def _restless(_: Around) -> Around:
    def always_something(snapshot: Any, settings: Any) -> Any:
        plan = diff(snapshot, settings)
        user = snapshot.target.users[0]
        again = Change(ChangeKind.UPDATE_USER, plan.target_group.name, "00u", user, user)
        return replace(plan, changes=(*plan.changes, again))

    return always_something


def _believe(seen: Around) -> Around:
    return lambda self, user_id, wanted: frozenset(wanted)


def _crash(create: Around) -> Around:
    def crashing(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    return crashing


def _hang(create: Around) -> Around:
    def hanging(*_: Any) -> Any:
        while True:
            time.sleep(1)

    return hanging


def _mumble(users: Around) -> Around:
    def mumbling(self: Any) -> Any:
        raise SyncError("Traceback (most recent call last):\n  oops")

    return mumbling


def _follow(whole_list: Around) -> Around:
    def following(http: Any, path: str, *more: Any) -> Any:
        session = http._http._session
        answer = session.get(f"{http.base}{path}", params=more[0], auth=http._login.auth(http._http))
        if "next" in answer.links:
            with contextlib.suppress(OSError):
                session.get(answer.links["next"]["url"], timeout=0.1)
        return whole_list(http, path, *more)

    return following


def _write_in_dry_run(users: Around) -> Around:
    def writing(self: Any) -> Any:
        self._http._http._session.request("POST", f"{self.host}/api/user_group/", json={"name": "dry"})
        return users(self)

    return writing


_KINDS: dict[str, tuple[Any, str, Callable[[Around], Around]]] = {
    "duplicate": (MetricInsightsClient, "create_user", _duplicate),
    "drop": (MetricInsightsClient, "add_member", _drop),
    "lie": (EnsuringWriter, "create_user", _lie),
    "spare": (EnsuringWriter, "remove_member", _spare),
    "leave_on": (EnsuringWriter, "set_enabled", _leave_on),
    "overreach": (MetricInsightsClient, "remove_membership", _overreach),
    "empty_group": (MetricInsightsClient, "remove_membership", _empty_group),
    "disable_another": (MetricInsightsClient, "set_enabled", _disable_another),
    "meddle": (MetricInsightsClient, "create_user", _meddle),
    "log_token": (OktaClient, "find_group", _log_token),
    "log_password": (MetricInsightsHttp, "send", _log_password),
    "half": (OktaClient, "members", _half),
    "restless": (run_module, "diff", _restless),
    "believe": (CreateProbe, "_seen", _believe),
    "crash": (EnsuringWriter, "create_user", _crash),
    "hang": (EnsuringWriter, "create_user", _hang),
    "mumble": (MetricInsightsClient, "users", _mumble),
    "follow": (okta_module, "whole_list", _follow),
    "write_in_dry_run": (MetricInsightsClient, "users", _write_in_dry_run),
}


@contextmanager
def broken(kind: str) -> Iterator[None]:
    """The product, broken in one way; whole if there is none."""
    with ExitStack() as stack:
        if kind:
            stack.enter_context(_around(*_KINDS[kind]))
        yield
