"""What a simulated system is to the machinery around it: traffic, faults and the control API."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from fastapi.responses import Response

from okta_mi_provider.simulators.faults import FaultBook, FaultRule
from okta_mi_provider.simulators.knobs import Knobs
from okta_mi_provider.simulators.traffic import Traffic

CONTROL_PREFIX = "/_sim/"

AnswerFault = Callable[[FaultRule], Response]


class SimulatedSystem(ABC):
    """State, knobs, faults and traffic of one server."""

    routes: ClassVar[Mapping[str, str]]
    """Regular expression of the path of each route, by the route's name."""

    def __init__(self, fault_answers: Mapping[str, AnswerFault]) -> None:
        self._fault_answers = dict(fault_answers)
        self.faults = FaultBook(fault_answers, self.routes)
        self.traffic = Traffic()

    @property
    @abstractmethod
    def knobs(self) -> Knobs:
        """The knobs as they are now."""

    @abstractmethod
    def turn_knobs(self, changes: dict[str, Any]) -> None:
        """Change the knobs named in `changes`.

        Raises:
            pydantic.ValidationError: a name is unknown or a value is not allowed; nothing was changed.
        """

    @abstractmethod
    def admit(self, method: str, path: str, in_flight: int) -> Response | None:
        """Return the refusal of a request that came in as number `in_flight`, or None to let it pass."""

    @abstractmethod
    def answer_headers(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return all headers of an answer whose handler made `headers`."""

    @abstractmethod
    def is_write(self, method: str, path: str) -> bool:
        """Whether the request can change users, groups or memberships."""

    @abstractmethod
    def export(self) -> dict[str, Any]:
        """Return the whole state as JSON values, without secrets."""

    @abstractmethod
    def restore(self) -> None:
        """Bring state and knobs back to what they were when the server was made."""

    def now(self) -> float:
        """Return the time of this server, as UTC epoch seconds."""
        return time.time() + self.knobs.clock_skew_s

    def headers(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return :meth:`answer_headers` as the knobs about headers leave them."""
        own = self.answer_headers(path, headers)
        replaced = {name.lower(): value for name, value in self.knobs.replaced_headers.items() if value is not None}
        dropped = {name.lower().encode() for name in (*self.knobs.missing_headers, *replaced)}
        if dropped:
            own = [(name, value) for name, value in own if name.lower() not in dropped]
        missing = {name.lower() for name in self.knobs.missing_headers}
        return own + [(name.encode(), value.encode()) for name, value in replaced.items() if name not in missing]

    def fault_answer(self, rule: FaultRule) -> Response:
        """Return the answer that stands for the fault of `rule`."""
        answer = self._fault_answers[rule.fault](rule)
        if rule.status is not None:
            answer.status_code = rule.status
        return answer

    def reset(self) -> None:
        """Restore the state and forget faults and traffic."""
        self.restore()
        self.faults.clear()
        self.traffic.clear()
