"""Healthcheck of a server: ``answers.py 127.0.0.1:8081/_sim/stats ...`` asks for each of these addresses.

``--part dag_processor`` looks in the answer for a part of Airflow: ``airflow-apiserver:8080/api/v2/monitor/health`` has
the status of each, and is asked in no time, while ``airflow jobs check`` takes seconds to load.

Exits with 0 if all is well, else says what is not, and exits with 1. The image has no curl, and no proxy is asked.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys

TIMEOUT = 5.0


def trouble(address: str, part: str | None) -> str | None:
    """What is wrong with a server, or with the part that it knows of; None if nothing is."""
    host, _, path = address.partition("/")
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT)
    try:
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{address}: {error!r}"
    finally:
        connection.close()
    if response.status != http.client.OK:
        return f"{address}: status {response.status}"
    status = json.loads(text)[part]["status"] if part else "healthy"
    return None if status == "healthy" else f"{part} is {status}"


def main() -> None:
    """Asks for all addresses."""
    parser = argparse.ArgumentParser(description="Asks servers whether they are well.")
    parser.add_argument("addresses", nargs="+", metavar="HOST:PORT/PATH")
    parser.add_argument("--part", help="the part of Airflow that has to be healthy")
    options = parser.parse_args()
    found = [text for address in options.addresses if (text := trouble(address, options.part))]
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()
