"""Templates into pages. Whatever is put into one is escaped; nothing comes from another server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from okta_mi_provider import __version__
from okta_mi_provider.page import words
from okta_mi_provider.store.syncs import COMMAND, SyncKey
from okta_mi_provider.sync.text import plural

#: Behind what a name breaks well: an address, an id of a run.
_PLACES_TO_BREAK = re.compile(r"(?<=[@.+:])(?=\w)|(?<=_)(?=[^\W_])")


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A template as the answer to a request.

    Args:
        request: Whose address the links go out from.
        template: File name.
        status: HTTP status.
        values: What the template asks for.
    """
    now = datetime.now(UTC)
    root = address(request)
    text = (
        _environment()
        .get_template(template)
        .render(
            url=lambda path="", **query: link(root, path, query),
            airflow=lambda path: f"{root.removesuffix(_mounted_at(request))}{path}",
            now=now,
            # What a link to another page of the same list keeps.
            query={key: value for key, value in request.query_params.items() if value},
            here=request.url.path.removeprefix(root).lstrip("/"),
            **values,
        )
    )
    return HTMLResponse(text, status_code=status)


def address(request: Request) -> str:
    """Where the pages are, as the browser sees it, without a slash at the end."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def link(root: str, path: str, query: Mapping[str, object]) -> str:
    """An address of ours. Other people's text stands behind the question mark only."""
    asked = urlencode({key: str(value) for key, value in query.items() if value not in {None, ""}}, errors="replace")
    return f"{root}/{path}{'?' if asked else ''}{asked}"


def _mounted_at(request: Request) -> str:
    """The last part of the address, which is ours; before it is Airflow's own, if that is not at the top."""
    return f"/{address(request).rpartition('/')[2]}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("okta_mi_provider.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        kinds=words.KINDS,
        statuses=words.STATUSES,
        states=words.STATES,
        field_names=words.FIELDS,
        state_of=words.state_of,
        mode_of=words.mode_of,
        only_looks=words.only_looks,
        source_of=words.source_of,
        key_of=SyncKey.of,
        is_command=lambda dag_id: dag_id.startswith(COMMAND),
        sync_key=lambda run: SyncKey.of(run.dag_id, run.target_group.name),
        version=__version__,
    )
    environment.filters.update(
        name=words.name,
        breakable=breakable,
        when=_time,
        ago=_ago,
        past=_past,
        number=_number,
        span=words.span,
        many=plural,
    )
    return environment


def _time(moment: datetime | None) -> Markup:
    """A time, for people and for programs."""
    if moment is None:
        return Markup('<span class="none">–</span>')
    return Markup('<time datetime="{}">{}</time>').format(moment.astimezone(UTC).isoformat(), words.when(moment))


def _ago(moment: datetime, now: datetime) -> Markup:
    """How far away a time is, and when exactly for who points at it."""
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        moment.astimezone(UTC).isoformat(), words.when(moment), words.distance(moment, now)
    )


def _past(moment: datetime, now: datetime) -> Markup:
    """How long ago something was. Clocks differ: by this one it may be still to come, and was right now."""
    return _ago(moment, max(moment, now))


def breakable(text: object, limit: int = 120) -> Markup:
    """A name that a narrow column breaks where one would, not just before its end."""
    return Markup("<wbr>").join(_PLACES_TO_BREAK.split(words.name(text, limit)))


def _number(value: int | None) -> Markup:
    """A number; what is not known is a dash, what is zero is not loud."""
    if value is None:
        return Markup('<span class="none" title="not known">–</span>')
    return Markup("{}").format(f"{value:,}") if value else Markup('<span class="zero">0</span>')
