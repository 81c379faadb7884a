"""A server that gives prepared answers and remembers what it was sent, for what the simulators do not do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from tests.integration.local_server import QuietHandler, serving


class Answer(NamedTuple):
    """What is answered to a request."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}


class Canned:
    """Answers each request with the next of its answers, and with the last one for ever.

    Attributes:
        seen: Method, path with query, and headers of each request.
        bodies: What each of them had: JSON, or a form as a mapping; None for those without.
    """

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = list(answers)
        self.seen: list[tuple[str, str, Mapping[str, str]]] = []
        self.bodies: list[Any] = []
        self.url = ""

    def take(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@contextmanager
def canned(*answers: Answer) -> Iterator[Canned]:
    """Serves the answers on a free port of this machine."""
    book = Canned(answers)

    class Handler(QuietHandler):
        def reply(self) -> None:
            book.seen.append((self.command, self.path, dict(self.headers)))
            sent = self.content()
            is_json = self.headers.get_content_type() == "application/json"
            book.bodies.append((json.loads(sent) if is_json else dict(parse_qsl(sent))) if sent else None)
            answer = book.take()
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            own = {"Date": self.date_time_string(), "Content-Type": "application/json"}
            for name, value in {**own, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as url:
        book.url = url
        yield book
