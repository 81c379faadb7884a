"""The switches of the dialect of Metric Insights, in the extra of its connection."""

from __future__ import annotations

from typing import Any

import pytest

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.metric_insights_dialect import switches
from okta_mi_provider.hooks.metric_insights import MetricInsightsHook
from tests.airflow.conftest import Connection
from tests.integration.world import World

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("migrated")]

#: Each switch of the dialect in every form that people write it in, and what it then is.
SWITCHED = [
    ("default_group_id", [7, "7", " 7 "], "7"),
    ("default_group_name", ["Everyone"], "Everyone"),
    ("default_group_method", ["indicator"], "indicator"),
    ("user_update_body", ["off", False], "off"),
    ("disable_method", ["off", False], "off"),
    ("user_lookup", ["query"], "query"),
    ("username_casefold", [False, "false", "No"], False),
    ("list_paging", ["offset"], "offset"),
    ("member_list", ["all"], "all"),
    ("ok_statuses", [[201, 200], "200, 201", "[200,201]"], (200, 201)),
    ("ok_statuses", [201, "201", [201]], (201,)),
    ("duplicate_markers", ["already, there", ["already, there"], '["already, there"]'], ("already, there",)),
    ("retry_markers", [[], "[]"], ()),
    ("password_mode", ["omit"], "omit"),
    ("extra_user_create_fields", [{"notify": "N"}, '{"notify": "N"}'], {"notify": "N"}),
    ("send_external_group_id", [True, "yes"], True),
    ("group_page", ["/g/{id}", " /g/{id} "], "/g/{id}"),
    ("proactive_refresh_s", [240, "240", 240.0], 240.0),
    ("min_interval_s", [0.5, "0.5"], 0.5),
]


def test_every_switch_is_tried() -> None:
    assert {key for key, _, _ in SWITCHED} == set(switches())


@pytest.mark.parametrize(
    ("key", "written", "meant"), [(key, each, meant) for key, forms, meant in SWITCHED for each in forms]
)
def test_every_switch_of_the_dialect_can_be_set(
    world: World, connection: Connection, key: str, written: Any, meant: Any
) -> None:
    connection("metric_insights_default", extra={key: written})

    assert getattr(MetricInsightsHook().client().dialect, key) == meant


@pytest.mark.parametrize(
    ("extra", "allowed"),
    [
        ({"default_group_id": [1]}, "a text or a whole number"),
        ({"default_group_method": "magic"}, "adaptive, indicator, membership"),
        ({"user_update_body": "partial"}, "merged, changed, off"),
        ({"disable_method": "delete"}, "put_enabled, off"),
        ({"username_casefold": "perhaps"}, "true, false"),
        ({"ok_statuses": [200, 500]}, "a list of HTTP statuses from 200 to 399"),
        ({"ok_statuses": "fine"}, "a list of HTTP statuses from 200 to 399"),
        ({"ok_statuses": [True]}, "a list of HTTP statuses from 200 to 399"),
        ({"duplicate_markers": ["x", 1]}, "a list of texts"),
        ({"retry_markers": [""]}, "a list of texts"),
        ({"extra_user_create_fields": {"email": "x"}}, "without the keys copy_from_user_id, default_group_ind, email,"),
        ({"extra_user_create_fields": "notify"}, "a JSON object"),
        ({"proactive_refresh_s": 0}, "a number of seconds from 1 to 86400"),
        ({"min_interval_s": "nan"}, "a number of seconds from 0 to 60"),
        ({"min_interval_s": "NaN"}, "a number of seconds from 0 to 60"),
    ],
    ids=str,
)
def test_a_switch_that_cannot_be_is_refused_with_connection_and_key(
    world: World, connection: Connection, extra: dict[str, Any], allowed: str
) -> None:
    connection("metric_insights_default", extra=extra)

    with pytest.raises(ConfigurationError) as caught:
        MetricInsightsHook().client()

    ((key, value),) = extra.items()
    assert f"Extra {key!r} of Airflow connection 'metric_insights_default': " in str(caught.value)
    assert f"{value!r} is not allowed; allowed: " in str(caught.value)
    assert allowed in str(caught.value)
