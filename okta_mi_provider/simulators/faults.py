"""Faults on demand: which requests go wrong, how, and how often."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

WIRE_FAULTS = frozenset(
    {"reset_before", "reset_after", "truncated", "cut_json", "trickle", "garbled_headers", "hang", "hang_after"}
)
"""Faults of the connection or of a real answer; every other fault is an answer in place of the real one."""

DEFAULT_HANG_S = 30.0
"""How long ``hang`` and ``hang_after`` wait, and ``trickle`` takes, when the rule does not say."""

ELSEWHERE = "https://elsewhere.invalid/"
"""Where ``redirect`` leads when the rule does not say."""

_LOGIN_PAGE = b"""<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><form method="post" action="/login"><input name="username"><input name="password"></form></body></html>
"""
_MAINTENANCE = b"""<!DOCTYPE html>
<html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>
"""
_BAD_GATEWAY = b"""<html>
<head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body>
</html>
"""


class FaultRule(BaseModel):
    """One kind of trouble and the requests that meet it.

    The first rule that matches a request counts it; a rule that has fired `count` times is spent.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    fault: str = Field(description="Name of the fault; GET /_sim/faults lists them.")
    method: str | None = Field(default=None, description="HTTP method; none: any.")
    path: str | None = Field(default=None, description="Regular expression searched in the path; none: any.")
    route: str | None = Field(default=None, description="Name of a route, instead of `path`.")
    query: str | None = Field(default=None, description="Regular expression searched in the raw query; none: any.")
    count: int | None = Field(default=1, ge=1, description="How often it fires; null: for ever.")
    after: int = Field(default=0, ge=0, description="Matching requests that pass before the first one fails.")
    seconds: float | None = Field(default=None, ge=0, description="Until the limit resets (429), or how long to hang.")
    status: int | None = Field(default=None, ge=200, le=599, description="Status of the answer, instead of its own.")
    location: str = Field(default=ELSEWHERE, pattern=r"^[\x21-\x7e]+$", description="Where `redirect` leads.")
    after_effect: bool = Field(default=False, description="Carry the request out, then answer with the fault.")
    probability: float = Field(default=1.0, ge=0, le=1, description="Chance that a matching request is hit.")
    seed: int = Field(default=0, description="Seed of that chance.")

    @field_validator("path", "query")
    @classmethod
    def _is_a_regular_expression(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class UnknownFaultError(ValueError):
    """A rule names a fault or a route the server does not have."""


class _ArmedRule:
    """A rule with its counters."""

    def __init__(self, rule: FaultRule, pattern: str) -> None:
        self.rule = rule
        self.pattern = re.compile(pattern)
        self.query = re.compile(rule.query or "")
        self.matched = 0
        self.fired = 0
        self._chance = random.Random(rule.seed)  # noqa: S311 - repeatable by design

    @property
    def spent(self) -> bool:
        return self.rule.count is not None and self.fired >= self.rule.count

    def hits(self, method: str, path: str, query: str) -> bool:
        """Count the request if it matches; whether the fault fires for it."""
        if self.spent or (self.rule.method or method).upper() != method:
            return False
        if not self.pattern.search(path) or not self.query.search(query):
            return False
        self.matched += 1
        if self.matched <= self.rule.after:
            return False
        if self.rule.probability < 1 and self._chance.random() >= self.rule.probability:
            return False
        self.fired += 1
        return True


class FaultBook:
    """All faults of one server, in the order they were added."""

    def __init__(self, names: Iterable[str], routes: Mapping[str, str]) -> None:
        """Take the faults the server can answer with and the path patterns of its routes, by name."""
        self.names = sorted({*names, *WIRE_FAULTS})
        self.routes = dict(routes)
        self._armed: list[_ArmedRule] = []

    def add(self, rules: Iterable[FaultRule]) -> None:
        """Add `rules`, all or none.

        Raises:
            UnknownFaultError: a rule names an unknown fault or route.
        """
        armed = []
        for rule in rules:
            if rule.fault not in self.names:
                raise UnknownFaultError(f"unknown fault {rule.fault!r}; known: {', '.join(self.names)}")
            pattern = rule.path or ""
            if rule.route is not None:
                if rule.route not in self.routes:
                    raise UnknownFaultError(f"unknown route {rule.route!r}; known: {', '.join(self.routes)}")
                pattern = self.routes[rule.route]
            armed.append(_ArmedRule(rule, pattern))
        self._armed += armed

    def clear(self) -> None:
        """Forget every rule."""
        self._armed.clear()

    def take(self, method: str, path: str, query: str = "") -> FaultRule | None:
        """Return the rule that this request meets, counting it, or None."""
        for armed in self._armed:
            if armed.hits(method, path, query):
                return armed.rule
        return None

    def export(self) -> dict[str, Any]:
        """Return the rules with their counters, and the names that rules may use."""
        rules = [{**armed.rule.model_dump(), "matched": armed.matched, "fired": armed.fired} for armed in self._armed]
        return {"rules": rules, "faults": self.names, "routes": sorted(self.routes)}


def empty_answer() -> Response:
    """200 without a body, though the header promises JSON."""
    return Response(b"", media_type="application/json")


def login_page() -> Response:
    """A sign-in form with status 200, where JSON was asked for."""
    return Response(_LOGIN_PAGE, media_type="text/html")


def maintenance_page() -> Response:
    """The HTML of a server that is being worked on."""
    return Response(_MAINTENANCE, status_code=503, media_type="text/html")


def redirect(rule: FaultRule) -> Response:
    """A redirect to where the rule says; a client that follows it hands its token to another host."""
    return Response(b"", status_code=302, headers={"Location": rule.location})


def bad_gateway() -> Response:
    """The HTML of a proxy whose server is gone."""
    return Response(_BAD_GATEWAY, status_code=502, media_type="text/html")
