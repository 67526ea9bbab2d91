"""Rules of Prometheus: each wakes somebody when it must, not before, and somebody says when nobody looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cordwatch.pager.service import STUCK_S
from tests.prometheus_tools import promtool
from tests.unit.deploy.catalogue import series
from tests.unit.deploy.rules import (
    FOLDER,
    METRIC,
    RULES,
    RUNBOOK,
    TESTS,
    alerts,
    groups_of,
    records,
    seconds,
    variations,
    write,
)

ALERTS = sorted(alerts())


def test_rules_and_the_example_of_a_configuration_are_what_prometheus_reads() -> None:
    """Words, templates and expressions."""
    fine, said = promtool("check", "config", FOLDER / "prometheus.yml")
    assert fine, said
    assert f"{len(alerts()) + len(records())} rules found" in said


def test_every_rule_does_as_its_tests_say() -> None:
    """All of them together: no rule keeps another from firing."""
    fine, said = promtool("test", "rules", TESTS)
    assert fine, said


@pytest.mark.parametrize("alert", ALERTS)
def test_every_rule_is_tried_firing_nearly_and_without_its_series(alert: str) -> None:
    """Three tests each, and the first looks before the time is over too."""
    names = [one["name"].split(maxsplit=1)[1] for one in groups_of(alert)]
    assert {"fires", "nearly", "missing"} <= {re.split(r"\W", one)[0] for one in names}
    fires = groups_of(alert)[names.index("fires")]["promql_expr_test"]
    assert [bool(one["exp_samples"]) for one in fires] == [False, True]


@pytest.mark.parametrize("alert", ALERTS)
def test_a_figure_that_is_ten_per_cent_off_is_noticed(alert: str, tmp_path: Path) -> None:
    """Each threshold and each `for`, up and down: none of them is there by chance."""
    fine, said = promtool("test", "rules", write(tmp_path, alerts()[alert]))
    assert fine, said
    unnoticed = [
        what
        for what, rule in variations(alert)
        if promtool("test", "rules", write(tmp_path, rule))[0]
    ]
    assert unnoticed == []


@pytest.mark.parametrize("alert", ALERTS)
def test_every_rule_says_what_is_wrong_how_urgent_it_is_and_where_to_read_on(alert: str) -> None:
    """Somebody reads it at three in the morning."""
    rule = alerts()[alert]
    assert seconds(rule["for"]) >= 60
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook"] == alert


def test_a_frozen_process_is_found_within_four_minutes() -> None:
    """From the moment at which it answers no more, with the pace of our configuration, at the worst."""
    pace = YAML(typ="safe").load(FOLDER / "prometheus.yml")["global"]
    scrape_s, wait_s, evaluate_s = (
        seconds(pace[one]) for one in ("scrape_interval", "scrape_timeout", "evaluation_interval")
    )
    seen_s = scrape_s + wait_s
    assert (
        seen_s + evaluate_s + seconds(alerts()["CordwatchProcessDown"]["for"]) + evaluate_s <= 240
    )
    # One that answers and does not get on: the pager knows it after 20 s.
    assert STUCK_S + seen_s + evaluate_s + seconds(alerts()["CordwatchNotWell"]["for"]) <= 240


@pytest.mark.parametrize("name", [*ALERTS, *sorted(records())])
def test_every_rule_is_about_series_that_there_are(name: str) -> None:
    """A series that was renamed would make a rule silent for ever."""
    expression = alerts()[name]["expr"] if name in alerts() else records()[name]
    for recorded, meaning in records().items():
        expression = expression.replace(recorded, f"({meaning})")
    named = set(METRIC.findall(expression))
    assert named
    assert named - series() == set()


def test_what_is_recorded_stands_before_its_use_in_the_same_group() -> None:
    """Groups are evaluated side by side: from another one a rule would read what was, or nothing."""
    text = RULES.read_text().split("\n  - name: ")
    for recorded in records():
        assert len([group for group in text if recorded in group]) == 1


def test_the_runbook_has_a_heading_for_each_alert_and_no_other() -> None:
    """Whoever is woken finds the page; a page that nobody is sent to is out of date."""
    headings = re.findall(r"^### (\S+)$", RUNBOOK.read_text(), flags=re.MULTILINE)
    assert sorted(headings) == ALERTS


@pytest.mark.parametrize("alert", ALERTS)
def test_the_runbook_says_what_it_means_where_to_look_and_what_to_do(alert: str) -> None:
    """In this order."""
    section = RUNBOOK.read_text().split(f"### {alert}\n")[1].split("\n### ")[0]
    parts = re.findall(r"^\*\*(.+?)\*\*", section, flags=re.MULTILINE)
    assert parts == ["On the ward.", "Look at.", "Do."]
