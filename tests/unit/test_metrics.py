"""One table of metrics: what is sent, what the documents say, what Prometheus makes of it and Grafana shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from okta_mi_provider import metrics
from okta_mi_provider.metrics import METRICS, Kind, Metric
from okta_mi_provider.sync.plan import ChangeKind
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.traffic import OUTCOMES, Traffic

DOCS = Path(__file__).resolve().parents[2] / "docs"
GRAFANA = DOCS / "grafana"


@pytest.fixture(scope="module")
def mappings() -> list[dict[str, Any]]:
    found = yaml.safe_load((GRAFANA / "statsd_mapping.yaml").read_text(encoding="utf-8"))["mappings"]
    assert isinstance(found, list)
    return found


@pytest.fixture(scope="module")
def expressions() -> list[str]:
    """Everything that the dashboard asks Prometheus for."""
    dashboard = json.loads((GRAFANA / "okta_mi.json").read_text(encoding="utf-8"))
    queries = [variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable]
    return queries + [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def in_prometheus(mapping: dict[str, Any], name: str) -> tuple[str, dict[str, str]] | None:
    """What the exporter makes of a metric of StatsD; None if the mapping is not for it."""
    glob = re.escape(mapping["match"]).replace(r"\*", r"([^.]*)")
    found = re.fullmatch(glob, name)
    if found is None:
        return None
    labels = mapping.get("labels", {})
    return mapping["name"], {key: re.sub(r"\$(\d)", lambda m: found[int(m[1])], each) for key, each in labels.items()}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_exactly_one_mapping_is_for_each_metric(metric: Metric, mappings: list[dict[str, Any]]) -> None:
    types = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.TIMER: "observer"}
    for name in metric.names:
        found = [(each, made) for each in mappings if (made := in_prometheus(each, f"airflow.{name}"))]
        [(mapping, (prometheus, labels))] = found
        assert mapping["match_metric_type"] == types[metric.kind]
        assert prometheus == metric.prometheus
        assert list(labels) == list(metric.words or {})
        assert name == ".".join([metric.name, *labels.values()])


def test_no_mapping_is_for_anything_else(mappings: list[dict[str, Any]]) -> None:
    assert sorted(each["name"] for each in mappings) == sorted(each.prometheus for each in METRICS)


def test_the_dashboard_shows_every_metric_and_no_other(expressions: list[str]) -> None:
    asked = {re.sub(r"_(sum|count|bucket)$", "", name) for each in expressions for name in _names(each)}

    assert asked == {metric.prometheus for metric in METRICS}


def test_the_dashboard_groups_by_labels_that_there_are(expressions: list[str]) -> None:
    by_name = {metric.prometheus: {"dag_id", *(metric.words or {})} for metric in METRICS}
    for expression in expressions:
        known = set.intersection(*(by_name[re.sub(r"_(sum|count)$", "", name)] for name in _names(expression)))
        used = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
        assert used | set(re.findall(r"\{(\w+)=~", expression)) <= known, expression


def test_the_states_in_the_dashboard_are_those_that_are_sent() -> None:
    dashboard = json.loads((GRAFANA / "okta_mi.json").read_text(encoding="utf-8"))
    [panel] = [each for each in dashboard["panels"] if each["title"] == "Last result"]
    [mapping] = panel["fieldConfig"]["defaults"]["mappings"]

    assert {int(value): shown["text"] for value, shown in mapping["options"].items()} == {
        number: state.value for state, number in metrics.STATES.items()
    }
    assert set(metrics.STATES) == set(State)


def test_the_panels_do_not_overlap_and_have_a_data_source() -> None:
    dashboard = json.loads((GRAFANA / "okta_mi.json").read_text(encoding="utf-8"))
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        covered = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & covered
        assert max(x for x, _ in covered) < 24
        cells |= covered
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["description"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_page_has_a_row_for_each_metric_and_no_other() -> None:
    rows = re.findall(r"^\| `(okta_mi\.[^`]*)` \| (\w+) \| `([^`]*)` \| (.*) \|$", _page(), re.MULTILINE)
    by_name = {name: (kind, prometheus, said) for name, kind, prometheus, said in rows}

    assert len(rows) == len(METRICS)
    for metric in METRICS:
        name = metric.name + "".join(f".<{word}>" for word in metric.words or ())
        labels = "{" + ", ".join(metric.words) + "}" if metric.words else ""
        kind, prometheus, said = by_name[name]
        assert (kind, prometheus) == (metric.kind, metric.prometheus + labels)
        assert said.startswith(metric.meaning)
        assert all(f"`{word}`" in said for words in (metric.words or {}).values() for word in words)


def test_they_are_few() -> None:
    assert len(METRICS) <= 10
    assert sum(len(metric.names) for metric in METRICS) <= 30
    assert metrics.CHANGES.words == {"kind": tuple(each.value for each in ChangeKind if each.value != "enable_user")}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "answered"), (302, "answered"), (400, "refused"), (429, "rate_limited"), (503, "failed"), (None, "failed")],
)
def test_what_came_of_a_request(status: int | None, outcome: str) -> None:
    traffic = Traffic()
    traffic.request("Okta", "GET", "/api/v1/groups", status, 0.1)
    traffic.wait("Okta", 1.5)
    traffic.wait("Okta", 0.25)

    counted = traffic.taken()

    assert dict(counted.requests) == {("Okta", outcome): 1}
    assert counted.waited_s == {"Okta": 1.75}
    assert outcome in OUTCOMES
    assert traffic.taken() == ([], {})


def _names(expression: str) -> set[str]:
    return set(re.findall(r"\bokta_mi_\w+", expression))


def _page() -> str:
    return (DOCS / "watching.md").read_text(encoding="utf-8")
