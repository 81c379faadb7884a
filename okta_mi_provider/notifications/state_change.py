"""What there is to tell when the state of a sync has changed: sentences and numbers, and nobody's name."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.text import one_line, plural

#: The state of a sync that waits for a person.
ASKED: Final = "asked"

_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"})
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class StateChange:
    """Is `okta_mi` in the templates of a notifier: `{{ okta_mi.headline }}`.

    Names of groups are other people's text. `headline`, `details` and `text` are for what is read as plain text, such
    as the subject of a mail; in `slack` and `html` everything is made harmless that would mean something there.

    Attributes:
        group: What the sync is called: the name of the group.
        state: "done", "failed" or "refused"; "asked" if its plan waits for a person.
        before: The state that was told last; "done" if none was.
        counts: The numbers of the JSON report, as far as there are any.
        url: The log of the task, in Airflow.
    """

    group: str
    state: str
    before: str
    counts: Mapping[str, Any]
    url: str

    @property
    def headline(self) -> str:
        """What has happened, on one line."""
        return self._headline(f"'{self._name}'")

    @property
    def details(self) -> str:
        """What there is to do, on one line."""
        if self.state == ASKED:
            return "Nothing is written until somebody has answered: Browse > Required Actions in Airflow."
        if self.state == State.DONE:
            return "Everything is as it should be again."
        if self.state == State.REFUSED:
            return "It broke a limit, or a person did not want it. Nothing was written; the log says why."
        users: Mapping[str, int] = self.counts.get("users", {})
        failed, conflicts = users.get("failed", 0), users.get("conflicts", 0)
        parts = [
            plural(failed, "user") + " failed" if failed else "",
            plural(conflicts, "conflict") + " for a person to settle" if conflicts else "",
        ]
        said = " and ".join(filter(None, parts))
        return f"{said}; the log names them." if said else "The log says why."

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return f"{self.headline} {self.details} {self.url}"

    @property
    def slack(self) -> str:
        """All of it as Slack's `mrkdwn`. The name is code there: nothing in it formats, links or calls anybody."""
        # Slack takes backticks beside a blank for what they are.
        name = self._name.translate(_SLACK).strip()
        return f"*{self._headline(f'`{name}`')}* {self.details} <{self.url.translate(_SLACK).replace('|', '%7C')}|Log>"

    @property
    def html(self) -> str:
        """All of it as HTML."""
        return (
            f"<p><strong>{html.escape(self.headline)}</strong></p>\n<p>{html.escape(self.details)} "
            f'<a href="{html.escape(self.url)}">Log</a></p>'
        )

    @property
    def _name(self) -> str:
        return one_line(self.group, _LONGEST_NAME)

    def _headline(self, name: str) -> str:
        if self.state == ASKED:
            return f"The sync of {name} waits for a person to approve its plan."
        if self.state == State.DONE:
            return f"The sync of {name} has recovered."
        if self.state == State.REFUSED:
            return f"The sync of {name} was refused."
        return f"The sync of {name} has failed."
