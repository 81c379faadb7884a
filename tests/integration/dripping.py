"""A server whose answer comes in pieces, with a pause before each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def dripping(pieces: Sequence[bytes], *, pause_s: float) -> Iterator[str]:
    """Serves one request, on a free port of this machine; gives its URL. The pieces are all that is sent."""
    done = threading.Event()

    def serve() -> None:
        try:
            connection, _ = listening.accept()
            with connection:
                connection.recv(2**16)
                for piece in pieces:
                    # Cut short when nobody reads any more.
                    if done.wait(pause_s):
                        return
                    connection.sendall(piece)
        except OSError:
            # The client has had enough.
            return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Nobody may come.
        listening.settimeout(30)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            done.set()
            thread.join()
