"""A matter made up to ask a plan about: nobody's, but with rule, level and ward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from cordwatch.pager.plan import StepName
from cordwatch_schemas.alerts import Level
from cordwatch_schemas.operations import OPERATIONAL_KINDS
from cordwatch_schemas.pack import DeadlineRule, Pack, Packs, Tellable
from cordwatch_schemas.pages import Matter

LEVELS: tuple[Level, ...] = get_args(Level)


class NotAsked(ValueError):
    """What was asked about is nothing that could ever be told; says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a patient is, as far as a roster looks at it."""

    facility: str | None = None
    ward: str | None = None


def asked(text: str, packs: Packs, at: datetime) -> Matter:
    """
    Return what *text* asks about, `RULE[:LEVEL][@[FACILITY/]WARD]`, as if it were raised at *at*.

    Raises:
        NotAsked: no pack has such a rule, or the rule no such level.
    """
    what, _, where = text.strip().partition("@")
    name, _, level = what.partition(":")
    facility, _, ward = where.rpartition("/")
    place = Place(facility or None, ward or None)
    pack = packs.at(place.facility, place.ward)
    for rule in pack.rules:
        if rule.id == name:
            return _of_clock(pack, rule, level, place, at)
    for kind, lines in (("notice", pack.notices), ("advisory", pack.advisories)):
        for line in lines:
            if line.id == name:
                return _of_line(kind, line, level, place, at)
    if name in OPERATIONAL_KINDS and not level:
        return made_up("operational", place, at, rule=name)
    raise NotAsked(f"{name or text!r} is no rule, notice or advisory of {pack.label}")


def _of_clock(pack: Pack, rule: DeadlineRule, level: str, place: Place, at: datetime) -> Matter:
    """Return a clock at a level of it, begun as long ago as its window says."""
    reached = {one.level: rule.window * one.at for one in rule.levels}
    reached["overdue"] = rule.window + rule.repeats.every
    for known, after in reached.items():
        if known == level:
            start_at = at - after
            return made_up(
                known,
                place,
                at,
                rule=rule.id,
                severity=pack.severity_of_level[known],
                paged=not rule.board_only,
                repeat=int(known == "overdue"),
                start_at=start_at,
                due_at=start_at + rule.window,
            )
    raise NotAsked(f"{rule.id} is asked about with a level: {', '.join(reached)}")


def _of_line(kind: str, line: Tellable, level: str, place: Place, at: datetime) -> Matter:
    if level:
        raise NotAsked(f"{line.id} is no clock: it has no level")
    step: StepName = "notice" if kind == "notice" else "advisory"
    paged = not line.board_only
    return made_up(step, place, at, rule=line.id, severity=line.severity, paged=paged)


def made_up(step: StepName, place: Place, at: datetime, **more: Any) -> Matter:
    """Return something to be told at a step, about nobody."""
    is_clock = step in LEVELS
    return Matter(
        **{
            "alert_id": "asked",
            "kind": "clock" if is_clock else step,
            "rule": "",
            "group": "asked",
            "level": step if is_clock else None,
            "severity": "warning",
            "paged": True,
            "status": "open",
            "revision": 0,
            "facility": place.facility,
            "ward": place.ward,
            "raised_at": at,
            "reason": "",
            **more,
        }
    )


def rules_of(packs: Packs) -> frozenset[str]:
    """Return every name that an alert of these packs may have, and those of operational alerts."""
    named = [one.id for pack in packs.each for one in pack.rules]
    named += [one.id for pack in packs.each for one in (*pack.notices, *pack.advisories)]
    return frozenset((*named, *OPERATIONAL_KINDS))
