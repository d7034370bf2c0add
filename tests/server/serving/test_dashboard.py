"""docs/grafana.json shows the figures that there are, all of them and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from jobs.records.metrics import COUNTERS, HISTOGRAMS, Metrics
from tests.running.paths import API, REPOSITORY

FILE = REPOSITORY / "docs" / "grafana.json"

NAME = re.compile(r"\bdarkroom_\w+")

LABEL = re.compile(r"\bby \(([\w, ]+)\)|\{\{(\w+)\}\}|[{,] ?(\w+)=~?\"")

SCRAPED = {"instance"}
"""Labels that Prometheus adds."""


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    return json.loads(FILE.read_text())


@pytest.fixture
def samples(client: FlaskClient, redis: Redis) -> dict[str, set[str]]:
    """The names of all figures once each was measured, and the labels of each."""
    metrics = Metrics()
    for name in HISTOGRAMS:
        metrics.observe(name, "x", 1)
    for name in COUNTERS:
        metrics.count(name, "x")
    metrics.flush(redis)
    text = client.get(f"{API}/metrics").get_data(as_text=True)
    families = text_string_to_metric_families(text)
    found: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        found.setdefault(sample.name, set()).update(sample.labels)
    return found


def asked(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What each panel asks, and how it calls what comes."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def test_every_figure_that_a_panel_asks_for_is_there_with_its_labels(
    dashboard: dict[str, Any], samples: dict[str, set[str]]
):
    for expression, legend in asked(dashboard):
        names = NAME.findall(expression)
        assert names
        for name in names:
            assert name in samples
            used = {each for found in LABEL.findall(expression + legend) for each in found if each}
            labels = {label for each in used for label in each.split(", ")}
            assert labels - SCRAPED <= samples[name]


def test_every_figure_that_is_there_has_a_panel(
    dashboard: dict[str, Any], samples: dict[str, set[str]]
):
    parts = re.compile(r"_(bucket|sum|count)$")
    expressions = " ".join(expression for expression, _ in asked(dashboard))
    shown = {parts.sub("", name) for name in NAME.findall(expressions)}
    assert {parts.sub("", name) for name in samples if name.startswith("darkroom_")} == shown


def test_grafana_is_told_all_that_it_needs(dashboard: dict[str, Any]):
    assert dashboard["title"]
    assert dashboard["uid"] == "darkroom"
    assert dashboard["schemaVersion"] >= 36
    (source,) = dashboard["__inputs"]
    assert (source["type"], source["pluginId"]) == ("datasource", "prometheus")
    reference = {"type": "prometheus", "uid": f"${{{source['name']}}}"}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["title"]
        assert panel["datasource"] == reference
        assert all(target["datasource"] == reference for target in panel["targets"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
    for variable in dashboard["templating"]["list"]:
        assert f"${variable['name']}" in FILE.read_text()
        assert variable["datasource"] == reference
