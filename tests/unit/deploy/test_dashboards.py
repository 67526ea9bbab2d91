"""Dashboards: each panel says what it shows, in which unit, and what it means when it is empty."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana.generate import DASHBOARDS, FOLDER, page
from deploy.grafana.panels import Dashboard, Panel
from tests.unit.deploy.catalogue import series
from tests.unit.deploy.rules import METRIC, alerts

PANELS = [(one.name, panel) for one in DASHBOARDS for panel in one.panels]
IDS = [f"{name}: {panel.title}" for name, panel in PANELS]


def _committed(path: Path) -> list[dict[str, Any]]:
    found = json.loads(path.read_text())["panels"]
    return [one for one in found if one["type"] != "row"]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_what_grafana_reads_is_what_the_code_says(dashboard: Dashboard) -> None:
    """And the code says the same twice."""
    text = (FOLDER / f"{dashboard.name}.json").read_text()
    assert text == page(dashboard) == page(dashboard)


def test_there_are_four_and_no_others() -> None:
    """A file that nobody writes any more would stay in Grafana for ever."""
    names = {path.stem for path in FOLDER.iterdir()}
    assert names == {"service-health", "feeds", "clinical-timeliness", "on-call-burden"}
    assert names == {one.name for one in DASHBOARDS}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda one: one.stem)
def test_every_panel_has_a_unit_a_description_and_what_no_data_means(path: Path) -> None:
    """As Grafana reads it, not as the code means it."""
    panels = _committed(path)
    assert panels
    for panel in panels:
        meant, _, empty = panel["description"].partition("\n\nNo data: ")
        assert meant.endswith("."), panel["title"]
        assert empty.endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        assert all(one["expr"] for one in panel["targets"]), panel["title"]
    ids = [one["id"] for one in panels]
    assert len(set(ids)) == len(ids)


def _nulls(value: Any, path: str = "") -> list[str]:
    """Return where in *value* nothing stands although something was named."""
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in _nulls(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [one for inner in value for one in _nulls(inner, f"{path}[]")]
    return [path] if value is None else []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda one: one.stem)
def test_nothing_is_null_that_grafana_takes_for_an_object(path: Path) -> None:
    """Its own types allow it in one place: the threshold from which on the first colour counts."""
    nulls = set(_nulls(json.loads(path.read_text())))
    assert nulls == {".panels[].fieldConfig.defaults.thresholds.steps[].value"}


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=IDS)
def test_no_panel_asks_for_a_series_that_there_is_not(name: str, panel: Panel) -> None:
    """A series that was renamed would leave an empty panel, which looks like a quiet one."""
    for query in panel.queries:
        named = set(METRIC.findall(query.expression))
        assert named or "ALERTS" in query.expression, name
        assert named - series() == set()


def test_a_panel_turns_red_where_the_rule_wakes_somebody() -> None:
    """For every rule that compares one series with one figure, and each panel that shows it with a red line."""
    limits = {
        found[1]: float(found[2])
        for rule in alerts().values()
        if (found := re.fullmatch(r"(?:\w+:)?(\w+)(?::max)? > ([\d.]+)", rule["expr"]))
    }
    shown = {
        (metric, panel.bad_from)
        for _, panel in PANELS
        for query in panel.queries
        for metric in set(METRIC.findall(query.expression)) & set(limits)
        if panel.bad_from is not None and limits[metric] > 0
    }
    assert shown == {(metric, limits[metric]) for metric, _ in shown}
    assert len(shown) >= 5
