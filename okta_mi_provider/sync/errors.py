"""What can go wrong in a sync, sorted by what happens next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from okta_mi_provider.sync.text import quoted


class SyncError(Exception):
    """A sync, or a part of it, that could not be done. The message says what, to whom, and what to do.

    Attributes:
        passing: Trying again later can help (the other side is busy or away).
        fatal: Nothing else of this run can succeed either (the credentials are refused).
    """

    passing = False
    fatal = False


@contextmanager
def about(kind: str, name: str) -> Iterator[None]:
    """Lets the errors that pass through say what they are about. Arguments as for `naming`."""
    try:
        yield
    except SyncError as error:
        error.args = (naming(kind, name, str(error)),)
        raise


def naming(kind: str, name: str, sentence: str) -> str:
    """A sentence that names what it is about, as it does by itself or with "Okta group 'Sales': " in front.

    Args:
        kind: What it is about, such as "Okta group".
        name: Its name.
        sentence: What is said of it.
    """
    return sentence if quoted(name) in sentence else f"{kind} {quoted(name)}: {sentence}"


class Stopped(SyncError):
    """Somebody wanted the sync to end. What was not done is left to the next run."""

    passing = True


class PlanRefused(SyncError):
    """A plan that breaks a limit. Nothing of it has been written."""


class PlanUnusual(PlanRefused):
    """A plan that nobody has approved, and that is not to be written without."""


class PlanStale(PlanRefused):
    """A plan that was approved, and is not what would be written now."""


class TooManyFailures(SyncError):
    """So many writes failed that the rest was not tried. The next run goes on from there.

    Args:
        message: With the numbers and the last reason.
        passing: Whether one of the reasons may pass.
    """

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing
