"""One sync of a group at a time: two of them would see half of each other's writes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.sync.text import quoted


@contextmanager
def one_at_a_time(host: str, groups: Iterable[str]) -> Iterator[None]:
    """Waits until no other process of this user on this machine syncs into these groups of this server.

    The system frees a lock when its process ends, however it ends.

    Raises:
        ConfigurationError: If locks cannot be kept.
    """
    with ExitStack() as held:
        _hold(held, host, groups)
        yield


def _hold(held: ExitStack, host: str, groups: Iterable[str]) -> None:
    folder = Path(tempfile.gettempdir()) / f"okta-mi-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            raise ConfigurationError(f"{folder} belongs to somebody else; remove it, or set TMPDIR.")
        # Sorted: two processes that want the same locks want them in the same order.
        for group in sorted(set(groups)):
            name = hashlib.sha256(f"{host}\n{group}".encode(errors="surrogatepass")).hexdigest()[:32]
            file = held.enter_context((folder / f"{name}.lock").open("w"))
            _wait_for(file.fileno(), group)
    except OSError as error:
        raise ConfigurationError(f"Locks cannot be kept in {folder}: {error.strerror}. Set TMPDIR.") from error


def _wait_for(file: int, group: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"Another sync into {quoted(group)} is running; waiting for it to end.\n")
        fcntl.flock(file, fcntl.LOCK_EX)
