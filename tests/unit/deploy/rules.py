"""The rules of Prometheus as data, their tests beside them, and both with one figure changed."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).parents[3] / "deploy" / "prometheus"
RULES = FOLDER / "rules.yml"
TESTS = FOLDER / "rules_test.yml"
RUNBOOK = FOLDER.parent / "runbook.md"
ALIKE = (0.9, 1.1)
"""By how much a figure is changed: a test that does not notice holds nothing."""
_COMPARED = re.compile(r"(?<=[<>=] )\d+(?:\.\d+)?")
_FOR = re.compile(r"(\d+)([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
METRIC = re.compile(r"\b(?:cordwatch_|process_)\w+|\bup\b")


@cache
def rules() -> dict[str, Any]:
    """Return the file of rules."""
    found: dict[str, Any] = YAML(typ="safe").load(RULES)
    return found


@cache
def tests() -> dict[str, Any]:
    """Return the file of their tests."""
    found: dict[str, Any] = YAML(typ="safe").load(TESTS)
    return found


def alerts() -> dict[str, dict[str, Any]]:
    """Return every alert by its name."""
    return {
        one["alert"]: one for group in rules()["groups"] for one in group["rules"] if "alert" in one
    }


def records() -> dict[str, str]:
    """Return every recorded expression by its name."""
    found = (one for group in rules()["groups"] for one in group["rules"])
    return {one["record"]: one["expr"] for one in found if "record" in one}


def groups_of(alert: str) -> list[dict[str, Any]]:
    """Return the tests of an alert."""
    return [one for one in tests()["tests"] if one["name"].split()[0] == alert]


def seconds(span: str) -> float:
    """Return what `for` says, in seconds."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _FOR.findall(span))


def variations(alert: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Give the alert with one figure 10 % less or more: each that something is compared with, and `for`.

    Ten per cent of nothing is nothing: what is compared with 0 says whether, not how long.
    """
    rule = alerts()[alert]
    for part in ALIKE:
        span_s = seconds(rule["for"]) * part
        yield f"for {span_s:g}s", {**rule, "for": f"{round(span_s * 1000)}ms"}
        for one in _COMPARED.finditer(rule["expr"]):
            if float(one[0]) == 0:
                continue
            figure = f"{float(one[0]) * part:g}"
            changed = rule["expr"][: one.start()] + figure + rule["expr"][one.end() :]
            yield changed, {**rule, "expr": changed}


def write(folder: Path, rule: dict[str, Any]) -> Path:
    """Write *rule*, with what it needs, and its tests to *folder*; return the file of tests."""
    kept = copy.deepcopy(rules())
    for group in kept["groups"]:
        group["rules"] = [
            rule if one.get("alert") == rule["alert"] else one
            for one in group["rules"]
            if one.get("alert") in {None, rule["alert"], "CordwatchProcessMissing"}
        ]
    kept["groups"] = [one for one in kept["groups"] if one["rules"]]
    yaml = YAML(typ="safe")
    yaml.dump(kept, folder / "rules.yml")
    path = folder / "rules_test.yml"
    yaml.dump({**tests(), "tests": groups_of(rule["alert"])}, path)
    return path
