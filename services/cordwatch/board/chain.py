"""What was ordered, booked and done for the goal of a clock, with times; and what is missing, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.endings import Endings
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.imaging import Study

NEEDS = {
    "spinal-mri": "MRI of the spine",
    "whole-spine-mri": "MRI of the whole spine",
    "dexamethasone-given": "Dexamethasone",
    "treatment-started": "Radiotherapy or surgery",
    "team-consulted": "Team consultation",
    "tapered-stop": "Dexamethasone taper",
}
"""What each goal of the pathway asks for, as the ward says it."""

ROLES = {
    "responsible-physician": "responsible physician",
    "radiation-oncologist": "radiation oncologist",
    "spinal-surgeon": "spinal surgeon",
    "coordinator": "coordinator",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A step towards the goal: its word, and when; None: it was not taken yet."""

    word: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The steps towards the goal of a clock, and what is missing now."""

    links: tuple[Link, ...]
    missing: str


def chain_of(clock: Clock, endings: Endings) -> Chain:
    """Return how far the goal of *clock* has come."""
    match clock.rule.satisfied_by:
        case "spinal-mri" | "whole-spine-mri":
            return _imaging(clock, endings)
        case "dexamethasone-given":
            return _steroid(clock, endings)
        case "treatment-started":
            return _treatment(clock, endings)
        case "team-consulted":
            return _team(clock, endings)
        case "tapered-stop":
            return _taper(clock, endings)


# --- MRI


def _imaging(clock: Clock, endings: Endings) -> Chain:
    studies = [one for one in endings.studies if one.is_mri]
    made = [one for one in studies if one.was_made_for(clock.start_at)]
    active = [one for one in studies if one.is_active]
    shown = _soonest(active) if active else (made[-1] if made else None)
    cancelled = [one for one in studies if one.is_cancelled and _since(one.cancelled, clock)]
    ordered_at = _at(shown.order) if shown else None
    booked_at = _booked_for(shown.booking) if shown and not shown.is_cancelled else None
    scans = [scan for one in made if (scan := one.scan_for(clock.start_at)) is not None]
    done_at = max((scan.done_at for scan in scans), default=None)
    links = (Link("ordered", ordered_at), Link("booked", booked_at), Link("done", done_at))
    parts = f"{', '.join(clock.missing)} missing" if made and clock.missing else ""
    state = _wanting(booked_at, clock, is_active=bool(active))
    if not active and not made and cancelled:
        state = "order cancelled"
    if parts and not active:
        state = "nothing more ordered"
    return Chain(links, "; ".join(part for part in (parts, state) if part))


def _soonest(studies: Sequence[Study]) -> Study:
    """Return the study that would be made first; of unbooked ones the latest ordered."""
    booked = [one for one in studies if one.booking is not None]
    if booked:
        return min(booked, key=lambda one: (_booked_for(one.booking), one.key))
    return max(studies, key=lambda one: (_at(one.order), one.key))


def _wanting(booked_at: datetime | None, clock: Clock, *, is_active: bool) -> str:
    if not is_active:
        return "not ordered"
    if booked_at is None:
        return "ordered, not booked"
    return "booked too late" if booked_at > clock.due_at else "booked, not done"


# --- the other goals


def _steroid(clock: Clock, endings: Endings) -> Chain:
    orders = [one.fact for one in endings.steroid.dosages]
    doses = [one for one in endings.steroid.doses if one.done_at >= clock.start_at]
    ordered_at = min((one.start_at for one in orders), default=None)
    given_at = min((one.done_at for one in doses), default=None)
    links = (Link("ordered", ordered_at), Link("given", given_at))
    return Chain(links, "ordered, not given" if ordered_at else "not ordered")


def _treatment(clock: Clock, endings: Endings) -> Chain:
    active = [one for one in endings.courses if one.is_active]
    planned = [one.get("planned") for one in active]
    booked = [booking for one in active if (booking := one.booked) is not None]
    begun = [one.get("started") for one in endings.courses]
    planned_at = min((one.start_at for one in planned if one is not None), default=None)
    booked_at = min((at for one in booked if (at := _booked_for(one))), default=None)
    begun_at = min((one.done_at for one in begun if _since(one, clock) and one), default=None)
    links = (Link("planned", planned_at), Link("booked", booked_at), Link("begun", begun_at))
    if not active:
        return Chain(links, "not planned")
    if booked_at is None:
        return Chain(links, "planned, not booked")
    return Chain(links, "booked too late" if booked_at > clock.due_at else "booked, not begun")


def _team(clock: Clock, endings: Endings) -> Chain:
    held = [one for one in endings.history.standing("consulted") if _since(one, clock)]
    links = tuple(
        Link(
            ROLES[role],
            min((one.done_at for one in held if role in one.values.get("roles", ())), default=None),
        )
        for role in clock.rule.team
    )
    return Chain(links, f"{', '.join(ROLES[one] for one in clock.missing)} missing")


def _taper(clock: Clock, endings: Endings) -> Chain:
    stopped = endings.steroid.stopped_after(clock.start_at)
    until = clock.end.at if clock.end else (stopped[0] if stopped else clock.due_at)
    falls = endings.steroid.falls(clock.start_at, until)
    reduced = [Link("reduced", at) for at in falls[:2]]
    reduced += [Link("reduced", None)] * (2 - len(reduced))
    links = (Link("begun", clock.start_at), *reduced, Link("stopped", stopped and stopped[0]))
    words = ("no reduction recorded", "one reduction recorded", "reduced, not stopped")
    return Chain(links, words[min(len(falls), 2)])


def _at(fact: Fact | None) -> datetime | None:
    return None if fact is None else fact.start_at


def _since(fact: Fact | None, clock: Clock) -> bool:
    return fact is not None and fact.done_at >= clock.start_at


def _booked_for(booking: Fact | None) -> datetime | None:
    return None if booking is None else datetime.fromisoformat(booking.values["scheduled_at"])
