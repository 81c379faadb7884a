"""Healthcheck of a server in its own container: ``answers.py 8080/health ...`` asks 127.0.0.1 for each of them.

Exits with 0 if all answer with 200, else says who does not, and exits with 1. The image has no curl, and
no proxy is asked.
"""

from __future__ import annotations

import http.client
import sys

TIMEOUT = 5.0


def trouble(address: str) -> str | None:
    """What is wrong with the server at `address`, a port and a path; None if it answers as it should."""
    port, _, path = address.partition("/")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT)
    try:
        connection.request("GET", f"/{path}")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{address}: {error!r}"
    finally:
        connection.close()
    return None if status == http.client.OK else f"{address}: status {status}"


if __name__ == "__main__":
    found = [text for address in sys.argv[1:] if (text := trouble(address))]
    sys.exit("\n".join(found) or None)
