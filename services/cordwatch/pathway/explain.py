"""Why an alert fired for a patient, and why another did not: every fact, clock and decision in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.dosage import dose_mg, is_once
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.identity import persons
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.simulation import Told, simulate_ward
from cordwatch.pathway.starts import presentation
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Packs


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}Z"


def explain(patient: str, told: Iterable[Told], packs: Packs, at: datetime) -> Iterator[str]:
    """
    Tell in lines what is known of *patient* at *at*, and what the rules make of it.

    References only; free text of a message is never repeated.
    """
    ward = simulate_ward(told, packs, at)
    facts = list(ward.facts.get(patient, {}).values())
    who = persons(facts)
    root = who.root(patient)
    yield f"patient {patient} under {packs.label}, at {_at(at)}"
    if root != patient:
        yield f"lives under {root} since a merge: ask for that reference"
        return
    mine = [fact for fact in facts if who.owner(fact) == patient]
    picture = Picture(mine, who, packs)
    yield from _facts(picture)
    alerts = list(ward.alerts.get(patient, {}).values())
    yield from _clocks(picture, alerts, at)
    yield from _conditions(alerts)
    yield from _silences(picture)


def _facts(picture: Picture) -> Iterator[str]:
    yield ""
    yield f"{len(picture.history.facts)} facts"
    for fact in picture.history.facts:
        ended = picture.history.ended.get(fact.id)
        fate = f"  ({ended.fate} by {ended.by.kind} {ended.by.id[:8]})" if ended else ""
        late = "" if fact.received_at == fact.at else f", received {_at(fact.received_at)}"
        flags = f" [{', '.join(fact.flags)}]" if fact.flags else ""
        yield f"  {_at(fact.at)} {fact.kind} {fact.id[:8]}{_codes(fact)}{late}{flags}{fate}"


def _codes(fact: Fact) -> str:
    return "".join(f" {system}|{code}" for system, code in fact.codes)


def _clocks(picture: Picture, alerts: list[Alert], at: datetime) -> Iterator[str]:
    yield ""
    yield f"{len(picture.clocks)} clocks in {len(picture.episodes)} episodes"
    for clock in picture.clocks:
        yield f"  {clock.rule.id}: {_state(clock, at)}"
        yield f"      started {_at(clock.start_at)} by {clock.cause.kind} {clock.cause.id[:8]}, due {_at(clock.due_at)}"
        yield f"      {clock.rule.clause} ({clock.rule.basis}, {clock.pack.label})"
        if clock.missing and clock.is_open(at):
            yield f"      missing: {', '.join(clock.missing)}"
        mine = [one for one in alerts if one.clock == clock.id and one.kind == "clock"]
        for one in sorted(mine, key=lambda alert: (alert.raised_at, alert.repeat)):
            yield f"      {_alert(one)}"
        if not mine:
            yield "      nothing raised: it ended, or its first level has not come"


def _state(clock: Clock, at: datetime) -> str:
    if clock.is_open(at):
        return "open" if at < clock.due_at else "open, overdue"
    if clock.end is None:
        return "not yet begun"
    return f"{clock.end.status} {_at(clock.end.at)}, {clock.end.reason}"


def _alert(alert: Alert) -> str:
    name = f"{alert.level or alert.rule}{f' {alert.repeat}' if alert.repeat else ''}"
    paged = "paged" if alert.paged else "board only"
    late = f", late by {alert.late_by_s} s" if alert.late_by_s else ""
    return f"{_at(alert.raised_at)} {name} {alert.severity}, {paged}, {alert.status}: {alert.reason}{late}"


def _conditions(alerts: list[Alert]) -> Iterator[str]:
    told = [one for one in alerts if one.kind != "clock"]
    yield ""
    yield f"{len(told)} notices and advisories"
    for one in sorted(told, key=lambda alert: (alert.raised_at, alert.rule)):
        yield f"  {one.rule}: {_alert(one)}"


def _silences(picture: Picture) -> Iterator[str]:
    yield ""
    yield "why not"
    for line in why_not(picture):
        yield f"  {line}"


def why_not(picture: Picture) -> Iterator[str]:
    """Say for each start that opened nothing, and each rule that never ran, why."""
    opened = {clock.cause.id for clock in picture.clocks}
    for fact in picture.history.standing("assessed"):
        trigger = presentation(fact, picture.where.policy_of(fact))
        if fact.id in opened:
            continue
        if trigger is None:
            yield f"assessed {fact.id[:8]}: records no sign that a rule knows"
        elif picture.endings.death_at is not None and fact.start_at > picture.endings.death_at:
            yield f"assessed {fact.id[:8]}: after the recorded death"
        else:
            yield f"assessed {fact.id[:8]}: {trigger} counts only with known lymphoma, and none is recorded"
    yield from _not_judged(picture)
    ran = {clock.rule.id for clock in picture.clocks}
    for rule_id, rule in {one.id: one for pack in picture.packs.each for one in pack.rules}.items():
        if rule_id not in ran:
            yield f"{rule_id}: nothing recorded that means {rule.starts_at}"


def _not_judged(picture: Picture) -> Iterator[str]:
    """Say which orders and doses of dexamethasone cannot be computed: nothing is guessed about them."""
    for dosage in picture.endings.steroid.dosages:
        if dosage.daily_mg is None and not is_once(dosage.fact):
            yield (
                f"steroid.low-dose: {dosage.fact.kind} {dosage.fact.id[:8]} is not judged: "
                "as needed, or its dose, unit or frequency cannot be computed"
            )
    for dose in picture.endings.steroid.doses:
        if dose_mg(dose) is None:
            yield (
                f"steroid.low-dose: {dose.kind} {dose.id[:8]} is not judged: "
                "its amount or unit cannot be computed"
            )
