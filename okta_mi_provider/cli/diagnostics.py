"""What goes to stderr while a command runs, and what it says when it cannot be used as it was asked to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from okta_mi_provider.cli.exit_codes import BAD_USAGE

log = logging.getLogger("okta_mi_provider")


def complain(command: str, message: str) -> int:
    """Says what is wrong with the call.

    Returns:
        The exit code for that.
    """
    sys.stderr.write(f"okta-mi {command}: {message}\n")
    return BAD_USAGE


@contextmanager
def diagnostics(*, verbose: bool) -> Iterator[None]:
    """Sends our log to stderr while the command runs; all of it if it shall be verbose."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    before = (log.level, log.propagate)
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if verbose else logging.WARNING)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]
