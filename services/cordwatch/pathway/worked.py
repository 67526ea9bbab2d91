"""The worked examples of a pack, executed: what was expected, what came, and where they part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Pack
from cordwatch_schemas.pack_examples import Example, Expected
from cordwatch_schemas.positions import Path

_HOUR = timedelta(hours=1)
_NOTHING = "nothing"

_DECIDED = (
    "kind",
    "rule",
    "patient",
    "level",
    "repeat",
    "severity",
    "paged",
    "raised_at",
    "late_by_s",
    "status",
)
"""What must be equal. Start and due of a clock besides; which clock a notice shows is free."""


@dataclass(frozen=True, slots=True)
class Miss:
    """One way in which an example did not come out: where it stands, and both sides in words."""

    example: str
    path: Path
    """Where in the pack: of the alert that was expected, or of the example where one was not."""
    expected: str
    came: str
    more: int = 0
    """How many more repeats of the same run miss too."""


def check_examples(pack: Pack) -> list[Miss]:
    """Return where the worked examples of *pack* do not come out under it; none: all do."""
    found: list[Miss] = []
    for place, example in enumerate(pack.examples):
        found += _first_of_runs(_check(example, pack, ("examples", place)))
    return found


def not_shown(pack: Pack) -> list[str]:
    """Return the rules, notices and advisories (switched off ones left out) that no example shows."""
    shown = {one.rule for example in pack.examples for one in example.expected()}
    told = [one.id for one in (*pack.notices, *pack.advisories) if one.enabled]
    return [one for one in (*(rule.id for rule in pack.rules), *told) if one not in shown]


def _first_of_runs(misses: Iterable[tuple[str, Miss]]) -> Iterator[Miss]:
    """Keep of a hundred repeats that all miss the first, and say how many more there are."""
    runs: dict[tuple[Path, str], list[Miss]] = {}
    for run, miss in misses:
        runs.setdefault((miss.path, run), []).append(miss)
    for first, *more in runs.values():
        yield replace(first, more=len(more))


def _check(example: Example, pack: Pack, path: Path) -> Iterator[tuple[str, Miss]]:
    """Yield every miss, with the name of the run that it belongs to."""
    came = simulate(example.told(), pack, example.ends_at(), example.stops())
    wanted, extra = _paired(example.expected(), came)
    for one in wanted:
        rival = next((alert for alert in extra if _is_rival(one, alert)), None)
        if rival is None:
            yield "", Miss(example.name, (*path, *one.path), _said(one, example.zero), _NOTHING)
        else:
            extra.remove(rival)
            differing = _differing(one, rival)
            wanted_words = _said(one, example.zero, differing)
            came_words = _said(rival, example.zero, differing)
            yield "", Miss(example.name, (*path, *one.path), wanted_words, came_words)
    for alert in extra:
        run = f"{alert.patient} {alert.rule} {alert.level}"
        yield run, Miss(example.name, path, _NOTHING, _said(alert, example.zero))


def _paired(
    expected: Iterable[Expected], came: Iterable[Alert]
) -> tuple[list[Expected], list[Alert]]:
    """Return what was expected and did not come, and what came and was not expected."""
    wanted, extra = [], list(came)
    for one in expected:
        found = next((alert for alert in extra if not _differing(one, alert)), None)
        if found is None:
            wanted.append(one)
        else:
            extra.remove(found)
    return wanted, extra


def _is_rival(one: Expected, alert: Alert) -> bool:
    """Return whether *alert* is likely what *one* meant: the same level of the same rule."""
    return (one.patient, one.rule, one.level, one.repeat) == (
        alert.patient,
        alert.rule,
        alert.level,
        alert.repeat,
    )


def _differing(one: Expected, alert: Alert) -> list[str]:
    names = [name for name in _DECIDED if getattr(one, name) != getattr(alert, name)]
    if one.kind == "clock":
        names += [
            name for name in ("start_at", "due_at") if getattr(one, name) != getattr(alert, name)
        ]
    if one.missing is not None and set(one.missing) != set(alert.missing):
        names.append("missing")
    if one.reason is not None and one.reason not in alert.reason:
        names.append("reason")
    return names


def _said(one: Expected | Alert, zero: datetime, also: Sequence[str] = ()) -> str:
    """Return an alert in the words of the pack, with the fields *also* that matter just now."""
    level = f" {one.level}" if one.level else ""
    repeat = f" {one.repeat}" if one.repeat else ""
    said = f"{one.rule}{level}{repeat} at {_moment(one.raised_at, zero)}"
    more = [name for name in also if name != "raised_at"]
    return ", ".join([said, *(f"{_name(name)} {_value(one, name, zero)}" for name in more)])


def _name(field: str) -> str:
    return field.removesuffix("_at").removesuffix("_s")


def _value(one: Expected | Alert, name: str, zero: datetime) -> str:
    value = getattr(one, name)
    if isinstance(value, datetime):
        return _moment(value, zero)
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    if name == "late_by_s":
        return str(timedelta(seconds=value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(instant: datetime, zero: datetime) -> str:
    hours = (instant - zero) / _HOUR
    return f"T{hours:.4f}".rstrip("0").rstrip(".")
