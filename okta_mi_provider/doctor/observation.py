"""One thing that was looked at, and what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from okta_mi_provider.sync.errors import SyncError


class Verdict(StrEnum):
    """What to think of it."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing; a sync works."""
    WRONG = "wrong"
    """A sync does not work, or not as it should."""
    UNKNOWN = "unknown"
    """It cannot be told without writing, or the server did not say."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that was looked at.

    Attributes:
        section: Which system, or part of the examination, for the reader.
        subject: What was looked at, in a word or two.
        said: What was seen, in a sentence; and what to do if it is wrong.
    """

    section: str
    subject: str
    verdict: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class Section:
    """Makes observations of one section."""

    name: str

    def fine(self, subject: str, said: str) -> Observation:
        """All is well."""
        return Observation(self.name, subject, Verdict.FINE, said)

    def note(self, subject: str, said: str) -> Observation:
        """Worth knowing."""
        return Observation(self.name, subject, Verdict.NOTE, said)

    def wrong(self, subject: str, said: object) -> Observation:
        """Something to be mended."""
        return Observation(self.name, subject, Verdict.WRONG, str(said))

    def unknown(self, subject: str, said: object) -> Observation:
        """Nothing can be said."""
        return Observation(self.name, subject, Verdict.UNKNOWN, str(said))

    def guarded(self, subject: str, look: Callable[[], Iterator[Observation]]) -> Iterator[Observation]:
        """What `look` sees; a failure on the way is an observation too."""
        try:
            yield from look()
        except SyncError as error:
            yield self.wrong(subject, error)
