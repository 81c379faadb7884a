"""The bound: the requests of a sync, sent again by a loop that does nothing else.

`python -m tests.benchmarks.replay FILE` sends what FILE holds and prints the seconds that it took.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

#: Stands for the random password of a user who is created, which no log of requests shows.
_PASSWORD = "Replayed1"


def recorded(servers: Any, *, in_flight: int) -> list[list[Any]]:
    """The requests that both servers have just had, bodies included, ready to be sent again.

    Args:
        servers: With a log of these requests.
        in_flight: How many writes are sent at a time.
    """
    from okta_mi_provider.simulators import credentials

    return [
        [servers.okta, f"SSWS {credentials.OKTA_API_TOKEN}", servers.requests(servers.okta), 1],
        [servers.mi, f"Bearer {credentials.MI_API_TOKEN}", servers.requests(servers.mi), in_flight],
    ]


def bound_s(work: list[list[Any]]) -> float:
    """How long both servers take for what was recorded, in seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(work, file)
        file.flush()
        command = [sys.executable, "-m", "tests.benchmarks.replay", file.name]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Sends the requests of a file, to each server in a thread of its own."""
    with open(sys.argv[1]) as file:
        work = json.load(file)
    began = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda each: _to_one_server(*each), work))
    print(time.perf_counter() - began)


def _to_one_server(url: str, authorization: str, sent: Sequence[dict[str, Any]], in_flight: int) -> None:
    """Reads first, one after the other, then the writes."""
    reads = [each for each in sent if not each["write"]]
    writes = [each for each in sent if each["write"]]
    _loop(url, authorization, iter(reads))
    # The first write is that of the group, which all others need.
    todo = iter(writes)
    _loop(url, authorization, islice(todo, 1))
    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(lambda place: _loop(url, authorization, iter(writes[1 + place :: in_flight])), range(in_flight)))


def _loop(url: str, authorization: str, sent: Iterator[dict[str, Any]]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    for each in sent:
        path = each["path"] + (f"?{each['query']}" if each["query"] else "")
        body = each["body"]
        if body and body.get("password"):
            body = {**body, "password": _PASSWORD}
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        connection.request(each["method"], path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        response.read()
        if response.status >= 400:
            raise SystemExit(f"{each['method']} {path} was answered {response.status}")
    connection.close()


if __name__ == "__main__":
    main()
