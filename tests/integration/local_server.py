"""A server of a test's own, on a free port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections open, answers at once, and logs nothing: tests read what was asked for elsewhere."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.reply()

    do_POST = do_PUT = do_GET  # noqa: N815

    def reply(self) -> None:
        """Answers the request."""
        raise NotImplementedError

    def log_message(self, *words: object) -> None:
        """Nothing."""

    def content(self) -> str:
        """The body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()


@contextmanager
def serving(handler: type[QuietHandler]) -> Iterator[str]:
    """Serves while the context lasts; gives the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
