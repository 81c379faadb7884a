"""What other DAGs can wait for: the access that an MI group gives, as an Airflow asset.

An event of it says that a sync has written something. Nobody is named in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

#: Airflow leaves URIs alone whose scheme begins with `x-`, and knows none of its own for what we do.
_SCHEME = "x-okta-mi"
#: Airflow allows 1,500 characters in all.
_LONGEST_PART, _KEPT = 500, 400
_ALIAS = "okta_mi/"


def target_group_asset(group: str, metric_insights_conn_id: str = "metric_insights_default") -> Asset:
    """The asset of an MI group, for the `schedule` of a DAG that shall run after access to it has changed.

    Everything that is synced into the group has this one asset, whichever entry of the groups file it comes from.

    Args:
        group: Name of the MI group: `target_group` of the entry, or else the name of the Okta group.
        metric_insights_conn_id: The connection of the sync. Two connections to one server have assets of their own.

    Raises:
        ValueError: If there is no name.
    """
    if not group or not metric_insights_conn_id:
        raise ValueError("an asset needs the name of the MI group, and the id of the connection to its server")
    return Asset(f"{_SCHEME}://{_part(metric_insights_conn_id)}/{_part(group)}")


def alias_of(producer: str) -> AssetAlias:
    """The outlet of a task that may have something to tell, or nothing: unlike an asset's, its events are optional.

    Args:
        producer: Id of the DAG; of a single task, that of its DAG, a colon, and its own.
    """
    return AssetAlias(f"{_ALIAS}{producer}")


def emit(task: BaseOperator, context: Context, asset: Asset, extra: Mapping[str, Any]) -> None:
    """Has Airflow make an event of an asset when the task has succeeded. Does nothing if the task has no such outlet.

    Args:
        task: Whose outlets to look at.
        context: Of its execution.
        asset: What has changed.
        extra: What to say of it.
    """
    events = context.get("outlet_events")
    if events is None:
        # Somebody executes the operator without Airflow.
        return
    for outlet in task.outlets:
        if isinstance(outlet, AssetAlias) and outlet.name.startswith(_ALIAS):
            events[outlet].add(asset, extra=dict(extra))


def _part(name: str) -> str:
    """A name as a part of a URI: ASCII whatever is in it. One that is too long by its beginning and a digest.

    No other name can look like that, for a slash in a name is encoded.
    """
    encoded = quote(name, safe="", errors="surrogatepass")
    if len(encoded) <= _LONGEST_PART:
        return encoded
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    beginning = encoded[:_KEPT]
    # Not in the middle of an encoded byte.
    cut = beginning.rfind("%", _KEPT - 2)
    return f"{beginning if cut < 0 else beginning[:cut]}/{digest}"
