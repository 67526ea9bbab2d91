"""What in a pager plan does not fit together, though each part of it is well formed: each fault with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cordwatch.pager.transports.settings import ROOM_KINDS
from cordwatch_schemas.positions import Path

Told = tuple[Path, str]
"""The way to a part of the file, and what is wrong with it."""


def faults_between(
    plan: Mapping[str, Any],
    steps: Sequence[str],
    pressing: Collection[str],
    rules: Collection[str] | None,
    reserved: str,
) -> Iterator[Told]:
    """
    Yield what is wrong between the parts of a plan as it was written, well formed or not.

    Parts that are no plan's at all are passed over: they are told of elsewhere.
    *steps*: what the ladder must have; *pressing*: those that are never quietened for good;
    *rules*: the names that a rule may have; None: any. *reserved*: the name that no destination may have.
    """
    if reserved in _mapping(plan.get("destinations")):
        yield ("destinations", reserved), "is a name that the pager itself needs: give it another"
    yield from _ladder(plan, steps)
    yield from _roster(plan)
    yield from _by_rule(plan, rules)
    yield from _nobody(plan)
    yield from _quiet_for_good(plan, pressing)


def _ladder(plan: Mapping[str, Any], steps: Sequence[str]) -> Iterator[Told]:
    ladder = plan.get("ladder")
    missing = [step for step in steps if step not in ladder] if isinstance(ladder, dict) else []
    if missing:
        yield ("ladder",), f"has no step for {', '.join(missing)}"


def _roster(plan: Mapping[str, Any]) -> Iterator[Told]:
    destinations = plan.get("destinations")
    kinds = {name: _mapping(one).get("kind") for name, one in _mapping(destinations).items()}
    rooms = {name for name, kind in kinds.items() if kind in ROOM_KINDS}
    for line, watch in _each(plan.get("roster")):
        seen = set[str]()
        for place, name in enumerate(_texts(watch.get("by"))):
            path = ("roster", line, "by", place)
            if name in seen:
                yield path, "is named before in the same line"
            elif isinstance(destinations, dict) and name not in destinations:
                yield path, "is none of the destinations"
            seen.add(name)
        if seen and seen <= rooms:
            yield (
                ("roster", line, "by"),
                "has rooms only, and nobody is bound to look there: name another way too",
            )


def _by_rule(plan: Mapping[str, Any], rules: Collection[str] | None) -> Iterator[Told]:
    seen = set[tuple[str, str]]()
    for line, one in _each(plan.get("by_rule")):
        rule = one.get("rule")
        if not isinstance(rule, str):
            continue
        if rules is not None and rule not in rules:
            yield ("by_rule", line, "rule"), "is no rule, notice or advisory of the pack"
        for step in _mapping(one.get("steps")):
            if (rule, step) in seen:
                yield ("by_rule", line, "steps", step), "is given before for the same rule"
            seen.add((rule, step))


def _nobody(plan: Mapping[str, Any]) -> Iterator[Told]:
    """Yield the steps of which nobody is ever told: nobody stands for any of their roles at any time."""
    roster = plan.get("roster")
    if not isinstance(roster, list):
        return
    standing = {watch.get("role") for _, watch in _each(roster)}
    for path, step in _steps(plan):
        tell = _texts(step.get("tell"))
        if tell and not standing.intersection((*tell, *_texts(step.get("then")))):
            yield path, "tells nobody: nobody on the roster stands for any of its roles"


def _quiet_for_good(plan: Mapping[str, Any], pressing: Collection[str]) -> Iterator[Told]:
    for path, step in _steps(plan):
        if path[-1] in pressing and step.get("quiet_for", "") is None:
            reason = "needs a time: an acknowledgement never silences what presses for good"
            yield (*path, "quiet_for"), reason


def _steps(plan: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name, step in _mapping(plan.get("ladder")).items():
        yield ("ladder", name), _mapping(step)
    for line, one in _each(plan.get("by_rule")):
        for name, step in _mapping(one.get("steps")).items():
            yield ("by_rule", line, "steps", name), _mapping(step)


def _each(value: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for place, one in enumerate(value if isinstance(value, list) else ()):
        if isinstance(one, dict):
            yield place, one


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
