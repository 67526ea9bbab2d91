"""What another pack would change: which clocks and alerts appear, disappear, fall due otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.decide import CAN_MATTER, decide
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.identity import persons
from cordwatch.pathway.picture import Picture
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Packs

What = Literal["clock", "alert"]
Change = Literal["appears", "disappears", "due-moves", "changes"]
Fields = Mapping[str, str]
"""What is compared of a clock or an alert, in words."""

_OVER = frozenset({"withdrawn", "superseded"})


@dataclass(frozen=True, slots=True)
class Thing:
    """A clock or an alert as one side of the comparison has it."""

    what: What
    patient: str
    rule: str
    level: str | None
    repeat: int
    pack: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same under both packs; a side is None where it has no such thing."""

    change: Change
    id: str
    old: Thing | None
    new: Thing | None

    @property
    def thing(self) -> Thing:
        """Return what this is about: as it will be, else as it was."""
        found = self.new or self.old
        assert found is not None  # noqa: S101 - one side has it
        return found

    @property
    def moved(self) -> dict[str, tuple[str, str]]:
        """Return the fields that differ, old and new."""
        if self.old is None or self.new is None:
            return {}
        old, new = self.old.fields, self.new.fields
        return {name: (old[name], new[name]) for name in old if old[name] != new[name]}


@dataclass(frozen=True, slots=True)
class Standing:
    """The clocks and alerts of many patients under one pack, by their ids, which no pack is part of."""

    clocks: Mapping[str, Thing]
    alerts: Mapping[str, Thing]


def standing(
    facts: Mapping[str, Sequence[Fact]], alerts: Iterable[Alert], packs: Packs, at: datetime
) -> Standing:
    """Return how the patients of *facts* (by reference) stand at *at*, with what was told of them."""
    clocks: dict[str, Thing] = {}
    for reference, known in facts.items():
        who = persons(known)
        if who.root(reference) != reference or not any(one.kind in CAN_MATTER for one in known):
            continue
        mine = [fact for fact in known if who.owner(fact) == reference]
        for clock in Picture(mine, who, packs).clocks:
            if clock.start_at <= at:
                clocks[clock.id] = _of_clock(clock, who.meant(clock.cause), at)
    return Standing(clocks, {one.alert_id: _of_alert(one) for one in alerts})


def alerts_once_on(
    facts: Mapping[str, Sequence[Fact]],
    published: Mapping[str, Sequence[Alert]],
    packs: Packs,
    at: datetime,
) -> list[Alert]:
    """Return every alert as it stands once *packs* have decided about what was *published* until *at*."""
    found: dict[str, Alert] = {}
    for reference, known in facts.items():
        before = published.get(reference, ())
        decided = decide(Chart(reference, known, before, packs), at).alerts
        for alert in (*before, *decided):
            rival = found.get(alert.alert_id)
            if rival is None or alert.revision >= rival.revision:
                found[alert.alert_id] = alert
    return list(found.values())


def differences(old: Standing, new: Standing) -> list[Difference]:
    """Return what differs, clocks before alerts, by patient and rule."""
    found = [*_compared(old.clocks, new.clocks), *_compared(old.alerts, new.alerts)]
    return sorted(found, key=_in_order)


def counted(found: Iterable[Difference]) -> dict[tuple[What, Change], int]:
    """Return how many clocks and alerts appear, disappear and so on."""
    return dict(sorted(Counter((one.thing.what, one.change) for one in found).items()))


def _in_order(one: Difference) -> tuple[str, str, str, str, str]:
    thing = one.thing
    when = thing.fields.get("raised") or thing.fields["start"]
    return ("01"[thing.what == "alert"], thing.patient, thing.rule, when, one.id)


def _compared(old: Mapping[str, Thing], new: Mapping[str, Thing]) -> Iterator[Difference]:
    for id_ in old.keys() | new.keys():
        before, after = old.get(id_), new.get(id_)
        change = _change(before, after)
        if change is not None:
            yield Difference(change, id_, before, after)


def _change(before: Thing | None, after: Thing | None) -> Change | None:
    if before is None:
        return "appears"
    if after is None:
        return "disappears"
    if before.fields == after.fields:
        return None
    if after.fields["status"] in _OVER and before.fields["status"] not in _OVER:
        return "disappears"
    return "due-moves" if before.fields["due"] != after.fields["due"] else "changes"


def _of_clock(clock: Clock, patient: str, at: datetime) -> Thing:
    status, ended, reason = "open", "-", "-"
    if not clock.is_open(at) and clock.end is not None:
        status, ended, reason = clock.end.status, _text(clock.end.at), clock.end.reason
    return Thing(
        what="clock",
        patient=patient,
        rule=clock.rule.id,
        level=None,
        repeat=0,
        pack=clock.pack.label,
        fields={
            "start": _text(clock.start_at),
            "due": _text(clock.due_at),
            "status": status,
            "ended": ended,
            "reason": reason,
            "board_only": str(clock.board_only).lower(),
        },
    )


def _of_alert(alert: Alert) -> Thing:
    return Thing(
        what="alert",
        patient=alert.patient,
        rule=alert.rule,
        level=alert.level,
        repeat=alert.repeat,
        pack=alert.pack,
        fields={
            "raised": _text(alert.raised_at),
            "due": _text(alert.due_at),
            "status": alert.status,
            "severity": alert.severity,
            "paged": str(alert.paged).lower(),
            "reason": alert.reason,
        },
    )


def _text(instant: datetime | None) -> str:
    return "-" if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
