"""What a command says on stdout, where nobody may be listening any more."""

from __future__ import annotations

import os
import sys

from okta_mi_provider.cli.diagnostics import complain
from okta_mi_provider.cli.exit_codes import FAILED, OK


def tell(command: str, text: str, *, on_stderr: bool = False) -> int:
    """Writes to stdout; or to stderr, where stdout is for something else.

    Returns:
        An exit code: it is a failure of its own if the text is lost. A reader who has left wanted no more of it.
    """
    stream = sys.stderr if on_stderr else sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # What is left in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(error, BrokenPipeError):
            return OK
        where = "stderr" if on_stderr else "stdout"
        complain(command, f"the command is done, but what it found cannot be written to {where}: {error.strerror}")
        return FAILED
    return OK
