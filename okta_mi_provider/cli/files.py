"""Files that a command reads and writes: whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from okta_mi_provider.clients.errors import ConfigurationError

#: More than any crontab, script or groups file has.
_LARGEST = 8 * 2**20
#: Stands for standard input or output.
STANDARD = "-"


def read_text(path: str) -> str:
    """The text of a file, or of standard input. What is not UTF-8 in it is replaced: it may be in a comment.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    try:
        if path == STANDARD:
            text = sys.stdin.read(_LARGEST + 1)
        else:
            with Path(path).open(encoding="utf-8-sig", errors="replace") as file:
                text = file.read(_LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"{path}: cannot be read: {said}.") from None
    if len(text) > _LARGEST:
        raise ConfigurationError(f"{path}: larger than {_LARGEST >> 20} MiB.")
    if "\0" in text:
        raise ConfigurationError(f"{path}: not a text.")
    return text


def write_text(path: str, text: str, *, overwrite: bool) -> None:
    """Writes a file whole, or not at all. What is there is kept unless it may be overwritten.

    Raises:
        ConfigurationError: If it is there already, or cannot be written.
    """
    target = Path(path).resolve()
    try:
        mode = target.stat().st_mode & 0o777 if overwrite and target.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), mode)
                file.write(text)
            if not overwrite:
                # Unlike a look beforehand, this cannot be overtaken.
                target.touch(mode=0o600, exist_ok=False)
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)
    except FileExistsError:
        raise ConfigurationError(
            f"{path} is there already, and is left as it is. Give another file with --output, or --overwrite."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
