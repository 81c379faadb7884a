"""Reads the groups file, `okta_groups.yaml`: which groups are synced, and how. Each mistake has its line."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from okta_mi_provider import entry_options
from okta_mi_provider.entry import BrokenEntry, Entry, GroupsFile, contested
from okta_mi_provider.entry_options import ENTRY_OPTIONS, UNION
from okta_mi_provider.settings import SyncSettings, lasting, options
from okta_mi_provider.settings_error import SettingsError, is_of_a_secret, unknown_key
from okta_mi_provider.sync.text import one_line, quoted
from okta_mi_provider.yaml_nodes import Mistake, Pair, as_written, compose, mistake, pairs, plain

#: How YAML tags nothing: a blank, `null` and `~`.
_NULL = "tag:yaml.org,2002:null"
#: Longest DAG id that Airflow takes.
_LONGEST_ID = 250
_PREFIX = "okta_mi__"
#: Keys that say which groups of Okta are meant.
_NAMING = (*entry_options.NAMES, "groups")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
#: A file of 10,000 groups is a tenth of this.
_LARGEST_FILE = 8 * 2**20
#: How many mistakes an error lists.
_MOST_LISTED = 100


class GroupsFileError(ValueError):
    """A groups file that cannot be used. Names every mistake with its line.

    Args:
        file: The file, as people should find it.
        mistakes: At least one.
    """

    def __init__(self, file: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        lines = [each.at(file) for each in self.mistakes[:_MOST_LISTED]]
        if more := len(self.mistakes) - len(lines):
            lines.append(f"... and {more} more")
        super().__init__("\n".join(["The groups file cannot be used:", *lines]))


def read(path: Path) -> GroupsFile:
    """Reads a groups file.

    Raises:
        GroupsFileError: If it cannot be used as a whole: not readable, not YAML, no groups, a mistake outside of
            the entries. It then names the mistakes of the entries as well.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise GroupsFileError(str(path), [Mistake(0, 0, f"larger than {_LARGEST_FILE >> 20} MiB")])
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise GroupsFileError(str(path), [Mistake(0, 0, error.strerror or str(error))]) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise GroupsFileError(str(path), [Mistake(line, 1, "not UTF-8")]) from None
    return parse(text, str(path))


def parse(text: str, file: str) -> GroupsFile:
    """The same for a text.

    Args:
        text: Content of the file.
        file: What to call it in errors.

    Raises:
        GroupsFileError: As for `read`.
    """
    root = compose(text)
    if isinstance(root, Mistake):
        raise GroupsFileError(file, [root])
    if not isinstance(root, yaml.MappingNode):
        where = mistake(root, "") if root else Mistake(1, 1, "")
        raise GroupsFileError(file, [where._replace(message="must be a mapping with the keys defaults and groups")])
    mistakes: list[Mistake] = []
    top = pairs(root, mistakes)
    known = ("defaults", "groups")
    mistakes += [mistake(top[key].key, str(unknown_key(one_line(key), known))) for key in top if key not in known]
    common = _defaults(top.get("defaults"), mistakes)
    nodes = _group_nodes(root, top.get("groups"), mistakes)
    drafts = [_draft(node, common) for node in nodes]
    sorted_out = _sorted_out(drafts)
    if mistakes:
        raise GroupsFileError(file, [*mistakes, *(each for broken in sorted_out.broken for each in broken.mistakes)])
    return sorted_out


def dag_id(name: str) -> str:
    """The DAG id for a name: as it is if it can be, else a readable part of it and the beginning of its sha256."""
    if _PLAIN.fullmatch(name) and len(_PREFIX + name) <= _LONGEST_ID:
        return _PREFIX + name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", latin).strip("-")[: _LONGEST_ID - len(_PREFIX) - len(digest) - 1]
    return f"{_PREFIX}{slug or 'group'}-{digest}"


@dataclass(frozen=True, slots=True)
class _Draft:
    """An entry as far as it could be read; with mistakes it has no entry."""

    line: int
    dag_id: str
    title: str
    mistakes: tuple[Mistake, ...]
    entry: Entry | None = None


def _defaults(pair: Pair | None, mistakes: list[Mistake]) -> dict[str, Any]:
    if pair is None or (isinstance(pair.value, yaml.ScalarNode) and pair.value.tag == _NULL):
        return {}
    if not isinstance(pair.value, yaml.MappingNode):
        mistakes.append(mistake(pair.value, "defaults: must be a mapping"))
        return {}
    values, _ = _checked(pairs(pair.value, mistakes), {}, (), mistakes)
    return values


def _group_nodes(root: yaml.Node, pair: Pair | None, mistakes: list[Mistake]) -> list[yaml.Node]:
    if pair is None:
        mistakes.append(mistake(root, "groups: missing; it lists the names of the Okta groups"))
        return []
    if not isinstance(pair.value, yaml.SequenceNode) or not pair.value.value:
        mistakes.append(mistake(pair.value, "groups: must be a list with at least one group"))
        return []
    return list(pair.value.value)


def _draft(node: yaml.Node, common: Mapping[str, Any]) -> _Draft:
    """One entry of the list: a name, or a mapping."""
    mistakes: list[Mistake] = []
    found: dict[str, Pair] = {}
    if isinstance(node, yaml.MappingNode):
        found = pairs(node, mistakes)
        names = {key: _name(key, found[key].value, mistakes) for key in entry_options.NAMES if key in found}
        if not names and "groups" not in found:
            mistakes.append(mistake(node, f"a group without a name; give name, id, or groups{_perhaps_a_name(node)}"))
    elif isinstance(node, yaml.ScalarNode):
        names = {"name": _name("name", node, mistakes)}
    else:
        names = {}
        mistakes.append(mistake(node, "a group must be a name or a mapping"))
    settings = {key: pair for key, pair in found.items() if key not in _NAMING}
    union = _union(found, names, mistakes)
    values, sync = _checked(settings, common, _NAMING, mistakes)
    name, group_id = names.get("name"), names.get("id")
    line = node.start_mark.line + 1
    title = name if "name" in names else group_id
    if "groups" in found:
        title = values.get("target_group") if isinstance(values.get("target_group"), str) else None
        if title is None:
            mistakes.append(
                mistake(found["groups"].key, "groups: needs target_group, the MI group that they are synced into")
            )
    if title is None:
        # It must not vanish: what stands there, or where it stands, has to do for a name.
        written = next((found[key].value for key in entry_options.NAMES if key in found), node)
        title = (isinstance(written, yaml.ScalarNode) and written.value.strip()) or f"line {line}"
    own = dag_id(title)
    if mistakes or sync is None:
        return _Draft(line, own, title, tuple(mistakes))
    extra = {key: option.default for key, option in ENTRY_OPTIONS.items()} | {
        key: value for key, value in values.items() if key in ENTRY_OPTIONS
    }
    entry = Entry(
        dag_id=own,
        title=title,
        line=line,
        name=name,
        group_id=group_id,
        groups=union,
        settings=sync,
        own=frozenset(settings),
        common=frozenset(common.keys() - settings.keys()),
        **extra,
    )
    return _Draft(line, own, title, (), entry)


def _perhaps_a_name(node: yaml.MappingNode) -> str:
    """What to say of a mapping of one pair that may be meant as a name with a colon in it."""
    words = [each.value for pair in node.value for each in pair if isinstance(each, yaml.ScalarNode) and each.value]
    if len(node.value) != 1 or len(words) != 2 or words[0] in {*ENTRY_OPTIONS, *lasting()} or is_of_a_secret(words[0]):
        return ""
    return f". Or is it a name with a colon? Put it in quotes: {quoted(': '.join(words))}"


def _union(found: Mapping[str, Pair], names: Mapping[str, str | None], mistakes: list[Mistake]) -> tuple[str, ...]:
    """The groups that are synced as one; empty if there is a single one."""
    if "groups" not in found:
        return ()
    if names:
        mistakes.append(mistake(found["groups"].key, f"groups: excludes {' and '.join(names)}; one of them is enough"))
    try:
        parsed: tuple[str, ...] = UNION.kind.parse(plain(found["groups"].value))  # type: ignore[assignment]
    except ValueError as error:
        mistakes.append(mistake(found["groups"].value, f"groups: {error}"))
        return ()
    return parsed


def _name(key: str, node: yaml.Node, mistakes: list[Mistake]) -> str | None:
    """Name or id of a group; None if it is not a text."""
    try:
        value = plain(node)
        if not isinstance(value, str) and isinstance(node, yaml.ScalarNode) and node.value:
            raise ValueError(f"{node.value} is not a text for YAML; put it in quotes: '{one_line(node.value)}'")
        return str(entry_options.NAMES[key].kind.parse(value))
    except ValueError as error:
        mistakes.append(mistake(node, f"{key}: {as_written(node, str(error))}"))
        return None


def _checked(
    found: Mapping[str, Pair], common: Mapping[str, Any], also_known: tuple[str, ...], mistakes: list[Mistake]
) -> tuple[dict[str, Any], SyncSettings | None]:
    """The values of a mapping over the common ones; and, if there is no mistake, the settings among them."""
    known = (*also_known, *ENTRY_OPTIONS, *lasting())
    values: dict[str, Any] = {}
    before = len(mistakes)
    for key, pair in found.items():
        try:
            if key in options() and key not in lasting():
                mistakes.append(
                    mistake(pair.key, f"{key}: is about a single run; give it in the run form or on the command line")
                )
            elif key not in known:
                mistakes.append(mistake(pair.key, str(unknown_key(one_line(key), known))))
            elif key in ENTRY_OPTIONS:
                values[key] = ENTRY_OPTIONS[key].kind.parse(plain(pair.value))
            else:
                values[key] = plain(pair.value)
        except ValueError as error:
            mistakes.append(mistake(pair.value, f"{key}: {as_written(pair.value, str(error))}"))
    values = {**common, **values}
    try:
        settings = SyncSettings.from_mapping({key: value for key, value in values.items() if key in lasting()})
    except SettingsError as error:
        # A mistake in the defaults is told where they stand.
        own = [(problem, found[problem.key].value) for problem in error.problems if problem.key in found]
        mistakes += [mistake(node, f"{key}: {as_written(node, message)}") for (key, message), node in own]
        settings = None
    return values, settings if len(mistakes) == before else None


def _sorted_out(drafts: Iterable[_Draft]) -> GroupsFile:
    """Parts the entries that can be used from the others. Those with one DAG id are all mistakes."""
    by_id: dict[str, list[_Draft]] = {}
    for draft in drafts:
        by_id.setdefault(draft.dag_id, []).append(draft)
    entries: list[Entry] = []
    broken: list[BrokenEntry] = []
    for own, same in sorted(by_id.items()):
        mistakes = {each for draft in same for each in draft.mistakes}
        if len(same) > 1:
            mistakes |= {Mistake(draft.line, 1, _several(own, same)) for draft in same}
        if mistakes:
            broken.append(BrokenEntry(own, same[0].title, tuple(sorted(mistakes))))
        elif same[0].entry:
            entries.append(same[0].entry)
    broken_by_others = contested(entries)
    broken += broken_by_others
    lost = {each.dag_id for each in broken_by_others}
    return GroupsFile(tuple(each for each in entries if each.dag_id not in lost), tuple(broken))


def _several(own: str, same: Sequence[_Draft]) -> str:
    """What is wrong with entries that have one DAG id; mostly it is the same group."""
    *most, last = [str(draft.line) for draft in same]
    lines = f"lines {', '.join(most)} and {last}"
    if len({draft.title for draft in same}) > 1:
        return f"DAG id {own} is that of several entries: {lines}"
    often = "twice" if len(same) == 2 else f"{len(same)} times"
    return f"{quoted(same[0].title)} is there {often}: {lines}; keep one"
