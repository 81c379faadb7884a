"""Reads a log as Airflow's log viewer does: which lines it folds, and under which title."""

from __future__ import annotations

from collections.abc import Iterable


def groups_of(lines: Iterable[str]) -> dict[str, list[str]]:
    """The groups by title; lines in the open have the title "".

    A mark counts wherever it stands in a line. A group in a group, and one that is never closed, fail the test.
    """
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line in lines:
        if "::group::" in line:
            assert not title, f"{line} in the group {title}"
            title = line.split("::group::")[1]
            found.setdefault(title, [])
        elif "::endgroup::" in line:
            assert title, "nothing to close"
            title = ""
        else:
            found[title].append(line)
    assert not title, f"nobody has closed {title}"
    return found
