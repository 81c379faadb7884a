"""What Airflow reads about the package, against Airflow's own schemas and against the code."""

from __future__ import annotations

import inspect
import json
import re
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from okta_mi_provider import __version__
from okta_mi_provider.clients.metric_insights_dialect import switches
from okta_mi_provider.clients.metric_insights_kinds import Seconds
from okta_mi_provider.get_provider_info import get_provider_info
from okta_mi_provider.store import Retention

pytestmark = pytest.mark.airflow

INFO = get_provider_info()
CONNECTION_TYPES = {each["connection-type"]: each for each in INFO["connection-types"]}


def airflow_schema(name: str) -> Any:
    import airflow

    return json.loads((Path(airflow.__file__).parent / name).read_text("utf-8"))


def attribute(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_the_metadata_meets_the_schema_of_this_airflow() -> None:
    jsonschema.validate(INFO, airflow_schema("provider_info.schema.json"))


@pytest.mark.parametrize("key", ["connection-types", "config"])
def test_the_metadata_meets_the_strict_schema_too(key: str) -> None:
    strict = airflow_schema("provider.yaml.schema.json")
    schema = {**strict, "required": [], "properties": {key: strict["properties"][key]}, "additionalProperties": False}

    jsonschema.validate({key: INFO[key]}, schema)


def test_every_path_leads_somewhere() -> None:
    for part in ("hooks", "operators"):
        for each in INFO[part]:
            for module in each["python-modules"]:
                assert import_module(module)
    for path in (*INFO["cli"], *INFO["extra-links"], *(each["hook-class-name"] for each in CONNECTION_TYPES.values())):
        assert attribute(path)


def test_every_operator_that_dags_have_is_listed() -> None:
    import okta_mi_provider.operators as package

    listed = {module for each in INFO["operators"] for module in each["python-modules"]}
    folder = Path(package.__file__ or "").parent
    ours = {
        f"{package.__name__}.{path.stem}"
        for path in folder.glob("*.py")
        if re.search(r"^class \w+Operator\(", path.read_text("utf-8"), re.MULTILINE)
    }

    # What they have in common, and the stand-in for an entry with a mistake.
    assert listed == ours - {f"{package.__name__}.{name}" for name in ("base", "config_error", "servers")}


@pytest.mark.parametrize("conn_type", ["okta", "metric_insights"])
def test_forms_and_hooks_say_the_same(conn_type: str) -> None:
    form = CONNECTION_TYPES[conn_type]
    hook = attribute(form["hook-class-name"])
    module = import_module(hook.__module__)

    assert hook.conn_type == conn_type
    assert hook.hook_name == form["hook-name"]
    assert hook.conn_name_attr == f"{conn_type}_conn_id"
    assert hook.default_conn_name == f"{conn_type}_default"
    # A form has all keys of the extra, unless the hook says which are worth a field of their own.
    assert list(form["conn-fields"]) == list(getattr(module, "FORM", module.EXTRAS))
    assert set(form["conn-fields"]) <= set(module.EXTRAS)
    source = inspect.getsource(module) + inspect.getsource(import_module("okta_mi_provider.hooks.fields"))
    for field in form["conn-fields"]:
        assert field in switches() or f'"{field}"' in source


def test_the_form_and_the_dialect_say_the_same_of_a_switch() -> None:
    fields = CONNECTION_TYPES["metric_insights"]["conn-fields"]
    offered = {key: switch for key, switch in switches().items() if key in fields}

    assert offered.keys() == {key for key, switch in switches().items() if switch.title}
    for key, switch in offered.items():
        found = fields[key]
        assert (found["label"], found["description"]) == (switch.title, switch.help)
        assert found["schema"]["default"] == switch.default
        if isinstance(switch.kind, Seconds):
            assert (found["schema"]["minimum"], found["schema"]["maximum"]) == (switch.kind.least, switch.kind.most)


def test_the_forms_have_the_documented_defaults() -> None:
    found = {
        conn_type: {name: field["schema"].get("default") for name, field in form["conn-fields"].items()}
        for conn_type, form in CONNECTION_TYPES.items()
    }

    assert found == {
        "okta": {
            "auth_mode": "ssws",
            "client_id": None,
            "private_key": None,
            "private_key_id": None,
            "scopes": "okta.groups.read",
            "dpop": "auto",
            "page_size": 200,
            "rate_limit_share": 50,
            "max_wait": 120,
            "admin_url": None,
            "timeout": 30,
            "verify": "true",
            "allow_http": False,
        },
        "metric_insights": {
            "auth_mode": "application",
            "application_id": None,
            "default_group_id": "1",
            "default_group_name": "Default Group",
            "min_interval_s": 0,
            "max_concurrency": 4,
            "timeout": 30,
            "verify": "true",
            "allow_http": False,
        },
    }
    assert all(
        "null" in field["schema"]["type"]
        for form in CONNECTION_TYPES.values()
        for field in form["conn-fields"].values()
    )


def test_airflow_lists_provider_forms_and_options(migrated: None) -> None:
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk import conf

    manager = ProvidersManager()

    assert manager.providers["okta-mi-provider"].version == __version__
    assert {"okta", "metric_insights"} <= set(manager.hooks)
    assert conf.get("okta_mi", "store") == ""
    assert conf.get("okta_mi", "groups_file") == ""
    assert Retention(conf.getint("okta_mi", "retention_days"), conf.getint("okta_mi", "history_days")) == Retention()


def test_the_installed_entry_point_is_that_of_the_sources() -> None:
    (found,) = [each for each in entry_points(group="apache_airflow_provider") if each.module.startswith("okta_mi")]

    assert found.value == "okta_mi_provider.get_provider_info:get_provider_info"
    assert found.load() is get_provider_info


def test_the_metadata_is_a_literal() -> None:
    module = import_module("okta_mi_provider.get_provider_info")

    assert get_provider_info() == get_provider_info()
    imported = [name for name, value in vars(module).items() if inspect.ismodule(value)]
    assert imported == []
