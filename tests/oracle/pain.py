"""The advisories on pain, on opioids, bone agents and vertebroplasty that hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from tests.oracle.conditions import Case, Condition, advice
from tests.oracle.drugs import course, first_told, in_use, is_single, standing
from tests.oracle.known import Fact, by_hearing, by_itself, by_time, current, of_kinds
from tests.oracle.studies import meanings

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
OPIOID_EVERY = 7 * DAY
RELIEF_WITHIN = 3 * DAY
DENTAL_WITHIN = 183 * DAY
FOR_NERVES = ("duloxetine", "gabapentinoid", "tricyclic", "venlafaxine")
ANALGESICS = ("opioid", "nsaid", "acetaminophen", "other-analgesic")
# Of the pack's list, as ATC numbers.
INTERACTING = ("N06AF", "N06AG", "N06AB", "N02AX02", "C01BA", "C01BC", "C01BD", "J01XX08")


def advisories(case: Case) -> Iterator[Condition]:
    """Yield those that hold for a patient with lymphoma or a clock."""
    yield from _bone_agents(case)
    yield from _opioids(case)
    yield from _nerve_pain(case)
    pain = pain_since(case, "inflammatory", "skeletal")
    if pain is not None and not in_use(case.facts, case.now, "nsaid", "acetaminophen"):
        yield advice("pain.inflammatory", pain)
    yield from _vertebroplasty(case)


def _records(case: Case) -> list[Fact]:
    """Return the records of pain: the last that is known counts, and pain that is dated ahead waits for its time."""
    return sorted(of_kinds(case.facts, "pain-recorded"), key=by_time)


def pain_since(case: Case, *kinds: str) -> Fact | None:
    """Return the record with which pain of *kinds* began that is there still."""
    first: Fact | None = None
    for fact in _records(case):
        told = set(fact.event.pain_kinds)
        if fact.event.score == 0:
            first = None
        elif told & set(kinds):
            first = first or fact
        elif told and "unstated" not in told:
            first = None
    return first


def _hurting_since(case: Case) -> Fact | None:
    """Return since when any pain stands, by the last word of a record or an assessment."""
    first: Fact | None = None
    for fact in sorted([*_records(case), *of_kinds(case.facts, "assessed")], key=by_time):
        if fact.kind == "pain-recorded":
            first = None if fact.event.score == 0 else first or fact
        elif fact.event.back_pain or fact.event.radicular_pain is not None:
            first = first or fact
    return first


def _bone_agents(case: Case) -> Iterator[Condition]:
    """Single infusions are orders too; an order changed under its number stays the same cause."""
    facts, now = case.facts, case.now
    cared_for = [f.latest_at for f in of_kinds(facts, "dental-recorded")]
    placed: list[Fact] = []
    for order in standing(facts, now):
        if meanings(order, "bone-agent"):
            same = [f for f in of_kinds(facts, "medication-ordered") if f.thing == order.thing]
            same = same if order.thing else [order]
            placed.append(min(same, key=by_time))
    placed.sort(key=by_hearing)
    for order in placed:
        if not any(at >= order.at - DENTAL_WITHIN for at in cared_for):
            yield replace(advice("bone-agent.dental", first_told(facts, order)), since=order.at)
    pain = _hurting_since(case)
    if placed and pain is not None and not in_use(facts, now, *FOR_NERVES, *ANALGESICS):
        since = max(placed[0].at, pain.at)
        cause = first_told(facts, placed[0])
        yield replace(advice("bone-agent.no-analgesic", cause), since=since)


def _opioids(case: Case) -> Iterator[Condition]:
    begun = course(case.facts, case.now, "opioid")
    if begun is None:
        return
    screens = {f.event.instrument for f in of_kinds(case.facts, "risk-screened")}
    if not screens & {"SOAPP-R", "ORT"}:
        yield advice("opioid.risk-screen", begun)
    # To ask about the pain answers the order: what was asked counts at its latest.
    asked = [f for f in _records(case) if begun.at <= f.latest_at <= case.now]
    last = max(asked, key=lambda f: (f.latest_at, *by_time(f)), default=begun)
    if case.now > (last.latest_at if asked else begun.at) + OPIOID_EVERY:
        yield advice("opioid.reassess", last)


def _interacts(order: Fact) -> bool:
    return any(
        code.code.startswith(INTERACTING) for code in order.event.codes if code.system == "ATC"
    )


def _nerve_pain(case: Case) -> Iterator[Condition]:
    pain = pain_since(case, "neuropathic")
    if pain is None:
        return
    if not in_use(case.facts, case.now, *FOR_NERVES):
        yield advice("pain.first-line", pain)
    tricyclic = course(case.facts, case.now, "tricyclic")
    if tricyclic is not None and any(
        _interacts(o) for o in standing(case.facts, case.now) if not is_single(o)
    ):
        yield advice("pain.first-line", tricyclic)


def _vertebroplasty(case: Case) -> Iterator[Condition]:
    begun = current(case.facts, "treatment-started", by=by_itself)
    for fact in begun:
        is_time = case.now > fact.latest_at + RELIEF_WITHIN
        is_asked = any(record.latest_at >= fact.at for record in _records(case))
        if fact.event.modality == "vertebroplasty" and is_time and not is_asked:
            yield advice("vertebroplasty.followup", fact)
