"""Runs uv with the package sources that pip is configured with.

uv reads neither pip's configuration files nor its ``PIP_*`` variables, so on a machine that gets its packages
from a mirror, `uv pip install` would go elsewhere than `pip install` does. This script hands pip's
answer over, and lets uv's own variables win where they are set::

    .venv/bin/python scripts/uv_like_pip.py pip install ...

It needs nothing but the standard library, for it runs before anything is installed.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}
_UV_SOURCES = {
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
}
_PRECEDENCE = ("global", "install", ":env:")  # pip's own: what comes later wins


def parse_pip_settings(listing: str) -> dict[str, str]:
    """Reads what `pip config list` printed: lines like ``global.index-url='https://...'``."""
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section not in _PRECEDENCE or key not in _UV_VARIABLES:
            continue
        rank = _PRECEDENCE.index(section)
        if key not in found or rank >= found[key][0]:
            found[key] = (rank, str(ast.literal_eval(value)))
    return {key: value for key, (_, value) in found.items()}


def uv_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that makes uv look where pip looks, unless `environ` already says where."""
    if _UV_SOURCES & environ.keys():
        return dict(environ)
    result = {
        _UV_VARIABLES[key]: " ".join(value.split())  # pip separates several by spaces or new lines
        for key, value in settings.items()
    }
    if "find-links" in settings:
        result["UV_FIND_LINKS"] = ",".join(settings["find-links"].split())
    if "extra-index-url" in settings:
        result["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does: the best of all sources
    return result | dict(environ)


def main() -> int:
    """Runs uv with this script's arguments and returns its exit code."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    uv = Path(sys.executable).with_name("uv")
    environment = uv_environment(parse_pip_settings(listing), os.environ)
    return subprocess.run([uv, *sys.argv[1:]], env=environment, check=False).returncode  # noqa: S603 - uv alone


if __name__ == "__main__":
    sys.exit(main())
