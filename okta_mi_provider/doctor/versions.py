"""Which versions of what are at work here."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from okta_mi_provider import __version__
from okta_mi_provider.doctor.observation import Observation, Section

_SECTION = Section("Versions")
_PACKAGES = ("apache-airflow", "requests")


def versions() -> Iterator[Observation]:
    """Ours, Python's, and those of the packages that matter when something is reported."""
    yield _SECTION.fine("okta-mi-provider", __version__)
    yield _SECTION.fine("python", f"{platform.python_version()} on {platform.system()}")
    for package in _PACKAGES:
        try:
            yield _SECTION.fine(package, version(package))
        except PackageNotFoundError:
            yield _SECTION.unknown(package, "not installed")
